package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// printer is everything that reaches the user. Results go to stdout; status, warnings and errors go to stderr. Texts from
// elsewhere cannot move the cursor or change colours: what is not printable is written as an escape.
type printer struct {
	stdout, stderr io.Writer
	json           bool
	quiet          bool
	verbose        int
	colour         bool // on stderr
}

// status says what is being done: a verb, right-aligned, and the rest.
func (p *printer) status(verb, format string, args ...any) {
	if p.quiet {
		return
	}
	fmt.Fprintf(p.stderr, "%s %s\n", p.paint("32;1", fmt.Sprintf("%12s", verb)), printable(fmt.Sprintf(format, args...)))
}

// say prints a line on stderr as it is.
func (p *printer) say(format string, args ...any) {
	if !p.quiet {
		fmt.Fprintln(p.stderr, printable(fmt.Sprintf(format, args...)))
	}
}

// debug prints a line on stderr with -v.
func (p *printer) debug(format string, args ...any) {
	if p.verbose > 0 {
		fmt.Fprintln(p.stderr, printable(fmt.Sprintf(format, args...)))
	}
}

func (p *printer) warn(format string, args ...any) {
	if !p.quiet {
		fmt.Fprintln(p.stderr, p.paint("33;1", "warning:"), printable(fmt.Sprintf(format, args...)))
	}
}

func (p *printer) note(format string, args ...any) {
	if !p.quiet {
		fmt.Fprintln(p.stderr, p.paint("36;1", "note:"), printable(fmt.Sprintf(format, args...)))
	}
}

// paint colours a word that we wrote ourselves.
func (p *printer) paint(code, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// result prints what a command was run for: with --format json the value as one document, else what text writes.
func (p *printer) result(command string, value any, text func(w io.Writer)) error {
	if p.json {
		return p.document(command, true, value)
	}
	var out bytes.Buffer
	if text != nil {
		text(&out)
	}
	_, err := io.WriteString(p.stdout, printable(out.String()))
	return err
}

// document writes {"schema":"gal-pkg/COMMAND/v1","ok":...} with the members of value.
func (p *printer) document(command string, ok bool, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	head := fmt.Sprintf(`{"schema":"gal-pkg/%s/v1","ok":%t`, command, ok)
	if members := bytes.TrimPrefix(body, []byte("{")); len(members) > 1 {
		head += ","
	}
	var out bytes.Buffer
	if err := json.Indent(&out, append([]byte(head), bytes.TrimPrefix(body, []byte("{"))...), "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = p.stdout.Write(out.Bytes())
	return err
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
	message := f.Error()
	if f.Err != nil && errors.Is(f, fault.Of(f.Err)) {
		message = f.Message
	}
	fmt.Fprintf(p.stderr, "%s %s\n", p.paint("31;1", "error["+f.Code+"]:"), printable(message))
	for _, fact := range f.Facts {
		fmt.Fprintln(p.stderr, indent("   ", printable(fact)))
	}
	for _, help := range f.Help {
		fmt.Fprintf(p.stderr, "%s %s\n", p.paint("36;1", "help:"), indent("      ", printable(help))[6:])
	}
	if p.json {
		doc := errorDocument{f.Code, string(f.Kind), message, orNone(f.Facts), orNone(f.Help)}
		// The error has been said; that it cannot be said a second time changes nothing.
		_ = p.document(command, false, map[string]any{"error": doc})
	}
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func indent(prefix, text string) string {
	return prefix + strings.ReplaceAll(text, "\n", "\n"+prefix)
}

// printable writes control and invisible characters as escapes, so that a description cannot draw on the terminal.
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

// size writes bytes for people.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
}

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
