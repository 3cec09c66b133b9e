package index

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// maxInFlight is how many requests for index files are under way at once.
const maxInFlight = 128

// Static reads a tree from a static HTTP host, file by file, and keeps what it has read with its ETag: a file that has
// not changed costs a request without a body. Each file is asked for at most once between two calls of Refresh.
type Static struct {
	client  *web.Client
	base    string
	dir     string
	offline bool
	ahead   *ahead

	mu     sync.Mutex
	fresh  map[string]bool          // asked for since the last Refresh
	doubts map[string]bool          // to be asked of the host itself next time
	absent map[string]bool          // by mark: the host does not have it; nil until it was read
	turns  map[string]chan struct{} // of files that somebody reads; closed when that is over
}

// NewStatic returns a transport for the tree below a URL. Files are kept in dir, which is made where it is missing.
// Offline answers from dir alone.
func NewStatic(client *web.Client, base, dir string, offline bool) (*Static, error) {
	canonical, err := web.Canonical(base)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	t := &Static{
		client: client, base: strings.TrimSuffix(canonical, "/") + "/", dir: dir, offline: offline,
		fresh: map[string]bool{}, doubts: map[string]bool{}, turns: map[string]chan struct{}{},
	}
	t.ahead = newAhead(t.readAhead)
	return t, nil
}

// Refresh makes every file be asked for again.
func (t *Static) Refresh(context.Context) error {
	t.ahead.clear()
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.fresh)
	return nil
}

// Offline reports whether nobody is asked.
func (t *Static) Offline() bool { return t.offline }

// Lenient implements [Lenient]: without a network nothing newer can be had.
func (t *Static) Lenient() bool { return t.offline }

// Fetch asks the host for every file that was not asked for since the last Refresh.
func (t *Static) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	return fetchEach(ctx, paths, maxInFlight, func(ctx context.Context, path string) ([]byte, error) {
		return t.read(ctx, path, maxLength(path))
	})
}

// FetchExpected implements [Expecting]: what is kept and has the digest is not asked for.
func (t *Static) FetchExpected(ctx context.Context, files []Expected) (map[string][]byte, error) {
	paths, wanted := make([]string, len(files)), make(map[string]Expected, len(files))
	for i, e := range files {
		paths[i] = e.Path
		wanted[e.Path] = e
	}
	return fetchEach(ctx, paths, maxInFlight, func(ctx context.Context, path string) ([]byte, error) {
		return t.readExpected(ctx, wanted[path])
	})
}

func (t *Static) readExpected(ctx context.Context, e Expected) ([]byte, error) {
	done, err := t.takeTurn(ctx, e.Path)
	if err != nil {
		return nil, err
	}
	defer done()
	if early, ok := t.ahead.take(e.Path); ok {
		if data, fits := e.cut(early.data); fits || early.err != nil {
			return data, early.err
		}
	}
	kept := t.kept(e.Path)
	if data, ok := e.cut(kept.data); ok && kept.ok {
		return data, nil
	}
	limit := maxLength(e.Path)
	if e.Length != wholeFile {
		limit = min(limit, e.Length+maxGrown)
	}
	data, err := t.current(ctx, e.Path, kept, limit)
	if _, ok := e.cut(data); ok || err != nil || t.offline {
		return data, err
	}
	return t.ask(ctx, e.Path, keptFile{}, true, limit) // past the caches on the way, which have another state
}

// maxGrown is how much a file may have grown since the lists were made that vouch for it, in bytes.
const maxGrown = 1 << 20

// maxLength bounds what a host may answer for a path, in bytes: what nobody ever writes there is not read to its end.
func maxLength(path string) int64 {
	folder, _, _ := strings.Cut(path, "/")
	switch folder + "/" {
	case tuf.Dir, listing.Dir:
		return tuf.MaxTargets
	case LogDir:
		return 1 << 20
	case BundleDir:
		return sign.MaxBundle
	case ConfigPath + "/":
		return MaxConfig
	}
	return MaxFile
}

