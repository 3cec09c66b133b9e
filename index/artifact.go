package index

import (
	"context"
	"iter"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

// Want names a release that is to be used, and the checksum that a lock file expects of it, "" for none.
type Want struct {
	Name     string
	Version  version.Version
	Checksum Digest
}

// Artifact is a release whose line has been verified: the only thing from which an archive may be fetched. It is made by
// [Snapshot.Verify] alone.
type Artifact struct {
	name       string
	release    *Release
	recoveries []Recovery
}

func (a Artifact) Name() string             { return a.name }
func (a Artifact) Version() version.Version { return a.release.Version }

// Publish returns the verified line's members; they are not to be changed.
func (a Artifact) Publish() *Publish { return a.release.Publish }

// Signer returns the id of the publisher who signed the release.
func (a Artifact) Signer() string { return a.release.By }

// Yanked returns why the release should not be chosen any more, nil where it may be.
func (a Artifact) Yanked() *Yank { return a.release.Yanked() }

// Verify checks every signature that the wanted releases rest on and holds their checksums against the lock. It returns
// an artifact for each, in order, and what it has to say under [SignaturesWarn]. Nothing is returned on an error.
func (s *Snapshot) Verify(ctx context.Context, wants []Want) (artifacts []Artifact, warnings []string, err error) {
	names := make([]string, len(wants))
	for i, w := range wants {
		names[i] = w.Name
	}
	if err := s.Load(ctx, names); err != nil {
		return nil, nil, err
	}
	if err := s.readUnverified(ctx, wants); err != nil {
		return nil, nil, err
	}
	c := newChecker(s)
	for _, w := range wants {
		p, err := s.Package(ctx, w.Name)
		if err != nil {
			return nil, nil, err
		}
		r, err := wanted(p, w)
		if err != nil {
			return nil, nil, err
		}
		if err := c.collect(p, r); err != nil {
			return nil, nil, err
		}
		artifacts = append(artifacts, Artifact{p.Name, r, p.Recoveries})
	}
	if err := c.discharge(ctx); err != nil {
		return nil, nil, err
	}
	if len(c.warnings) == 0 {
		s.keepSeen(c.paths(names))
	}
	return artifacts, c.warnings, nil
}

// readUnverified reads from their files the packages that came from the cache and rest on a signature that is not
// remembered, since the cache has no signatures to verify, and those that nobody has held against what was seen.
func (s *Snapshot) readUnverified(ctx context.Context, wants []Want) error {
	if s.options.Trust.Signatures == SignaturesOff {
		return nil
	}
	memory := s.state.Verified
	return s.readAnew(ctx, wants, func(p *Package) bool { return s.isHeld(PackagePath(p.Name)) }, func(o Obligation) bool { return memory != nil && memory.Has(o.memo()) })
}

// readAnew reads from their files the packages that came from the cache and are not good enough, or have an obligation that
// is not done.
func (s *Snapshot) readAnew(ctx context.Context, wants []Want, good func(*Package) bool, done func(Obligation) bool) error {
	open := make([]*loading, len(wants))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < len(wants); from += checkedAtOnce {
		group.Go(func() error {
			for i, w := range wants[from:min(len(wants), from+checkedAtOnce)] {
				p, err := s.Package(inner, w.Name)
				if err != nil {
					return err
				}
				if p.recalled && (!good(p) || !all(p.obligationsFor(w.Version), done)) {
					open[from+i] = &loading{key: p.key, path: PackagePath(p.Name)}
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	loads := slices.DeleteFunc(open, func(l *loading) bool { return l == nil })
	loads = slices.CompactFunc(loads, func(a, b *loading) bool { return a.key == b.key })
	if len(loads) == 0 {
		return nil
	}
	return s.load(ctx, loads, true)
}

// checkedAtOnce is how many packages go through one goroutine, so that their signatures are looked up on every core.
const checkedAtOnce = 128

func all(list iter.Seq[Obligation], ok func(Obligation) bool) bool {
	for o := range list {
		if !ok(o) {
			return false
		}
	}
	return true
}

// StandsBy reports whether the registry still has a release and its signature still counts. No signature is verified, and a
// checksum is not compared: it is for what is not going to be used.
//
// Errors: fault.Integrity "version-vanished", "key-compromised"; fault.Manifest "package-too-new"; those of [Snapshot.Package].
func (s *Snapshot) StandsBy(ctx context.Context, w Want) error {
	p, err := s.Package(ctx, w.Name)
	if err != nil {
		return err
	}
	_, err = wanted(p, Want{Name: w.Name, Version: w.Version})
	return err
}

func wanted(p *Package, w Want) (*Release, error) {
	r := p.Release(w.Version)
	switch {
	case r == nil:
		return nil, fault.New(fault.Integrity, "version-vanished", "SECURITY: the registry no longer has `%s %s`", w.Name, w.Version).
			WithFact("a published version never goes away; this host shows another history than before")
	case r.Suspect:
		return nil, fault.New(fault.Integrity, "key-compromised", "SECURITY: `%s %s` was signed by a key that was compromised then", w.Name, w.Version).
			WithFact("signer  %s", r.By).WithHelp("gal-pkg update %s", w.Name)
	case r.Publish == nil:
		return nil, fault.New(fault.Manifest, "package-too-new", "`%s %s` uses a newer index format than this program reads", w.Name, w.Version).
			WithHelp("update gal-pkg")
	case w.Checksum != "" && w.Checksum != r.Publish.Checksum:
		return nil, fault.New(fault.Integrity, "lock-mismatch", "SECURITY: `%s %s` has another checksum in the index than in gal.lock", w.Name, w.Version).
			WithFact("expected %s  (gal.lock)", w.Checksum).WithFact("actual   %s  (index)", r.Publish.Checksum).
			WithFact("a published version never changes; one of the two was altered")
	}
	return r, nil
}
