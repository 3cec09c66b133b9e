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

	// The ids of the registries, where the package comes from another one than before; else "".
	FromRegistry string `json:"from-registry,omitempty"`
	ToRegistry   string `json:"to-registry,omitempty"`
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

// String says what a change changes: `mailbox v1.0.0 -> v1.1.0`, with the registries where they differ.
func (c Change) String() string {
	from, to := "v"+c.From, "v"+c.To
	switch {
	case c.From == "":
		return c.Name + " " + to
	case c.To == "":
		return c.Name + " " + from
	case c.FromRegistry != "" && c.ToRegistry != "":
		from, to = from+" ("+c.FromRegistry+")", to+" ("+c.ToRegistry+")"
	}
	return c.Name + " " + from + " -> " + to
}

// Diff lists what changes from one lock to another, registry packages and git dependencies, without the roots. A package
// of which one version goes and one comes is one change; so is one that comes from another registry.
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
				c.From = gone[i].version
			}
			if i < len(come) {
				c.To = come[i].version
			}
			if i < min(len(gone), len(come)) && gone[i].registry != come[i].registry {
				c.FromRegistry, c.ToRegistry = gone[i].registry, come[i].registry
			}
			changes = append(changes, c)
		}
	}
	return changes
}

// offered is a version with the id of the registry that it is of, "" for git.
type offered struct{ version, registry string }

func versionsOf(l *manifest.Lock) map[string][]offered {
	all := map[string][]offered{}
	if l == nil {
		return all
	}
	for _, p := range l.Packages {
		switch p.Source.Kind {
		case manifest.RegistrySource:
			all[p.Name] = append(all[p.Name], offered{p.Version.String(), p.Source.Location})
		case manifest.GitSource:
			all[p.Name] = append(all[p.Name], offered{fmt.Sprintf("%s (%.8s)", p.Version, p.Source.Commit), ""})
		}
	}
	return all
}

func minus[T comparable](a, b []T) []T {
	return slices.DeleteFunc(slices.Clone(a), func(x T) bool { return slices.Contains(b, x) })
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
		case c.FromRegistry != "" && c.ToRegistry != "":
			err.WithFact("%-20s %s from %s is needed, gal.lock has %s from %s", c.Name, c.To, c.ToRegistry, c.From, c.FromRegistry)
		default:
			err.WithFact("%-20s %s, gal.lock has %s", c.Name, p.asked(c), c.From)
		}
	}
	if len(p.Changes) == 0 && p.Project.Lock != nil {
		for _, d := range details(p.Project.Lock, p.Lock.Lock) {
			err.WithFact("%s", d)
		}
	}
	return err.WithHelp(commitLock, p.Project.MendLock())
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
