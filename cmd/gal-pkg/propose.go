package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/gate"
	"github.com/geeknik/gal-pkg/tools/site"
)

// proposing are the flags of commands that propose lines.
type proposing struct {
	DryRun bool          `short:"n" help:"Do everything but write: sign and judge."`
	Wait   time.Duration `placeholder:"5m" help:"Wait for the registry's answer."`
	Output string        `placeholder:"DIR" xor:"way" help:"Write the signed proposal into DIR, for gal-pkg proposal submit on another machine."`
}

// submitted is what the documents of those commands say of the proposal.
type submitted struct {
	Registry string       `json:"registry"`
	State    string       `json:"state"` // published, proposed, merged, waiting, unfinished, written or dry-run
	Branch   string       `json:"branch,omitempty"`
	Commit   string       `json:"commit,omitempty"`
	File     string       `json:"file,omitempty"` // of a proposal that was written and not handed in
	Gate     *gate.Report `json:"gate,omitempty"`
}

// proposal is what is brought to a registry.
type proposal struct {
	registry *remote.Registry
	desk     *desk.Desk
	author   publish.Author // who brings it; without a key the commit is not signed
	lines    []*index.Line
	about    string                  // what is proposed, where the lines are not at hand
	archives []*archive.Archive      // of the versions that it publishes
	bundles  map[index.Digest][]byte // of signatures by identities
	flags    proposing
	missing  int          // signatures that it needs beside those it has
	ready    func() error // called after the gate's yes, before anything is written; nil for nothing

	document any // of the command; what it says of the proposal is said
	said     *submitted
}

// proposalResult is the document of commands that propose lines and have no more to say.
type proposalResult struct {
	Lines   []lineResult `json:"lines"`
	Missing int          `json:"missing"` // signatures
	submitted
}

// lineResult is a line for people.
type lineResult struct {
	Event   string   `json:"event"`
	Subject string   `json:"subject"` // package or publisher
	By      []string `json:"by"`      // who has signed, the speaker first
	Says    string   `json:"says"`
	Until   string   `json:"until"`
	Digest  string   `json:"digest"`
}

func newProposalResult(lines []*index.Line, missing int) *proposalResult {
	r := &proposalResult{Lines: []lineResult{}, Missing: missing}
	for _, l := range lines {
		by := []string{l.By}
		for _, c := range l.Sig.Also {
			by = append(by, c.By)
		}
		r.Lines = append(r.Lines, lineResult{
			string(l.Event), l.Subject, by, desk.Words(l), l.Until.UTC().Format(time.RFC3339), string(l.Digest()),
		})
	}
	return r
}

// bring hands a proposal in, or writes it into a file: where the user asks for that, and where more signatures are needed
// than were made here.
func (a *app) bring(p *proposal) error {
	if p.document == nil {
		r := newProposalResult(p.lines, p.missing)
		p.document, p.said = r, &r.submitted
	}
	if p.desk == nil && !a.g.Offline {
		d, err := a.desk(p.registry)
		if err != nil {
			return err
		}
		defer d.Close()
		p.desk = d
		if err := a.warnOfRivals(p); err != nil {
			return err
		}
	}
	if p.desk != nil {
		p.desk.Bundles = p.bundles
	}
	switch {
	case p.missing > 0:
		return a.write(p, "unfinished")
	case p.flags.Output != "":
		return a.write(p, "written")
	}
	return a.propose(p)
}

// warnOfRivals tells of open proposals that would make this one void, or be made void by it.
func (a *app) warnOfRivals(p *proposal) error {
	last := p.lines[len(p.lines)-1]
	if last.Event == index.EventPublish {
		return nil
	}
	rivals, err := p.desk.Alike(a.ctx, last.Event, last.Subject)
	for _, branch := range rivals {
		a.Warn("another proposal of this kind is open for %s: %s; the first to be merged wins", last.Subject, branch)
	}
	return err
}

// resultOf prints the document of the command.
func (a *app) resultOf(p *proposal, text func(io.Writer)) error {
	return a.Result(commandName(a.kong), p.document, text)
}

// propose judges lines with the registry's own gate and, unless it is a dry run, uploads and pushes them.
func (a *app) propose(p *proposal) error {
	if err := a.onlineUnless(false); err != nil {
		return err
	}
	p.said.Registry = p.registry.ID()
	if err := a.judge(p); err != nil {
		return err
	}
	if p.flags.DryRun {
		p.said.State = "dry-run"
		a.Status("Finished", "dry run: the gate says %s; nothing was written", p.said.Gate.Verdict)
		return a.resultOf(p, nil)
	}
	if p.ready != nil {
		if err := p.ready(); err != nil {
			return err
		}
	}
	if err := a.upload(p); err != nil {
		return err
	}
	made, err := p.desk.Propose(a.ctx, p.author, p.registry.ID(), p.lines, title(p.lines))
	if err != nil {
		return err
	}
	p.said.State, p.said.Branch, p.said.Commit = "proposed", made.Branch, made.Commit
	a.Status("Proposed", "%s in %s", made.Branch, p.registry.ID())
	return a.answered(p, false)
}

