package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/site"
)

// cancelled is the document of publish --cancel.
type cancelled struct {
	Name      string      `json:"name"`
	Version   string      `json:"version"`
	Registry  string      `json:"registry"`
	State     string      `json:"state"` // the worst of those of the proposals: cancelled, cancelling, open, refused, merged; or dry-run
	Proposals []takenBack `json:"proposals"`
}

// takenBack is a proposal in that document.
type takenBack struct {
	Branch string `json:"branch"`
	State  string `json:"state"`            // cancelled; cancelling until the registry's gate has run; open: it is another's; refused; merged; or dry-run
	Merged string `json:"merged,omitempty"` // the commit of main that carries it
}

// stillOpen is the state of a proposal that was handed in by another.
const stillOpen = "open"

// fates are those of the proposals of a version that is taken back, the worst last.
var fates = []string{desk.Cancelled, desk.Cancelling, stillOpen, desk.Refused, desk.Merged}

// cancel takes back the open proposals of a version. The registry closes those that were handed in with the same key.
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
	open, others, err := a.ours(d, r.ID(), author.Key.Public().Hint(), info)
	if err != nil {
		return err
	}
	result := &cancelled{Name: info.Name, Version: info.Version.String(), Registry: r.ID(), State: "dry-run"}
	var facts []string
	for _, p := range open {
		taken, why := takenBack{Branch: p.Branch, State: "dry-run"}, []string(nil)
		if !c.DryRun {
			if taken, why, err = c.takeBack(a, d, r, author, p.Waiting); err != nil {
				return err
			}
		}
		result.Proposals, facts = append(result.Proposals, taken), append(facts, why...)
	}
	for _, p := range others {
		result.Proposals = append(result.Proposals, takenBack{Branch: p.Branch, State: stillOpen})
	}
	if !c.DryRun {
		result.State = slices.MaxFunc(result.Proposals, func(x, y takenBack) int {
			return slices.Index(fates, x.State) - slices.Index(fates, y.State)
		}).State
	}
	return result.tell(a, facts, others)
}

// takeBack takes one proposal back, and says why that did not work where it did not.
func (c *publishCmd) takeBack(a *app, d *desk.Desk, r *remote.Registry, author publish.Author, p publish.Waiting) (taken takenBack, why []string, err error) {
	taken.Branch = p.Branch
	reason := ""
	if c.Reason != nil {
		reason = *c.Reason
	}
	withdrawal, err := d.Withdraw(a.ctx, author, r.ID(), p, reason)
	if err != nil {
		return taken, nil, err
	}
	var o *site.Outcome
	taken.State, o, err = desk.Fate(a.ctx, r, p, withdrawal)
	switch taken.State {
	case desk.Merged:
		taken.Merged = o.Merged
		why = append(why, fmt.Sprintf("%s is merged: %s", p.Branch, o.Merged))
	case desk.Refused:
		for _, f := range o.Report.Findings {
			why = append(why, fmt.Sprintf("%s stays open: %s: %s", p.Branch, f.ID, f.Message))
		}
	}
	return taken, why, err
}

// tell says what became of the proposals, with facts why they are not all taken back, and last which others are open.
func (r *cancelled) tell(a *app, facts []string, others []desk.OfVersion) error {
	var bad *fault.Error
	switch {
	case r.State == "dry-run":
		a.Status("Finished", "dry run: nothing was written")
	case r.State == desk.Cancelled:
		a.Status("Cancelled", "%s %s", r.Name, r.Version)
	case slices.ContainsFunc(r.Proposals, func(p takenBack) bool { return p.State == desk.Cancelling }):
		a.Note("the registry closes it at the next run of its gate: gal-registry gate --merge")
	case r.State == stillOpen:
		a.Status("Cancelled", "what you had proposed for %s %s", r.Name, r.Version)
	}
	switch r.State {
	case desk.Refused:
		bad = fault.New(fault.Negative, "not-cancelled", "%s %s stays proposed: the registry does not take it back", r.Name, r.Version).
			WithHelp("%s", askPeople)
	case desk.Merged:
		bad = fault.New(fault.Negative, "merged-already", "%s %s was merged before it could be taken back", r.Name, r.Version).
			WithHelp("gal-pkg yank %s@%s --reason WHY", r.Name, r.Version)
	}
	for _, fact := range facts {
		bad.WithFact("%s", fact)
	}
	for _, p := range others {
		a.Warn("%s; it stays open, and can still be merged", handedIn(p))
	}
	if len(others) > 0 {
		a.Note("%s", askPeople)
	}
	return a.verdict("publish", r, r.print, bad)
}

func (r *cancelled) print(w io.Writer) {
	for _, p := range r.Proposals {
		if p.State != stillOpen {
			fmt.Fprintln(w, p.Branch)
		}
	}
}

// askPeople is how a proposal is closed that its author cannot take back.
const askPeople = "ask the registry's people: gal-registry gate DIR --reject BRANCH --reason WHY"

// ours lists the open proposals of a version that were handed in with a key, and the others, which the registry keeps open.
// Where there are only those it is an error.
func (a *app) ours(d *desk.Desk, registry, key string, info *manifest.PackageInfo) (ours, others []desk.OfVersion, err error) {
	open, err := d.OfVersion(a.ctx, info.Name, info.Version)
	if err != nil {
		return nil, nil, err
	}
	if len(open) == 0 {
		return nil, nil, fault.New(fault.NotFound, "no-proposal", "no proposal for %s %s is open in %s", info.Name, info.Version, registry).
			WithHelp("gal-pkg proposal list")
	}
	for _, p := range open {
		if p.Key == key {
			ours = append(ours, p)
		} else {
			others = append(others, p)
		}
	}
	if len(ours) > 0 {
		return ours, others, nil
	}
	fail := fault.New(fault.Auth, "signed-by-another", "what is proposed for %s %s was not handed in with the key, so it cannot take it back", info.Name, info.Version).
		WithFact("yours %s", key)
	for _, p := range others {
		fail.WithFact("%s", handedIn(p))
	}
	return nil, nil, fail.WithHelp("pass --sign FILE with the key that signed it").WithHelp("%s", askPeople)
}

// handedIn says who has handed a proposal in that is another's.
func handedIn(p desk.OfVersion) string {
	if p.Key == "" {
		return p.Branch + " was handed in without a key: from a file, or by an identity"
	}
	return fmt.Sprintf("%s was handed in with another key (%s)", p.Branch, p.Key)
}
