package main

import (
	"path/filepath"
	"slices"

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
	switch {
	case !place && asked.Requirement.IsZero() && !c.Exact && !c.Tilde:
		return spec, true
	case !place && !old.Requirement.IsZero() && old.Path+old.Git != "" && !asked.Requirement.IsZero():
		spec.Requirement = asked.Requirement // it has both a place and a requirement: the one of them is asked for
		return spec, false
	}
	spec.Requirement, spec.Workspace = asked.Requirement, false
	spec.Path, spec.Git, spec.Tag, spec.Branch, spec.Rev = asked.Path, asked.Git, asked.Tag, asked.Branch, asked.Rev
	if place {
		spec.Registry = ""
	}
	return spec, false
}
