package remote

import (
	"context"
	"maps"
	"sync"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// Part returns the files of the registry's tree, by path, that somebody needs who has never seen the registry to verify some
// releases, from its root of trust to its log: all else that such a tree needs are the archives. Everything is verified on
// the way, as if it were seen for the first time.
func (r *Registry) Part(ctx context.Context, wants []index.Want) (map[string][]byte, error) {
	rec := &recorder{Transport: r.transport, files: map[string][]byte{}}
	o := r.options
	o.State = nil
	current, signed := r.Snapshot.Currency()
	if signed {
		o.Root = current.First
	}
	snapshot, err := index.Open(ctx, rec, o)
	if err != nil {
		return nil, err
	}
	if now, ok := snapshot.Currency(); ok != signed || now.Root != current.Root {
		return nil, fault.New(fault.Integrity, "registry-changed", "the registry %s has changed its root of trust just now", r.ID()).
			WithHelp("run the command again")
	}
	artifacts, _, err := snapshot.Verify(ctx, wants)
	if err != nil {
		return nil, err
	}
	return rec.files, snapshot.CheckLog(ctx, artifacts)
}

// recorder keeps every file that is read through it.
type recorder struct {
	index.Transport
	mu    sync.Mutex
	files map[string][]byte
}

// Fetch implements [index.Transport].
func (t *recorder) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	files, err := t.Transport.Fetch(ctx, paths)
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.files, files)
	return files, err
}

// Lenient implements [index.Lenient] as the transport below does.
func (t *recorder) Lenient() bool {
	l, ok := t.Transport.(index.Lenient)
	return ok && l.Lenient()
}
