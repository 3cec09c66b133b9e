package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// NoSolution says that no set of versions fulfils a request, and proves it. It wraps a [fault.Error] of the kind
// NoSolution with the code "no-solution", whose facts are the sentences and whose help are the suggestions.
type NoSolution struct {
	Subject     string       `json:"subject"`               // the manifest
	Sentences   []string     `json:"sentences"`             // the proof in words; "(1)" marks what is used again
	Steps       []Step       `json:"steps"`                 // the proof for programs; the last step is the conclusion
	Suggestions []Suggestion `json:"suggestions,omitempty"` // single changes, each of which was tried
	Notes       []string     `json:"notes,omitempty"`

	relaxable []relaxation
	involved  []PackageID
}

// Step is a fact, or a conclusion from two earlier steps.
type Step struct {
	ID      int    `json:"id"` // from 1
	Kind    string `json:"kind"`
	Text    string `json:"text"`
	Because []int  `json:"because,omitempty"` // ids, all smaller
}

// Suggestion is a change of one requirement that makes the request possible.
type Suggestion struct {
	Change string `json:"change"` // as a line of the manifest: chaos-lib = "0.4"
	Where  string `json:"where,omitempty"`
	Result string `json:"result"` // what would be chosen: "chaos-lib 0.4.9, wire 2.3.1"
}

// Error is one line; [NoSolution.Text] is all of it.
func (e *NoSolution) Error() string { return "no set of versions satisfies " + e.Subject }

// Unwrap returns the fault that a command shows.
func (e *NoSolution) Unwrap() error {
	f := fault.New(fault.NoSolution, "no-solution", "no set of versions satisfies %s", e.Subject)
	f.Facts = append(f.Facts, e.shown()...)
	if len(e.Suggestions) > 0 {
		f.WithHelp("these single changes make it resolve (each was tried):\n%s", e.suggestionTable())
	}
	for _, note := range e.Notes {
		f.WithFact("note: %s", note)
	}
	return f
}

// Text is the whole explanation: sentences, suggestions and notes, a line each, without a line feed at the end.
func (e *NoSolution) Text() string {
	lines := []string{e.Error()}
	for _, sentence := range e.shown() {
		lines = append(lines, "  "+sentence)
	}
	if len(e.Suggestions) > 0 {
		lines = append(lines, "help: these single changes make it resolve (each was tried):", e.suggestionTable())
	}
	for _, note := range e.Notes {
		lines = append(lines, "note: "+note)
	}
	return strings.Join(lines, "\n")
}

// shown are the sentences that a person may read: of a very long proof, the beginning and the end.
func (e *NoSolution) shown() []string {
	if len(e.Sentences) <= maxShown {
		return e.Sentences
	}
	left := len(e.Sentences) - maxShown
	middle := fmt.Sprintf("(%d sentences are left out here)", left)
	return slices.Concat(e.Sentences[:maxShown/2], []string{middle}, e.Sentences[maxShown/2+left:])
}

// maxProof bounds the steps of a proof that is written down: nobody reads more, and memory is finite.
const maxProof = 50_000

// maxShown bounds the sentences of [NoSolution.Text]; [NoSolution.Sentences] has all.
const maxShown = 40

func (e *NoSolution) suggestionTable() string {
	width := 0
	for _, s := range e.Suggestions {
		width = max(width, len(s.Change))
	}
	var lines []string
	for _, s := range e.Suggestions {
		lines = append(lines, fmt.Sprintf("  %-*s  -> %s", width, s.Change, s.Result))
	}
	return strings.Join(lines, "\n")
}

// explain turns the final proof into the error.
func (s *solver) explain() error {
	e := &NoSolution{Subject: s.subject()}
	if s.proofSize() > maxProof {
		e.Sentences = []string{fmt.Sprintf("The requirements contradict each other, but the proof of that has more than %d steps.", maxProof)}
		return e
	}
	root := s.prove()
	n := narrator{s: s, e: e}
	n.number(root)
	if root.left == nil {
		e.Sentences = []string{"Because " + s.tell(root.fact) + ", " + s.conclusion(root.terms) + "."}
	} else {
		n.narrate(root)
	}
	e.Notes = s.notes(root)
	e.relaxable, e.involved = s.relaxations(root), s.involved(root)
	return e
}

func (s *solver) subject() string {
	if len(s.req.Roots) > 1 {
		return "the workspace"
	}
	if m := s.req.Roots[0].Manifest; m != "" {
		return m
	}
	return "gal.toml"
}
