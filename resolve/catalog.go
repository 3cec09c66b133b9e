package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

// pkg is a package as the solver sees it: loaded once, whole, before any of its versions takes part.
type pkg struct {
	id      PackageID
	usable  []*Candidate        // newest first
	hidden  []hidden            // newest first
	buckets []bucket            // newest first, over usable
	matches map[string][]option // by requirement
	missing string              // why there is no such package
	root    *Root
}

// bucket is a run of usable candidates that are compatible with each other.
type bucket struct {
	low, high int
	node      uint32
	made      bool // whether there is a node
}

// hidden is a candidate that must not be used.
type hidden struct {
	*Candidate
	why  concealment
	text string
}

// concealment is a reason to leave a version out.
type concealment uint8

const (
	concealedYanked concealment = iota
	concealedNew
	concealedUndated
	concealedGal
	concealedUnusable
	concealedPrecise
)

// predicate completes a sentence that begins with the version.
func (h hidden) predicate() string {
	switch h.why {
	case concealedGal:
		return h.text
	case concealedUnusable:
		return "cannot be used: " + h.text
	}
	return "is " + h.text
}

// maxVersions bounds the versions of one package: sets of versions cost a bit each, and a hostile index may have any
// number of lines.
const maxVersions = 10_000

// load returns a package, from the source if need be.
func (s *solver) load(ctx context.Context, id PackageID) (*pkg, error) {
	if p := s.packages[id]; p != nil {
		return p, nil
	}
	p := &pkg{id: id, matches: map[string][]option{}}
	candidates, err := s.source.Candidates(ctx, id)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		p.missing = err.Error()
	case err != nil:
		return nil, fmt.Errorf("reading versions of %s: %w", id.Name, err)
	}
	if len(candidates) > maxVersions {
		return nil, fault.New(fault.NoSolution, "too-many-versions", "`%s` has %d versions; at most %d can be resolved", id.Name, len(candidates), maxVersions)
	}
	s.sift(p, candidates)
	s.packages[id] = p
	return p, nil
}

// hintBelow asks for what the version that will probably be chosen depends on.
func (s *solver) hintBelow(options []option) {
	if len(options) > 0 {
		s.hint(s.candidate(options[0].node, s.best(options[0].node, options[0].allowed)), false)
	}
}

// hint tells the source what will be asked for if a version is chosen. Nothing is hinted at twice.
func (s *solver) hint(c *Candidate, root bool) {
	if s.hinted[c] {
		return
	}
	s.hinted[c] = true
	var hints []Hint
	for i := range c.Dependencies {
		d := &c.Dependencies[i]
		if !root && (d.Kind == Dev || d.Optional) {
			continue
		}
		id := s.target(d)
		if _, asked := s.packages[id]; !asked {
			s.packages[id] = nil
			hints = append(hints, Hint{id, d.Requirement})
		}
	}
	if len(hints) > 0 {
		s.source.Prefetch(hints)
	}
}

// sift sorts candidates into those that may be used and those that may not.
func (s *solver) sift(p *pkg, candidates []Candidate) {
	for i := range candidates {
		c := &candidates[i]
		if why, text := s.conceal(p.id, c); text != "" {
			p.hidden = append(p.hidden, hidden{c, why, text})
		} else {
			p.usable = append(p.usable, c)
		}
	}
	newestFirst := func(a, b *Candidate) int {
		if order := b.Version.Compare(a.Version); order != 0 {
			return order
		}
		return cmp.Compare(a.Version.String(), b.Version.String())
	}
	slices.SortFunc(p.usable, newestFirst)
	slices.SortFunc(p.hidden, func(a, b hidden) int { return newestFirst(a.Candidate, b.Candidate) })
	p.usable = slices.CompactFunc(p.usable, func(a, b *Candidate) bool { return a.Version.Equal(b.Version) })
	for low := 0; low < len(p.usable); {
		high := low + 1
		for high < len(p.usable) && p.usable[high].Version.Bucket() == p.usable[low].Version.Bucket() {
			high++
		}
		p.buckets = append(p.buckets, bucket{low: low, high: high})
		low = high
	}
}

