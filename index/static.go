package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// maxInFlight is how many requests for index files are under way at once.
const maxInFlight = 64

// Static reads a tree from a static HTTP host, file by file, and keeps what it has read with its ETag: a file that has
// not changed costs a request without a body. Each file is asked for at most once between two calls of Refresh.
type Static struct {
	client  *web.Client
	base    string
	dir     string
	offline bool

	mu    sync.Mutex
	fresh map[string]bool // asked for since the last Refresh
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
	return &Static{client: client, base: strings.TrimSuffix(canonical, "/") + "/", dir: dir, offline: offline, fresh: map[string]bool{}}, nil
}

// Refresh makes every file be asked for again.
func (t *Static) Refresh(context.Context) error {
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
	return fetchEach(ctx, paths, maxInFlight, t.read)
}

// FetchExpected implements [Expecting]: what is kept and has the digest is not asked for.
func (t *Static) FetchExpected(ctx context.Context, files []Expected) (map[string][]byte, error) {
	paths, wanted := make([]string, len(files)), make(map[string]Expected, len(files))
	for i, e := range files {
		paths[i] = e.Path
		wanted[e.Path] = e
	}
	return fetchEach(ctx, paths, maxInFlight, func(ctx context.Context, path string) ([]byte, error) {
		e := wanted[path]
		if kept, _, ok := t.kept(path); ok {
			if data, ok := e.cut(kept); ok {
				return data, nil
			}
		}
		data, err := t.read(ctx, path)
		if _, ok := e.cut(data); ok || err != nil || t.offline {
			return data, err
		}
		return t.ask(ctx, path, nil, "", true)
	})
}

// Forget implements [Forgetful].
func (t *Static) Forget(paths []string) {
	for _, path := range paths {
		if CheckPath(path) == nil {
			_ = os.Remove(filepath.Join(t.dir, filepath.FromSlash(path))) // what cannot be removed is found to be wrong again
		}
	}
}

// Close does nothing.
func (t *Static) Close() error { return nil }

func (t *Static) read(ctx context.Context, path string) ([]byte, error) {
	kept, etag, ok := t.kept(path)
	absent := t.isAbsent(path)
	t.mu.Lock()
	fresh := t.fresh[path]
	t.mu.Unlock()
	switch {
	case absent && (fresh || t.offline):
		return nil, ErrNotFound
	case ok && (fresh || t.offline || immutable(path)):
		return kept, nil
	case t.offline:
		return nil, fault.New(fault.Network, "offline-miss", "%s is not in the cache, and --offline forbids to ask %s", path, web.Redact(t.base)).
			WithHelp("run once without --offline")
	}
	if absent {
		etag = "" // what was kept before the file went is no answer
	}
	data, err := t.ask(ctx, path, kept, etag, false)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	t.mu.Lock()
	t.fresh[path] = true
	t.mu.Unlock()
	return data, err
}

// ask asks the host; through tells caches on the way to ask it too.
func (t *Static) ask(ctx context.Context, path string, kept []byte, etag string, through bool) ([]byte, error) {
	o := web.GetOptions{MaxBytes: MaxFile, IfNoneMatch: etag}
	if through {
		o.Header = http.Header{"Cache-Control": {"no-cache"}}
	}
	response, err := t.client.Get(ctx, t.base+path, o)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return nil, t.keepAbsent(path)
	case err != nil:
		return nil, err
	case response.Status == http.StatusNotModified:
		return kept, nil
	}
	if looksLikePage(response.Body) {
		return nil, fault.New(fault.Network, "captive-portal", "%s answered with a web page instead of %s", web.Redact(t.base), path).
			WithFact("a login page of the network stands in between, or the URL is not that of a registry").
			WithHelp("gal-pkg registry list")
	}
	return response.Body, t.keep(path, response.ETag(), response.Body)
}

// looksLikePage tells a login page of a network, which says 200 to everything, from a file of a registry, of which none
// is HTML. The bytes decide: a host may well call a file without an ending text/html.
func looksLikePage(body []byte) bool {
	start := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 512)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// A kept file is `1 SHA256 ETAG` and a line feed before its bytes; the digest finds what the disk has spoilt.
func (t *Static) keep(path, etag string, data []byte) error {
	if strings.ContainsAny(etag, "\r\n") {
		etag = "" // no validator that a host could have meant
	}
	name := filepath.Join(t.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.Remove(t.mark(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	sum := sha256.Sum256(data)
	return atomicfile.WriteCache(name, append(fmt.Appendf(nil, "1 %x %s\n", sum, etag), data...))
}

func (t *Static) kept(path string) (data []byte, etag string, ok bool) {
	file, err := atomicfile.Read(filepath.Join(t.dir, filepath.FromSlash(path)), MaxFile+1<<10)
	if err != nil {
		return nil, "", false
	}
	head, data, found := bytes.Cut(file, []byte("\n"))
	fields := strings.SplitN(string(head), " ", 3)
	if !found || len(fields) != 3 || fields[0] != "1" {
		return nil, "", false
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != fields[1] {
		return nil, "", false
	}
	return data, fields[2], true
}

// mark is the file that remembers of a path that the host does not have it: so a search works offline although most of
// its catalogue may not exist. It lies apart from the files, because nothing can be below a path that is a file.
func (t *Static) mark(path string) string {
	return filepath.Join(t.dir, ".absent", DigestOf([]byte(path)).Hex()[:32])
}

func (t *Static) isAbsent(path string) bool {
	_, err := os.Lstat(t.mark(path))
	return err == nil
}

// keepAbsent returns ErrNotFound, once it is remembered.
func (t *Static) keepAbsent(path string) error {
	mark := t.mark(path)
	if err := os.MkdirAll(filepath.Dir(mark), 0o755); err != nil {
		return err
	}
	if err := atomicfile.WriteCache(mark, nil); err != nil {
		return err
	}
	return ErrNotFound
}
