// Package cmdline is what both programs have in common on the command line: what reaches the user and how, and which exit
// code an error has.
//
// Results go to stdout, everything else to stderr. With JSON the result is one document on stdout, also of a command that
// fails: {"schema":"PROGRAM/COMMAND/v1","ok":true,...} or {...,"ok":false,"error":{...}}. Within v1 members are only added.
package cmdline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"unicode"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Printer is everything that reaches the user. Texts from elsewhere cannot move the cursor or change colours: what is not
// printable is written as an escape. It is for use by several goroutines at once.
type Printer struct {
	Program        string // in the schemas of documents
	Stdout, Stderr io.Writer
	JSON           bool
	Quiet          bool
	Verbose        int
	Colour         bool // on stderr

	mu     sync.Mutex
	live   *Progress // below everything else, nil for none
	asking bool      // the last line is a question
}

func (p *Printer) write(w io.Writer, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live == nil || p.asking {
		_, err := io.WriteString(w, text)
		return unwritten(err)
	}
	before := p.live.erase()
	if w == p.Stderr {
		if text = before + text + p.live.draw(); text == "" {
			return nil
		}
		_, err := io.WriteString(w, text)
		return err
	}
	// Both streams may be the same screen.
	_, err := io.WriteString(p.Stderr, before)
	_, werr := io.WriteString(w, text)
	_, derr := io.WriteString(p.Stderr, p.live.draw())
	return unwritten(cmp.Or(werr, err, derr))
}

// Ask prints a question on stderr and has it answered, one at a time. Until it is, no progress is drawn over it.
func (p *Printer) Ask(question string, answer func() error) error {
	p.ask(true, question)
	defer p.ask(false, "")
	return answer()
}

func (p *Printer) ask(asking bool, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live != nil {
		text = p.live.erase() + text
	}
	p.asking = asking
	_, _ = io.WriteString(p.Stderr, text)
}

// unwritten says whose fault it is when nothing can be printed; a reader who has gone away is for [ExitCode] to see.
func unwritten(err error) error {
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return err
	}
	return fault.New(fault.Manifest, "not-writable", "the result cannot be written to where it should go").Because(err)
}

// tell writes a line to stderr. That it cannot be written is nobody's news: stderr is where it would be told.
func (p *Printer) tell(text string) { _ = p.write(p.Stderr, text+"\n") }

// Status says what is being done: a verb, right-aligned, and the rest.
func (p *Printer) Status(verb, format string, args ...any) {
	if p.Quiet {
		return
	}
	p.tell(p.Paint("32;1", fmt.Sprintf("%12s", verb)) + " " + Printable(fmt.Sprintf(format, args...)))
}

// Demand prints a line on stderr that the user has to see to go on, whatever else is not printed.
func (p *Printer) Demand(format string, args ...any) error {
	return p.write(p.Stderr, Printable(fmt.Sprintf(format, args...))+"\n")
}

// Say prints a line on stderr as it is.
func (p *Printer) Say(format string, args ...any) {
	if !p.Quiet {
		p.tell(Printable(fmt.Sprintf(format, args...)))
	}
}

// Debug prints a line on stderr with -v.
func (p *Printer) Debug(format string, args ...any) {
	if p.Verbose > 0 {
		p.tell(Printable(fmt.Sprintf(format, args...)))
	}
}

// Warn prints what may be wrong.
func (p *Printer) Warn(format string, args ...any) {
	if !p.Quiet {
		p.tell(p.Paint("33;1", "warning:") + " " + Printable(fmt.Sprintf(format, args...)))
	}
}

// Note prints what is good to know.
func (p *Printer) Note(format string, args ...any) {
	if !p.Quiet {
		p.tell(p.Paint("36;1", "note:") + " " + Printable(fmt.Sprintf(format, args...)))
	}
}

// Paint colours a word that we wrote ourselves.
func (p *Printer) Paint(code, text string) string {
	if !p.Colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Result prints what a command was run for: with --format json the value as one document, else what text writes.
func (p *Printer) Result(command string, value any, text func(w io.Writer)) error {
	if p.JSON {
		return p.Document(command, true, value)
	}
	var out bytes.Buffer
	if text != nil {
		text(&out)
	}
	return p.write(p.Stdout, Printable(out.String()))
}

// Text is what Result takes for a text that is there already.
func Text(text string) func(io.Writer) {
	return func(w io.Writer) { _, _ = io.WriteString(w, text) } // into memory, which does not fail
}

// Document writes {"schema":"PROGRAM/COMMAND/v1","ok":...} with the members of value.
func (p *Printer) Document(command string, ok bool, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	members := bytes.TrimPrefix(body, []byte("{"))
	head := fmt.Sprintf(`{"schema":"%s/%s/v1","ok":%t`, p.Program, command, ok)
	if len(members) > 1 {
		head += ","
	}
	var out bytes.Buffer
	if err := json.Indent(&out, append([]byte(head), members...), "", "  "); err != nil {
		return err
	}
	return p.write(p.Stdout, out.String()+"\n")
}

// errorDocument is the member "error" of a document that is not ok.
type errorDocument struct {
	Code    string   `json:"code"`
	Kind    string   `json:"kind"`
	Message string   `json:"message"`
	Details []string `json:"details"`
	Help    []string `json:"help"`
}

// Fail prints an error: on stderr for people, and with JSON as the one document on stdout.
func (p *Printer) Fail(command string, err error) {
	p.Tell(err)
	if !p.JSON {
		return
	}
	f := faultOf(err)
	doc := errorDocument{f.Code, string(f.Kind), sentence(f), OrNone(f.Facts), OrNone(f.Help)}
	// The error has been said; that it cannot be said a second time changes nothing.
	_ = p.Document(command, false, map[string]any{"error": doc})
}

// faultOf makes an error that nobody foresaw one of ours.
func faultOf(err error) *fault.Error {
	if f := fault.Of(err); f != nil {
		return f
	}
	return fault.New(fault.Internal, "internal", "%v", err)
}

// sentence is what an error says in one line: with its cause, unless that is an error for users itself, of which this one
// is the better account.
func sentence(f *fault.Error) string {
	if fault.Of(f.Err) != nil {
		return f.Message
	}
	return f.Error()
}

// Tell prints an error on stderr: what, the facts below it, and what helps.
func (p *Printer) Tell(err error) {
	f := faultOf(err)
	lines := []string{p.Paint("31;1", "error["+f.Code+"]:") + " " + Printable(sentence(f))}
	for _, fact := range f.Facts {
		lines = append(lines, Indent("   ", Printable(fact)))
	}
	for _, help := range f.Help {
		lines = append(lines, p.Paint("36;1", "help:")+" "+Indent("      ", Printable(help))[6:])
	}
	p.tell(strings.Join(lines, "\n"))
}

// OrNone makes a list that is nil one that is written as [].
func OrNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// Indent puts a prefix before every line of a text.
func Indent(prefix, text string) string {
	return prefix + strings.ReplaceAll(text, "\n", "\n"+prefix)
}

// Printable writes control and invisible characters as escapes, so that a description cannot draw on the terminal.
func Printable(text string) string {
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

// Size writes bytes for people.
func Size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
}

// Plural writes a count with its noun.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
