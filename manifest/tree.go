package manifest

import (
	"fmt"
	"math"
	"time"
)

// kind is what a node of a document is.
type kind byte

const (
	tableKind kind = iota
	arrayKind
	stringKind
	integerKind
	floatKind
	boolKind
	timeKind // offset date-time
	dateKind // local date
	localKind
)

// String is the kind with its article, as messages name it.
func (k kind) String() string {
	return [...]string{"a table", "an array", "a string", "an integer", "a number with a fraction", "true or false",
		"a date-time", "a date", "a local time"}[k]
}

// node is a value of a document, and where it stands. Values come from one parser, places from another.
type node struct {
	kind    kind
	form    form
	at      span // the value; the last key of the header for a table with a header of its own
	value   any  // string, int64, float64, bool or time.Time of a scalar
	list    []*node
	entries []*entry // in the order of the text
	names   map[string]*entry
}

// form is how a table or an array came to be; TOML allows each to be extended in one way only.
type form byte

const (
	closed   form = iota // by a value: an inline table, an array in brackets, any scalar
	implicit             // by a header of a table below it
	headed               // by its own header, in one or two pairs of brackets
	dotted               // by a dotted key
)

// entry is a key of a table with its value.
type entry struct {
	name string
	key  span
	node *node
}

func (n *node) get(name string) *entry {
	if n == nil {
		return nil
	}
	return n.names[name]
}

func (n *node) add(name string, key span, child *node) *entry {
	e := &entry{name: name, key: key, node: child}
	if n.names == nil {
		n.names = map[string]*entry{}
	}
	n.names[name] = e
	n.entries = append(n.entries, e)
	return e
}

// insert puts a value below table, at a dotted key. It reports whether the way there is free.
func insert(table *node, keys []part, value *node) bool {
	for _, k := range keys[:len(keys)-1] {
		if table = descend(table, k, dotted); table == nil {
			return false
		}
	}
	last := keys[len(keys)-1]
	if table.get(last.name) != nil {
		return false
	}
	table.add(last.name, last.at, value)
	return true
}

// descend enters a table on the way of a header (implicit) or of a dotted key, made where it is not there, or the
// last table of an array of tables. It returns nil where that way is closed.
func descend(table *node, k part, way form) *node {
	e := table.get(k.name)
	if e == nil {
		return table.add(k.name, k.at, &node{kind: tableKind, form: way, at: k.at}).node
	}
	n := e.node
	if n.form == closed || way == dotted && n.form != dotted {
		return nil
	}
	if n.kind == arrayKind {
		n = n.list[len(n.list)-1]
	}
	return n
}

// open returns the table that a header begins, nil where the header contradicts what is there.
func open(root *node, keys []part, array bool) *node {
	table := root
	for _, k := range keys[:len(keys)-1] {
		if table = descend(table, k, implicit); table == nil {
			return nil
		}
	}
	last := keys[len(keys)-1]
	e := table.get(last.name)
	n := &node{kind: tableKind, form: headed, at: last.at}
	switch {
	case !array && e == nil:
		table.add(last.name, last.at, n)
	case !array:
		if n = e.node; n.form != implicit {
			return nil
		}
		n.form, n.at, e.key = headed, last.at, last.at
	case e == nil:
		table.add(last.name, last.at, &node{kind: arrayKind, form: headed, at: last.at, list: []*node{n}})
	case e.node.kind != arrayKind || e.node.form == closed:
		return nil
	default:
		e.node.list = append(e.node.list, n)
	}
	return n
}

// attach gives the nodes the values that the decoder read. An error means that the two parsers disagree.
func attach(n *node, v any) error {
	switch v := v.(type) {
	case map[string]any:
		if n.kind != tableKind || len(v) != len(n.entries) {
			return fmt.Errorf("a table of %d keys is %s of %d", len(v), n.kind, len(n.entries))
		}
		for _, e := range n.entries {
			child, ok := v[e.name]
			if !ok {
				return fmt.Errorf("key %q is missing", e.name)
			}
			if err := attach(e.node, child); err != nil {
				return err
			}
		}
		return nil
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return attachList(n, list)
	case []any:
		return attachList(n, v)
	}
	n.value = v
	if !agrees(n.kind, v) {
		return fmt.Errorf("%T is %s", v, n.kind)
	}
	return nil
}

func attachList(n *node, v []any) error {
	if n.kind != arrayKind || len(v) != len(n.list) {
		return fmt.Errorf("an array of %d is %s of %d", len(v), n.kind, len(n.list))
	}
	for i := range v {
		if err := attach(n.list[i], v[i]); err != nil {
			return err
		}
	}
	return nil
}

// agrees reports whether a decoded scalar is of the node's kind.
func agrees(k kind, v any) bool {
	switch v := v.(type) {
	case string:
		return k == stringKind
	case int64:
		return k == integerKind
	case float64:
		return k == floatKind || math.IsNaN(v)
	case bool:
		return k == boolKind
	case time.Time:
		return k == timeKind || k == dateKind || k == localKind
	}
	return false
}
