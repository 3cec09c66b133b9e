package project

import (
	"context"
	"runtime"
	"strings"
	"sync"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/download"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/workqueue"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// Ahead does what an install will need while its versions are still being chosen and verified: it downloads archives, and
// checks the trees that are in the cache. What is needed is what gal.lock names, and without one the newest versions that
// fit. It decides nothing: archives are kept under their digests, nothing is unpacked before its line is verified, and what
// was not needed after all was only read in vain. A nil Ahead does nothing.
type Ahead struct {
	ctx     context.Context
	cancel  context.CancelFunc
	o       Fetching
	offline bool
	release func()
	trees   *workqueue.Queue[fetch.Item] // to be checked, by as many at once as there are processors

	mu     sync.Mutex
	seen   map[string]bool // digests
	early  map[*remote.Registry]*download.Early
	closed bool
}

// NewAhead begins; the caller stops it when the install has ended, whatever became of that.
func NewAhead(ctx context.Context, o Fetching, offline bool) (*Ahead, error) {
	release, err := o.Hold(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &Ahead{
		ctx: ctx, cancel: cancel, o: o, offline: offline, release: release,
		seen: map[string]bool{}, early: map[*remote.Registry]*download.Early{},
	}
	a.trees = workqueue.New(runtime.GOMAXPROCS(0), a.checkTree)
	return a, nil
}

// Stop ends what is still going on.
func (a *Ahead) Stop() {
	if a == nil {
		return
	}
	a.cancel()
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.trees.Close()
	for _, e := range a.early {
		e.Stop()
	}
	a.release()
}

// Early returns the downloads from a registry, nil where none were begun.
func (a *Ahead) Early(r *remote.Registry) *download.Early {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.early[r]
}

// locked begins with the packages of a lock. Their trees need no registry.
func (a *Ahead) locked(lock *manifest.Lock) {
	if a == nil || lock == nil || a.o.ArchivesOnly {
		return
	}
	for _, l := range lock.Packages {
		if item := bare(l.Name, l.Version, l.Checksum); l.Source.Kind == manifest.RegistrySource && a.o.Cache.HasTree(item) {
			a.check(item)
		}
	}
}

// lockedFrom begins to download what a lock has of a registry.
func (a *Ahead) lockedFrom(r *remote.Registry, lock *manifest.Lock) {
	if a == nil || lock == nil {
		return
	}
	for _, l := range lock.Packages {
		if l.Source.Kind == manifest.RegistrySource && l.Source.Location == r.ID() {
			a.want(r, bare(l.Name, l.Version, l.Checksum))
		}
	}
}

// guess begins with a release that is likely to be chosen.
func (a *Ahead) guess(r *remote.Registry, name string, release *index.Release) {
	if a == nil {
		return
	}
	item := bare(name, release.Version, string(release.Publish.Checksum))
	item.Size, item.Unpacked = release.Publish.Size, release.Publish.Unpacked
	a.want(r, item)
}

func bare(name string, v version.Version, digest string) fetch.Item {
	return fetch.Item{Name: name, Version: v, Key: manifest.Key(name), Digest: digest}
}

// want checks the item's tree where there is one, else downloads its archive.
func (a *Ahead) want(r *remote.Registry, item fetch.Item) {
	switch {
	case !strings.HasPrefix(item.Digest, "sha256:"):
	case !a.o.ArchivesOnly && a.o.Cache.HasTree(item):
		a.check(item)
	case !a.offline:
		// Only the registry's own places are asked: nobody has verified who wrote the line and what it names besides.
		item.URLs = r.URLs(item.Name, &index.Publish{Version: item.Version, Checksum: index.Digest(item.Digest)})
		if e := a.downloads(r); e != nil {
			e.Begin(item)
		}
	}
}

func (a *Ahead) downloads(r *remote.Registry) *download.Early {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.early[r] == nil && !a.closed {
		a.early[r] = download.NewEarly(a.ctx, a.o.options(r, a.offline))
	}
	return a.early[r]
}

// check has a tree checked, once.
func (a *Ahead) check(item fetch.Item) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.seen[item.Digest] {
		a.seen[item.Digest] = true
		a.trees.Add(item)
	}
}

func (a *Ahead) checkTree(item fetch.Item) {
	if a.ctx.Err() == nil {
		_ = a.o.Cache.Check(item, a.o.Level) // whoever needs it hears what is wrong with it
	}
}
