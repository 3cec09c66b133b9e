package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/gate"
)

// cancelled is the document of publish --cancel.
type cancelled struct {
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Registry string   `json:"registry"`
	State    string   `json:"state"`    // cancelled, or cancelling until the registry's gate has run
	Branches []string `json:"branches"` // of the proposals that are taken back
}

// cancel takes back the open proposals of a version. The registry closes those that were signed with the same key.
func (c *publishCmd) cancel(a *app, r *remote.Registry, info *manifest.PackageInfo) error {
	author, err := a.author(c.signing)
	if err != nil {
		return err
	}
	d, err := a.desk(r)
	if err != nil {
		return err
	}
	defer d.Close()
	open, err := a.ours(d, r.ID(), author.Key.Public().Hint(), info)
	if err != nil {
		return err
	}
	result := cancelled{Name: info.Name, Version: info.Version.String(), Registry: r.ID(), State: "cancelling", Branches: open}
	if c.DryRun {
		result.State = "dry-run"
		a.Status("Finished", "dry run: nothing was written")
		return a.Result("publish", result, printLines(open))
	}
	for _, branch := range open {
		if _, err := d.Withdraw(a.ctx, author, r.ID(), branch, c.Reason); err != nil {
			return err
		}
	}
	left, err := d.OfVersion(a.ctx, info.Name, info.Version)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(open, func(branch string) bool { return slices.Contains(left, branch) }) {
		result.State = "cancelled"
		a.Status("Cancelled", "%s %s", info.Name, info.Version)
		return a.Result("publish", result, printLines(open))
	}
	a.Note("the registry closes it at the next run of its gate: gal-registry gate --merge; what was handed in from a file, its people close")
	return a.Result("publish", result, printLines(open))
}

// ours lists the open proposals of a version that are signed with a key. The registry keeps others open, and where there are only
// those it is an error.
func (a *app) ours(d *desk.Desk, registry, key string, info *manifest.PackageInfo) ([]string, error) {
	pending, err := d.Index.Pending(a.ctx, index.EventPublish, info.Name)
	if err != nil {
		return nil, err
	}
	var ours, others []string
	for _, p := range pending {
		at := slices.IndexFunc(p.Lines, func(l *index.Line) bool {
			body, ok := l.Body.(*index.Publish)
			return ok && body.Version.Equal(info.Version)
		})
		switch {
		case at < 0:
		case p.Lines[at].Sig.Key == key:
			ours = append(ours, p.Branch)
		case p.Lines[at].Sig.Bundle != "":
			others = append(others, p.Branch+" was signed by an identity, without a key")
		default:
			others = append(others, fmt.Sprintf("%s was signed with another key (%s)", p.Branch, p.Lines[at].Sig.Key))
		}
	}
	switch {
	case len(ours) > 0:
		for _, other := range others {
			a.Note("%s, and stays open", other)
		}
		return ours, nil
	case len(others) == 0:
		return nil, fault.New(fault.NotFound, "no-proposal", "no proposal for %s %s is open in %s", info.Name, info.Version, registry).
			WithHelp("gal-pkg proposal list")
	}
	fail := fault.New(fault.Auth, "signed-by-another", "the key did not sign what is proposed for %s %s, so it cannot take it back", info.Name, info.Version).
		WithFact("yours %s", key)
	for _, other := range others {
		fail.WithFact("%s", other)
	}
	return nil, fail.WithHelp("pass --sign FILE with the key that signed it")
}

func printLines(lines []string) func(io.Writer) {
	return func(w io.Writer) {
		for _, line := range lines {
			fmt.Fprintln(w, line)
		}
	}
}

// turnedDown tells of a no to a proposal with the same content that is closed: with --status that is the answer.
func (c *publishCmd) turnedDown(a *app, r *remote.Registry, draft *publish.Draft) error {
	outcome, err := desk.AnswerTo(a.ctx, r, index.ProposalBranch(draft.Name, draft.Publish.Checksum))
	if err != nil || outcome == nil || outcome.Report.Verdict != gate.Fail {
		return err
	}
	if c.Status {
		return outcome.Report.Refusal()
	}
	for _, f := range outcome.Report.Findings {
		a.Note("a proposal with this content was closed before: %s: %s", f.ID, f.Message)
	}
	return nil
}
