package main

import (
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

type yankCmd struct {
	signing
	proposing
	Package  string `arg:"" name:"package@version" help:"The version to yank."`
	Reason   string `placeholder:"TEXT" help:"Why; people who have it locked will read this."`
	Class    string `enum:"security,broken,license,mistake,other" default:"other" help:"Kind of reason: security, broken, license, mistake, other."`
	Advisory string `placeholder:"ID" help:"The advisory that says more."`
	Undo     bool   `help:"Take a yank back."`
}

func (yankCmd) Help() string {
	return `A yanked version is not chosen any more. Projects that have it in gal.lock keep it, with a warning; nothing is ever
deleted.

EXAMPLES
  gal-pkg yank mailbox@1.0.0 --reason "loses messages on restart" --class broken
  gal-pkg yank mailbox@1.0.0 --undo`
}

func (c *yankCmd) Run(a *app) error {
	name, v, err := c.target()
	if err != nil {
		return err
	}
	if !c.Undo && strings.TrimSpace(c.Reason) == "" {
		return fault.New(fault.Usage, "usage", "a reason is needed: people who have %s locked will read it", c.Package).
			WithHelp("gal-pkg yank %s --reason TEXT", c.Package)
	}
	if err := a.onlineUnless(c.Output != ""); err != nil {
		return err
	}
	r, err := a.registry()
	if err != nil {
		return err
	}
	pkg, err := r.Snapshot.Package(a.ctx, name)
	if err != nil {
		return project.WithSimilar(a.ctx, r, name, err)
	}
	release := pkg.Release(v)
	if release == nil {
		return noVersion(pkg, version.Exactly(v)).WithHelp("gal-pkg info %s --versions", name)
	}
	// What the registry itself has yanked is another matter: its owners can say the same, and cannot take it back.
	own := release.YankedBy("") != nil
	if c.Undo && !own && release.Yanked() != nil {
		return fault.New(fault.Negative, "yanked-by-registry", "the registry itself has yanked %s %s; its owners cannot take that back", name, v).
			WithFact("%s: %s", release.Yanked().Class, release.Yanked().Reason).WithHelp("ask the operator of registry %s", r.ID())
	}
	if own != c.Undo {
		a.Status("Finished", "%s %s is %s already", name, v, map[bool]string{true: "not yanked", false: "yanked"}[c.Undo])
		return a.Result("yank", publishResult{Name: name, Version: v.String(), submitted: submitted{Registry: r.ID(), State: "published"}}, nil)
	}
	return c.propose(a, pkg, v)
}

func (c *yankCmd) propose(a *app, pkg *index.Package, v version.Version) error {
	r, err := a.registry()
	if err != nil {
		return err
	}
	author, err := a.author(c.signing)
	if err != nil {
		return err
	}
	if _, err := desk.Registration(a.ctx, r, author, ""); err != nil {
		return err
	}
	var line *index.Line
	if c.Undo {
		line, err = author.Unyank(r.ID(), pkg, v, c.Reason)
	} else {
		line, err = author.Yank(r.ID(), pkg, &index.Yank{Version: v, Class: c.Class, Reason: c.Reason, Advisory: c.Advisory})
	}
	if err != nil {
		return err
	}
	result := publishResult{Name: pkg.Name, Version: v.String()}
	return a.bring(&proposal{
		registry: r, author: author, lines: []*index.Line{line}, flags: c.proposing, document: &result, said: &result.submitted,
	})
}

// target reads NAME@VERSION.
func (c *yankCmd) target() (string, version.Version, error) {
	name, text, ok := strings.Cut(c.Package, "@")
	if !ok {
		return "", version.Version{}, fault.New(fault.Usage, "usage", "%q does not say which version", c.Package).WithHelp("gal-pkg yank %s@VERSION", name)
	}
	if err := manifest.CheckName(name); err != nil {
		return "", version.Version{}, err
	}
	v, err := version.Parse(text)
	if err != nil {
		return "", v, fault.New(fault.Usage, "bad-version", "%v", err)
	}
	return name, v, nil
}
