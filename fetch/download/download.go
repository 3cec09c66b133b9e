// Package download brings archives into the cache: from hosts, mirrors and folders, many at once, biggest first.
//
// Each item goes through three steps, and the steps of different items overlap: download while hashing, bounded by
// connections; check or unpack the tree, bounded by processors; done. An archive that is in the cache is not downloaded,
// a tree that is there is not unpacked, and among all processes that share a cache each is made once.
//
// The addresses of an item are tried in order, but those last whose hosts have failed in the last minutes. The next one is
// tried when a host cannot give the file: it is not there, refuses us, or does not answer; and when it asks for a pause or is
// slow, but then it is tried again, and waited for, where none of the others serves. An archive of which only a part came is
// asked for from there on: where the host vouches that it is still the same, and of the next host. If what two hosts have sent
// is not the archive together, the second is asked for all of it.
//
// Bytes that are not the ones asked for are asked for once more, there and past all caches on the way, and then end
// everything: nobody else is asked, for somebody should know.
//
// A host gets 64 requests at once, up to 128 while it serves them, and half as many whenever it answers 429 or 503.
package download

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/hosts"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// Item is one version of one package to be fetched.
type Item = fetch.Item

// Options shape a Fetch; Cache is required, and Client unless Offline.
type Options struct {
	Client       *web.Client
	Cache        *cache.Cache
	Shared       *Shared     // a team's cache, asked first; nil for none
	Early        *Early      // downloads that were begun before; nil for none
	Concurrency  int         // downloads at once; 0 means 64 from a host, up to 128 as it goes
	Offline      bool        // nothing is asked of the network; file addresses are still read
	ArchivesOnly bool        // nothing is unpacked
	Level        cache.Level // how closely trees are checked; the zero value hashes every byte
	Events       fetch.Events
	Now          func() time.Time // nil means time.Now
}

// Result is what became of one item.
type Result struct {
	Item       Item
	Tree       string // the unpacked folder, "" with ArchivesOnly
	Downloaded bool   // false where the cache had it
	URL        string // where it was downloaded from, redacted

	shared bool // from the shared cache
}

// Fetch returns the results of all items, in their order, once every one of them is verified and in the cache. The caller
// holds the cache ([cache.Cache.Hold]) for as long as it uses the trees.
//
// Errors are of kind integrity (checksum-mismatch: the bytes are not those that the digest names; or an archive that is
// refused), network, not-found or auth (no address gave the file), or network with code offline-miss, which names all
// items that are missing. Where several items fail, the gravest error is returned, in this order. What was verified
// before stays in the cache; of what was not, nothing stays. What a shared cache lacks may still be on its way to it: see
// [Shared.Settle].
func Fetch(ctx context.Context, items []Item, o Options) ([]Result, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	f := newFetcher(o)
	f.results, f.unpacked, f.waiting = make([]Result, len(items)), make([]bool, len(items)), make(chan int, len(items))
	order, twins := f.plan(items)
	if err := f.announce(order); err != nil {
		return nil, err
	}
	defer f.tars.close()
	err := f.run(ctx, order)
	f.health.Save()
	if err != nil {
		return nil, err
	}
	for i, first := range twins {
		f.results[i] = f.results[first]
	}
	return f.results, nil
}

// newFetcher returns a fetcher without items. With early downloads it shares what they know of hosts.
func newFetcher(o Options) *fetcher {
	f := &fetcher{o: o, errors: map[int]error{}}
	if o.Early != nil {
		f.hosts, f.health = o.Early.f.hosts, o.Early.f.health
		return f
	}
	f.hosts, f.health = newWindows(o.Concurrency), hosts.Load(o.Cache.Dir(), o.Now)
	return f
}

type fetcher struct {
	o        Options
	results  []Result
	unpacked []bool   // whose trees were there in the beginning
	waiting  chan int // results whose archive is there, for the processors
	hosts    *windows
	health   *hosts.Health

	tars    tars
	sizes   sync.Map  // by digest, of archives whose size was not known when they were begun
	buffers sync.Pool // of *[copyBuffer]byte, one for each archive that is coming

	mu     sync.Mutex
	errors map[int]error // by the item's index
}

// size is how many bytes an archive has, 0 where that is not known yet.
func (f *fetcher) size(item Item) int64 {
	if item.Size > 0 {
		return item.Size
	}
	size, _ := f.sizes.Load(item.Digest)
	n, _ := size.(int64)
	return n
}

// copyBuffer is how much of an archive is handed on at once.
const copyBuffer = 32 << 10

func (f *fetcher) buffer() *[copyBuffer]byte {
	if buf, ok := f.buffers.Get().(*[copyBuffer]byte); ok {
		return buf
	}
	return new([copyBuffer]byte)
}

