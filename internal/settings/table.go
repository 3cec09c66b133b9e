package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// report collects what is wrong with one file.
type report struct {
	path     string
	code     string // of the error
	problems []string
	warnings []string
}

func (r *report) fail(format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

func (r *report) warn(format string, args ...any) {
	r.warnings = append(r.warnings, r.path+": "+fmt.Sprintf(format, args...))
}

// err is the problems as one error, nil where there are none.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	e := fault.New(fault.Manifest, r.code, "%s: %s", r.path, r.problems[0])
	for _, p := range r.problems[1:] {
		e.WithFact("%s: %s", r.path, p)
	}
	return e.WithHelp("edit %s", r.path)
}

// decode reads TOML behind the limits of a manifest.
func decode(path string, data []byte) (map[string]any, error) {
	values := map[string]any{}
	_, err := manifest.DecodeTOML(path, data, MaxSize, &values)
	if problems := manifest.Problems(nil); errors.As(err, &problems) {
		e := problems.Fault()
		e.Code = "bad-config"
		return nil, e
	}
	return values, err
}

// table reads the keys of one table, in either spelling, and knows which of them nobody asked for.
type table struct {
	*report
	where  string // "registries.company", "" for the top
	values map[string]any
	asked  []string
}

// name is a key as messages name it.
func (t *table) name(key string) string {
	if t.where == "" {
		return key
	}
	return t.where + "." + key
}

// take returns the value of a key, nil where it is not there.
func (t *table) take(key string) any {
	t.asked = append(t.asked, key)
	var found any
	count := 0
	for _, name := range slices.Sorted(maps.Keys(t.values)) {
		if manifest.Fold(name) == manifest.Fold(key) {
			found = t.values[name]
			count++
		}
	}
	if count > 1 {
		t.fail("%s stands there in two spellings; remove one", t.name(key))
	}
	return found
}

// as is take for a value that must be of type V.
func as[V any](t *table, key, kind string) (value V, ok bool) {
	v := t.take(key)
	if v == nil {
		return value, false
	}
	if value, ok = v.(V); !ok {
		t.fail("%s must be %s", t.name(key), kind)
	}
	return value, ok
}

func (t *table) text(key string) string {
	s, _ := as[string](t, key, "a string")
	return s
}

func (t *table) flag(key string) bool {
	b, _ := as[bool](t, key, "true or false")
	return b
}

// integer reads a number between two bounds.
func (t *table) integer(key string, low, high int64) (int, bool) {
	i, ok := as[int64](t, key, "an integer")
	if ok && (i < low || i > high) {
		t.fail("%s is %d; it must be between %d and %d", t.name(key), i, low, high)
		return 0, false
	}
	return int(i), ok
}

func (t *table) texts(key string) []string {
	list, _ := as[[]any](t, key, "an array of strings")
	var texts []string
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			t.fail("%s must be an array of strings", t.name(key))
			return nil
		}
		texts = append(texts, s)
	}
	return texts
}

// table returns a table of the table, an empty one where it is not there.
func (t *table) table(key string) *table {
	values, _ := as[map[string]any](t, key, "a table")
	return &table{report: t.report, where: t.name(key), values: values}
}

// rest warns of the keys that nobody asked for.
func (t *table) rest() {
	for _, name := range slices.Sorted(maps.Keys(t.values)) {
		known := slices.ContainsFunc(t.asked, func(key string) bool { return manifest.Fold(key) == manifest.Fold(name) })
		if !known {
			t.warn("%q is not a known key%s", t.name(name), didYouMean(name, t.asked))
		}
	}
}

// didYouMean is the end of a sentence, "" without a suggestion.
func didYouMean(word string, candidates []string) string {
	words := manifest.Suggest(word, candidates)
	if len(words) == 0 {
		return ""
	}
	return "; did you mean `" + strings.Join(words, "` or `") + "`?"
}

// editor is a manifest's editor for another file.
type editor struct {
	*manifest.Edit
	path string
	err  error
}

// newEditor begins the edit of a text; errors show no line of it, which could be secret.
func newEditor(path string, text []byte) (*editor, error) {
	e, err := manifest.Open(text)
	if err != nil {
		return nil, fault.New(fault.Manifest, "bad-config", "%s is not TOML", path)
	}
	return &editor{Edit: e, path: path}, nil
}

// set writes a value; after an error it does nothing.
func (e *editor) set(value any, path ...string) {
	if e.err == nil {
		e.err = e.renamed(e.SetKey(value, path...))
	}
}

// remove takes a value or table away; after an error it does nothing.
func (e *editor) remove(path ...string) {
	if e.err == nil {
		e.err = e.renamed(e.RemoveKey(path...))
	}
}

// renamed puts the file's name where the manifest's editor has its own.
func (e *editor) renamed(err error) error {
	f := fault.Of(err)
	if f == nil {
		return err
	}
	named := *f
	named.Message = strings.Replace(f.Message, manifest.FileName, e.path, 1)
	if f.Kind == fault.Internal {
		named.Err = nil // it may show lines of the file
	}
	return &named
}

// done returns the text, or the first error.
func (e *editor) done() ([]byte, error) {
	if e.err != nil {
		return nil, e.err
	}
	return e.Bytes(), nil
}
