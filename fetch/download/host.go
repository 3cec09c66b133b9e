package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/tarfile"
	"github.com/geeknik/gal-pkg/internal/web"
)

// fromOne brings an archive from one address and returns where it came from at last. Bytes that cannot be right are asked
// for a second time past all caches: the one on the way may hold what was broken long ago.
func (f *fetcher) fromOne(ctx context.Context, item Item, address string, last bool, p *cache.Pending) (string, error) {
	if path, file, ok := tarfile.Split(address); ok {
		f.o.Events.Start(item)
		return address, f.fromTar(item, path, file, p)
	}
	if path, ok := localPath(address); ok {
		f.o.Events.Start(item)
		return path, f.fromFile(item, path, p)
	}
	origin, err := web.Origin(address)
	if err != nil {
		return web.Redact(address), err
	}
	w := f.hosts.host(origin)
	ticket, err := w.enter(ctx)
	if err != nil {
		return web.Redact(address), err
	}
	f.o.Events.Start(item)
	r := &request{f: f, item: item, address: address, from: web.Redact(address), window: w, ticket: ticket, p: p, last: last}
	r.others = p.Len() > 0
	if err = r.stream(ctx); wrongBytes(err) {
		err = r.again(ctx, err)
	}
	w.leave(err == nil)
	if ctx.Err() == nil {
		f.health.Note(origin, fault.KindOf(err) != fault.Network)
	}
	return r.from, err
}

// wrongBytes reports that a host answered, with something else than the archive.
func wrongBytes(err error) bool {
	var wrong *cache.MismatchError
	return errors.As(err, &wrong) || fault.IsCode(err, codePage)
}

// codePage is the code of a web page in the place of an archive.
const codePage = "unexpected-page"

// request is one archive on its way from one address.
type request struct {
	f       *fetcher
	item    Item
	address string
	from    string // where it comes from at last, redacted
	window  *window
	ticket  int
	p       *cache.Pending
	others  bool // p begins with bytes of another host
	joined  bool // and these were taken for the beginning of what this one sent
	last    bool // there is no other address to go to
	busy    bool // the host asks for a pause, and there is
	fresh   bool
}

// again asks for the whole archive past all caches, after wrong bytes, and returns their error where that fails in another
// way; but where another host's bytes were joined to this one's, they blame nobody.
func (r *request) again(ctx context.Context, wrong error) error {
	if err := r.p.Reset(); err != nil {
		return err
	}
	joined := r.joined
	r.fresh, r.others = true, false
	if err := r.stream(ctx); err == nil || wrongBytes(err) || joined {
		return err
	}
	return wrong
}

// leastRate is how many bytes a second a host must send, with all that it sends us, while there is another address.
const leastRate = 8 << 10

// leftError is what was wrong with a host that is left alone only because another may be quicker.
type leftError struct{ error }

func (e *leftError) Unwrap() error { return e.error }

func (r *request) stream(ctx context.Context) error {
	// The limit of the stream is one byte more: the one too many must arrive to be seen as a wrong archive, which is a
	// graver thing than a host that sends too much.
	o := web.StreamOptions{MaxBytes: archive.MaxPacked + 1, Resume: true, From: r.p.Len(), Fresh: r.fresh, Pausing: r.pausing}
	if !r.last {
		o.Retries, o.MinRate = 1, r.leastRate // time is better spent elsewhere
	}
	err := r.f.o.Client.Stream(ctx, r.address, o, r.take)
	if fault.IsCode(err, web.TooLarge) {
		return &cache.MismatchError{Want: r.item.Digest, Size: archive.MaxPacked + 1, Declared: r.limit()}
	}
	if r.busy || !r.last && fault.IsCode(err, web.TooSlow) {
		return &leftError{err}
	}
	if err == nil {
		err = r.p.Check()
	}
	return err
}

// leastRate is this request's part: where the line to us is slow, and not the host, many requests share it.
func (r *request) leastRate() int64 { return leastRate / int64(r.window.underWay()) }

func (r *request) limit() int64 {
	if size := r.f.size(r.item); size > 0 {
		return size
	}
	return archive.MaxPacked
}

// take writes a body, or the rest of one, into the cache.
func (r *request) take(b web.Body) error {
	r.from = b.URL
	isPage := strings.HasPrefix(strings.ToLower(b.ContentType), "text/html")
	if b.Size > r.limit() && !isPage {
		return &cache.MismatchError{Want: r.item.Digest, Size: b.Size, Declared: r.limit()}
	}
	if b.Offset == 0 || b.Offset != r.p.Len() {
		if err := r.p.Reset(); err != nil {
			return err
		}
		r.others = false
	}
	r.joined = r.others
	buf := r.f.buffer()
	defer r.f.buffers.Put(buf)
	_, err := io.CopyBuffer(&progress{f: r.f, item: r.item, w: r.p, n: r.p.Len()}, b, buf[:])
	if isPage && !r.p.Matches() {
		if err := r.p.Reset(); err != nil {
			return err
		}
		return fault.New(fault.Network, codePage, "%s sends a web page instead of an archive", r.from).
			WithHelp("a network that asks for a login may have answered in its place")
	}
	return err
}

// pausing is told before another attempt, and says whether to wait for it.
func (r *request) pausing(p web.Pause) bool {
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
		r.ticket = r.window.refused(r.ticket)
	}
	if r.busy = p.Asked && !r.last; r.busy {
		return false
	}
	if r.window.news(r.f.o.Now(), p.For) {
		r.f.o.Events.Wait(fmt.Sprintf("%s: %s; asking again in %s", p.Host, p.Reason, p.For.Round(time.Second)))
	}
	return true
}

// progress passes bytes on and tells how many there were.
type progress struct {
	f    *fetcher
	item Item
	w    io.Writer
	n    int64
}

func (p *progress) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.n += int64(n)
	p.f.o.Events.Advance(p.item, p.n)
	if p.item.Size <= 0 && err == nil {
		if size := p.f.size(p.item); size > 0 && p.n > size {
			err = &cache.MismatchError{Want: p.item.Digest, Size: p.n, Declared: size}
		}
	}
	return n, err
}
