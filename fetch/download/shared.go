package download

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/internal/workqueue"
)

// Shared is a cache that a team shares, asked before the hosts of the archives. It speaks the HTTP protocol of Bazel's
// remote caches, of which there are many servers:
//
//	GET URL/cas/<hex sha256>     an archive, or 404
//	PUT URL/cas/<hex sha256>     where the client may write
//
// It is only a shorter way. Its bytes are hashed like all others, and when it fails, in whatever way, or moves less than
// 64 KiB a second in 3 s of waiting for it, or keeps an archive to itself for 18 s without a word, it is left alone for the
// rest of the process, with one warning: no install fails because of it. The next processes ask it last, as they do hosts
// that have failed. It is safe for concurrent use.
type Shared struct {
	client      *web.Client
	url, origin string
	write       bool

	gets, puts way
	shares     *workqueue.Queue[share] // archives on their way to it
	left       atomic.Int64            // how many
	rested     atomic.Bool             // it was told that it is asked last
}

const (
	// sharedTimeout is for how long a shared cache may stand still: what is there to save time may not take much of it.
	sharedTimeout = 3 * time.Second
	// sharedPace is how many bytes a second it moves at least, all archives together.
	sharedPace = 64 << 10
	// uploads is how many archives go to it at once.
	uploads = 8
	// moment is for how long it is waited for without a word.
	moment = time.Second
	// emptyDigest is that of no bytes at all.
	emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// NewShared returns the shared cache at an address. Archives that it does not have are given to it where write is set.
// Of o, Timeout is 3 s where it is 0, and Retries is ignored. The errors are those of [web.Canonical] and [web.New].
func NewShared(address string, write bool, o web.Options) (*Shared, error) {
	url, err := web.Canonical(address)
	if err != nil {
		return nil, err
	}
	origin, err := web.Origin(url)
	if err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = sharedTimeout
	}
	o.Retries = -1
	client, err := web.New(o)
	if err != nil {
		return nil, err
	}
	s := &Shared{client: client, url: strings.TrimSuffix(url, "/"), origin: origin, write: write}
	s.shares = workqueue.New(uploads, s.put)
	s.gets.begin(o.Timeout)
	s.puts.begin(o.Timeout)
	return s, nil
}

// Check asks for what no cache needs to have, and returns the error of a cache that cannot be asked, of kind auth where it
// refuses the credential.
func (s *Shared) Check(ctx context.Context) error {
	err := s.client.Stream(ctx, s.url+"/cas/"+emptyDigest, web.StreamOptions{MaxBytes: archive.MaxPacked}, func(web.Body) error { return nil })
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}

// address is where an archive is or would be.
func (s *Shared) address(item Item) string {
	return s.url + "/cas/" + strings.TrimPrefix(item.Digest, "sha256:")
}

// usable reports whether there is a cache to be asked.
func (s *Shared) usable() bool { return s != nil && !s.gets.failed.Load() }

// wants reports whether archives may be given to the shared cache.
func (s *Shared) wants() bool { return s.usable() && s.write && !s.puts.failed.Load() }

// get writes the item's archive to p and returns where it came from; whatever the error, somebody else has to be asked.
func (s *Shared) get(ctx context.Context, item Item, p *cache.Pending, progress func(io.Writer) io.Writer, events fetch.Events) (string, error) {
	limit := int64(archive.MaxPacked)
	if item.Size > 0 {
		limit = item.Size
	}
	err := s.gets.carry(ctx, func(ctx context.Context, pace *pace) error {
		return s.client.Stream(ctx, s.address(item), web.StreamOptions{MaxBytes: limit}, func(b web.Body) error {
			if err := p.Reset(); err != nil {
				return err
			}
			_, err := io.Copy(progress(p), &incoming{b, pace})
			return err
		})
	})
	if err == nil {
		err = p.Check()
	}
	if err != nil && ctx.Err() == nil && fault.KindOf(err) != fault.NotFound {
		s.fail(&s.gets, "is not used", events, err)
	}
	return web.Redact(s.address(item)), err
}

// share is an archive that somebody has downloaded and the cache lacks.
type share struct {
	f    *fetcher
	item Item
}

// share begins to give an archive to the shared cache; Settle waits for it.
func (s *Shared) share(f *fetcher, item Item) {
	s.left.Add(1)
	if !s.shares.Add(share{f, item}) {
		s.left.Add(-1)
	}
}

// put gives an archive to the shared cache. One that says nothing or is slow is remembered as a host that failed; that it
// refuses what it is given takes nobody's time, and it may serve all the same.
func (s *Shared) put(what share) {
	defer s.left.Add(-1)
	if !s.wants() {
		return
	}
	o := what.f.o
	file, err := o.Cache.Open(s.puts.ctx, what.item)
	if err != nil {
		return // it was removed meanwhile, which is somebody else's business
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return
	}
	err = s.puts.carry(s.puts.ctx, func(ctx context.Context, pace *pace) error {
		_, err := s.client.PutFrom(ctx, s.address(what.item), info.Size(), nil, func() (io.ReadCloser, error) {
			again, err := os.Open(file.Name())
			return &outgoing{file: again, pace: pace}, err
		})
		return err
	})
	if err != nil && s.fail(&s.puts, "is not written to", o.Events, err) && fault.IsCode(err, web.Unreachable) {
		what.f.health.Note(s.origin, false)
		what.f.health.Save()
	}
}

