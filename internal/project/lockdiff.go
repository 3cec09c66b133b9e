package project

import (
	"fmt"
	"slices"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// Change is one difference between two locks.
type Change struct {
	Name string `json:"name"`
	From string `json:"from,omitempty"` // "" for a package that is added
	To   string `json:"to,omitempty"`   // "" for one that is removed
}

// Verb says in a word what a change does.
func (c Change) Verb() string {
	switch {
	case c.From == "":
		return "Adding"
	case c.To == "":
		return "Removing"
	}
	from, err := version.Parse(c.From)
	to, err2 := version.Parse(c.To)
	if err == nil && err2 == nil && to.Less(from) {
		return "Downgrading"
	}
	return "Updating"
}

// Diff lists what changes from one lock to another, registry packages and path dependencies, without the roots. A package
// of which one version goes and one comes is one change.
func Diff(old, next *manifest.Lock) []Change {
	before, after := versionsOf(old), versionsOf(next)
	var names []string
	for name := range before {
		names = append(names, name)
	}
	for name := range after {
		names = append(names, name)
	}
	slices.Sort(names)
	var changes []Change
	for _, name := range slices.Compact(names) {
		gone, come := minus(before[name], after[name]), minus(after[name], before[name])
		for i := range max(len(gone), len(come)) {
			c := Change{Name: name}
			if i < len(gone) {
				c.From = gone[i]
			}
			if i < len(come) {
				c.To = come[i]
			}
			changes = append(changes, c)
		}
	}
	return changes
}

func versionsOf(l *manifest.Lock) map[string][]string {
	all := map[string][]string{}
	if l == nil {
		return all
	}
	for _, p := range l.Packages {
		switch p.Source.Kind {
		case manifest.RegistrySource:
			all[p.Name] = append(all[p.Name], p.Version.String())
		case manifest.GitSource:
			all[p.Name] = append(all[p.Name], fmt.Sprintf("%s (%.8s)", p.Version, p.Source.Commit))
		}
	}
	return all
}

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// Stale is the error of --locked where the lock would change: it lists every difference.
func (p *Plan) Stale() error {
	err := fault.New(fault.Negative, "lock-stale", "gal.lock does not match gal.toml")
	if p.Project.Lock == nil {
		err.WithFact("there is no gal.lock")
	}
	for _, c := range p.Changes {
		switch {
		case c.From == "":
			err.WithFact("%-20s %s, gal.lock has no entry", c.Name, p.asked(c))
		case c.To == "":
			err.WithFact("%-20s gal.lock has %s, nothing needs it", c.Name, c.From)
		default:
			err.WithFact("%-20s %s, gal.lock has %s", c.Name, p.asked(c), c.From)
		}
	}
	if len(p.Changes) == 0 && p.Project.Lock != nil {
		err.WithFact("features, edges or the root differ")
	}
	return err.WithHelp("gal-pkg lock          # then commit gal.lock")
}

// asked says where gal.toml asks for what a change brings; what only other packages ask for is told by its version.
func (p *Plan) asked(c Change) string {
	text := c.To + " is needed"
	for _, m := range p.Project.Members {
		eachDependency(m, func(table, alias string, spec manifest.DependencySpec) {
			if spec.Name(alias) == c.Name && !spec.Requirement.IsZero() {
				line, _ := m.Manifest.Where(table, alias)
				text = fmt.Sprintf("%s:%d requires %s", join(m.Rel, manifest.FileName), line, spec.Requirement)
			}
		})
	}
	return text
}

// Summary says in one line what a plan came to.
func (p *Plan) Summary() string {
	fetched := 0
	for _, l := range p.Lock.Packages {
		if l.Source.Kind != manifest.PathSource {
			fetched++
		}
	}
	packages, changes := "packages", "changes"
	if fetched == 1 {
		packages = "package"
	}
	if len(p.Changes) == 1 {
		changes = "change"
	}
	switch {
	case !p.Project.Changed(p.Lock):
		return fmt.Sprintf("%d %s (gal.lock unchanged)", fetched, packages)
	case len(p.Changes) == 0:
		return fmt.Sprintf("%d %s (gal.lock changes, no version does)", fetched, packages)
	}
	return fmt.Sprintf("%d %s (%d %s to gal.lock)", fetched, packages, len(p.Changes), changes)
}
