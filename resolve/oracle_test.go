package resolve

import (
	"fmt"
	"maps"
	"slices"
)

// brute finds a solution by trying everything, in the order of preference: the first it finds for the dependencies of
// roots is the best one. It gives up (ok is false) after a number of tries.
type brute struct {
	u     *universe
	tries int
	limit int
	found *graph
}

func (u *universe) brute(limit int) (solvable, ok bool, best *graph) {
	b := &brute{u: u, limit: limit}
	b.search(map[chosenKey]*Candidate{}, map[graphEdge]chosenKey{})
	return b.found != nil, b.tries < limit, b.found
}

// search settles the graph as far as it goes; at the first open dependency it tries every answer.
func (b *brute) search(chosen map[chosenKey]*Candidate, edges map[graphEdge]chosenKey) {
	b.tries++
	if b.found != nil || b.tries >= b.limit {
		return
	}
	var owner chosenKey
	var open *Dependency
	g := &graph{u: b.u, chosen: maps.Clone(chosen), edges: edges, open: func(o chosenKey, d *Dependency) bool {
		owner, open = o, d
		return false
	}}
	g.settle()
	if open == nil {
		if len(g.problems) == 0 {
			b.found = g
		}
		return
	}
	for _, c := range b.u.answers(open) {
		key := chosenKey{b.u.patched(open.ID), c.Version.Bucket()}
		if have := chosen[key]; have != nil && !have.Version.Equal(c.Version) {
			continue
		}
		next, nextEdges := maps.Clone(chosen), maps.Clone(edges)
		next[key] = c
		nextEdges[graphEdge{owner, open.Kind, open.Alias}] = key
		b.search(next, nextEdges)
	}
}

// answers lists the versions that may serve a dependency, newest first.
func (u *universe) answers(d *Dependency) []*Candidate {
	id := u.patched(d.ID)
	if r := u.rootOf(id); r != nil {
		if d.accepts(r.Version) {
			return []*Candidate{rootCandidate(r)}
		}
		return nil
	}
	var fit []*Candidate
	for i := range u.packages[id] {
		if c := &u.packages[id][i]; u.visible(id, c) && d.accepts(c.Version) {
			fit = append(fit, c)
		}
	}
	slices.SortFunc(fit, func(a, b *Candidate) int { return b.Version.Compare(a.Version) })
	return fit
}

func (u *universe) visible(id PackageID, c *Candidate) bool {
	locked := slices.ContainsFunc(u.req.Locked, func(l Locked) bool { return l.ID == id && l.Version.Equal(c.Version) })
	return c.Unusable == "" && (!c.Yanked || locked)
}

func (g *graph) String() string {
	var words []string
	for key := range g.reached {
		words = append(words, fmt.Sprintf("%s %s", key.id.Name, g.chosen[key].Version))
	}
	slices.Sort(words)
	return fmt.Sprint(words)
}
