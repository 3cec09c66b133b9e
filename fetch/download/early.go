package download

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/workqueue"
)

// Early is downloads that begin before it is certain that they are needed: while versions are still being chosen, the network
// has nothing better to do. They bring archives into the cache, under their digests, and no further: nothing is unpacked,
// and what fails is an error only of a [Fetch] that needs it. On a disk that may turn out too small they leave all to Fetch,
// which says so before anything is downloaded. They are safe for concurrent use.
type Early struct {
	f     *fetcher
	ctx   context.Context
	stop  context.CancelFunc
	queue *workqueue.Queue[*early]

	mu sync.Mutex
	of map[string]*early // by digest
}

type early struct {
	done   chan struct{}
	result Result
	err    error
}

// NewEarly returns downloads with the options of the Fetch that is to come.
func NewEarly(ctx context.Context, o Options) *Early {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Early = nil
	o.Offline = o.Offline || !o.Cache.HasPlenty()
	e := &Early{f: newFetcher(o), of: map[string]*early{}}
	e.queue = workqueue.New(e.f.connections(), e.bring)
	e.ctx, e.stop = context.WithCancel(ctx)
	return e
}

// Begin begins to download an item, unless that was begun before or the cache has it.
func (e *Early) Begin(item Item) {
	if e.f.o.Offline || e.f.o.Cache.Has(item) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of[item.Digest] != nil || e.ctx.Err() != nil {
		return
	}
	begun := &early{done: make(chan struct{}), result: Result{Item: item}}
	e.of[item.Digest] = begun
	e.queue.Add(begun)
}

func (e *Early) bring(next *early) {
	if next.err = context.Cause(e.ctx); next.err == nil {
		next.err = e.f.bring(e.ctx, &next.result)
	}
	close(next.done)
}

// Stop ends what is still on its way and waits for it.
func (e *Early) Stop() {
	e.mu.Lock() // nobody begins from here on
	e.stop()
	e.mu.Unlock()
	e.queue.Close()
	e.f.tars.close()
}

// knows reports whether an item's download was begun.
func (e *Early) knows(item Item) bool {
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.of[item.Digest] != nil
}

// take waits for an item's download, where it was begun, and returns what came of it; once for each item, for it may be found
// damaged, and then must be downloaded again. What was given up, or may yet be had from an address that was not known, was
// not begun; but wrong bytes are told, whoever has more.
func (e *Early) take(ctx context.Context, r *Result) (begun bool, err error) {
	if e == nil {
		return false, nil
	}
	e.mu.Lock()
	early := e.of[r.Item.Digest]
	delete(e.of, r.Item.Digest)
	e.mu.Unlock()
	if early == nil {
		return false, nil
	}
	if r.Item.Size > 0 {
		e.f.sizes.Store(r.Item.Digest, r.Item.Size)
	}
	select {
	case <-early.done:
	case <-ctx.Done():
		return true, ctx.Err()
	}
	var wrong *cache.MismatchError
	if early.err != nil && !errors.As(early.err, &wrong) && (e.ctx.Err() != nil || !slices.Equal(early.result.Item.URLs, r.Item.URLs)) {
		return false, nil
	}
	r.URL, r.Downloaded, r.shared = early.result.URL, early.result.Downloaded, early.result.shared
	return true, early.err
}
