package resolve

import (
	"fmt"
	"maps"
	"slices"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

// checkPrecise fails where a version that was asked for by name is not part of the answer.
func (s *solver) checkPrecise(sol *Solution) error {
	for _, name := range sortedKeys(s.req.Options.Precise) {
		want := s.req.Options.Precise[name]
		found, other := false, ""
		for _, p := range sol.Packages {
			if p.ID.Name == name {
				found = found || p.Version.Equal(want)
				other = p.Version.String()
			}
		}
		switch {
		case found:
		case other == "":
			return fault.New(fault.NotFound, "precise-not-used", "nothing depends on `%s`", name)
		default:
			return fault.New(fault.NoSolution, "precise-not-used", "no requirement allows `%s %s`; chosen is %s", name, want, other)
		}
	}
	return nil
}

// need is one edge into a chosen package, as it was written.
type need struct {
	owner *Package
	dep   *Dependency
}

// needs lists, for every chosen version, who depends on it.
func (a *answer) needs() [][]need {
	counts := make([]int, len(a.chosen))
	total := 0
	for i := range a.chosen {
		for _, u := range a.chosen[i].uses {
			counts[a.place[u.target]]++
			total++
		}
	}
	all, rest := make([][]need, len(a.chosen)), make([]need, total)
	for i, n := range counts {
		all[i], rest = rest[:0:n], rest[n:]
	}
	for i := range a.chosen {
		for _, u := range a.chosen[i].uses {
			at := a.place[u.target]
			all[at] = append(all[at], need{&a.Packages[i], u.dep})
		}
	}
	return all
}

// held tells which packages are not at their newest version, and why.
func (s *solver) held(a *answer) []Held {
	var result []Held
	needs := a.needs()
	for i := range a.Packages {
		p := &a.Packages[i]
		if p.Root {
			continue
		}
		newest, why := s.newest(s.nodes[a.chosen[i].node].pkg, p.Version, highest(a.Packages[i:]))
		if newest == nil || !p.Version.Less(newest.Version) {
			continue
		}
		if why == "" {
			why = s.whyNot(a, i, needs[i], newest)
		}
		result = append(result, Held{ID: p.ID, Version: p.Version, Newest: newest.Version, Reason: why})
	}
	return result
}

// highest reports whether the first of these sorted packages is the only one of its source that is left.
func highest(packages []Package) bool {
	for _, q := range packages[1:] {
		if q.ID.Name != packages[0].ID.Name {
			return true
		}
		if q.ID == packages[0].ID {
			return false
		}
	}
	return true
}

// newest is the newest release of a package that is not yanked (of the chosen version's bucket only, where a newer
// bucket is in the graph as well), with the reason why it is hidden.
func (s *solver) newest(loaded *pkg, v version.Version, everyBucket bool) (newest *Candidate, why string) {
	fits := func(c *Candidate) bool {
		return c.Version.Pre() == "" && (everyBucket || c.Version.Bucket() == v.Bucket())
	}
	if at := slices.IndexFunc(loaded.usable, fits); at >= 0 {
		newest = loaded.usable[at]
	}
	for _, h := range loaded.hidden {
		if h.why != concealedYanked && h.why != concealedUnusable && fits(h.Candidate) {
			if newest == nil || newest.Version.Less(h.Version) {
				return h.Candidate, h.text
			}
			break
		}
	}
	return newest, ""
}

// whyNot finds the reason why another version of a chosen package was not chosen.
func (s *solver) whyNot(a *answer, at int, needs []need, other *Candidate) string {
	p := &a.Packages[at]
	for _, n := range needs {
		if !n.dep.accepts(other.Version) {
			where := ""
			if n.dep.Where != "" {
				where = " (" + n.dep.Where + ")"
			}
			return fmt.Sprintf("%s requires %s%s", n.owner.ID.Name, n.dep.Requirement, where)
		}
		for _, feature := range turnsOn(n.dep) {
			if !hasFeature(other, feature) {
				return fmt.Sprintf("%s asks for feature `%s`, which it lacks", n.owner.ID.Name, feature)
			}
		}
	}
	if s.locks.keeps(p.ID, p.Version) {
		return "kept by gal.lock"
	}
	if s.req.Options.GalVersions == GalFallback && !s.builds(other) {
		return "needs gal-version " + other.GalVersion.String()
	}
	if s.req.Options.Resolution == Lowest || s.req.Options.Resolution == LowestDirect {
		return "the lowest version was asked for"
	}
	return s.conflictOf(a, p, other)
}

// conflictOf names what in the solution another version would not get along with.
func (s *solver) conflictOf(a *answer, p *Package, other *Candidate) string {
	for d := range inOrder(other.Dependencies) {
		if d.Kind == Dev || d.Optional && !slices.Contains(p.Features, d.Alias) {
			continue
		}
		id := s.target(d)
		loaded := s.packages[id]
		if loaded == nil {
			continue
		}
		used := s.versionsUsed(a, loaded)
		if len(used) > 0 && !slices.ContainsFunc(used, d.accepts) {
			return fmt.Sprintf("conflicts with %s %s: it needs %s", id.Name, used[0], d.Requirement)
		}
		if !loaded.fits(d.Requirement) {
			return fmt.Sprintf("depends on %s, which no version fits", asks(id.Name, d.Requirement))
		}
	}
	if other.Links != "" {
		for i, q := range a.Packages {
			if q.ID != p.ID && a.chosen[i].candidate.Links == other.Links {
				return fmt.Sprintf("conflicts with %s %s: both have the link %q", q.ID.Name, q.Version, other.Links)
			}
		}
	}
	return "conflicts with other packages of the graph"
}

// versionsUsed lists the versions of a package that an answer has, oldest first.
func (s *solver) versionsUsed(a *answer, p *pkg) []version.Version {
	var used []version.Version
	for _, b := range slices.Backward(p.buckets) {
		if b.made && a.place[b.node] >= 0 {
			used = append(used, a.Packages[a.place[b.node]].Version)
		}
	}
	return used
}

func keys[K comparable, V any](m map[K]V) func(yield func(K) bool) { return maps.Keys(m) }
