package manifest

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Levels of a [Problem].
const (
	LevelError   = "error"
	LevelWarning = "warning"
)

// maxProblems bounds what one file can report; the rest is noise after a first mistake.
const maxProblems = 100

// Problem is one thing wrong with a manifest or lock file, and where it stands.
type Problem struct {
	Path    string `json:"path"`
	Line    int    `json:"line"`   // from 1; 0 where the file as a whole is meant
	Column  int    `json:"column"` // from 1, in characters
	Level   string `json:"level"`  // LevelError or LevelWarning
	Code    string `json:"code"`   // stable kebab-case word
	Message string `json:"message"`
	Source  string `json:"source,omitempty"` // the line, safe to print: no control characters, at most 160 characters
	Caret   int    `json:"caret,omitempty"`  // the characters of Source before the place that is meant
	Width   int    `json:"width,omitempty"`  // how many characters of Source are meant
	Help    string `json:"help,omitempty"`   // what to write instead; may have several lines
	Chaos   bool   `json:"-"`                // it is about a chaos profile, or a reference to one
}

// String returns `gal.toml:31:24: error[chaos-range]: message`.
func (p Problem) String() string {
	return fmt.Sprintf("%s: %s[%s]: %s", p.position(), p.Level, p.Code, p.Message)
}

func (p Problem) position() string {
	if p.Line == 0 {
		return p.Path
	}
	return fmt.Sprintf("%s:%d:%d", p.Path, p.Line, p.Column)
}

// Excerpt returns the source line and, below it, carets under the place that is meant; nil where no line is known.
func (p Problem) Excerpt() []string {
	if p.Line == 0 || p.Source == "" {
		return nil
	}
	number := strconv.Itoa(p.Line)
	pad := strings.Map(func(c rune) rune {
		if c == '\t' {
			return c
		}
		return ' '
	}, string([]rune(p.Source)[:p.Caret]))
	return []string{
		number + " | " + p.Source,
		strings.Repeat(" ", len(number)) + " | " + pad + strings.Repeat("^", max(1, p.Width)),
	}
}

// Problems is the error of a file that has at least one; [errors.As] turns it into a [fault.Error].
type Problems []Problem

// Error returns every problem, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.position() + ": " + p.Message
	}
	return strings.Join(lines, "\n")
}

// Fault returns the problems as one error of kind Manifest. Its code is "bad-manifest" or, where a code of a lock
// file stands first, that one; its message is the first problem, its facts are the excerpts and the others.
func (ps Problems) Fault() *fault.Error {
	if len(ps) == 0 {
		return nil
	}
	code := "bad-manifest"
	if strings.HasPrefix(ps[0].Code, "lock-") || ps[0].Code == "bad-lock" {
		code = ps[0].Code
	}
	e := fault.New(fault.Manifest, code, "%s: %s", ps[0].position(), ps[0].Message)
	for i, p := range ps {
		if i > 0 {
			e.WithFact("%s: %s", p.position(), p.Message)
		}
		for _, line := range p.Excerpt() {
			e.WithFact("%s", line)
		}
		if p.Help != "" {
			e.WithHelp("%s", p.Help)
		}
	}
	return e
}

// inOrder sorts problems by their place.
func inOrder(ps Problems) Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return ps
}

// As lets errors.As find the [fault.Error] that the problems are.
func (ps Problems) As(target any) bool {
	e, ok := target.(**fault.Error)
	if ok {
		*e = ps.Fault()
	}
	return ok && *e != nil
}

// span is a range of bytes of a file.
type span struct{ start, end int }

// page knows the lines of a file, and makes problems of its spans.
type page struct {
	path string
	text []byte
}

// position returns the line and the column of an offset, both from 1, the column in characters.
func (g page) position(offset int) (line, column int) {
	offset = min(max(offset, 0), len(g.text))
	before := g.text[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

// problem makes a problem at a span.
func (g page) problem(level, code string, at span, format string, args ...any) Problem {
	p := Problem{Path: g.path, Level: level, Code: code, Message: fmt.Sprintf(format, args...)}
	p.Line, p.Column = g.position(at.start)
	p.Source, p.Caret, p.Width = g.excerpt(at)
	return p
}

// whole makes a problem of the file as a whole.
func (g page) whole(code, format string, args ...any) Problem {
	return Problem{Path: g.path, Level: LevelError, Code: code, Message: fmt.Sprintf(format, args...)}
}

// maxExcerpt is the length of the longest excerpt, in characters.
const maxExcerpt = 160

// excerpt cuts the line of a span out of the file, safe to print, with the caret's place and width in it.
func (g page) excerpt(at span) (source string, caret, width int) {
	start := min(max(at.start, 0), len(g.text))
	lineStart := bytes.LastIndexByte(g.text[:start], '\n') + 1
	lineEnd := len(g.text)
	if i := bytes.IndexByte(g.text[start:], '\n'); i >= 0 {
		lineEnd = start + i
	}
	line := []rune(strings.TrimSuffix(string(g.text[lineStart:lineEnd]), "\r"))
	caret = min(utf8.RuneCount(g.text[lineStart:start]), len(line))
	width = utf8.RuneCount(g.text[start:max(start, min(at.end, lineEnd))])
	if first := caret - maxExcerpt/2; len(line) > maxExcerpt && first > 0 {
		line, caret = line[first:], caret-first
	}
	line = line[:min(len(line), maxExcerpt)]
	return strings.Map(printable, string(line)), caret, max(1, min(width, len(line)-caret))
}

// printable keeps a hostile file from writing to the terminal: controls and characters that reorder or hide text
// are replaced.
func printable(c rune) rune {
	if c == '\t' || unicode.IsGraphic(c) && c != 0x2028 && c != 0x2029 {
		return c
	}
	return unicode.ReplacementChar
}

// quote puts a value into a message: in backticks where it is short and plain, else as a Go string of ASCII.
func quote(text string) string {
	plain := len(text) <= 120
	for _, c := range text {
		plain = plain && c >= 0x20 && c < 0x7f && c != '`'
	}
	if plain {
		return "`" + text + "`"
	}
	if len(text) > 120 {
		return strconv.QuoteToASCII(text[:120]) + "…"
	}
	return strconv.QuoteToASCII(text)
}