// Forget implements [Forgetful]: what is asked for again is asked of the host itself, past the caches on the way.
func (t *Static) Forget(paths []string) {
	t.ahead.clear()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, path := range paths {
		if CheckPath(path) != nil {
			continue
		}
		t.doubts[path] = true
		delete(t.fresh, path)
		_ = os.Remove(t.keptName(path)) // what cannot be removed is found to be wrong again
	}
}

// Close ends what is still being read ahead.
func (t *Static) Close() error {
	t.ahead.close()
	return nil
}

// read answers from what is kept, or asks for at most limit bytes. Of those who want one file at once, one asks.
func (t *Static) read(ctx context.Context, path string, limit int64) ([]byte, error) {
	done, err := t.takeTurn(ctx, path)
	if err != nil {
		return nil, err
	}
	defer done()
	return t.current(ctx, path, t.kept(path), limit)
}

// current answers from what is kept, or asks. It is the caller's turn.
func (t *Static) current(ctx context.Context, path string, kept keptFile, limit int64) ([]byte, error) {
	absent := t.isAbsent(path)
	t.mu.Lock()
	fresh, doubted := t.fresh[path], t.doubts[path]
	t.mu.Unlock()
	switch {
	case absent && (fresh || t.offline):
		return nil, ErrNotFound
	case kept.ok && (fresh || t.offline || IsFixed(path)):
		return kept.data, nil
	case t.offline:
		return nil, fault.New(fault.Network, "offline-miss", "%s is not in the cache, and --offline forbids to ask %s", path, web.Redact(t.base)).
			WithHelp("run once without --offline")
	}
	if absent {
		kept.etag = "" // what was kept before the file went is no answer
	}
	data, err := t.ask(ctx, path, kept, doubted, limit)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	t.mu.Lock()
	t.fresh[path] = true
	delete(t.doubts, path)
	t.mu.Unlock()
	return data, err
}

// takeTurn waits until nobody else reads the file; done lets the next one.
func (t *Static) takeTurn(ctx context.Context, path string) (done func(), err error) {
	for {
		done, other := t.tryTurn(path)
		if done != nil {
			return done, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// tryTurn takes the turn of a file that nobody reads; of another, other is closed when it is over.
func (t *Static) tryTurn(path string) (done func(), other <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if other := t.turns[path]; other != nil {
		return nil, other
	}
	mine := make(chan struct{})
	t.turns[path] = mine
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.turns, path)
		close(mine)
	}, nil
}

// ask asks the host; through tells caches on the way to ask it too.
func (t *Static) ask(ctx context.Context, path string, kept keptFile, through bool, limit int64) ([]byte, error) {
	o := web.GetOptions{MaxBytes: limit, IfNoneMatch: kept.etag}
	if through {
		o.Header = http.Header{"Cache-Control": {"no-cache"}}
	}
	response, err := t.get(ctx, path, o)
	switch {
	case errors.Is(err, ErrNotFound):
		t.keepAbsent(path)
		return nil, err
	case err != nil:
		return nil, err
	case response.Status == http.StatusNotModified:
		return kept.data, nil
	}
	t.keep(path, response.ETag(), response.Body)
	return response.Body, nil
}

// get is one answer of the host, or ErrNotFound.
func (t *Static) get(ctx context.Context, path string, o web.GetOptions) (*web.Response, error) {
	response, err := t.client.Get(ctx, t.base+path, o)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return nil, ErrNotFound
	case err != nil:
		return nil, err
	case looksLikePage(response.Body):
		return nil, fault.New(fault.Network, "captive-portal", "%s answered with a web page instead of %s", web.Redact(t.base), path).
			WithFact("a login page of the network stands in between, or the URL is not that of a registry").
			WithHelp("gal-pkg registry list")
	}
	return response, nil
}

// looksLikePage tells a login page of a network, which says 200 to everything, from a file of a registry, of which none
// is HTML. The bytes decide: a host may well call a file without an ending text/html.
func looksLikePage(body []byte) bool {
	start := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 512)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}
