package main

import (
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
)

type deprecateCmd struct {
	signing
	proposing
	Package     string `arg:"" name:"package" help:"The package."`
	Message     string `placeholder:"TEXT" help:"What people who use it should know."`
	Replacement string `placeholder:"PACKAGE" help:"What to use instead."`
	Undo        bool   `help:"Take a deprecation back."`
}

func (deprecateCmd) Help() string {
	return `Advises against a package as a whole. Its versions stay as they are and are still chosen; who adds or looks at it is
told. To take out one version, yank it; to close the package, see gal-pkg tombstone.

EXAMPLES
  gal-pkg deprecate mailbox --message "no longer developed" --replacement post-office
  gal-pkg deprecate mailbox --undo`
}

func (c *deprecateCmd) Run(a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := a.onlineUnless(c.Output != ""); err != nil {
		return err
	}
	s, err := a.standing(c.signing, c.Package)
	if err != nil {
		return err
	}
	if c.Replacement != "" {
		if _, err := s.registry.Snapshot.Package(a.ctx, c.Replacement); err != nil {
			return project.WithSimilar(a.ctx, s.registry, c.Replacement, err)
		}
	}
	if now := s.pkg.Deprecated; now == nil && c.Undo || now != nil && *now == (index.Deprecate{Message: c.Message, Replacement: c.Replacement}) {
		return a.nothingToDo(s.registry, "%s is %s already", c.Package, map[bool]string{true: "not deprecated", false: "deprecated with these words"}[c.Undo])
	}
	line, err := s.author.Deprecate(s.registry.ID(), s.pkg, c.Message, c.Replacement)
	if err != nil {
		return badLine(err)
	}
	return a.bring(&proposal{registry: s.registry, author: s.author, lines: []*index.Line{line}, flags: c.proposing})
}

func (c *deprecateCmd) check() error {
	problem := ""
	switch {
	case c.Undo && (c.Message != "" || c.Replacement != ""):
		problem = "--undo takes a deprecation back; it needs no words"
	case !c.Undo && strings.TrimSpace(c.Message) == "" && c.Replacement == "":
		problem = "--message or --replacement is needed: people who use " + c.Package + " will read it"
	case c.Replacement == c.Package:
		problem = c.Package + " cannot be its own replacement"
	default:
		return nil
	}
	return fault.New(fault.Usage, "usage", "%s", problem).WithHelp("gal-pkg deprecate %s --message TEXT", c.Package)
}
