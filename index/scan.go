package index

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/geeknik/gal-pkg/version"
)

// scanner reads canonical JSON without ever building a tree: its caller asks for what the schema allows at each place,
// so nesting is bounded by the schema and there is nothing to overflow. It is lenient about order and escapes, because
// the caller compares the bytes of the re-encoded value with those read.
type scanner struct {
	data  []byte
	pos   int
	words map[string]string // short texts that were read before, each under itself; nil remembers none
}

// Lines say the same words over and over: the names of members, publishers, licenses, what the line before said of the
// package. These are held once. Longer texts are digests and signatures, of which no two are the same.
const (
	maxWord  = 48
	maxWords = 1024
)

func (s *scanner) failf(format string, args ...any) error {
	return fmt.Errorf("byte %d: %s", s.pos, fmt.Sprintf(format, args...))
}

func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) expect(c byte) error {
	if s.pos >= len(s.data) || s.data[s.pos] != c {
		return s.failf("%q is missing", c)
	}
	s.pos++
	return nil
}

// members calls member with each name of the object at this place; member reads the value.
func (s *scanner) members(member func(name string) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	seen := make([]string, 0, 16)
	for {
		name, err := s.text()
		if err != nil {
			return err
		}
		if containsFold(seen, name) {
			return s.failf("member %q stands twice", name)
		}
		seen = append(seen, name)
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
		if s.peek() == ',' {
			s.pos++
			continue
		}
		return s.expect('}')
	}
}

// containsFold compares without letter case: two members that differ only in case are one member to many a JSON
// library, and which one it takes is anybody's guess.
func containsFold(list []string, name string) bool {
	for _, s := range list {
		if len(s) == len(name) && foldASCII(s) == foldASCII(name) {
			return true
		}
	}
	return false
}

func foldASCII(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j := range b {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// elements calls element at the start of each element of the array at this place.
func (s *scanner) elements(element func() error) error {
	if err := s.expect('['); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if s.peek() == ',' {
			s.pos++
			continue
		}
		return s.expect(']')
	}
}

// texts reads an array of strings.
func (s *scanner) texts() ([]string, error) {
	list := []string{}
	err := s.elements(func() error {
		text, err := s.text()
		list = append(list, text)
		return err
	})
	return list, err
}

func (s *scanner) boolean() (bool, error) {
	for _, word := range []string{"true", "false"} {
		if len(s.data)-s.pos >= len(word) && string(s.data[s.pos:s.pos+len(word)]) == word {
			s.pos += len(word)
			return word == "true", nil
		}
	}
	return false, s.failf("true or false is missing")
}

// maxInteger is the greatest integer that every JSON reader keeps exactly.
const maxInteger = 1<<53 - 1

func (s *scanner) integer() (int64, error) {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' && s.pos-start < 17 {
		s.pos++
	}
	n, err := strconv.ParseInt(string(s.data[start:s.pos]), 10, 64)
	if err != nil || n > maxInteger {
		return 0, s.failf("an integer between 0 and 2^53-1 is missing")
	}
	return n, nil
}

// text reads a string. Most strings hold no escape and are copied once.
func (s *scanner) text() (string, error) {
	if err := s.expect('"'); err != nil {
		return "", err
	}
	start := s.pos
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case isPlain(c):
			s.pos++
		case c == '"':
			raw := s.data[start:s.pos]
			s.pos++
			return s.word(raw)
		case c == '\\':
			return s.escapedText(start)
		case c < 0x20:
			return "", s.failf("a control character stands in a string")
		default:
			s.pos++
		}
	}
	return "", s.failf("a string does not end")
}

// isPlain reports whether a byte stands for itself in a string, whatever is around it.
func isPlain(c byte) bool { return 0x20 <= c && c < 0x7f && c != '"' && c != '\\' }

// word returns a text, the same one for the same bytes where it is short.
func (s *scanner) word(raw []byte) (string, error) {
	if s.words == nil || len(raw) > maxWord {
		return s.checked(raw)
	}
	if word, ok := s.words[string(raw)]; ok {
		return word, nil
	}
	text, err := s.checked(raw)
	if err != nil {
		return "", err
	}
	if len(s.words) == maxWords {
		clear(s.words)
	}
	s.words[text] = text
	return text, nil
}

func (s *scanner) checked(raw []byte) (string, error) {
	if err := checkText(raw); err != nil {
		return "", s.failf("%v", err)
	}
	return string(raw), nil
}

func (s *scanner) escapedText(start int) (string, error) {
	value := append([]byte(nil), s.data[start:s.pos]...)
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		s.pos++
		switch {
		case c == '"':
			return s.word(value)
		case c < 0x20:
			return "", s.failf("a control character stands in a string")
		case c != '\\':
			value = append(value, c)
			continue
		}
		decoded, err := s.escape()
		if err != nil {
			return "", err
		}
		value = append(value, decoded)
	}
	return "", s.failf("a string does not end")
}

// escape reads what follows a backslash; only what the canonical form escapes is known.
func (s *scanner) escape() (byte, error) {
	if s.pos >= len(s.data) {
		return 0, s.failf("a string does not end")
	}
	c := s.data[s.pos]
	s.pos++
	switch c {
	case '"', '\\':
		return c, nil
	case 'b':
		return '\b', nil
	case 't':
		return '\t', nil
	case 'n':
		return '\n', nil
	case 'f':
		return '\f', nil
	case 'r':
		return '\r', nil
	case 'u':
		if s.pos+4 <= len(s.data) {
			n, err := strconv.ParseUint(string(s.data[s.pos:s.pos+4]), 16, 16)
			if err == nil && n < 0x20 {
				s.pos += 4
				return byte(n), nil
			}
		}
	}
	return 0, s.failf("an escape that the canonical form does not have")
}

// end fails when anything stands behind the value.
func (s *scanner) end() error {
	if s.pos != len(s.data) {
		return s.failf("something stands behind the end of the line")
	}
	return nil
}

// checkText refuses what no text of a registry may hold: bytes that are not UTF-8, DEL and C1 controls, the two line
// separators that JSON lets through and JavaScript does not, and the bidirectional controls of "Trojan source"
// (CVE-2021-42574).
func checkText(text []byte) error {
	for i := 0; i < len(text); {
		if c := text[i]; c < 0x7f {
			i++
			continue
		} else if c == 0x7f {
			return fmt.Errorf("a string holds DEL")
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return fmt.Errorf("a string is not UTF-8")
		case r >= 0x80 && r < 0xa0, r == 0x2028, r == 0x2029, isBidiControl(r):
			return fmt.Errorf("a string holds the control character %U", r)
		}
		i += size
	}
	return nil
}

func isBidiControl(r rune) bool {
	return r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// maxDepth bounds the nesting of members that are passed over.
const maxDepth = 16

// skip passes over one value of any shape.
func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return s.failf("nested deeper than %d", maxDepth)
	}
	switch c := s.peek(); {
	case c == '"':
		_, err := s.text()
		return err
	case c == '{':
		return s.members(func(string) error { return s.skip(depth + 1) })
	case c == '[':
		return s.elements(func() error { return s.skip(depth + 1) })
	case c == 't' || c == 'f':
		_, err := s.boolean()
		return err
	default:
		_, err := s.integer()
		return err
	}
}

func (s *scanner) version() (version.Version, error) {
	text, err := s.text()
	if err != nil {
		return version.Version{}, err
	}
	v, err := version.Parse(text)
	if err != nil {
		return v, s.failf("%v", err)
	}
	if v.Build() != "" {
		return v, s.failf("version %s has build metadata", v)
	}
	return v, nil
}
