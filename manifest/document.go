package manifest

import (
	"bytes"
	"errors"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/pelletier/go-toml/v2/unstable"
)

// document is a TOML file that both parsers accept.
type document struct {
	page
	root        *node
	expressions []expression
	refused     *Problem // the first value that TOML 1.0 does not know
}

// expression is one header or one `key = value` at the level of lines.
type expression struct {
	kind unstable.Kind // Table, ArrayTable or KeyValue
	keys []part        // as written: relative to the section for a KeyValue
	at   span          // from the first bracket or key to the last bracket or byte of the value
	node *node         // the table that the header opens, or the value
}

type part struct {
	name string
	at   span
}

// parseDocument reads TOML 1.0 within limits. It returns one problem, the first that is found.
func parseDocument(g page, l limits) (*document, *Problem) {
	if p := prescan(g, l); p != nil {
		return nil, p
	}
	d := &document{page: g, root: &node{kind: tableKind, form: headed}}
	if p := d.build(); p != nil {
		return nil, p
	}
	values := map[string]any{}
	if _, err := toml.Decode(string(g.text), &values); err != nil {
		p := d.decodeProblem(err)
		return nil, &p
	}
	if err := attach(d.root, values); err != nil {
		p := g.whole("toml-syntax", "the file has no single meaning: %v", err)
		return nil, &p
	}
	return d, nil
}

// decodeProblem places an error of the decoder.
func (d *document) decodeProblem(err error) Problem {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return d.whole("toml-syntax", "%v", err)
	}
	at := span{parse.Position.Start, parse.Position.Start + parse.Position.Len}
	return d.problem(LevelError, "toml-syntax", at, "%s", lowerFirst(strings.TrimSuffix(parse.Message, ".")))
}

func lowerFirst(text string) string {
	if len(text) > 1 && text[1] >= 'a' && text[1] <= 'z' {
		return strings.ToLower(text[:1]) + text[1:]
	}
	return text
}

// build walks the expressions and makes the tree of places.
func (d *document) build() *Problem {
	var p unstable.Parser
	p.Reset(d.text)
	section := d.root
	for p.NextExpression() {
		n := p.Expression()
		x := expression{kind: n.Kind, keys: parts(n.Key())}
		last := x.keys[len(x.keys)-1]
		switch n.Kind {
		case unstable.KeyValue:
			x.at = rangeOf(n.Raw)
			x.node = d.valueNode(n.Value(), d.valueStart(last.at.end), x.at.end)
			if !insert(section, x.keys, x.node) {
				return d.redefined(x)
			}
		case unstable.Table, unstable.ArrayTable:
			x.at = d.header(x.keys)
			if section = open(d.root, x.keys, n.Kind == unstable.ArrayTable); section == nil {
				return d.redefined(x)
			}
			x.node = section
		}
		d.expressions = append(d.expressions, x)
	}
	if err := p.Error(); err != nil {
		return d.syntax(err)
	}
	return d.refused
}

func (d *document) redefined(x expression) *Problem {
	last := x.keys[len(x.keys)-1]
	p := d.problem(LevelError, "toml-syntax", last.at, "key %s is already defined as something else", quote(last.name))
	return &p
}

// syntax places an error of the places' parser.
func (d *document) syntax(err error) *Problem {
	var parse *unstable.ParserError
	at := span{len(d.text), len(d.text)}
	message := err.Error()
	if errors.As(err, &parse) {
		message = parse.Message
		// The highlight is a slice of the text, so their capacities end at the same byte.
		if start := cap(d.text) - cap(parse.Highlight); start >= 0 && start <= len(d.text) && bytes.HasPrefix(d.text[start:], parse.Highlight) {
			at = span{start, start + len(parse.Highlight)}
		}
	}
	p := d.problem(LevelError, "toml-syntax", at, "%s", lowerFirst(message))
	return &p
}

func rangeOf(r unstable.Range) span { return span{int(r.Offset), int(r.Offset + r.Length)} }

