// Package gate judges a pull request to a registry: may these lines be appended to branch main? The author's machine and
// the registry run the same code on the same bytes, so they give the same answer.
//
// A check has a stable id and one of three verdicts: pass, fail, or human, which leaves the decision to a person. The
// verdict of a report is the worst of its findings; a report without findings passes. A finding whose verdict is pass is a
// remark for the author. Signatures of identities are verified with the ledger's Bundles and those that the proposal brings.
//
//	G01  only index and publisher files are touched           G24  a patch needs no newer toolchain
//	G02  files only grow                                      G30  every dependency is in a registry
//	G03  one publisher speaks                                 G31  no requirement is open to every version
//	G04  every line is in canonical form                      G40  the archive is there, with its size and digest
//	G05  files are regular files with mode 0644               G44  the archive is safe to unpack
//	G06  a line stands in the file of its subject             G45  the manifest inside says what the line says
//	G07  `after` and `until` fit                              G46  a licence and a description are there
//	G10  the name is well formed                              G47  no secrets are in the archive
//	G11  the name is free                                     G50  the signer may speak, and the signature verifies
//	G12  the name is not easily taken for another             G51  enough owners, or root keys, signed
//	G13  the name is not reserved                             G56  nothing of before becomes suspect without a person
//	G20  the version is new                                   G61  the policy lets this class in without a person
//	G21  the version follows those that are there (a remark)  G65  nobody has turned it down
package gate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/tools/build"
)

// Verdict is the answer to a proposal or of one check.
type Verdict string

const (
	Pass  Verdict = "pass"
	Human Verdict = "human"
	Fail  Verdict = "fail"
)

// Finding is what a check has to say against a proposal.
type Finding struct {
	ID      string  `json:"id"`
	Verdict Verdict `json:"verdict"`
	Path    string  `json:"path,omitempty"`
	Message string  `json:"message"`
	Fix     string  `json:"fix,omitempty"`
}

// Report is the answer to a proposal.
type Report struct {
	Schema   string    `json:"schema"` // gal-registry/gate/v1
	Verdict  Verdict   `json:"verdict"`
	Lines    []Summary `json:"lines"`
	Findings []Finding `json:"findings"`

	Signed []*index.Line `json:"-"` // those whose publishers have signed them, whatever else is found
}

// Refusal is the error of lines that the gate does not let in, with everything it found.
func (r *Report) Refusal() error {
	err := fault.New(fault.Negative, "gate-refused", "the registry's gate does not let this in")
	for _, f := range r.Findings {
		err.WithFact("%s %s: %s", f.ID, f.Verdict, f.Message)
		if f.Fix != "" {
			err.WithHelp("%s", f.Fix)
		}
	}
	return err
}

// Summary is one line of a proposal, for people.
type Summary struct {
	Event   string `json:"event"`
	Subject string `json:"subject"`
	Version string `json:"version,omitempty"`
	By      string `json:"by"`
	Digest  string `json:"digest"`
}

// Schema names the form of a Report.
const Schema = "gal-registry/gate/v1"

// Change is one file of a proposal, against the tip of main that it was made on. Old is nil for a new file, New for one
// that is removed.
type Change struct {
	Path     string
	Regular  bool // a regular file with mode 0644
	Old, New []byte
}

// Rules are what a proposal is held against.
type Rules struct {
	Config   *index.Config
	Access   *index.Access
	Reserved []string                           // names that nobody may take
	Ledger   *build.Ledger                      // of the published tree; judging adds the proposal's lines to it
	Archive  func(index.Digest) ([]byte, error) // the bytes that were uploaded
	Known    func(name string) (bool, error)    // whether a dependency is in this registry
	Names    func() ([]string, error)           // of every package of this registry; nil does not look for similar ones
	KeyOwner func(hint string) (string, error)  // the publisher that has ever had a key, "" for none; nil does not look
	// TakenBack says that the author of this very line has taken it back, and why; "" where that is not so. Nil does not look.
	TakenBack func(*index.Line) (string, error)
	Now       time.Time
	Approved  bool // a person has said yes to what needs one
}

// Judge runs every check on a proposal and reports all that they find. The lines are those that may be appended, in the
// order of their appending; they are nil unless the verdict is not Fail.
func Judge(changes []Change, r Rules) (*Report, []*index.Line) {
	j := &judge{rules: r, bundles: map[index.Digest][]byte{}, report: &Report{Schema: Schema, Verdict: Pass, Lines: []Summary{}, Findings: []Finding{}}}
	j.shape(changes)
	if j.report.Verdict != Fail {
		j.order()
		j.speakers()
		for _, l := range j.lines {
			j.line(l)
		}
	}
	for _, l := range j.lines {
		j.report.Lines = append(j.report.Lines, Summary{string(l.Event), l.Subject, l.Version(), l.By, string(l.Digest())})
	}
	slices.SortStableFunc(j.report.Findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Path, b.Path))
	})
	if j.report.Verdict == Fail {
		return j.report, nil
	}
	return j.report, j.lines
}

type judge struct {
	rules   Rules
	report  *Report
	decoder index.Decoder
	lines   []*index.Line
	bundles map[index.Digest][]byte // that the proposal brings
}

// find records what a check found.
func (j *judge) find(f Finding) {
	if f.Verdict == Human && j.rules.Approved {
		return
	}
	j.report.Findings = append(j.report.Findings, f)
	if f.Verdict == Fail || j.report.Verdict == Pass {
		j.report.Verdict = f.Verdict
	}
}

func (j *judge) fail(id, path, message, fix string) {
	j.find(Finding{ID: id, Verdict: Fail, Path: path, Message: message, Fix: fix})
}

// order puts lines as the build will: publishers before packages, then by path; lines of one file stay in order.
func (j *judge) order() {
	slices.SortStableFunc(j.lines, func(a, b *index.Line) int {
		x, y := index.SubjectPath(a.Event, a.Subject), index.SubjectPath(b.Event, b.Subject)
		// "publishers/" comes after "index/" by bytes, and before it in a build.
		return cmp.Or(strings.Compare(y[:1], x[:1]), strings.Compare(x, y))
	})
}
