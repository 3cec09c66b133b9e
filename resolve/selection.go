package resolve

import (
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// use is a package in one of three contexts: the program, the host's build, the tests.
type use struct {
	node     *LockedPackage
	context  Kind
	features map[string]bool // with "dep:x" for optional dependencies
	queued   bool
	edges    []Edge
}

type useKey struct {
	node    *LockedPackage
	context Kind
}

type selection struct {
	opts  SelectOptions
	roots map[PackageID]bool
	nodes map[PackageID][]*LockedPackage
	uses  map[useKey]*use
	queue []*use
}

// withRoot puts the root's own manifest in the place of what the graph says of it.
func (sel *selection) withRoot(graph []LockedPackage, r Root) []LockedPackage {
	c := Candidate{Version: r.Version, Features: r.Features, Dependencies: r.Dependencies}
	for i := range graph {
		if graph[i].ID == r.ID {
			graph[i].Candidate = c
			return graph
		}
	}
	return append(graph, LockedPackage{ID: r.ID, Version: r.Version, Candidate: c})
}

// reach returns the use of a package in a context, and has it visited if it is new.
func (sel *selection) reach(node *LockedPackage, context Kind) *use {
	key := useKey{node, context}
	u, ok := sel.uses[key]
	if !ok {
		u = &use{node: node, context: context, features: map[string]bool{}}
		sel.uses[key] = u
		sel.enqueue(u)
	}
	return u
}

func (sel *selection) enqueue(u *use) {
	if !u.queued {
		u.queued = true
		sel.queue = append(sel.queue, u)
	}
}

func (sel *selection) turnOn(u *use, feature string) {
	if !u.features[feature] {
		u.features[feature] = true
		sel.enqueue(u)
	}
}

// turnOnRoots applies the features that the user asked for.
func (sel *selection) turnOnRoots(roots []Root) error {
	for _, r := range roots {
		u := sel.reach(sel.nodes[r.ID][0], Normal)
		c := &u.node.Candidate
		if !sel.opts.NoDefaultFeatures {
			sel.turnOn(u, "default")
		}
		if sel.opts.AllFeatures {
			for _, name := range sortedKeys(c.Features) {
				sel.turnOn(u, name)
			}
			for _, d := range c.Dependencies {
				if d.Optional {
					sel.turnOn(u, optionalName(d.Alias))
				}
			}
		}
	}
	for _, text := range sel.opts.Features {
		if err := sel.turnOnAsked(roots, text); err != nil {
			return err
		}
	}
	return nil
}

// turnOnAsked turns on one feature in every root that has it.
func (sel *selection) turnOnAsked(roots []Root, text string) error {
	found := false
	var known []string
	for _, r := range roots {
		u := sel.reach(sel.nodes[r.ID][0], Normal)
		c := &u.node.Candidate
		known = append(known, featureNames(c)...)
		value := parseFeatureValue(c, text)
		switch {
		case value.alias == "" && hasFeature(c, text) && !strings.HasPrefix(text, "dep:"):
			sel.turnOn(u, text)
			found = true
		case value.alias != "" && slices.ContainsFunc(c.Dependencies, func(d Dependency) bool { return d.Alias == value.alias }):
			u.features[text] = true // a value, not a name: visit reads it as one
			found = true
		}
	}
	if found {
		return nil
	}
	slices.Sort(known)
	return fault.New(fault.NotFound, "feature-not-found", "no feature `%s`", text).
		WithFact("features: %s", strings.Join(slices.Compact(known), ", "))
}

func featureNames(c *Candidate) []string {
	names := sortedKeys(c.Features)
	for _, d := range c.Dependencies {
		if d.Optional && implicit(c, d.Alias) {
			names = append(names, d.Alias)
		}
	}
	return names
}

// visit follows the edges of a use, and carries out its features; it is called again whenever they change.
func (sel *selection) visit(u *use) error {
	c := &u.node.Candidate
	u.edges = u.edges[:0]
	for _, name := range sortedKeys(u.features) {
		values := valuesOf(c, name)
		if strings.Contains(name, "/") && !hasFeature(c, name) {
			values = []string{name}
		}
		for _, text := range values {
			sel.carryOut(u, parseFeatureValue(c, text))
		}
	}
	for d := range inOrder(c.Dependencies) {
		if !sel.inUse(u, d) {
			continue
		}
		target, err := sel.target(u, d)
		if err != nil {
			return err
		}
		u.edges = append(u.edges, Edge{Alias: d.Alias, Kind: d.Kind, ID: target.ID, Version: target.Version})
		t := sel.reach(target, contextBelow(u.context, d.Kind))
		for _, name := range turnsOn(d) {
			sel.turnOn(t, name)
		}
		sel.passOn(u, d, t)
	}
	return nil
}

// inUse reports whether a dependency is part of the build.
func (sel *selection) inUse(u *use, d *Dependency) bool {
	switch d.Kind {
	case Dev:
		if sel.opts.NoDev || !sel.roots[u.node.ID] || u.context != Normal {
			return false
		}
	case Build:
		if sel.opts.NoBuild {
			return false
		}
	}
	return !d.Optional || u.features[optionalName(d.Alias)]
}

func contextBelow(context, kind Kind) Kind {
	if context == Build || kind == Build {
		return Build
	}
	if context == Dev || kind == Dev {
		return Dev
	}
	return Normal
}

// carryOut does what a feature's value says about the package itself.
func (sel *selection) carryOut(u *use, value featureValue) {
	c := &u.node.Candidate
	switch {
	case value.alias == "":
		sel.turnOn(u, value.feature)
	case !value.weak && hasOptional(c, value.alias):
		sel.turnOn(u, optionalName(value.alias))
		if hasFeature(c, value.alias) {
			sel.turnOn(u, value.alias)
		}
	}
}

// passOn turns on what `d/f` and `d?/f` ask of a dependency that is in use.
func (sel *selection) passOn(u *use, d *Dependency, target *use) {
	c := &u.node.Candidate
	for _, name := range sortedKeys(u.features) {
		values := valuesOf(c, name)
		if strings.Contains(name, "/") && !hasFeature(c, name) {
			values = []string{name}
		}
		for _, text := range values {
			if value := parseFeatureValue(c, text); value.alias == d.Alias {
				sel.turnOn(target, value.feature)
			}
		}
	}
}

// target finds the locked package that serves a dependency.
func (sel *selection) target(u *use, d *Dependency) (*LockedPackage, error) {
	id := d.ID
	if patched, ok := sel.opts.Patches[id]; ok {
		id = patched
	}
	var best *LockedPackage
	named := false
	for _, n := range sel.nodes[id] {
		at := slices.IndexFunc(u.node.Edges, func(e Edge) bool { return e.ID == id && e.Version.Equal(n.Version) })
		if !d.accepts(n.Version) || at < 0 && len(u.node.Edges) > 0 {
			continue
		}
		exact := at >= 0 && slices.ContainsFunc(u.node.Edges, func(e Edge) bool {
			return e.ID == id && e.Version.Equal(n.Version) && e.Alias == d.Alias && e.Kind == d.Kind
		})
		if best == nil || exact && !named || exact == named && best.Version.Less(n.Version) {
			best, named = n, exact
		}
	}
	if best == nil {
		return nil, fault.New(fault.Manifest, "lock-stale", "gal.lock has no version of `%s` for %s %s", id.Name, u.node.ID.Name, u.node.Version).
			WithFact("required %s", asks(d.Alias, d.Requirement)).WithHelp("gal-pkg lock")
	}
	return best, nil
}