// judge asks the gate, and tells its remarks.
func (a *app) judge(p *proposal) error {
	report, err := p.desk.Judge(a.ctx, p.lines, p.archives, a.now())
	if err != nil {
		return err
	}
	p.said.Gate = report
	if report.Verdict == gate.Fail && !(p.missing > 0 && onlyUnfinished(report)) {
		return report.Refusal()
	}
	for _, f := range report.Findings {
		if f.Verdict == gate.Pass {
			a.Warn("%s: %s; %s", f.ID, f.Message, f.Fix)
		}
	}
	return nil
}

// onlyUnfinished reports whether nothing is wrong with a proposal but that signatures are missing.
func onlyUnfinished(r *gate.Report) bool {
	return !slices.ContainsFunc(r.Findings, func(f gate.Finding) bool { return f.Verdict == gate.Fail && f.ID != "G51" })
}

func (a *app) upload(p *proposal) error {
	for _, l := range p.lines {
		body, ok := l.Body.(*index.Publish)
		if !ok {
			continue
		}
		a.Status("Uploading", "%s", index.ArchiveName(l.Subject, l.Version()))
		for _, packed := range p.archives {
			if packed.Digest != string(body.Checksum) {
				continue
			}
			if err := p.desk.PutArchive(a.ctx, packed); err != nil {
				return err
			}
		}
	}
	return nil
}

// heading says in a few words what is proposed.
func (p *proposal) heading() string {
	if p.about != "" {
		return p.about
	}
	return title(p.lines)
}

// title is the first line of the commit: `mailbox: publish 1.0.0`.
func title(lines []*index.Line) string {
	var events []string
	for _, l := range lines {
		if l.Subject == lines[len(lines)-1].Subject {
			events = append(events, strings.TrimSpace(fmt.Sprintf("%s %s", l.Event, l.Version())))
		}
	}
	return lines[len(lines)-1].Subject + ": " + strings.Join(events, ", ")
}

// answered looks for the registry's answer and, with a duration, waits for it. Asked says that somebody wants to know whether
// it is merged, so that neither yes nor no is no.
func (a *app) answered(p *proposal, asked bool) error {
	outcome, err := a.await(p.registry, publish.Waiting{Branch: p.said.Branch, Commit: p.said.Commit}, p.flags.Wait)
	switch {
	case err != nil:
		return err
	case outcome == nil || outcome.Report.Verdict == gate.Human:
		return a.undecided(p, outcome, asked || p.flags.Wait > 0)
	}
	return a.outcome(p, outcome)
}

// await returns what the registry says of a proposal once that is a yes or a no, or the time is over; nil for nothing.
func (a *app) await(r *remote.Registry, p publish.Waiting, wait time.Duration) (*site.Outcome, error) {
	deadline := a.now().Add(wait)
	if wait > 0 {
		a.Status("Waiting", "for the registry's answer, at most %s", wait)
	}
	for {
		outcome, err := desk.AnswerTo(a.ctx, r, p.Branch, p.Commit)
		if err != nil || outcome != nil && outcome.Report.Verdict != gate.Human || !a.now().Before(deadline) {
			return outcome, err
		}
		select {
		case <-time.After(min(2*time.Second, deadline.Sub(a.now()))):
		case <-a.ctx.Done():
			return nil, a.ctx.Err()
		}
	}
}

// undecided tells of a proposal that the registry has said neither yes nor no to.
func (a *app) undecided(p *proposal, o *site.Outcome, asked bool) error {
	why := "the registry's gate has not judged it; its operator runs gal-registry gate --merge"
	if o != nil {
		p.said.Gate, p.said.State = o.Report, "waiting"
		for _, f := range o.Report.Findings {
			a.Note("%s: %s", f.ID, f.Message)
		}
		why = "a person of the registry decides"
	}
	if !asked {
		a.Note("%s is only proposed, and nothing is released or changed yet: %s", p.heading(), why)
		return a.resultOf(p, p.printBranch)
	}
	bad := fault.New(fault.Negative, "not-merged", "%s is only proposed, and nothing is released or changed yet: %s", p.heading(), why)
	return a.verdict(commandName(a.kong), p.document, p.printBranch, bad)
}

func (p *proposal) printBranch(w io.Writer) { fmt.Fprintln(w, p.said.Branch) }

func (a *app) outcome(p *proposal, o *site.Outcome) error {
	p.said.Gate = o.Report
	if o.Report.Verdict == gate.Fail {
		return o.Report.Refusal()
	}
	p.said.State, p.said.Commit = "merged", o.Merged
	a.Status("Merged", "%s", p.heading())
	return a.resultOf(p, p.printBranch)
}
