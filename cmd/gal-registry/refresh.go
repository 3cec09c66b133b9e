package main

import (
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/tools/site"
)

type refreshCmd struct {
	Dir string `arg:"" optional:"" default:"." placeholder:"DIR" help:"The registry's folder (default: this one)."`
}

func (refreshCmd) Help() string {
	return `Builds what is not published yet, and signs anew that all of it is current. Clients refuse a registry whose last
signature is older than three days, because somebody might show them its past; so run this once a day.

A file sigstore.json in the registry's folder, the trusted root of a Sigstore instance, lets the identities sign that
publishers name, without a key: those of jobs, and of people who log in. It takes effect here, or with whatever is published
next; to take the file away does not undo it.

EXAMPLES
  gal-registry refresh ./registry
  17 3 * * *  gal-registry refresh /srv/registry >/dev/null`
}

func (c *refreshCmd) Run(a *app) error {
	s, err := openSite(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	report, err := s.Refresh(a.ctx, a.now())
	if err != nil {
		return err
	}
	return a.built("refresh", c.Dir, report)
}

// built prints what a build did.
func (a *app) built(command, dir string, report *site.BuildReport) error {
	for _, dropped := range report.Dropped {
		a.Say("warning: %s", dropped)
	}
	for _, role := range report.Lost {
		a.Say("warning: no key for %s is in %s: restore it, or make a new one before it is needed: gal-registry root rotate %s --role %s", role, filepath.Join(dir, "keys"), dir, role)
	}
	if report.Renew {
		a.Say("warning: the root of trust expires on %s, and its keys are not here; sign the next one: gal-registry root rotate %s --root-key FILE", report.RootUntil.Format("2006-01-02"), dir)
	}
	return a.Result(command, report, cmdline.Text("dist "+report.Commit+", "+cmdline.Plural(report.Lines, "new line")+"\nroot "+report.Root+"\n"))
}
