package main

import (
	"path/filepath"
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/publish"
)

type proposalSubmitCmd struct {
	proposing
	File string `arg:"" name:"file" help:"The proposal file; the archives of what it publishes stand beside it."`
}

func (proposalSubmitCmd) Help() string {
	return `Judges a proposal file with the registry's gate, uploads the archives beside it, and proposes its lines to the registry.
No key is needed, only the right to push there: the lines are signed already. The registry commits them in its own name.

EXAMPLES
  gal-pkg proposal submit mailbox-owners-0123abcd.proposal
  gal-pkg proposal submit out/mailbox-1.1.0.proposal --wait 5m`
}

func (c *proposalSubmitCmd) Run(a *app) error {
	if c.Output != "" {
		return fault.New(fault.Usage, "usage", "--output does not go with submit: the proposal is in a file already").WithHelp("gal-pkg proposal submit --help")
	}
	if err := a.online(handingIn); err != nil {
		return err
	}
	path, f, err := a.loadProposal(c.File)
	if err != nil {
		return err
	}
	archives, err := f.Archives(filepath.Dir(path))
	if err != nil {
		return err
	}
	bundles, err := f.Bundles(filepath.Dir(path))
	if err != nil {
		return err
	}
	r, err := a.registryOf(f)
	if err != nil {
		return err
	}
	u := &unfinished{file: f, registry: r, packages: map[string]*index.Package{}}
	missing, err := u.missing(a)
	if err != nil {
		return err
	}
	if missing > 0 {
		return fault.New(fault.Negative, "proposal-unfinished", "%s missing", cmdline.Plural(missing, "signature")).
			WithHelp("gal-pkg proposal sign %s      # by who can give one", c.File)
	}
	if done, err := c.submittedAlready(a, r, f); done || err != nil {
		return err
	}
	speaker := publish.Author{ID: f.Lines[len(f.Lines)-1].By, Now: a.now()} // without a key: the commit is not theirs
	return a.bring(&proposal{registry: r, author: speaker, lines: f.Lines, archives: archives, bundles: bundles, flags: c.proposing})
}

// submittedAlready answers for a proposal that the registry has, open or merged.
func (c *proposalSubmitCmd) submittedAlready(a *app, r *remote.Registry, f *publish.File) (bool, error) {
	last := f.Lines[len(f.Lines)-1]
	branch := index.ProposalBranch(last.Subject, last.Digest())
	result := newProposalResult(f.Lines, 0)
	result.Registry, result.Branch = r.ID(), branch
	outcome, err := desk.AnswerTo(a.ctx, r, branch, "")
	if err != nil {
		return false, err
	}
	if outcome != nil && outcome.Merged != "" {
		result.State, result.Commit = "merged", outcome.Merged
		a.Status("Finished", "it is merged already: %s", title(f.Lines))
		return true, a.Result("proposal-submit", result, nil)
	}
	d, err := a.desk(r)
	if err != nil {
		return false, err
	}
	defer d.Close()
	open, err := d.Branches(a.ctx, last.Subject)
	at := slices.IndexFunc(open, func(o publish.Waiting) bool { return o.Branch == branch })
	if err != nil || at < 0 {
		return false, err
	}
	result.State, result.Commit = "waiting", open[at].Commit
	a.Status("Proposed", "it already: %s", branch)
	return true, a.answered(&proposal{registry: r, lines: f.Lines, flags: c.proposing, document: result, said: &result.submitted}, false)
}
