package cmdline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
)

func TestExitCodes(t *testing.T) {
	of := func(kind fault.Kind) error { return fault.New(kind, "code", "message") }
	for _, row := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {of(fault.Negative), 1}, {of(fault.Usage), 2}, {of(fault.Manifest), 3}, {of(fault.NoSolution), 4}, {of(fault.NotFound), 5},
		{of(fault.Network), 6}, {of(fault.Integrity), 7}, {of(fault.Auth), 8}, {of(fault.Cancelled), 9}, {errors.New("a bug"), 70},
		{fmt.Errorf("while working: %w", of(fault.Auth)), 8},
		{context.Canceled, 130}, {fmt.Errorf("writing: %w", syscall.EPIPE), 141},
		// Of several the gravest counts: integrity, then credentials, then the network.
		{errors.Join(of(fault.NotFound), of(fault.Network), of(fault.Integrity), of(fault.Auth)), 7},
		{errors.Join(of(fault.Network), of(fault.Auth)), 8},
		{errors.Join(of(fault.NotFound), of(fault.Network)), 6},
	} {
		if got := cmdline.ExitCode(row.err); got != row.want {
			t.Errorf("%v: exit code %d, want %d", row.err, got, row.want)
		}
	}
}

func TestFailure(t *testing.T) {
	var out, errs strings.Builder
	p := &cmdline.Printer{Program: "gal-pkg", Stdout: &out, Stderr: &errs, JSON: true}
	p.Fail("add", fault.New(fault.NotFound, "package-not-found", "no \x1b[31mred\x1b[0m package").WithFact("one").WithHelp("two\nthree"))
	wantErrors := "error[package-not-found]: no \\x1b[31mred\\x1b[0m package\n   one\nhelp: two\n      three\n"
	if errs.String() != wantErrors {
		t.Errorf("stderr is\n%s, want\n%s", errs.String(), wantErrors)
	}
	for _, want := range []string{`"schema": "gal-pkg/add/v1"`, `"ok": false`, `"code": "package-not-found"`, `"details": [`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("stdout has no %s:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String()+errs.String(), "\x1b") {
		t.Error("an escape sequence got through")
	}
}

func TestResult(t *testing.T) {
	for _, json := range []bool{false, true} {
		var out, errs strings.Builder
		p := &cmdline.Printer{Program: "gal-pkg", Stdout: &out, Stderr: &errs, JSON: json}
		if err := p.Result("tree", struct{}{}, func(w io.Writer) { fmt.Fprintln(w, "a tree") }); err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{false: "a tree\n", true: "{\n  \"schema\": \"gal-pkg/tree/v1\",\n  \"ok\": true\n}\n"}[json]
		if out.String() != want || errs.Len() > 0 {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	}
}

// What others have written reaches the terminal as text.
func TestNothingMovesTheCursor(t *testing.T) {
	var out strings.Builder
	p := &cmdline.Printer{Stdout: &out, Stderr: &out}
	p.Say("a\x1b[2Jb\u202ec")
	if got := out.String(); got != `a\x1b[2Jb\u202ec`+"\n" {
		t.Errorf("%q", got)
	}
}
