package manifest

import (
	"bytes"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// set writes a normalized value at a path.
func (e *Edit) set(path []string, value any) error {
	w := e.walk(path)
	want := e.with(w.names, value)
	switch {
	case w.blocked:
		return e.refuse(w, "is no table")
	case len(w.rest) == 0:
		if w.last().node.form != closed {
			return e.refuse(w, "is a table of its own")
		}
		return e.commit([]splice{{w.last().node.at, tomlValue(value)}}, want)
	}
	if depth, inline := w.inline(); inline {
		return e.setInline(w, depth, value, want)
	}
	switch parent := w.parent(); {
	case parent.form == dotted:
		return e.commit(e.insertDotted(w, value), want)
	case len(w.rest) == 1 && parent.form == headed:
		return e.commit(e.insertLine(w, value), want)
	default:
		return e.commit([]splice{e.appendSection(w, value)}, want)
	}
}

func (e *Edit) refuse(w way, reason string) error {
	line, column := e.position(w.last().key.start)
	return fault.New(fault.Manifest, "edit-refused", "%s:%d:%d: %s %s; change it by hand", e.path, line, column, quote(w.last().name), reason)
}

// inline returns the depth of the outermost inline table on the way.
func (w way) inline() (depth int, ok bool) {
	depth = slices.IndexFunc(w.tables, func(n *node) bool { return n.form == closed })
	return depth, depth >= 0
}

// setInline adds a key to the innermost inline table on the way.
func (e *Edit) setInline(w way, depth int, value any, want map[string]any) error {
	for i := depth; i < len(w.tables); i++ {
		if w.tables[i].form == closed {
			depth = i
		}
	}
	at := w.tables[depth].at
	item := tomlPath(w.names[depth:]) + " = " + tomlValue(value)
	inner := e.text[at.start+1 : at.end-1]
	trimmed := bytes.TrimRight(inner, " \t")
	end := at.start + 1 + len(trimmed)
	switch {
	case len(trimmed) > 0:
		item = ", " + item
	case len(inner) > 0:
		item = " " + item
	default:
		item = " " + item + " "
	}
	return e.commit([]splice{{span{end, end}, item}}, want)
}

// insertDotted adds a line after the last one that defines the parent, with the same first parts of the key.
func (e *Edit) insertDotted(w way, value any) []splice {
	var last expression
	var prefix string
	section := e.root
	for _, x := range e.expressions {
		if x.kind != unstable.KeyValue {
			section = x.node
			continue
		}
		at := section
		for i, k := range x.keys[:len(x.keys)-1] {
			if at = at.get(k.name).node; at == w.parent() {
				last, prefix = x, string(e.text[x.at.start:x.keys[i].at.end])
			}
		}
	}
	return []splice{e.lineAfter(last.at.end, e.indent(last.at.start)+prefix+"."+tomlPath(w.rest)+" = "+tomlValue(value))}
}

// insertLine adds a line to the section of the parent's header: in order where the names of the section are in order
// and it is a table of dependencies, else at its end.
func (e *Edit) insertLine(w way, value any) []splice {
	header, lines := e.section(w.parent())
	line := tomlKey(w.rest[0]) + " = " + tomlValue(value)
	place := len(lines)
	if isDependencies(w.names[:len(w.names)-1]) && slices.IsSortedFunc(lines, byName) {
		place = slices.IndexFunc(lines, func(x expression) bool { return x.keys[0].name > w.rest[0] })
		if place < 0 {
			place = len(lines)
		}
	}
	indent := ""
	if len(lines) > 0 {
		indent = e.indent(lines[max(0, place-1)].at.start)
	}
	switch {
	case place > 0:
		return []splice{e.lineAfter(lines[place-1].at.end, indent+line)}
	case header >= 0:
		return []splice{e.lineAfter(e.expressions[header].at.end, indent+line)}
	default:
		return []splice{{span{0, 0}, line + e.lineBreak()}}
	}
}

func byName(a, b expression) int { return strings.Compare(a.keys[0].name, b.keys[0].name) }

// isDependencies reports whether a path is that of a table of dependencies.
func isDependencies(path []string) bool {
	last := path[max(0, len(path)-1):]
	return len(last) == 1 && strings.HasSuffix(Fold(last[0]), "dependencies")
}

// section returns the place of a table's header among the expressions, -1 for the root, and the lines below it.
func (e *Edit) section(table *node) (header int, lines []expression) {
	header = -1
	if table != e.root {
		header = slices.IndexFunc(e.expressions, func(x expression) bool { return x.kind != unstable.KeyValue && x.node == table })
	}
	for _, x := range e.expressions[header+1:] {
		if x.kind != unstable.KeyValue {
			break
		}
		lines = append(lines, x)
	}
	return header, lines
}

// appendSection adds a table with one key at the end of the text.
func (e *Edit) appendSection(w way, value any) splice {
	br, end := e.lineBreak(), len(e.text)
	var b strings.Builder
	final := end == 0 || e.text[end-1] == '\n'
	if !final {
		b.WriteString(br)
	}
	if len(bytes.TrimSpace(e.text)) > 0 && !bytes.HasSuffix(e.text, []byte("\n\n")) && !bytes.HasSuffix(e.text, []byte("\n\r\n")) {
		b.WriteString(br)
	}
	last := len(w.names) - 1
	b.WriteString("[" + tomlPath(w.names[:last]) + "]" + br + tomlKey(w.names[last]) + " = " + tomlValue(value))
	if final {
		b.WriteString(br)
	}
	return splice{span{end, end}, b.String()}
}

// lineBreak is the first line break of the text, a line feed where there is none.
func (e *Edit) lineBreak() string {
	if i := bytes.IndexByte(e.text, '\n'); i > 0 && e.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// indent is the white space before the first byte of a line.
func (e *Edit) indent(at int) string {
	start := bytes.LastIndexByte(e.text[:at], '\n') + 1
	line := e.text[start:at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// lineAfter adds a line after the one that at is in.
func (e *Edit) lineAfter(at int, line string) splice {
	end := lineEnd(e.text, at)
	if end == len(e.text) {
		return splice{span{end, end}, e.lineBreak() + line}
	}
	br := "\n"
	if end > 0 && e.text[end-1] == '\r' {
		br = "\r\n"
	}
	return splice{span{end + 1, end + 1}, line + br}
}

// collapse replaces the table at a path, which one line defines by a dotted key, or an inline one, by a value.
func (e *Edit) collapse(path []string, value any) error {
	w := e.walk(path)
	if len(w.rest) > 0 || w.last().node.form != dotted {
		return e.set(path, value)
	}
	inside := map[*node]bool{}
	collect(w.last().node, inside)
	var splices []splice
	for _, x := range e.expressions {
		if !inside[x.node] || x.kind != unstable.KeyValue {
			continue
		}
		end := x.keys[0].at.end
		for _, k := range x.keys {
			if k.at == w.last().key {
				end = k.at.end
			}
		}
		splices = append(splices, splice{x.at, string(e.text[x.at.start:end]) + " = " + tomlValue(value)})
	}
	return e.commit(splices, e.with(w.names, value))
}