func parts(it unstable.Iterator) []part {
	var keys []part
	for it.Next() {
		n := it.Node()
		keys = append(keys, part{name: string(n.Data), at: rangeOf(n.Raw)})
	}
	return keys
}

// header returns the range of a header with its brackets.
func (d *document) header(keys []part) span {
	at := span{keys[0].at.start, keys[len(keys)-1].at.end}
	for at.start > 0 && d.text[at.start-1] != '\n' {
		at.start--
	}
	at.start += len(d.text[at.start:]) - len(bytes.TrimLeft(d.text[at.start:], " \t\r"))
	for at.end < len(d.text) && (d.text[at.end] == ']' || d.text[at.end] == ' ' || d.text[at.end] == '\t') {
		at.end++
	}
	at.end = at.start + len(bytes.TrimRight(d.text[at.start:at.end], " \t"))
	return at
}

// valueStart finds the first byte of a value from the end of its key.
func (d *document) valueStart(at int) int {
	for at < len(d.text) && (d.text[at] == ' ' || d.text[at] == '\t' || d.text[at] == '=') {
		at++
	}
	return at
}

// valueNode makes the node of a value that lies between start and end.
func (d *document) valueNode(v *unstable.Node, start, end int) *node {
	n := &node{kind: kindOf(v.Kind), at: span{start, end}}
	it := v.Children()
	switch v.Kind {
	case unstable.InlineTable:
		for it.Next() {
			keys, raw := parts(it.Node().Key()), rangeOf(it.Node().Raw)
			child := d.valueNode(it.Node().Value(), d.valueStart(keys[len(keys)-1].at.end), raw.end)
			// A key that is there twice is refused by the decoder, with its place.
			insert(n, keys, child)
		}
	case unstable.Array:
		next := start + 1
		for it.Next() {
			at := d.elementStart(next)
			child := d.valueNode(it.Node(), at, skipValue(d.text, at))
			n.list = append(n.list, child)
			next = child.at.end
		}
	case unstable.DateTime, unstable.LocalDateTime, unstable.LocalTime:
		if !hasSeconds(v.Data) && d.refused == nil {
			p := d.problem(LevelError, "toml-version", n.at, "a time without seconds is TOML 1.1; write them, as in 07:32:00")
			d.refused = &p
		}
	}
	return n
}

// hasSeconds reports whether a time of day, with or without a date before it, goes on after its minutes.
func hasSeconds(text []byte) bool {
	first := bytes.IndexByte(text, ':')
	return first >= 0 && len(text) > first+3 && text[first+3] == ':'
}

// elementStart finds the first byte of the next element of an array.
func (d *document) elementStart(at int) int {
	for at < len(d.text) {
		switch d.text[at] {
		case ' ', '\t', '\r', '\n', ',':
			at++
		case '#':
			at = lineEnd(d.text, at)
		default:
			return at
		}
	}
	return at
}

// skipValue returns the offset after the value that begins at at, in a text that is well-formed.
func skipValue(text []byte, at int) int {
	for depth := 0; at < len(text); {
		switch c := text[at]; {
		case c == '"' || c == '\'':
			at = skipString(text, at)
		case c == '#':
			at = lineEnd(text, at)
			continue
		case c == '[' || c == '{':
			depth++
			at++
			continue
		case c == ']' || c == '}':
			if depth == 0 {
				return at
			}
			depth--
			at++
		case depth == 0:
			end := at
			for end < len(text) && !bytes.ContainsRune([]byte(",]}#\r\n"), rune(text[end])) {
				end++
			}
			return at + len(bytes.TrimRight(text[at:end], " \t"))
		default:
			at++
			continue
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

func kindOf(k unstable.Kind) kind {
	switch k {
	case unstable.Array:
		return arrayKind
	case unstable.String:
		return stringKind
	case unstable.Integer:
		return integerKind
	case unstable.Float:
		return floatKind
	case unstable.Bool:
		return boolKind
	case unstable.DateTime:
		return timeKind
	case unstable.LocalDate:
		return dateKind
	case unstable.LocalTime, unstable.LocalDateTime:
		return localKind
	default:
		return tableKind
	}
}