// conceal says why a version must not be used; the text is empty if it may.
func (s *solver) conceal(id PackageID, c *Candidate) (concealment, string) {
	if c.Unusable != "" {
		return concealedUnusable, c.Unusable
	}
	if v, ok := s.req.Options.Precise[id.Name]; ok && fromRegistry(id) && v.Bucket() == c.Version.Bucket() {
		if v.Equal(c.Version) {
			return 0, ""
		}
		return concealedPrecise, "not the version asked for, " + v.String()
	}
	if c.Yanked && !s.locks.keeps(id, c.Version) {
		if c.YankReason != "" {
			return concealedYanked, fmt.Sprintf("yanked: %q", c.YankReason)
		}
		return concealedYanked, "yanked"
	}
	if cutoff := s.cutoff(id); !cutoff.IsZero() && !s.locks.keeps(id, c.Version) {
		if c.Published.IsZero() {
			return concealedUndated, "of unknown age, which counts as newer than " + cutoff.UTC().Format(time.RFC3339)
		}
		if c.Published.After(cutoff) {
			return concealedNew, fmt.Sprintf("newer than %s (published %s)", cutoff.UTC().Format(time.RFC3339), c.Published.UTC().Format(time.RFC3339))
		}
	}
	if s.req.Options.GalVersions == GalDeny && !s.builds(c) {
		return concealedGal, "needs gal-version " + c.GalVersion.String()
	}
	return 0, ""
}

// builds reports whether the roots' gal-version is enough for a candidate.
func (s *solver) builds(c *Candidate) bool {
	return s.gal.IsZero() || c.GalVersion.IsZero() || !s.gal.Less(c.GalVersion)
}

// cutoff is the time after which versions of a package are too new; zero if there is none.
func (s *solver) cutoff(id PackageID) time.Time {
	if !fromRegistry(id) {
		return time.Time{}
	}
	return s.req.Options.Cutoff(id)
}

// target is the package that a dependency means, after [patch].
func (s *solver) target(d *Dependency) PackageID {
	if len(s.req.Patches) == 0 {
		return d.ID
	}
	if id, ok := s.req.Patches[d.ID]; ok {
		return id
	}
	return d.ID
}

// matching returns the versions of a package that fulfil a requirement, by bucket, newest first; the nodes of these
// buckets are made on the way.
func (s *solver) matching(p *pkg, r version.Requirement) []option {
	options, ok := p.matches[r.String()]
	if !ok {
		options = s.match(p, r)
		p.matches[r.String()] = options
	}
	return options
}

// match cuts the sorted candidates by two binary searches; only pre-releases need a closer look.
func (s *solver) match(p *pkg, r version.Requirement) []option {
	low, high := p.cut(r)
	var options []option
	for i, b := range p.buckets {
		width := widthOf(b.high - b.low)
		allowed, found := s.sets.fresh(width), false
		for at := max(low, b.low); at < min(high, b.high); at++ {
			if v := p.usable[at].Version; v.Pre() == "" || meets(r, v) {
				allowed, found = s.sets.with(width, allowed, at-b.low), true
			}
		}
		if found {
			options = append(options, option{s.bucketNode(p, i), allowed})
		}
	}
	return options
}

// cut is the range of usable candidates between the bounds of a requirement.
func (p *pkg) cut(r version.Requirement) (low, high int) {
	low = sort.Search(len(p.usable), func(i int) bool { return !r.Above(p.usable[i].Version) })
	high = sort.Search(len(p.usable), func(i int) bool { return r.Below(p.usable[i].Version) })
	return low, high
}

// fits reports whether any usable version fulfils a requirement.
func (p *pkg) fits(r version.Requirement) bool {
	return slices.ContainsFunc(p.usable, func(c *Candidate) bool { return meets(r, c.Version) })
}

// minimumGal is the least gal-version that a root promises to build with.
func minimumGal(roots []Root) version.Version {
	var least version.Version
	for _, r := range roots {
		if !r.GalVersion.IsZero() && (least.IsZero() || r.GalVersion.Less(least)) {
			least = r.GalVersion
		}
	}
	return least
}

var errNoRoots = errors.New("a request needs at least one root")
