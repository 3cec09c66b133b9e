package resolve

import (
	"fmt"
	"maps"
	"slices"

	"github.com/geeknik/gal-pkg/internal/fault"
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
func (s *solver) needs(sol *Solution) map[chosenKey][]need {
	all := map[chosenKey][]need{}
	for i := range sol.Packages {
		p := &sol.Packages[i]
		c := s.candidateOf(*p)
		for _, d := range inOrder(c.Dependencies) {
			at := slices.IndexFunc(p.Dependencies, func(e Edge) bool { return e.Alias == d.Alias && e.Kind == d.Kind })
			if at < 0 || d.Kind == Dev && !p.Root {
				continue
			}
			e := p.Dependencies[at]
			key := chosenKey{e.ID, e.Version.Bucket()}
			all[key] = append(all[key], need{p, d})
		}
	}
	return all
}

// held tells which packages are not at their newest version, and why.
func (s *solver) held(sol *Solution) []Held {
	var result []Held
	needs := s.needs(sol)
	for i, p := range sol.Packages {
		if p.Root {
			continue
		}
		newest, why := s.newest(p, highest(sol.Packages[i:]))
		if newest == nil || !p.Version.Less(newest.Version) {
			continue
		}
		if why == "" {
			why = s.whyNot(sol, needs, p, newest)
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
func (s *solver) newest(p Package, everyBucket bool) (newest *Candidate, why string) {
	fits := func(c *Candidate) bool {
		return c.Version.Pre() == "" && (everyBucket || c.Version.Bucket() == p.Version.Bucket())
	}
	loaded := s.packages[p.ID]
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
func (s *solver) whyNot(sol *Solution, needs map[chosenKey][]need, p Package, other *Candidate) string {
	for _, n := range needs[chosenKey{p.ID, p.Version.Bucket()}] {
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
	return s.conflictOf(sol, p, other)
}

// conflictOf names what in the solution another version would not get along with.
func (s *solver) conflictOf(sol *Solution, p Package, other *Candidate) string {
	for _, d := range inOrder(other.Dependencies) {
		if d.Kind == Dev || d.Optional && !slices.Contains(p.Features, d.Alias) {
			continue
		}
		id := s.target(d)
		at := slices.IndexFunc(sol.Packages, func(q Package) bool { return q.ID == id })
		fits := slices.ContainsFunc(sol.Packages, func(q Package) bool { return q.ID == id && d.accepts(q.Version) })
		if at >= 0 && !fits {
			return fmt.Sprintf("conflicts with %s %s: it needs %s", id.Name, sol.Packages[at].Version, d.Requirement)
		}
		if loaded := s.packages[id]; loaded != nil && !loaded.fits(d.Requirement) {
			return fmt.Sprintf("depends on %s, which no version fits", asks(id.Name, d.Requirement))
		}
	}
	if other.Links != "" {
		for _, q := range sol.Packages {
			if q.ID != p.ID && s.candidateOf(q).Links == other.Links {
				return fmt.Sprintf("conflicts with %s %s: both have the link %q", q.ID.Name, q.Version, other.Links)
			}
		}
	}
	return "conflicts with other packages of the graph"
}

func keys[K comparable, V any](m map[K]V) func(yield func(K) bool) { return maps.Keys(m) }