// plan fills in the items and returns the indexes of those that differ, biggest first, so that the longest download does
// not begin last; and for every repeated one the index of its first.
func (f *fetcher) plan(items []Item) (order []int, twins map[int]int) {
	type identity struct{ digest, folder string }
	seen := map[identity]int{}
	twins = map[int]int{}
	for i, item := range items {
		f.results[i].Item = item
		id := identity{item.Digest, item.Folder()}
		if first, ok := seen[id]; ok {
			twins[i] = first
			continue
		}
		seen[id] = i
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch d := items[b].Size - items[a].Size; {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
	return order, twins
}

// announce says what is going to be downloaded, and that the disk is too small for it.
func (f *fetcher) announce(order []int) error {
	var absent []Item
	size := int64(0)
	for _, i := range order {
		item := f.results[i].Item
		if !f.o.ArchivesOnly && f.o.Cache.HasTree(item) {
			f.unpacked[i] = true
		} else if f.o.Early.knows(item) || !f.o.Cache.Has(item) {
			absent = append(absent, item)
			size += max(item.Size, 0)
		}
	}
	if len(absent) == 0 {
		return nil
	}
	if !f.o.Offline {
		f.o.Events.Plan(len(absent), size)
	}
	return f.o.Cache.Room(absent, !f.o.ArchivesOnly)
}

// run drives both steps and returns the gravest error.
func (f *fetcher) run(parent context.Context, order []int) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	next := make(chan int, len(order))
	for _, i := range order {
		next <- i
	}
	close(next)
	var downloads, unpacks sync.WaitGroup
	for range min(max(f.connections(), 1), len(order)) {
		downloads.Go(func() { f.each(next, cancel, func(i int) error { return f.download(ctx, i) }) })
	}
	for range min(runtime.GOMAXPROCS(0), len(order)) {
		unpacks.Go(func() { f.each(f.waiting, cancel, func(i int) error { return f.finish(ctx, i) }) })
	}
	downloads.Wait()
	close(f.waiting)
	unpacks.Wait()
	if len(f.errors) > 0 && parent.Err() != nil {
		return fault.New(fault.Cancelled, "interrupted", "fetching was given up").Because(context.Cause(parent))
	}
	return f.gravest()
}

// connections is how many downloads are begun at once. Each then waits for its host.
func (f *fetcher) connections() int {
	if f.o.Concurrency == 0 {
		return mostLimit
	}
	return f.o.Concurrency
}

// each runs step for every index; the first error stops the others soon, but for what is missing offline: all of that is
// named at once.
func (f *fetcher) each(from <-chan int, cancel func(), step func(int) error) {
	for i := range from {
		if err := step(i); err != nil {
			f.fail(i, err)
			if !errors.Is(err, errMissing) {
				cancel()
			}
		}
	}
}

func (f *fetcher) fail(i int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors[i] = err
}

// gravest picks the error to report: by kind, then by the order of the items. What only followed from our own giving up
// is no error.
func (f *fetcher) gravest() error {
	var worst error
	for i := range f.results {
		if err := f.errors[i]; err != nil && (worst == nil || gravity(err) < gravity(worst)) {
			worst = err
		}
	}
	if errors.Is(worst, errMissing) {
		return f.offlineMiss()
	}
	return worst
}

func gravity(err error) int {
	if errors.Is(err, context.Canceled) {
		return 9
	}
	if errors.Is(err, errMissing) {
		return 2
	}
	switch fault.KindOf(err) {
	case fault.Integrity:
		return 0
	case fault.Auth:
		return 1
	case fault.Network:
		return 2
	case fault.NotFound:
		return 3
	case fault.Cancelled:
		return 8
	}
	return 4
}

// download makes sure that the archive or the tree is there and passes the item on.
func (f *fetcher) download(ctx context.Context, i int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !f.unpacked[i] {
		if err := f.archive(ctx, &f.results[i]); err != nil {
			return err
		}
	}
	f.waiting <- i
	return nil
}

// finish checks or makes the tree. A damaged archive shows only now; it is downloaded again, once.
func (f *fetcher) finish(ctx context.Context, i int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &f.results[i]
	err := f.verify(ctx, r)
	if errors.Is(err, cache.ErrAbsent) {
		if err = f.archive(ctx, r); err == nil {
			err = f.verify(ctx, r)
		}
	}
	if err != nil {
		return err
	}
	f.o.Cache.Count(!r.Downloaded)
	f.o.Events.Finish(r.Item, !r.Downloaded)
	return nil
}

func (f *fetcher) verify(ctx context.Context, r *Result) (err error) {
	if !f.o.ArchivesOnly {
		r.Tree, err = f.o.Cache.Tree(ctx, r.Item, f.o.Level)
		return err
	}
	if r.Downloaded {
		return nil // hashed while it came
	}
	file, err := f.o.Cache.Open(ctx, r.Item)
	if err != nil {
		return err
	}
	return file.Close()
}
