// Package world makes up a whole registry of a language with a habit of small packages: popularity after Zipf's law,
// versions after a log-normal one, and requirements that mostly are carets on what was newest when a version was
// published. A package depends on older ones only, so there are no cycles, and every choice of direct dependencies has
// a solution, for GAL and for Cargo.
package world

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/geeknik/gal-pkg/tools/bench/graph"
)

// Shape of a world. Versions must be at least Packages.
type Shape struct {
	Packages, Versions int
	Taken              []string // names that are not used
}

const (
	meanDependencies = 4.6
	maxDependencies  = 40
	versionsSigma    = 1.2
	maxMajor         = 12
)

// World is what is known of all packages before their dependencies are made: who they are, and when they had which version.
type World struct {
	seed   uint64
	roster []member // oldest first
}

type member struct {
	name     string
	releases []graph.Release
	features bool // it has the features default and std, in every version
}

// New makes the world of a seed.
func New(seed uint64, s Shape) *World {
	chance := graph.NewChance(seed, 0)
	namer := graph.NewNamer(chance, s.Taken...)
	weights := make([]float64, s.Packages)
	for i := range weights {
		weights[i] = min(chance.LogNormal(1, versionsSigma), 60)
	}
	w := &World{seed: seed, roster: make([]member, s.Packages)}
	for i, count := range graph.Share(int64(s.Versions), weights) {
		w.roster[i] = member{namer.Name(), graph.History(chance, int(count), maxMajor), chance.Happens(0.45)}
	}
	slices.SortStableFunc(w.roster, func(a, b member) int { return cmp.Compare(a.releases[0].At, b.releases[0].At) })
	return w
}

// Len is the number of packages.
func (w *World) Len() int { return len(w.roster) }

// Package makes the i-th package whole. It does not depend on which others were made before.
func (w *World) Package(i int) graph.Package {
	chance := graph.NewChance(w.seed, uint64(i)+1)
	me := w.roster[i]
	p := graph.Package{Name: me.name, Versions: make([]graph.Version, len(me.releases))}
	uses := w.first(chance, i)
	for k, r := range me.releases {
		if k > 0 {
			uses = w.evolve(chance, i, r, uses)
		}
		v := graph.Version{Number: r.Number, Published: r.At, Yanked: r.Yanked}
		for _, u := range uses {
			v.Dependencies = append(v.Dependencies, u.Dependency)
		}
		if me.features {
			v.Features = w.features(uses)
		}
		p.Versions[k] = v
	}
	return p
}

// Direct returns requirements on a number of packages, each on its newest version: what a root of this world depends on.
func (w *World) Direct(count int) []graph.Dependency {
	chance := graph.NewChance(w.seed, 1<<63)
	var out []graph.Dependency
	for _, i := range chance.Perm(len(w.roster))[:min(count, len(w.roster))] {
		releases := w.roster[i].releases
		out = append(out, graph.Dependency{Name: w.roster[i].name, Requirement: releases[len(releases)-1].Number.String(), Kind: "normal"})
	}
	slices.SortFunc(out, func(a, b graph.Dependency) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// use is a dependency and the package that it is on.
type use struct {
	on int
	graph.Dependency
}

// first makes the dependencies of a package's first version.
func (w *World) first(c graph.Chance, me int) []use {
	var uses []use
	for range min(maxDependencies, int(c.ExpFloat64()*meanDependencies)) {
		uses = w.another(c, me, w.roster[me].releases[0].At, uses)
	}
	return uses
}

// another adds a dependency on an older package, if there is one and it is not there yet.
func (w *World) another(c graph.Chance, me int, at int64, uses []use) []use {
	if me == 0 {
		return uses
	}
	on := c.Zipf(me)
	if slices.ContainsFunc(uses, func(u use) bool { return u.on == on }) {
		return uses
	}
	target := w.roster[on]
	d := graph.Dependency{Name: target.name, Requirement: requirement(c, target, at), Kind: "normal", NoDefault: c.Happens(0.1)}
	if c.Happens(0.07) {
		d.Kind = "build"
	} else {
		d.Optional = c.Happens(0.16)
	}
	if target.features && c.Happens(0.2) {
		d.Features = []string{"std"}
	}
	return append(slices.Clip(uses), use{on, d})
}

// evolve makes the dependencies of a release from those of the one before: now and then one is dropped, one is added, or
// a requirement moves to what is newest now; more often when the release is more than a patch.
func (w *World) evolve(c graph.Chance, me int, r graph.Release, before []use) []use {
	drop, move, add := 0.005, 0.07, 0.05
	if r.Number.Patch == 0 {
		drop, move, add = 0.05, 0.45, 0.35
	}
	var uses []use
	for _, u := range before {
		if c.Happens(drop) {
			continue
		}
		if c.Happens(move) {
			u.Requirement = requirement(c, w.roster[u.on], r.At)
		}
		uses = append(uses, u)
	}
	if c.Happens(add) {
		uses = w.another(c, me, r.At, uses)
	}
	return uses
}

// requirement asks for what is newest of a package at a time. Nine of ten are carets.
func requirement(c graph.Chance, of member, at int64) string {
	n := of.releases[graph.Newest(of.releases, at)].Number
	x := c.Float64()
	switch {
	case x < 0.04 && n.Major > 0:
		return fmt.Sprintf(">=%s, <%d.0.0", n, n.Major+2)
	case x < 0.04:
		return fmt.Sprintf(">=%s, <0.%d.0", n, n.Minor+2)
	case x < 0.06:
		return ">=" + n.String()
	case x < 0.07:
		return "*"
	case x < 0.30 && n.Major > 0:
		return fmt.Sprint(n.Major)
	case x < 0.65:
		return fmt.Sprintf("%d.%d", n.Major, n.Minor)
	case x < 0.9:
		return n.String()
	}
	return "^" + n.String()
}

// features are those of a version of a package that has some: std turns on that of up to three dependencies, full the
// optional ones.
func (w *World) features(uses []use) map[string][]string {
	std, full := []string{}, []string{}
	for _, u := range uses {
		switch {
		case u.Optional:
			full = append(full, u.Name)
		case w.roster[u.on].features && u.Kind == "normal" && len(std) < 3:
			std = append(std, u.Name+"/std")
		}
	}
	features := map[string][]string{"default": {"std"}, "std": std}
	if len(full) > 0 {
		features["full"] = full
	}
	return features
}
