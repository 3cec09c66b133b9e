package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// printer is everything that reaches the user. Results go to stdout, all else to stderr. Texts from elsewhere cannot
// move the cursor or change colours: what is not printable is written as an escape.
type printer struct {
	stdout, stderr io.Writer
	json           bool
	quiet          bool

	mu sync.Mutex // a server's events come from many requests at once
}

// say prints a line on stderr.
func (p *printer) say(format string, args ...any) {
	if !p.quiet {
		p.write(p.stderr, printable(fmt.Sprintf(format, args...))+"\n")
	}
}

func (p *printer) write(w io.Writer, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := io.WriteString(w, text)
	return err
}

// result prints what a command was run for: with --format json the value as one document, else the text.
func (p *printer) result(command string, value any, text string) error {
	if p.json {
		return p.document(command, true, value)
	}
	return p.write(p.stdout, printable(text))
}

// document writes {"schema":"gal-registry/COMMAND/v1","ok":...} with the members of value.
func (p *printer) document(command string, ok bool, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	head := fmt.Sprintf(`{"schema":"gal-registry/%s/v1","ok":%t`, command, ok)
	members := bytes.TrimPrefix(body, []byte("{"))
	if len(members) > 1 {
		head += ","
	}
	var out bytes.Buffer
	if err := json.Indent(&out, append([]byte(head), members...), "", "  "); err != nil {
		return err
	}
	return p.write(p.stdout, out.String()+"\n")
}

// errorDocument is the member "error" of a document that is not ok.
type errorDocument struct {
	Code    string   `json:"code"`
	Kind    string   `json:"kind"`
	Message string   `json:"message"`
	Details []string `json:"details"`
	Help    []string `json:"help"`
}

// fail prints an error: on stderr for people, and with --format json as the one document on stdout.
func (p *printer) fail(command string, err error) {
	f := fault.Of(err)
	if f == nil {
		f = fault.New(fault.Internal, "internal", "%v", err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "error[%s]: %s\n", f.Code, printable(err.Error()))
	for _, fact := range f.Facts {
		fmt.Fprintf(&out, "   %s\n", strings.ReplaceAll(printable(fact), "\n", "\n   "))
	}
	for _, help := range f.Help {
		fmt.Fprintf(&out, "help: %s\n", printable(help))
	}
	// An error that cannot be said to a stream that is closed changes nothing about the exit code.
	_ = p.write(p.stderr, out.String())
	if p.json {
		doc := errorDocument{f.Code, string(f.Kind), err.Error(), orNone(f.Facts), orNone(f.Help)}
		_ = p.document(command, false, map[string]any{"error": doc})
	}
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// printable writes control and invisible characters as escapes.
func printable(text string) string {
	clean := func(r rune) bool { return r == '\n' || r == '\t' || unicode.IsPrint(r) }
	if strings.IndexFunc(text, func(r rune) bool { return !clean(r) }) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if clean(r) {
			out.WriteRune(r)
		} else {
			out.WriteString(strings.Trim(fmt.Sprintf("%+q", string(r)), `"`))
		}
	}
	return out.String()
}

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
