package project

import (
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
	"github.com/geeknik/gal-pkg/version"
)

// maxAhead bounds how many packages are read that the resolver has not asked for yet.
const maxAhead = 20_000

// Prefetch implements [resolve.Source]: it reads index files while the resolver thinks, and goes on to what the newest
// versions that fit depend on, a round at a time. So a graph takes as many rounds as it is deep, however the resolver
// walks it. Errors are left to whoever really needs the file.
func (s *source) Prefetch(hints []resolve.Hint) {
	byRegistry := map[string][]resolve.Hint{}
	for _, h := range s.unseen(hints) {
		if location, ok := strings.CutPrefix(h.ID.Source, "registry+"); ok {
			byRegistry[location] = append(byRegistry[location], h)
		}
	}
	for id, hints := range byRegistry {
		s.loads.Go(func() {
			if r, err := s.set.ByID(s.background, id); err == nil {
				s.lookAhead(r, hints)
			}
		})
	}
}

// aheadOfLock has the archives downloaded that the lock names, from each of its registries.
func (s *source) aheadOfLock() {
	seen := map[string]bool{}
	for _, l := range s.project.Lock.Packages {
		if id := l.Source.Location; l.Source.Kind == manifest.RegistrySource && !seen[id] {
			seen[id] = true
			if r, err := s.set.ByID(s.background, id); err == nil {
				s.early.lockedFrom(r, s.project.Lock)
			}
		}
	}
}

// wait ends what is read ahead.
func (s *source) wait() {
	s.stop()
	s.loads.Wait()
}

// lookAhead reads packages of one registry, and those that they need, until nothing is new.
func (s *source) lookAhead(r *remote.Registry, hints []resolve.Hint) {
	for ; len(hints) > 0; hints = s.unseen(hints) {
		names := make([]string, len(hints))
		for i, h := range hints {
			names[i] = h.ID.Name
		}
		if err := r.Snapshot.Load(s.background, names); err != nil {
			return
		}
		var next []resolve.Hint
		for _, h := range hints {
			p, err := r.Snapshot.Package(s.background, h.ID.Name)
			if err != nil {
				continue
			}
			s.prepare(h.ID, p)
			if h.Requirement.IsZero() {
				continue
			}
			if newest := newestFitting(p, h.Requirement, s.cutoffOf(h.ID)); newest != nil {
				s.early.guess(r, h.ID.Name, newest)
				next = append(next, below(h.ID.Source, newest)...)
			}
		}
		hints = next
	}
}

// prepare has the answer ready before the resolver asks.
func (s *source) prepare(id resolve.PackageID, p *index.Package) {
	s.mu.Lock()
	_, known := s.cached[id]
	s.mu.Unlock()
	if known {
		return
	}
	list := candidates(p, id.Source)
	s.mu.Lock()
	s.cached[id] = list
	s.mu.Unlock()
}

// unseen leaves out what has been through here before.
func (s *source) unseen(hints []resolve.Hint) []resolve.Hint {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := hints[:0]
	for _, h := range hints {
		if !s.ahead[h.ID] && len(s.ahead) < maxAhead {
			s.ahead[h.ID] = true
			fresh = append(fresh, h)
		}
	}
	return fresh
}

// newestFitting is the release that is likely to be chosen, of those that are not from after the cutoff, if there is one;
// nil where there is none.
func newestFitting(p *index.Package, fits version.Requirement, cutoff time.Time) *index.Release {
	return p.HighestOf(func(r *index.Release) bool {
		return (cutoff.IsZero() || !r.At.After(cutoff)) && fits.Matches(r.Version)
	})
}

// below hints at what a release depends on, as far as it is in the same registry.
func below(own string, r *index.Release) []resolve.Hint {
	var hints []resolve.Hint
	for i := range r.Publish.Dependencies {
		d := &r.Publish.Dependencies[i]
		if !d.Optional && (d.Registry == "" || manifest.Registry(d.Registry).String() == own) {
			hints = append(hints, resolve.Hint{ID: resolve.PackageID{Source: own, Name: d.Real()}, Requirement: d.Requirement})
		}
	}
	return hints
}
