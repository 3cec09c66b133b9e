package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/version"
)

// chosenKey is a package in the answer.
type chosenKey struct {
	id     PackageID
	bucket version.Bucket
}

// graph is a choice of versions, held against the rules by a fixed point of its own: no code of the solver.
type graph struct {
	u        *universe
	chosen   map[chosenKey]*Candidate
	edges    map[graphEdge]chosenKey // which bucket serves a dependency
	features map[chosenKey]map[string]bool
	reached  map[chosenKey]bool
	problems []string
	changed  bool
	// open is called for a dependency without an answer; it may return false to stop.
	open func(owner chosenKey, d *Dependency) bool
}

type graphEdge struct {
	owner chosenKey
	kind  Kind
	alias string
}

func (u *universe) rootOf(id PackageID) *Root {
	for i := range u.req.Roots {
		if u.req.Roots[i].ID == id {
			return &u.req.Roots[i]
		}
	}
	return nil
}

func rootCandidate(r *Root) *Candidate {
	c := &Candidate{Version: r.Version, Links: r.Links, Features: r.Features}
	for d := range inOrder(r.Dependencies) {
		c.Dependencies = append(c.Dependencies, *d)
	}
	return c
}

// candidateAt finds a version, roots included.
func (u *universe) candidateAt(p Package) *Candidate {
	if r := u.rootOf(p.ID); r != nil {
		return rootCandidate(r)
	}
	for i := range u.packages[p.ID] {
		if c := &u.packages[p.ID][i]; c.Version.Equal(p.Version) {
			return c
		}
	}
	return nil
}

// check holds a solution against the rules: every edge, every feature, nothing more and nothing less.
func (u *universe) check(sol *Solution) []string {
	g := &graph{u: u, chosen: map[chosenKey]*Candidate{}, edges: map[graphEdge]chosenKey{}}
	for _, p := range sol.Packages {
		key := chosenKey{p.ID, p.Version.Bucket()}
		if g.chosen[key] != nil {
			g.problem("%s is there twice in one bucket", p.ID.Name)
		}
		c := u.candidateAt(p)
		if c == nil {
			return []string{p.ID.Name + " " + p.Version.String() + " does not exist"}
		}
		g.chosen[key] = c
		for _, e := range p.Dependencies {
			g.edges[graphEdge{key, e.Kind, e.Alias}] = chosenKey{e.ID, e.Version.Bucket()}
		}
	}
	g.settle()
	edges := 0
	for _, p := range sol.Packages {
		key := chosenKey{p.ID, p.Version.Bucket()}
		edges += len(p.Dependencies)
		if !g.reached[key] {
			g.problem("%s %s is not needed", p.ID.Name, p.Version)
		}
		var want []string
		for f := range g.features[key] {
			_, written := g.chosen[key].Features[f]
			if !strings.HasPrefix(f, "dep:") && (f != "default" || written) {
				want = append(want, f)
			}
		}
		slices.Sort(want)
		if !slices.Equal(want, p.Features) && len(want)+len(p.Features) > 0 {
			g.problem("%s has features %v, want %v", p.ID.Name, p.Features, want)
		}
	}
	return g.problems
}

func (g *graph) problem(format string, args ...any) {
	g.problems = append(g.problems, fmt.Sprintf(format, args...))
}

// settle walks from the roots until no feature and no package is added any more.
func (g *graph) settle() {
	g.features, g.reached = map[chosenKey]map[string]bool{}, map[chosenKey]bool{}
	for i := range g.u.req.Roots {
		r := &g.u.req.Roots[i]
		key := chosenKey{r.ID, r.Version.Bucket()}
		g.chosen[key] = rootCandidate(r)
		g.reached[key] = true
		g.features[key] = map[string]bool{}
		for f := range r.Features {
			g.features[key][f] = true
		}
		for _, d := range r.Dependencies {
			if d.Optional {
				g.features[key]["dep:"+d.Alias] = true
				if oracleHas(g.chosen[key], d.Alias) {
					g.features[key][d.Alias] = true
				}
			}
		}
	}
	for g.changed = true; g.changed && len(g.problems) == 0; {
		g.changed = false
		var keys []chosenKey
		for key := range g.reached {
			keys = append(keys, key)
		}
		slices.SortFunc(keys, func(a, b chosenKey) int {
			if c := a.id.Compare(b.id); c != 0 {
				return c
			}
			return a.bucket.Compare(b.bucket)
		})
		for _, key := range keys {
			if !g.visit(key) {
				return
			}
		}
	}
	g.checkGlobal()
}

