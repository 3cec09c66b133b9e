package index

import (
	"context"
	"sync"
)

// gatherer makes one round of all fetches that come while another is under way: for a transport where a round costs the
// same, however many files it is for.
type gatherer struct {
	fetch func(ctx context.Context, paths []string) (map[string][]byte, error)
	turn  chan struct{} // holds a value while a round is under way

	mu   sync.Mutex
	next *round // that can be joined; nil for none
}

// round is one fetch for several callers.
type round struct {
	paths   []string
	callers int
	done    chan struct{} // closed when the rest is there
	files   map[string][]byte
	err     error
}

func newGatherer(fetch func(ctx context.Context, paths []string) (map[string][]byte, error)) *gatherer {
	return &gatherer{fetch: fetch, turn: make(chan struct{}, 1)}
}

// Fetch is fetch, for these paths and for those of others. Whoever begins a round fetches for all; where that fails, each
// of them asks alone, so that nobody suffers from what others wanted.
func (g *gatherer) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	r, first := g.join(paths)
	if first {
		g.lead(ctx, r)
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	switch {
	case r.callers == 1:
		return r.files, r.err
	case r.err != nil:
		return g.fetch(ctx, paths)
	}
	mine := make(map[string][]byte, len(paths))
	for _, path := range paths {
		if data, ok := r.files[path]; ok {
			mine[path] = data
		}
	}
	return mine, nil
}

// join takes part in the next round, and reports whether it has begun it.
func (g *gatherer) join(paths []string) (r *round, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if first = g.next == nil; first {
		g.next = &round{done: make(chan struct{})}
	}
	g.next.paths = append(g.next.paths, paths...)
	g.next.callers++
	return g.next, first
}

// lead waits until no other round is under way, and fetches.
func (g *gatherer) lead(ctx context.Context, r *round) {
	defer close(r.done)
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
	}
	g.mu.Lock()
	g.next = nil // who comes now is in the next round
	g.mu.Unlock()
	r.files, r.err = g.fetch(ctx, r.paths)
}