// Settle waits until the shared cache has what every Fetch before began to give to it, and says so where that takes longer
// than a moment; nothing is given to it afterwards. Where the context ends, it is given up, with an error of kind cancelled. A
// nil Shared has nothing to wait for.
func (s *Shared) Settle(ctx context.Context, events fetch.Events) error {
	if s == nil {
		return nil
	}
	settled := make(chan struct{})
	go func() { s.shares.Close(); close(settled) }()
	said := time.NewTimer(moment)
	defer said.Stop()
	for {
		select {
		case <-settled:
			return nil
		case <-said.C:
			events.Wait(fmt.Sprintf("uploads to the shared cache %s, %d left", web.Redact(s.url), s.left.Load()))
		case <-ctx.Done():
			s.puts.giveUp(ctx.Err())
			<-settled
			return fault.New(fault.Cancelled, "interrupted", "giving archives to the shared cache was given up").Because(context.Cause(ctx))
		}
	}
}

// fail warns once of what does not work and leaves it alone from then on. It reports whether this was the first time.
func (s *Shared) fail(w *way, does string, events fetch.Events, err error) bool {
	if !w.giveUp(err) {
		return false
	}
	text := fmt.Sprintf("the shared cache %s %s: %v", web.Redact(s.url), does, err)
	if fault.IsCode(err, "auth-required") {
		text += "; gal-pkg login --registry " + web.Redact(s.url)
	}
	events.Warn(text)
	return true
}

// rest tells once that the cache is asked last.
func (s *Shared) rest(events fetch.Events) {
	if s.rested.CompareAndSwap(false, true) {
		events.Warn(fmt.Sprintf("the shared cache %s has failed in the last minutes; it is asked last", web.Redact(s.url)))
	}
}

// way is one of the two directions, to the cache or from it. What fails in it ends all that is on it.
type way struct {
	patience time.Duration
	ctx      context.Context
	end      context.CancelCauseFunc
	failed   atomic.Bool
	moved    atomic.Int64 // bytes of all archives
}

func (w *way) begin(patience time.Duration) {
	w.patience = patience
	w.ctx, w.end = context.WithCancelCause(context.Background())
}

// giveUp reports whether it was the first to do so.
func (w *way) giveUp(why error) bool {
	first := w.failed.CompareAndSwap(false, true)
	w.end(why)
	return first
}

// carry runs the transfer of one archive, which ends when the way is given up, or when the transfer has waited long for the
// other side and too little has moved on the way: a transfer alone may be slow where many share a line.
func (w *way) carry(parent context.Context, transfer func(context.Context, *pace) error) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	defer context.AfterFunc(w.ctx, func() { cancel(context.Cause(w.ctx)) })()
	err := transfer(ctx, &pace{way: w, end: cancel, before: w.moved.Load()})
	if cause := context.Cause(ctx); err != nil && cause != nil && parent.Err() == nil {
		return cause
	}
	return err
}

// pace is how long a transfer waits for the cache to send or take bytes. Time in which our own disk keeps it does not count,
// nor does the wait for an answer: the client has its own limits for that, and for what stands still.
type pace struct {
	way    *way
	end    context.CancelCauseFunc
	waited time.Duration
	before int64 // what had moved on the way when that began
}

// add notes n bytes and for how long they were waited for, and ends the transfer where that is too long.
func (p *pace) add(n int, waited time.Duration) {
	total := p.way.moved.Add(int64(n))
	if p.waited += waited; p.waited < p.way.patience {
		return
	}
	if moved := total - p.before; float64(moved) < sharedPace*p.waited.Seconds() {
		p.end(fault.New(fault.Network, web.Unreachable, "only %d bytes moved in %s", moved, p.waited.Round(time.Millisecond)))
	}
	p.waited, p.before = 0, total
}

// incoming is a body that the cache sends.
type incoming struct {
	io.Reader
	pace *pace
}

func (r *incoming) Read(b []byte) (int, error) {
	began := time.Now()
	n, err := r.Reader.Read(b)
	r.pace.add(n, time.Since(began))
	return n, err
}

// outgoing is a body that the cache takes: what was read of it is on its way until more is wanted.
type outgoing struct {
	file  io.ReadCloser
	pace  *pace
	n     int // bytes of the last read
	since time.Time
}

func (r *outgoing) Read(b []byte) (int, error) {
	if r.n > 0 {
		r.pace.add(r.n, time.Since(r.since))
	}
	n, err := r.file.Read(b)
	r.n, r.since = n, time.Now()
	return n, err
}

func (r *outgoing) Close() error { return r.file.Close() }
