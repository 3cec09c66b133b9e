package desk

import (
	"context"
	"math"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/sign"
)

// Whoever signs a change of owners or keys signs what the index says today, with one thing altered: a host that could add
// an owner of its own to that would have it signed by the others. So what such a line is made from is folded here from the
// files themselves, with every signature that it rests on, whatever the user's settings say of installing.

// Key is a key of a publisher, and when its life began and ended.
type Key struct {
	Public   sign.PublicKey
	Added    Moment
	Revoked  *Moment // nil while it is live
	Reason   string  // why it was revoked
	Suspect  *int64  // the log index from which on what it signed is suspect; nil for none
	Register bool    // it came with the registration
	Given    *string // why the registry's root keys gave it to the publisher; nil where they did not
}

// Moment is a place in the log, and when that was.
type Moment struct {
	Log int64
	At  time.Time
}

// Publisher returns what the registry has of a publisher, after every signature of its file was verified, and its keys in
// the order of their arrival. A publisher that does not exist has no registration and no keys.
func Publisher(ctx context.Context, r *remote.Registry, id string) (*index.Publisher, []Key, error) {
	if err := index.CheckID(id); err != nil {
		return nil, nil, fault.New(fault.Usage, "bad-publisher", "%v", err)
	}
	entries, err := stamped(ctx, r, index.PublisherPath(id))
	if err != nil {
		return nil, nil, err
	}
	roots, err := r.Snapshot.RootsOf(ctx, entries)
	if err != nil {
		return nil, nil, err
	}
	p, moments, reasons := roots.NewPublisher(r.ID(), id), map[int64]time.Time{}, map[string]string{}
	given := map[int64]*string{}
	for _, e := range entries {
		obligations, err := p.Apply(e)
		if err != nil {
			continue // a line that does not count changes nothing
		}
		if err := verified(obligations, index.Bundles{}); err != nil { // a publisher's own file has none
			return nil, nil, err
		}
		moments[e.Log] = e.At
		switch b := e.Line.Body.(type) {
		case *index.RevokeKey:
			reasons[b.Key] = b.Reason
		case *index.AddKey:
			if e.Line.By == index.ByRoot {
				given[e.Log] = &b.Reason
			}
		}
	}
	return p, keysOf(p, moments, reasons, given), nil
}

func keysOf(p *index.Publisher, moments map[int64]time.Time, reasons map[string]string, given map[int64]*string) []Key {
	keys := make([]Key, len(p.Keys))
	for i, k := range p.Keys {
		keys[i] = Key{
			Public: k.Public, Added: Moment{k.Added, moments[k.Added]}, Reason: reasons[k.Public.Hint()], Register: k.Added == p.Registered,
			Given: given[k.Added],
		}
		if k.IsRevoked() {
			keys[i].Revoked = &Moment{k.Revoked, moments[k.Revoked]}
		}
		if k.Compromised != math.MaxInt64 {
			keys[i].Suspect = &k.Compromised
		}
	}
	return keys
}

func verified(obligations []index.Obligation, bundles index.Bundles) error {
	for _, o := range obligations {
		if err := o.VerifyWith(bundles); err != nil {
			return err
		}
	}
	return nil
}

// Package returns what the registry has of a package, after every signature was verified that its owners rest on. The
// error has code package-not-found where there is none of exactly this name.
func Package(ctx context.Context, r *remote.Registry, name string) (*index.Package, error) {
	if _, err := r.Snapshot.Package(ctx, name); err != nil {
		return nil, err
	}
	entries, err := stamped(ctx, r, index.PackagePath(name))
	if err != nil {
		return nil, err
	}
	publishers := map[string]*index.Publisher{}
	for _, id := range index.Speakers(entries) {
		if publishers[id], _, err = Publisher(ctx, r, id); err != nil {
			return nil, err
		}
	}
	bundles, err := r.Snapshot.Bundles(ctx)
	if err != nil {
		return nil, err
	}
	roots, err := r.Snapshot.RootsOf(ctx, entries)
	if err != nil {
		return nil, err
	}
	p := roots.NewPackage(r.ID(), manifest.Key(name))
	for _, e := range entries {
		obligations, err := p.Apply(e, func(id string) *index.Publisher { return publishers[id] })
		if err != nil || e.Line.Event == index.EventPublish && len(p.Releases) > 1 {
			continue
		}
		if err := verified(obligations, bundles); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// stamped reads the stamped lines of a file; a file that is not there has none.
func stamped(ctx context.Context, r *remote.Registry, path string) ([]index.Entry, error) {
	files, err := r.Snapshot.Files(ctx, []string{path})
	if err != nil {
		return nil, err
	}
	var decoder index.Decoder
	list, err := decoder.ParseStamped(path, files[path])
	if err != nil {
		return nil, fault.New(fault.Integrity, "index-malformed", "SECURITY: the index holds a line that no registry writes").WithFact("%v", err)
	}
	return list, nil
}
