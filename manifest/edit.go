package manifest

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Edit changes the text of a manifest in place. Every byte that a change does not concern stays: comments, order,
// quoting, blank lines, line ends, and whether the last line has one. A comment goes with a line that is removed only
// if it stands on that line or inside a removed table.
//
// After each change the text is parsed again and must mean what it meant before, but for the change; where it does
// not, the change is an error of kind Internal and the text is as it was.
type Edit struct {
	*document
}

// Open begins the edit of a manifest's text, which must be TOML within the limits, right or wrong otherwise. The
// error is [Problems]. The text is not modified.
func Open(text []byte) (*Edit, error) {
	d, problem := parseDocument(page{FileName, bytes.Clone(text)}, manifestLimits)
	if problem != nil {
		return nil, Problems{*problem}
	}
	return &Edit{d}, nil
}

// Bytes returns the text as it is now.
func (e *Edit) Bytes() []byte { return bytes.Clone(e.text) }

// Has reports whether a key is there, in any spelling; path is as for SetKey.
func (e *Edit) Has(path ...string) bool {
	w := e.walk(path)
	return len(w.rest) == 0
}

// SetKey gives the key at path a value: a string, a bool, an int, an int64 or a list of strings. Tables on the way are made
// at the end of the text where they are not there. A key that is there keeps its place and its spelling; a table is
// never overwritten by a value.
func (e *Edit) SetKey(value any, path ...string) error {
	v, ok := normalize(value)
	if !ok || len(path) == 0 {
		return fmt.Errorf("manifest: %T cannot be written at %q", value, path)
	}
	return e.set(path, v)
}

// RemoveKey removes the value or table at path. What is not there is no error.
func (e *Edit) RemoveKey(path ...string) error {
	w := e.walk(path)
	if len(w.rest) > 0 || len(path) == 0 {
		return nil
	}
	return e.remove(w)
}

// way is a path as far as the document goes it.
type way struct {
	entries []*entry // one for each part that is there
	tables  []*node  // the table that each of them is in, and at the end the one in which the rest is missing
	names   []string // the parts in the document's spelling, then the rest
	rest    []string // what is missing
	blocked bool     // the last entry is no table, and something is missing below it
}

func (w way) parent() *node { return w.tables[len(w.entries)] }
func (w way) last() *entry  { return w.entries[len(w.entries)-1] }

// walk follows a path. Keys that the format knows are found in either spelling, and names of dependencies too.
func (e *Edit) walk(path []string) way {
	w := way{tables: []*node{e.root}}
	at := e.root
	for i, name := range path {
		next := at.get(name)
		if next == nil && foldable(path[:i]) {
			for _, other := range at.entries {
				if Fold(other.name) == Fold(name) {
					next = other
				}
			}
		}
		if next == nil {
			w.rest = path[i:]
			break
		}
		w.entries, w.names = append(w.entries, next), append(w.names, next.name)
		if next.node.kind != tableKind {
			w.rest = path[i+1:]
			w.blocked = len(w.rest) > 0
			break
		}
		at = next.node
		w.tables = append(w.tables, at)
	}
	w.names = append(w.names, w.rest...)
	return w
}

// foldable reports whether the keys of the table at path are the same in both spellings; those of tables in which
// users choose the names are not.
func foldable(path []string) bool {
	if len(path) == 0 {
		return true
	}
	switch Fold(path[0]) {
	case "features":
		return false
	case "profile", "chaos-profile":
		return len(path) > 1
	case "package":
		return len(path) == 1
	}
	return true
}

// splice is the replacement of a range of the text.
type splice struct {
	at   span
	text string
}

// commit applies splices and checks that the result means want.
func (e *Edit) commit(splices []splice, want map[string]any) error {
	slices.SortFunc(splices, func(a, b splice) int { return a.at.start - b.at.start })
	var text []byte
	last := 0
	for _, s := range splices {
		if s.at.start < last {
			return fault.New(fault.Internal, "edit-failed", "the edit of %s overlaps itself; nothing was changed", e.path)
		}
		text = append(append(text, e.text[last:s.at.start]...), s.text...)
		last = s.at.end
	}
	text = append(text, e.text[last:]...)
	d, problem := parseDocument(page{e.path, text}, manifestLimits)
	if problem != nil {
		return fault.New(fault.Internal, "edit-failed", "the edit of %s would not parse; nothing was changed", e.path).Because(Problems{*problem})
	}
	if !same(plain(d.root), want) {
		return fault.New(fault.Internal, "edit-failed", "the edit of %s would change more than it should; nothing was changed", e.path)
	}
	e.document = d
	return nil
}

// same compares two plain values; unlike reflect.DeepEqual it takes nan for nan and an instant for itself.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || math.IsNaN(a) && math.IsNaN(b))
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b) && a.Location().String() == b.Location().String()
	}
	return a == b
}

// with returns the meaning of the document with a value at a path.
func (e *Edit) with(path []string, value any) map[string]any {
	root := plain(e.root).(map[string]any)
	at := root
	for _, name := range path[:len(path)-1] {
		next, ok := at[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[name] = next
		}
		at = next
	}
	at[path[len(path)-1]] = meaning(value)
	return root
}

// without returns the meaning of the document without the entry at the end of a way. Tables that exist only by what
// is below them go with the last of it.
func (e *Edit) without(w way) map[string]any {
	root := plain(e.root).(map[string]any)
	for depth := len(w.entries) - 1; depth >= 0; depth-- {
		at := root
		for _, name := range w.names[:depth] {
			at = at[name].(map[string]any)
		}
		delete(at, w.names[depth])
		form := w.tables[depth].form
		if len(at) > 0 || form != implicit && form != dotted {
			break
		}
	}
	return root
}
