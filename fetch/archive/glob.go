package archive

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// glob is a compiled pattern: a sequence of tokens that is run as a nondeterministic automaton, so that no pattern takes
// more than length times length steps.
type glob []token

type token struct {
	kind    tokenKind
	char    rune
	negated bool
	ranges  []runeRange
	classes []func(rune) bool
}

type tokenKind byte

const (
	literal tokenKind = iota
	one               // ? or a class: one character, no slash
	class
	star    // any number of characters, no slash
	folders // **/ : any number of whole folders
	rest    // /** at the end: everything below
)

type runeRange struct{ lo, hi rune }

// parseGlob compiles a pattern without its leading and trailing slash.
func parseGlob(text string) (glob, error) {
	if text == "" {
		return nil, errors.New("matches nothing")
	}
	var g glob
	parts := strings.Split(text, "/")
	for i, part := range parts {
		last := i == len(parts)-1
		if len(part) > 1 && strings.Trim(part, "*") == "" {
			if last {
				g = append(g, token{kind: rest})
			} else {
				g = append(g, token{kind: folders})
			}
			continue
		}
		tokens, err := parsePart(part)
		if err != nil {
			return nil, err
		}
		g = append(g, tokens...)
		if !last {
			g = append(g, token{kind: literal, char: '/'})
		}
	}
	return g, nil
}

func parsePart(part string) (glob, error) {
	var g glob
	for part != "" {
		r, n := utf8.DecodeRuneInString(part)
		t := token{kind: literal, char: r}
		switch r {
		case '*':
			t = token{kind: star}
		case '?':
			t = token{kind: one}
		case '[':
			var err error
			if t, n, err = parseClass(part); err != nil {
				return nil, err
			}
		case '\\':
			if len(part) == 1 {
				return nil, errors.New("ends in a backslash")
			}
			var m int
			t.char, m = utf8.DecodeRuneInString(part[1:])
			n = 1 + m
		}
		g = append(g, t)
		part = part[n:]
	}
	return g, nil
}

// parseClass reads [abc], [a-z], [!a], [^a] and [[:alpha:]] at the beginning of text.
func parseClass(text string) (token, int, error) {
	t := token{kind: class}
	unclosed := errors.New("has a [ without ]")
	i := 1
	if i < len(text) && (text[i] == '!' || text[i] == '^') {
		t.negated = true
		i++
	}
	for first := true; ; first = false {
		if i >= len(text) {
			return t, 0, unclosed
		}
		if text[i] == ']' && !first {
			return t, i + 1, nil
		}
		if name, ok := strings.CutPrefix(text[i:], "[:"); ok {
			if name, _, ok = strings.Cut(name, ":]"); ok {
				fn := posixClass(name)
				if fn == nil {
					return t, 0, fmt.Errorf("has the unknown class [:%s:]", name)
				}
				t.classes = append(t.classes, fn)
				i += len(name) + 4
				continue
			}
		}
		lo, n := classRune(text[i:])
		i += n
		hi := lo
		if i+1 < len(text) && text[i] == '-' && text[i+1] != ']' {
			hi, n = classRune(text[i+1:])
			i += 1 + n
		}
		t.ranges = append(t.ranges, runeRange{lo, hi})
	}
}

// classRune reads one character of a class, which a backslash may quote.
func classRune(text string) (rune, int) {
	if len(text) > 1 && text[0] == '\\' {
		r, n := utf8.DecodeRuneInString(text[1:])
		return r, n + 1
	}
	return utf8.DecodeRuneInString(text)
}

func posixClass(name string) func(rune) bool {
	ascii := func(fn func(rune) bool) func(rune) bool {
		return func(r rune) bool { return r < unicode.MaxASCII && fn(r) }
	}
	switch name {
	case "alpha":
		return ascii(unicode.IsLetter)
	case "digit":
		return ascii(unicode.IsDigit)
	case "alnum":
		return ascii(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	case "upper":
		return ascii(unicode.IsUpper)
	case "lower":
		return ascii(unicode.IsLower)
	case "space":
		return ascii(unicode.IsSpace)
	case "blank":
		return func(r rune) bool { return r == ' ' || r == '\t' }
	case "cntrl":
		return func(r rune) bool { return r < 0x20 || r == 0x7f }
	case "print":
		return func(r rune) bool { return r >= 0x20 && r < 0x7f }
	case "graph":
		return func(r rune) bool { return r > 0x20 && r < 0x7f }
	case "punct":
		return ascii(func(r rune) bool { return r > 0x20 && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	case "xdigit":
		return func(r rune) bool { return strings.ContainsRune("0123456789abcdefABCDEF", r) }
	}
	return nil
}

func (t *token) takes(r rune) bool {
	switch t.kind {
	case literal:
		return r == t.char
	case one:
		return r != '/'
	}
	in := false
	for _, span := range t.ranges {
		in = in || r >= span.lo && r <= span.hi
	}
	for _, fn := range t.classes {
		in = in || fn(r)
	}
	return r != '/' && in != t.negated
}

// match runs the automaton over text. State i means that the tokens before i have matched what was read.
func (g glob) match(text string) bool {
	now, next := make([]bool, len(g)+1), make([]bool, len(g)+1)
	now[0] = true
	g.spread(now, true)
	for _, r := range text {
		clear(next)
		for i := range g {
			if !now[i] {
				continue
			}
			switch t := &g[i]; t.kind {
			case star:
				next[i] = next[i] || r != '/'
			case folders, rest:
				next[i] = true
			default:
				next[i+1] = next[i+1] || t.takes(r)
			}
		}
		g.spread(next, r == '/')
		now, next = next, now
	}
	// What the last ** takes must not be empty: "a/**" matches what is below a, not a itself.
	return now[len(g)] || len(g) > 0 && g[len(g)-1].kind == rest && now[len(g)-1] && !strings.HasSuffix(text, "/")
}

// spread adds the states that need no character: past a star, and past **/ at the beginning of a part.
func (g glob) spread(states []bool, atPart bool) {
	for i := range g {
		if states[i] && (g[i].kind == star || g[i].kind == folders && atPart) {
			states[i+1] = true
		}
	}
}
