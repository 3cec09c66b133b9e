package main

import (
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

type removeCmd struct {
	Packages []string `arg:"" name:"package" help:"Dependencies to remove, as gal.toml calls them."`
	Dev      bool     `xor:"table" help:"Remove from [dev-dependencies]."`
	Build    bool     `xor:"table" help:"Remove from [build-dependencies]."`
	DryRun   bool     `short:"n" help:"Say what would change, and write nothing."`
}

func (removeCmd) Help() string {
	return `Takes dependencies out of gal.toml, with the features that name them, and locks and installs what is left. Every
other byte of gal.toml stays as it is.

EXAMPLES
  gal-pkg remove mailbox
  gal-pkg remove assert-kit --dev`
}

func (c *removeCmd) Run(a *app) error {
	p, err := a.onePackage()
	if err != nil {
		return err
	}
	edit, err := manifest.Open(p.Text())
	if err != nil {
		return err
	}
	table := tableOf(c.Dev, c.Build)
	for _, name := range c.Packages {
		if err := manifest.CheckName(name); err != nil && !edit.Has(table, name) {
			return err
		}
		if err := edit.RemoveDependency(table, name); err != nil {
			return err
		}
		a.Status("Removing", "%s from %s%s", name, table, a.elsewhere(p))
		dropped, err := edit.RemoveFeatureRefs(name)
		if err != nil {
			return err
		}
		for _, feature := range dropped {
			a.Note("removed %s from [features]", feature)
		}
	}
	return a.apply(p, edit, c.DryRun, "remove")
}

// apply locks and installs the project with an edited manifest; gal.toml is written with the rest, at the end.
func (a *app) apply(p *project.Project, edit *manifest.Edit, dryRun bool, command string) error {
	next, err := p.WithManifest(edit.Bytes())
	if err != nil {
		return err
	}
	plan, err := a.plan(next, project.Locking{})
	if err != nil {
		return err
	}
	fetching, err := a.fetching()
	if err != nil {
		return err
	}
	if dryRun {
		return a.preview(plan, project.Choice{}, fetching, command)
	}
	return a.install(plan, project.Choice{}, fetching, command)
}

// tableOf is the table of gal.toml that --dev and --build stand for.
func tableOf(dev, build bool) string {
	switch {
	case dev:
		return "dev-dependencies"
	case build:
		return "build-dependencies"
	}
	return "dependencies"
}
