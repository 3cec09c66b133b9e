package manifest

import (
	"bytes"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// remove takes away the entry at the end of a way.
func (e *Edit) remove(w way) error {
	want := e.without(w)
	if depth, inline := w.inline(); inline && depth < len(w.entries) {
		return e.removeInline(w, want)
	}
	inside := map[*node]bool{}
	collect(w.last().node, inside)
	var splices []splice
	for i := 0; i < len(e.expressions); i++ {
		x := e.expressions[i]
		if !inside[x.node] {
			continue
		}
		end := x.at.end
		if x.kind != unstable.KeyValue {
			// The lines of a removed table go with its header, and the comments between them.
			for i+1 < len(e.expressions) && e.expressions[i+1].kind == unstable.KeyValue {
				i++
				end = e.expressions[i].at.end
			}
		}
		splices = append(splices, e.lines(x.at.start, end, x.kind != unstable.KeyValue))
	}
	return e.commit(e.joined(splices), want)
}

// joined makes one of removals that touch. Where they reach the end of a text whose last line has no line break, the
// line that is last then has none either.
func (e *Edit) joined(removals []splice) []splice {
	var out []splice
	for _, s := range removals {
		if n := len(out); n > 0 && out[n-1].at.end >= s.at.start {
			out[n-1].at.end = max(out[n-1].at.end, s.at.end)
			continue
		}
		out = append(out, s)
	}
	if n := len(out); n > 0 && out[n-1].at.end == len(e.text) && !bytes.HasSuffix(e.text, []byte("\n")) {
		before := bytes.TrimSuffix(e.text[:out[n-1].at.start], []byte("\n"))
		out[n-1].at.start = len(bytes.TrimSuffix(before, []byte("\r")))
	}
	return out
}

// collect notes a node and all below it.
func collect(n *node, inside map[*node]bool) {
	inside[n] = true
	for _, child := range n.list {
		collect(child, inside)
	}
	for _, e := range n.entries {
		collect(e.node, inside)
	}
}

// lines removes the lines from start to end. With blank set, it also removes the blank lines after them, where there
// is nothing but a blank line or the start of the text before them.
func (e *Edit) lines(start, end int, blank bool) splice {
	start = bytes.LastIndexByte(e.text[:start], '\n') + 1
	end = min(lineEnd(e.text, end)+1, len(e.text))
	before := bytes.TrimRight(e.text[:start], " \t\r")
	before = bytes.TrimSuffix(before, []byte("\n"))
	if blank && (len(before) == 0 || before[len(before)-1] == '\n' || bytes.HasSuffix(before, []byte("\n\r"))) {
		for end < len(e.text) {
			next := lineEnd(e.text, end)
			if len(bytes.TrimSpace(e.text[end:next])) > 0 {
				break
			}
			end = min(next+1, len(e.text))
		}
	}
	return splice{at: span{start, end}}
}

// removeInline takes a key out of the inline table that it is in. A table with dotted keys is written anew.
func (e *Edit) removeInline(w way, want map[string]any) error {
	table, gone := w.tables[len(w.entries)-1], w.last()
	if table.form != closed || gone.node.form == dotted {
		for i, n := range w.tables[:len(w.entries)] {
			if n.form == closed {
				return e.rewriteInline(n, w.names[i:], want)
			}
		}
	}
	i := slices.Index(table.entries, gone)
	at := span{gone.key.start, gone.node.at.end}
	switch {
	case len(table.entries) == 1:
		at = span{table.at.start + 1, table.at.end - 1}
	case i == len(table.entries)-1 && table.entries[i-1].node.form == closed:
		at.start = table.entries[i-1].node.at.end
	case i < len(table.entries)-1:
		at.end = table.entries[i+1].key.start
	default:
		depth := slices.Index(w.tables, table)
		return e.rewriteInline(table, w.names[depth:], want)
	}
	return e.commit([]splice{{at: at}}, want)
}

// rewriteInline writes an inline table without the key at a path below it.
func (e *Edit) rewriteInline(table *node, path []string, want map[string]any) error {
	return e.commit([]splice{{table.at, e.renderWithout(table, path)}}, want)
}

func (e *Edit) renderWithout(n *node, path []string) string {
	if n.kind != tableKind || n.form == closed && len(path) == 0 {
		return string(e.text[n.at.start:n.at.end])
	}
	var items []string
	for _, child := range n.entries {
		below := []string(nil)
		if len(path) > 0 && child.name == path[0] {
			if below = path[1:]; len(below) == 0 {
				continue
			}
		}
		text := e.renderWithout(child.node, below)
		if text == "{}" && child.node.form == dotted {
			continue
		}
		items = append(items, tomlKey(child.name)+" = "+text)
	}
	if len(items) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(items, ", ") + " }"
}
