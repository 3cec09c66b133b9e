package index

import (
	"context"
	"slices"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// Roots are the roots of trust of a registry, the oldest first and none left out between: they say who speaks as @root and
// @registry. Under none of them nobody does.
//
// Root N speaks for the places of the log from its own log size up to that of root N+1. A line names the root that it is
// signed under, and counts if that one speaks at the line's place.
type Roots []*tuf.Root

// Role returns who speaks as the line's `by`, if the root that it names is in force at a place of the log: the root keys of
// that root for @root, its targets keys for @registry. The error is an [*Ineffective].
func (r Roots) Role(l *Line, log int64) (root int64, role tuf.Role, err error) {
	i := slices.IndexFunc(r, func(root *tuf.Root) bool { return l.Root != nil && root.Version == *l.Root })
	switch {
	case l.Root == nil:
		return 0, role, dead(DeadRoot, "it is by %s, and names no root", l.By)
	case i < 0:
		return 0, role, dead(DeadRoot, "it is by %s under root %d, which is not known", l.By, *l.Root)
	case log < r[i].LogSize:
		return 0, role, dead(DeadRoot, "root %d speaks from log index %d on, and the line stands at %d", *l.Root, r[i].LogSize, log)
	case i+1 < len(r) && log >= r[i+1].LogSize:
		return 0, role, dead(DeadRoot, "root %d speaks from log index %d on, and the line, which names root %d, stands at %d", r[i+1].Version, r[i+1].LogSize, *l.Root, log)
	}
	if l.By == ByRegistry {
		return *l.Root, r[i].Roles.Targets, nil
	}
	return *l.Root, r[i].Roles.Root, nil
}

// official reports whether a line is by the registry itself, and not by a publisher.
func official(by string) bool { return by == ByRoot || by == ByRegistry }

// officialEvents is what each of them may say.
var officialEvents = map[string][]Event{
	ByRoot:     {EventRecover, EventAddKey, EventRevokeKey},
	ByRegistry: {EventYank, EventUnyank, EventDeprecate},
}

// obligations are the signatures of a line by @root or @registry, the line's own first. It holds that whoever the line is
// by may say such a thing, and that as many different keys of theirs signed as the root that it names asks for.
func (r Roots) obligations(registry string, e Entry) ([]Obligation, error) {
	l := e.Line
	if !slices.Contains(officialEvents[l.By], l.Event) {
		return nil, dead(DeadNotOwner, "%s does not speak in %s lines", l.By, l.Event)
	}
	root, role, err := r.Role(l, e.Log)
	if err != nil {
		return nil, err
	}
	var list []Obligation
	signed := map[string]bool{}
	for _, c := range append([]Cosignature{l.own()}, l.Sig.Also...) {
		if c.By != l.By {
			continue // that of a new key, for itself
		}
		if c.Bundle != "" {
			return nil, dead(DeadKeyless, "it is signed by an identity, and %s signs with keys", l.By)
		}
		i := slices.IndexFunc(role.Keys, func(k sign.PublicKey) bool { return k.Hint() == c.Key })
		if i < 0 {
			return nil, dead(DeadUnknown, "key %s is not one of %s under root %d", c.Key, l.By, root)
		}
		if !signed[c.Key] {
			signed[c.Key] = true
			list = append(list, newObligation(registry, e, signer{key: &PublisherKey{Public: role.Keys[i]}}, c))
		}
	}
	if len(signed) < role.Threshold {
		return nil, dead(DeadThreshold, "%d keys of %s signed, root %d asks for %d", len(signed), l.By, root, role.Threshold)
	}
	return list, nil
}

// Roots returns the roots of the registry that the root which is trusted now leads back to, and those that led from the one
// which was trusted first. Where no signatures are asked for, they are those that the host shows.
//
// Errors: fault.Integrity "metadata-mismatch" where the host lacks one, "root-invalid"; those of the transport.
func (s *Snapshot) Roots(ctx context.Context) (Roots, error) {
	s.rooting.Lock()
	defer s.rooting.Unlock()
	if s.roots != nil {
		return s.roots, nil
	}
	var err error
	if s.vouched == nil {
		s.roots, err = s.shownRoots(ctx)
		return s.roots, err
	}
	client := s.vouched.client
	paths := rootPaths(1, client.RootVersion()-1)
	older, err := s.vouched.raw.Fetch(ctx, paths)
	if err != nil {
		return nil, err
	}
	chain, err := tuf.Chain(client.State().Root, s.first, func(version int64) []byte { return older[tuf.RootPath(version)] })
	if err != nil {
		return nil, forget(s.vouched.raw, err, paths...)
	}
	s.roots = chain
	return s.roots, nil
}

func rootPaths(from, to int64) []string {
	var paths []string
	for n := from; n <= to; n++ {
		paths = append(paths, tuf.RootPath(n))
	}
	return paths
}

// shownRoots takes what the host shows for the registry's roots, as everything else of it is taken.
func (s *Snapshot) shownRoots(ctx context.Context) (Roots, error) {
	roots := Roots{}
	for n := int64(1); n <= maxFirstRoots; n++ {
		data, found, err := fetchOne(ctx, s.transport, tuf.RootPath(n), tuf.MaxRoot)
		if err != nil {
			return nil, err
		}
		root, err := tuf.ParseRoot(data)
		if !found || err != nil || root.Version != n {
			break
		}
		roots = append(roots, root)
	}
	return roots, nil
}

// RootsOf returns the roots where a line among the entries names one, else none: most registries never speak themselves,
// and then nobody asks for their roots.
//
// A line that names a root from before those that can be proved ends it, with code "root-unproved": left out, its yank or
// its new owners would be left out too.
func (s *Snapshot) RootsOf(ctx context.Context, entries []Entry) (Roots, error) {
	oldest := int64(-1)
	for _, e := range entries {
		if n := e.Line.Root; n != nil && (oldest < 0 || *n < oldest) {
			oldest = *n
		}
	}
	if oldest < 0 {
		return nil, nil
	}
	roots, err := s.Roots(ctx)
	if err != nil || len(roots) == 0 || oldest >= roots[0].Version {
		return roots, err
	}
	return nil, fault.New(fault.Integrity, "root-unproved", "SECURITY: the registry's line rests on a root of trust that cannot be proved").
		WithFact("named    root %d", oldest).
		WithFact("trusted  root %d, and back to root %d", roots[len(roots)-1].Version, roots[0].Version).
		WithHelp("gal-pkg registry reset NAME      # then add it with the fingerprint of an earlier root, from its operator")
}
