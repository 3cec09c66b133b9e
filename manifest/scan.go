package manifest

import (
	"bytes"
	"unicode/utf8"
)

// limits bound what is given to the TOML parsers, which are recursive and quadratic in depth: 32 KB of nested inline
// tables cost one of them gigabytes.
type limits struct {
	bytes   int
	nesting int // brackets and braces that are open, and the dots of the keys that lead there, together
	dots    int // dots of one key
	tables  int // table headers
}

var manifestLimits = limits{bytes: MaxManifestSize, nesting: 32, dots: 16, tables: 10_000}

// scanner walks over TOML that may be malformed: on the well-formed part of a text its counts are exact, and the
// parsers never come further than that.
type scanner struct {
	page
	limits
	at       int
	open     []frame // brackets and braces that are open
	spent    int     // levels spent by the open frames
	section  int     // dots of the current table header
	tables   int
	dots     int  // dots since the last delimiter
	key      int  // dots of the key whose value is being read
	value    bool // an equals sign was seen on this line, outside of brackets
	previous byte // the last byte that is no space
	found    *Problem
}

type frame struct {
	bracket byte
	levels  int
	header  bool
}

// prescan refuses what must not reach a parser, nil for nothing. It also refuses what only TOML 1.1 allows, because
// other tools that read the file are strict about 1.0.
func prescan(g page, l limits) *Problem {
	if p := prescanBytes(g, l); p != nil {
		return p
	}
	s := &scanner{page: g, limits: l}
	for s.at < len(s.text) && s.found == nil {
		s.step()
	}
	return s.found
}

func prescanBytes(g page, l limits) *Problem {
	fail := func(p Problem) *Problem { return &p }
	if len(g.text) > l.bytes {
		return fail(g.whole("too-large", "the file has %d bytes, at most %d are allowed", len(g.text), l.bytes))
	}
	if bytes.HasPrefix(g.text, []byte("\xef\xbb\xbf")) {
		return fail(g.problem(LevelError, "byte-order-mark", span{0, 3}, "the file starts with a byte order mark; save it as UTF-8 without BOM"))
	}
	if bytes.HasPrefix(g.text, []byte("\xff\xfe")) || bytes.HasPrefix(g.text, []byte("\xfe\xff")) {
		return fail(g.whole("not-utf8", "the file is UTF-16; save it as UTF-8 without BOM"))
	}
	if i := bytes.IndexByte(g.text, 0); i >= 0 {
		return fail(g.problem(LevelError, "nul-byte", span{i, i + 1}, "the file holds a NUL byte"))
	}
	for i := 0; i < len(g.text); {
		c, size := utf8.DecodeRune(g.text[i:])
		if c == utf8.RuneError && size == 1 {
			return fail(g.problem(LevelError, "not-utf8", span{i, i + 1}, "byte 0x%02x is not UTF-8", g.text[i]))
		}
		i += size
	}
	return nil
}

// step consumes one byte, one comment or one string.
func (s *scanner) step() {
	c := s.text[s.at]
	switch c {
	case '#':
		s.at = lineEnd(s.text, s.at)
		return
	case '"', '\'':
		s.string(c)
		return
	case '\n':
		s.newline()
	case '[', '{':
		s.opened(c)
	case ']', '}':
		s.closed(c)
	case '=':
		s.key, s.dots = s.dots, 0
		s.value = s.value || len(s.open) == 0
	case ',':
		s.key, s.dots = 0, 0
	case '.':
		s.dots++
		s.check()
	}
	if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
		s.previous = c
	}
	s.at++
}

// lineEnd returns the offset of the line feed that ends the line of at, or the end of the text.
func lineEnd(text []byte, at int) int {
	if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(text)
}

func (s *scanner) string(quote byte) {
	end := skipString(s.text, s.at)
	if quote == '"' {
		s.escapes(s.text[s.at:end])
	}
	s.at, s.previous = end, quote
}

// skipString returns the offset after the string that begins at at. A string that does not end is left at the end of
// its line, where the parsers stop.
func skipString(text []byte, at int) int {
	quote := text[at]
	triple := bytes.HasPrefix(text[at:], []byte{quote, quote, quote})
	i := at + 1
	if triple {
		i = at + 3
	}
	for i < len(text) {
		switch {
		case quote == '"' && text[i] == '\\':
			i++
		case text[i] == quote && !triple:
			return i + 1
		case text[i] == quote && bytes.HasPrefix(text[i:], []byte{quote, quote, quote}):
			// Up to two quotes may stand before the closing three.
			for i += 3; i < len(text) && text[i] == quote; i++ {
			}
			return i
		case text[i] == '\n' && !triple:
			return i
		}
		i++
	}
	return min(i, len(text))
}

func (s *scanner) escapes(text []byte) {
	for i := 0; i+1 < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if next := text[i+1]; next == 'e' || next == 'x' {
			s.fail("toml-version", span{s.at + i, s.at + i + 2}, `\%c is TOML 1.1; write the character as \u00XX`, next)
		}
		i++
	}
}

func (s *scanner) newline() {
	if n := len(s.open); n > 0 {
		if s.open[n-1].bracket == '{' {
			s.fail("toml-version", span{s.at, s.at + 1}, "an inline table must end on the line it began on; write a [table] instead")
		}
		return
	}
	s.dots, s.key, s.value = 0, 0, false
}

func (s *scanner) opened(c byte) {
	header := c == '[' && len(s.open) == 0 && !s.value
	if header {
		s.section = 0
		if s.tables++; s.tables > s.limits.tables {
			s.fail("too-many-tables", span{s.at, s.at + 1}, "the file has more than %d tables", s.limits.tables)
		}
	}
	f := frame{bracket: c, levels: 1 + s.key, header: header}
	s.open = append(s.open, f)
	s.spent += f.levels
	s.key, s.dots = 0, 0
	s.check()
}

func (s *scanner) closed(c byte) {
	if c == '}' && s.previous == ',' {
		s.fail("toml-version", span{s.at, s.at + 1}, "a comma before } is TOML 1.1; remove it")
	}
	n := len(s.open)
	if n == 0 {
		return
	}
	f := s.open[n-1]
	s.open = s.open[:n-1]
	s.spent -= f.levels
	if f.header || n == 2 && s.open[0].header {
		s.section = max(s.section, s.dots)
	}
	if !f.header {
		s.key = 0
	}
	if len(s.open) == 0 {
		s.dots = 0
	}
}

func (s *scanner) check() {
	at := span{s.at, s.at + 1}
	switch {
	case s.dots > s.limits.dots:
		s.fail("too-deep", at, "a key has more than %d dots", s.limits.dots)
	case s.spent+s.section+s.key+s.dots > s.nesting:
		s.fail("too-deep", at, "tables and arrays are nested more than %d levels deep", s.nesting)
	}
}

func (s *scanner) fail(code string, at span, format string, args ...any) {
	if s.found == nil {
		p := s.problem(LevelError, code, at, format, args...)
		s.found = &p
	}
}
