package remote

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// Finding runs find. Where it does not find a package or a version, or no set of versions, it is run once more if a registry
// turns out to have a newer state than it showed: between it and this machine may be a cache, which for a while does not
// know what has just been published. That costs one request for each registry whose files are kept by such caches.
func (s *Set) Finding(ctx context.Context, find func() error) error {
	err := find()
	if s.o.Offline || !isMiss(err) {
		return err
	}
	if !s.renew(ctx) {
		return err
	}
	return find()
}

// isMiss reports whether an error is of a kind that something newer may mend.
func isMiss(err error) bool {
	return fault.KindOf(err) == fault.NoSolution || fault.IsCode(err, "package-not-found") || fault.IsCode(err, "version-not-found")
}

// renew asks for the newest state of the registries that are open and lie behind caches, past these, in the order of names,
// and reports whether any has one. Those who hold a registry that has keep what they hold. A host that fails now is left as it
// was: it had answered before, and what is known of it is told.
func (s *Set) renew(ctx context.Context) (newer bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.open)) {
		r := s.open[name]
		next, err := s.renewed(ctx, r)
		if err != nil || next == nil {
			continue
		}
		newer = true
		s.retired = append(s.retired, r)
		s.open[name] = next
		for id, open := range s.byID {
			if open == r {
				s.byID[id] = next
			}
		}
	}
	return newer
}

// renewed is a registry in its newest state, nil where it is in that already or lies behind no caches. s.mu is held.
func (s *Set) renewed(ctx context.Context, r *Registry) (*Registry, error) {
	f, ok := r.transport.(index.Forgetful)
	if _, signed := r.Snapshot.Currency(); !ok || !signed {
		return nil, nil
	}
	before, err := r.standing.Load()
	if err != nil {
		return nil, err
	}
	f.Forget([]string{tuf.TimestampPath})
	next := *r
	if err := s.openSnapshot(ctx, &next, r.ID()); err != nil {
		return nil, err
	}
	after, err := next.standing.Load()
	if err != nil || bytes.Equal(before.Metadata.Timestamp, after.Metadata.Timestamp) {
		return nil, err
	}
	return &next, nil
}
