package remote

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// A copy is a folder or a tar that the user names although the registry is known from elsewhere: what gal-pkg vendor made,
// a bundle, a checkout of last year. It is fixed, so it is older than what was seen elsewhere, and nobody is to blame: to
// refuse it as a rollback would keep whoever has once been online from building. So a copy has a state of its own, by its
// address, and neither moves the other forward. Nothing else is given up:
//
//   - its metadata must lead from the root of trust that is known of the registry; another root, or none, is refused;
//   - at one address it does not go back, and its log continues what was seen there;
//   - what this machine has seen of the registry elsewhere still holds: a release that has been yanked since is told of, and
//     one whose key has been given up as compromised is refused, as far as that is in the cache of the registry's index.
//
// Mirrors, whether they stand in for the registry's host or beside it, are no copies: who shows an older state there is
// refused.

// isFixed reports whether the registry is read from a copy, as above; home is what was seen of it. Where no host of the
// registry is configured there is nothing to hold a copy against, and a folder that was once trusted by itself goes on so.
func (s *Set) isFixed(r *Registry, pin, id string, home index.Standing) (bool, error) {
	if !r.isCopy() || r.Spec.BlockOrigin || home.First == "" || r.Spec.ID == "" && pin != "" {
		return false, nil
	}
	hosts, err := s.hosts(id)
	return len(hosts) > 0, err
}

// hosts are the names under which a registry is configured that is read over a network, sorted.
func (s *Set) hosts(id string) (names []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(s.o.Specs)) {
		spec := s.o.Specs[name]
		if !spec.isHost() {
			continue
		}
		held, err := s.heldTo(spec)
		if err != nil {
			return nil, err
		}
		if held == id {
			names = append(names, name)
		}
	}
	return names, nil
}

// isHost reports whether a registry is read over a network, or by mirrors in place of that.
func (s Spec) isHost() bool {
	at, err := Locate(s.URL)
	return err == nil && (at.Kind != KindDir && at.Kind != KindTar || s.BlockOrigin)
}

// homeOf is the folder of what is kept of a registry. One may well call itself as the folder of pins is called.
func (s *Set) homeOf(id string) string {
	if id == pinsDir {
		id += "_" // which no id has
	}
	return filepath.Join(s.o.StateDir, "trust", id)
}

func (s *Set) copyState(id, address string) string {
	return filepath.Join(s.homeOf(id), "copies", addressKey(address))
}

// settle decides with which state a registry is read, before anything of it is believed: what its configuration says of its
// id only tells which state to go by.
func (s *Set) settle(ctx context.Context, r *Registry, o *index.Options) error {
	if !r.isCopy() || r.Spec.Trust.Signatures == index.SignaturesOff {
		return nil
	}
	id := o.Pin
	if id == "" {
		files, err := r.transport.Fetch(ctx, []string{index.ConfigPath})
		if err != nil {
			return err
		}
		config, err := index.ParseConfig(files[index.ConfigPath])
		if err != nil {
			return nil // whoever opens it says so
		}
		id = config.ID
	}
	home, err := (index.StandingFile{Dir: s.homeOf(id)}).Load()
	if err != nil {
		return err
	}
	if fixed, err := s.isFixed(r, o.Pin, id, home); !fixed || err != nil {
		return err
	}
	r.fixed, o.Pin = true, id
	if o.Root == "" {
		o.Root = home.First
	}
	o.State = func(id string) (index.State, error) { return r.openState(s.copyState(id, r.Spec.URL)) }
	return nil
}

// HoldAgainstKnown holds releases that were chosen from a copy against what this machine has seen of the registry elsewhere,
// and returns what the user should know of them.
//
// Errors: those of [index.Snapshot.Verify], of a release that is not good any more.
func (s *Set) HoldAgainstKnown(ctx context.Context, r *Registry, wants []index.Want) (warnings []string, err error) {
	if !r.fixed {
		return nil, nil
	}
	hosts, err := s.hosts(r.ID())
	if err != nil {
		return nil, err
	}
	for _, name := range hosts {
		o := s.o
		o.Offline, o.Override, o.Notice, o.Warning = true, "", nil, nil
		known := New(o)
		known.required = s.requiredBy()
		told, err := known.hold(ctx, name, r, wants)
		warnings = append(warnings, told...)
		if closed := known.Close(ctx); err == nil {
			err = closed
		}
		if err != nil {
			return nil, err
		}
	}
	return warnings, nil
}

// hold is HoldAgainstKnown for one host of the registry, of which it asks the cache alone.
func (s *Set) hold(ctx context.Context, name string, r *Registry, wants []index.Want) (warnings []string, err error) {
	host, err := s.Open(ctx, name)
	if fault.KindOf(err) == fault.Network {
		return []string{"what was seen of registry " + r.ID() + " is not in the cache any more: whether its copy at " + web.Redact(r.Spec.URL) +
			" has versions that were yanked since, or whose keys were given up, is not known"}, nil
	}
	if err != nil {
		return nil, err
	}
	for _, w := range wants {
		p, err := host.Snapshot.Package(ctx, w.Name)
		if fault.KindOf(err) == fault.Network || fault.IsCode(err, "package-not-found") || err == nil && p.Release(w.Version) == nil {
			continue // it was not looked at, or not since the copy was made
		}
		if err != nil {
			return nil, err
		}
		artifacts, _, err := host.Snapshot.Verify(ctx, []index.Want{w})
		if fault.KindOf(err) == fault.Network {
			warnings = append(warnings, "what was seen of "+w.Name+" "+w.Version.String()+" is not in the cache any more: whether it was yanked"+
				" since the copy at "+web.Redact(r.Spec.URL)+" was made, or its key given up, is not known")
			continue
		}
		if f := fault.Of(err); f != nil {
			return nil, f.WithFact("the copy at %s does not know that; %s does", web.Redact(r.Spec.URL), name)
		}
		if err != nil {
			return nil, err
		}
		if y := artifacts[0].Yanked(); y != nil {
			warnings = append(warnings, w.Name+" "+w.Version.String()+" has been yanked since the copy was made: "+y.Reason)
		}
	}
	return warnings, nil
}
