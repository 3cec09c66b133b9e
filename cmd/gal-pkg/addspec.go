package main

import (
	"cmp"
	"path/filepath"
	"slices"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// entryOf finds an entry of a table, in any spelling of its name.
func entryOf(m *manifest.Manifest, table, alias string) (manifest.DependencySpec, bool) {
	for name, spec := range m.Table(table) {
		if manifest.Fold(name) == manifest.Fold(alias) {
			return spec, true
		}
	}
	return manifest.DependencySpec{}, false
}

// pathFrom is --path as gal.toml has it: relative to its own folder, not to the one that the command was run in.
func (c *addCmd) pathFrom(a *app, file string) (string, error) {
	full, err := a.path(c.Path)
	if err != nil || c.Path == "" {
		return "", err
	}
	here, err := a.dir()
	if err != nil || here == filepath.Dir(file) && !filepath.IsAbs(c.Path) {
		return c.Path, err // as it is written
	}
	rel, err := filepath.Rel(filepath.Dir(file), full)
	if err != nil {
		return c.Path, nil // on another volume: gal.toml refuses it
	}
	return filepath.ToSlash(rel), nil
}

// spec is what the command line says of a dependency, without what is there already.
func (c *addCmd) spec(path, name string, requirement version.Requirement) manifest.DependencySpec {
	spec := manifest.DependencySpec{
		Requirement: requirement, Features: c.Features, DefaultFeatures: !c.NoDefaultFeatures, Optional: c.Optional,
		Path: path, Git: c.Git, Tag: c.Tag, Branch: c.Branch, Rev: c.Rev,
	}
	if c.Rename != "" {
		spec.Package = name
	}
	return spec
}

// over is what an entry becomes: what is asked for, over what is there. It is settled where nothing is asked that says which
// package is meant, so that the entry keeps its requirement and its place.
func (c *addCmd) over(old manifest.DependencySpec, alias string, asked manifest.DependencySpec) (spec manifest.DependencySpec, settled bool) {
	if manifest.Fold(old.Name(alias)) != manifest.Fold(asked.Name(alias)) {
		return asked, false // what was said of another package does not hold for this one
	}
	spec = old
	spec.Features = slices.Clone(old.Features)
	for _, f := range asked.Features {
		if !slices.Contains(spec.Features, f) {
			spec.Features = append(spec.Features, f)
		}
	}
	spec.DefaultFeatures = c.DefaultFeatures || asked.DefaultFeatures && old.DefaultFeatures
	spec.Optional = asked.Optional || old.Optional && !c.NoOptional
	place := asked.Path+asked.Git != ""
	if !place && asked.Requirement.IsZero() && !c.Exact && !c.Tilde {
		return spec, true
	}
	if !place || !asked.Requirement.IsZero() {
		spec.Requirement = asked.Requirement
	}
	if !place && (old.Path != "" || old.Git != "" && (!old.Requirement.IsZero() || asked.Requirement.IsZero())) {
		return spec, false // the requirement beside the place is what is asked for
	}
	spec.Workspace = false
	spec.Path, spec.Git, spec.Tag, spec.Branch, spec.Rev = asked.Path, asked.Git, asked.Tag, asked.Branch, asked.Rev
	if place {
		spec.Registry = ""
	}
	return spec, false
}

// leaveOut drops the requirement that an entry has kept where the folder of --path has another version: it is the folder that
// is asked for. What is wrong with that is told when its package is chosen.
func (c *addCmd) leaveOut(a *app, p *project.Project, spec *manifest.DependencySpec, alias string) {
	if spec.Requirement.IsZero() {
		return
	}
	there, err := project.OpenFile(filepath.Join(filepath.Dir(p.Path(p.Current)), filepath.FromSlash(spec.Path), manifest.FileName))
	if err != nil {
		return
	}
	own := there.Current.Manifest.Package
	if own == nil || own.Name != spec.Name(alias) || spec.Requirement.Matches(own.Version) {
		return
	}
	a.Status("Leaving out", "%s %q (%s has v%s)", alias, spec.Requirement, spec.Path, own.Version)
	spec.Requirement = version.Requirement{}
}

// fits refuses what an entry cannot become where it is: its place says it. Spec is what it would be, full what it is with what
// it takes from the workspace.
func (c *addCmd) fits(spec, full manifest.DependencySpec, alias string) error {
	on := map[bool]string{true: "on", false: "off"}[full.DefaultFeatures]
	place := "the workspace"
	switch {
	case spec.Workspace && (c.NoDefaultFeatures && full.DefaultFeatures || c.DefaultFeatures && !full.DefaultFeatures):
		return fault.New(fault.Usage, "usage", "`%s` comes from the workspace, where its default features are %s", alias, on).
			WithHelp("default-features = %t      # of %s in [workspace.dependencies]", c.DefaultFeatures, alias)
	case (c.Exact || c.Tilde) && spec.Path+spec.Git != "":
		return c.noForm(spec, alias)
	case c.registry == "" || c.Path+c.Git != "" || !spec.Workspace && spec.Path+spec.Git == "":
		return nil
	case !spec.Workspace:
		place = cmp.Or(spec.Path, spec.Git)
	}
	flag := c.tableFlag()
	return fault.New(fault.Usage, "usage", "`%s` comes from %s, and not from a registry", alias, place).
		WithHelp("gal-pkg remove %s%s && gal-pkg add %s%s --registry %s", alias, flag, spec.Name(alias), flag, c.registry)
}

// noForm refuses to write a requirement for a package whose versions are in no registry.
func (c *addCmd) noForm(spec manifest.DependencySpec, alias string) error {
	operator, place := "=", ""
	if c.Tilde {
		operator = "~"
	}
	if c.Path != "" {
		place = " --path " + shellWord(c.Path)
	} else if c.Git != "" {
		place = " --git " + shellWord(c.Git)
	}
	return fault.New(fault.Usage, "usage", "`%s` comes from %s, and --exact and --tilde are of versions in a registry", alias, cmp.Or(spec.Path, spec.Git)).
		WithHelp("gal-pkg add %s@%sVERSION%s%s", alias, operator, place, c.tableFlag())
}

// tableFlag is the flag of the table that is edited, after a space; "" for [dependencies].
func (c *addCmd) tableFlag() string {
	return map[string]string{"dev-dependencies": " --dev", "build-dependencies": " --build"}[tableOf(c.Dev, c.Build)]
}
