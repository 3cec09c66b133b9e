package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
	"github.com/geeknik/gal-pkg/version"
)

type updateCmd struct {
	Packages  []string `arg:"" optional:"" name:"package" help:"Packages to move; all where none is named."`
	Precise   string   `placeholder:"VERSION" help:"Move one package to exactly this version."`
	Recursive bool     `help:"Move what the packages depend on as well."`
	Breaking  bool     `help:"Raise the requirements in gal.toml that keep newer major versions out first."`
	DryRun    bool     `short:"n" help:"Say what would change, and write nothing."`
}

func (updateCmd) Help() string {
	return `Chooses the newest versions that gal.toml allows and installs them. What is not named stays, as far as it fits.

--breaking raises 1.2 and ^1.2 where there is an incompatible newer version. A pin such as =1.2.0, ~1.2 and <2 are there on
purpose: they stay, and are told. In a workspace it covers every member and [workspace.dependencies]; from inside a member, that
member and what it takes from there.

EXAMPLES
  gal-pkg update                              # everything
  gal-pkg update mailbox                      # one package, and what must move with it
  gal-pkg update mailbox --precise 1.0.0      # this very version
  gal-pkg update --breaking -n                # what newer major versions would bring`
}

func (c *updateCmd) Run(a *app) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	locking, err := c.locking(p)
	if err != nil {
		return err
	}
	if c.Breaking {
		if p, err = a.raise(p, c.Packages); err != nil {
			return err
		}
	}
	plan, err := a.plan(p, locking)
	if err != nil {
		return err
	}
	for _, h := range plan.Solution.Held {
		if !slices.ContainsFunc(plan.Changes, func(c project.Change) bool { return c.Name == h.ID.Name }) {
			a.Status("Held back", "%s v%s (v%s exists; %s)", h.ID.Name, h.Version, h.Newest, h.Reason)
		}
	}
	fetching, err := a.fetching()
	if err != nil {
		return err
	}
	if c.DryRun {
		return a.preview(plan, project.Choice{}, fetching, "update")
	}
	return a.install(plan, project.Choice{}, fetching, "update")
}

func (c *updateCmd) locking(p *project.Project) (project.Locking, error) {
	var o project.Locking
	for _, argument := range c.Packages {
		name, v, versioned := strings.Cut(argument, "@")
		if versioned {
			return o, fault.New(fault.Usage, "usage", "update takes names alone, not %s", argument).
				WithHelp("gal-pkg update %s --precise %s      # to that version, in gal.lock", name, v).
				WithHelp("gal-pkg add %s      # to require it in gal.toml", argument)
		}
		if err := manifest.CheckName(name); err != nil {
			return o, err
		}
		if p.Lock == nil || len(p.Lock.Find(name)) == 0 {
			return o, notLocked(p, name)
		}
	}
	o.Unlock = resolve.Unlock{All: len(c.Packages) == 0, Names: c.Packages, Recursive: c.Recursive}
	if c.Precise == "" {
		return o, nil
	}
	if len(c.Packages) != 1 {
		return o, fault.New(fault.Usage, "usage", "--precise goes with exactly one package").WithHelp("gal-pkg update PACKAGE --precise %s", c.Precise)
	}
	v, err := version.Parse(c.Precise)
	if err != nil {
		return o, fault.New(fault.Usage, "bad-version", "%v", err)
	}
	o.Precise = map[string]version.Version{c.Packages[0]: v}
	return o, nil
}

func notLocked(p *project.Project, name string) error {
	err := fault.New(fault.NotFound, "not-in-lock", "`%s` is not in gal.lock", name)
	if p.Lock != nil {
		var names []string
		for _, l := range p.Lock.Packages {
			names = append(names, l.Name)
		}
		if similar := manifest.Suggest(name, names); len(similar) > 0 {
			err.WithHelp("did you mean `%s`?", strings.Join(similar, "`, `"))
		}
	}
	return err.WithHelp("gal-pkg tree")
}

// raise rewrites requirements that keep the newest versions out; nothing is written yet.
func (a *app) raise(p *project.Project, only []string) (*project.Project, error) {
	set, err := a.registries()
	if err != nil {
		return nil, err
	}
	file, err := a.manifestFile()
	if err != nil {
		return nil, err
	}
	whole := filepath.Clean(file) == filepath.Join(p.Dir, manifest.FileName)
	next, raised, err := p.RaiseAll(a.ctx, set, project.Raising{Only: only, Whole: whole, Now: a.now()})
	if err != nil {
		return nil, err
	}
	for _, r := range raised {
		if r.To == "" {
			a.Status("Kept", "%s %s in %s%s (v%s exists)", r.Name, r.From, r.Table, a.elsewhereIn(r.File), r.Newest)
			continue
		}
		a.Status("Raising", "%s %s -> %s in %s%s", r.Name, r.From, r.To, r.Table, a.elsewhereIn(r.File))
	}
	return next, nil
}