func (g *graph) visit(key chosenKey) bool {
	c, root := g.chosen[key], g.u.rootOf(key.id) != nil
	on := g.features[key]
	for i := range c.Dependencies {
		d := &c.Dependencies[i]
		if !root && (d.Kind == Dev || d.Optional && !on["dep:"+d.Alias]) {
			continue
		}
		if !g.follow(key, d) {
			return false
		}
	}
	for f := range on {
		values, written := c.Features[f]
		if !written && f != "default" && !strings.HasPrefix(f, "dep:") {
			values = []string{"dep:" + f}
		}
		for _, value := range values {
			g.value(key, c, root, value)
		}
	}
	return true
}

// follow turns on what a dependency asks of its target.
func (g *graph) follow(owner chosenKey, d *Dependency) bool {
	edge := graphEdge{owner, d.Kind, d.Alias}
	target, ok := g.edges[edge]
	if !ok {
		if g.open != nil {
			return g.open(owner, d)
		}
		g.problem("%s has no answer for %s", owner.id.Name, d.Alias)
		return false
	}
	c := g.chosen[target]
	if c == nil || !d.accepts(c.Version) || target.id != g.u.patched(d.ID) {
		g.problem("%s: %s does not fulfil %s", owner.id.Name, d.Alias, d.Requirement)
		return false
	}
	if !g.reached[target] {
		g.reached[target], g.changed = true, true
		g.features[target] = map[string]bool{}
	}
	if d.DefaultFeatures {
		g.turnOn(target, "default")
	}
	for _, f := range d.Features {
		g.turnOn(target, f)
	}
	return len(g.problems) == 0
}

func (u *universe) patched(id PackageID) PackageID {
	if to, ok := u.req.Patches[id]; ok {
		return to
	}
	return id
}

func (g *graph) turnOn(key chosenKey, feature string) {
	if !g.features[key][feature] {
		if !oracleHas(g.chosen[key], feature) {
			g.problem("%s %s lacks feature %s", key.id.Name, g.chosen[key].Version, feature)
		}
		g.features[key][feature], g.changed = true, true
	}
}

func oracleHas(c *Candidate, feature string) bool {
	if _, ok := c.Features[feature]; ok || feature == "default" {
		return true
	}
	alias, isDep := strings.CutPrefix(feature, "dep:")
	named := false
	for _, values := range c.Features {
		named = named || slices.Contains(values, "dep:"+feature)
	}
	return (isDep || !named) && slices.ContainsFunc(c.Dependencies, func(d Dependency) bool {
		return d.Optional && d.Kind != Dev && d.Alias == alias
	})
}

// value carries out one value of a feature that is on.
func (g *graph) value(key chosenKey, c *Candidate, root bool, value string) {
	before, feature, slash := strings.Cut(value, "/")
	if !slash {
		g.turnOn(key, value)
		return
	}
	alias, weak := strings.CutSuffix(before, "?")
	for i := range c.Dependencies {
		d := &c.Dependencies[i]
		if d.Alias != alias || d.Kind == Dev && !root {
			continue
		}
		if d.Optional && !weak {
			g.turnOn(key, "dep:"+alias)
			if oracleHas(c, alias) {
				g.turnOn(key, alias)
			}
		}
		if target, ok := g.edges[graphEdge{key, d.Kind, d.Alias}]; ok && g.reached[target] {
			if !d.Optional || g.features[key]["dep:"+alias] {
				g.turnOn(target, feature)
			}
		}
	}
}

func (g *graph) checkGlobal() {
	links := map[string]PackageID{}
	versions := map[PackageID]int{}
	for key := range g.reached {
		versions[key.id]++
		if g.u.req.Options.Duplicates == DuplicatesDeny && versions[key.id] > 1 {
			g.problem("%s is there twice", key.id.Name)
		}
		if l := g.chosen[key].Links; l != "" {
			if _, taken := links[l]; taken {
				g.problem("link %s is claimed twice", l)
			}
			links[l] = key.id
		}
	}
}
