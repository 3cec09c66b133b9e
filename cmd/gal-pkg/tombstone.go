package main

import (
	"fmt"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
)

type tombstoneCmd struct {
	signing
	proposing
	Package string `arg:"" name:"package" help:"The package to close."`
	Reason  string `placeholder:"TEXT" help:"Why; everybody who looks for it will read this."`
	Confirm string `placeholder:"NAME" help:"The name of the package once more, instead of the question."`
}

func (tombstoneCmd) Help() string {
	return `Closes a package for ever: nothing is published, yanked or changed any more, by anybody. Its name and its versions stay
taken, and projects that have a version keep it. Only the operator of the registry could open it again. Most often
gal-pkg deprecate, gal-pkg yank or gal-pkg owner transfer is what you want.

As many owners must sign as the package's threshold says. --yes does not answer the question: type the name.

EXAMPLES
  gal-pkg tombstone mailbox --reason "replaced by post-office" --confirm mailbox`
}

func (c *tombstoneCmd) Run(a *app) error {
	if strings.TrimSpace(c.Reason) == "" {
		return fault.New(fault.Usage, "usage", "a reason is needed: people who look for %s will read it", c.Package).
			WithHelp("gal-pkg tombstone %s --reason TEXT --confirm %s", c.Package, c.Package)
	}
	if err := a.onlineUnless(c.Output != ""); err != nil {
		return err
	}
	s, err := a.standing(c.signing, c.Package)
	if err != nil {
		return err
	}
	if s.pkg.Tombstone != nil {
		return a.nothingToDo(s.registry, "%s is closed already", c.Package)
	}
	if err := c.confirm(a, s); err != nil {
		return err
	}
	line, err := s.author.Tombstone(s.registry.ID(), s.pkg, c.Reason)
	if err != nil {
		return badLine(err)
	}
	return a.bring(&proposal{
		registry: s.registry, author: s.author, lines: []*index.Line{line}, flags: c.proposing, missing: publish.Missing(s.pkg, line),
	})
}

// confirm wants the name of the package, from the flag or from the terminal. A dry run closes nothing.
func (c *tombstoneCmd) confirm(a *app, s *standing) error {
	name := c.Confirm
	switch {
	case name == "" && c.DryRun:
		return nil
	case name == "" && !a.asks():
		return fault.New(fault.Cancelled, "needs-answer", "%s in %s will be closed for ever, with %s", c.Package, s.registry.ID(), cmdline.Plural(len(s.pkg.Releases), "version")).
			WithHelp("pass --confirm %s to say so", c.Package)
	case name == "":
		answer, err := a.ask(fmt.Sprintf("%s in %s will be closed for ever. Type its name to go on: ", c.Package, s.registry.ID()))
		if err != nil {
			return err
		}
		name = answer
	}
	if name != c.Package {
		return fault.New(fault.Cancelled, "cancelled", "%q is not %q; nothing was changed", name, c.Package)
	}
	return nil
}
