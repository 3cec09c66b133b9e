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
)

// Shared is a cache that a team shares, asked before the hosts of the archives. It speaks the HTTP protocol of Bazel's
// remote caches, of which there are many servers:
//
//	GET URL/cas/<hex sha256>     an archive, or 404
//	PUT URL/cas/<hex sha256>     where the client may write
//
// It is only a shorter way. Its bytes are hashed like all others, and when it fails, in whatever way, it is left alone for
// the rest of the process, with one warning: no install fails because of it. It is safe for concurrent use.
type Shared struct {
	client *web.Client
	url    string
	write  bool

	broken, unwritable atomic.Bool
}

// sharedTimeout is for how long a shared cache may stand still: what is there to save time may not take much of it.
const sharedTimeout = 3 * time.Second

// NewShared returns the shared cache at an address. Archives that it does not have are given to it where write is set.
// Of o, Timeout is 3 s where it is 0, and Retries is ignored. The errors are those of [web.Canonical] and [web.New].
func NewShared(address string, write bool, o web.Options) (*Shared, error) {
	url, err := web.Canonical(address)
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
	return &Shared{client: client, url: strings.TrimSuffix(url, "/"), write: write}, nil
}

// address is where an archive is or would be.
func (s *Shared) address(item Item) string {
	return s.url + "/cas/" + strings.TrimPrefix(item.Digest, "sha256:")
}

// usable reports whether there is a cache to be asked.
func (s *Shared) usable() bool { return s != nil && !s.broken.Load() }

// get writes the item's archive to p and returns where it came from, "" where it did not come.
func (s *Shared) get(ctx context.Context, item Item, p *cache.Pending, progress func(io.Writer) io.Writer, events fetch.Events) string {
	limit := int64(archive.MaxPacked)
	if item.Size > 0 {
		limit = item.Size
	}
	from := web.Redact(s.address(item))
	err := s.client.Stream(ctx, s.address(item), web.StreamOptions{MaxBytes: limit}, func(b web.Body) error {
		if err := p.Reset(); err != nil {
			return err
		}
		_, err := io.Copy(progress(p), b)
		return err
	})
	if err == nil {
		err = p.Check()
	}
	switch {
	case err == nil:
		return from
	case ctx.Err() == nil && fault.KindOf(err) != fault.NotFound:
		s.fail(&s.broken, events, err)
	}
	return ""
}

// put gives an archive to the shared cache.
func (s *Shared) put(ctx context.Context, item Item, c *cache.Cache, events fetch.Events) {
	file, err := c.Open(ctx, item)
	if err != nil {
		return // it was removed meanwhile, which is somebody else's business
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return
	}
	name := file.Name()
	_, err = s.client.PutFrom(ctx, s.address(item), info.Size(), nil, func() (io.ReadCloser, error) { return os.Open(name) })
	if err != nil && ctx.Err() == nil {
		s.fail(&s.unwritable, events, err)
	}
}

// wants reports whether archives may be given to the shared cache.
func (s *Shared) wants() bool { return s.usable() && s.write && !s.unwritable.Load() }

// fail warns once of what does not work and leaves it alone from then on.
func (s *Shared) fail(what *atomic.Bool, events fetch.Events, err error) {
	if !what.CompareAndSwap(false, true) {
		return
	}
	does := "is not used"
	if what == &s.unwritable {
		does = "is not written to"
	}
	events.Warn(fmt.Sprintf("the shared cache %s %s: %v", web.Redact(s.url), does, err))
}
