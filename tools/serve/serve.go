// Package serve puts a registry's folder on one port:
//
//	GET  /...                     the static tree
//	     /index.git/...           the index over git's smart HTTP; pushes need a token, and reach publish/... only
//	PUT  /uploads/<sha256>        an archive, with a token; it is private until a proposal names it
//
// After a push the gate judges the open proposals, merges what passes and builds, before the connection of the push ends:
// when it has ended, the answer is at /gate/<key>/<hex>.json.
//
// The static tree needs none of this: any web server or object store gives the same bytes.
package serve

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/githttp"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/site"
)

// Options of a handler. Now is required.
type Options struct {
	Now func() time.Time
	Log func(format string, args ...any) // one line an event; nil drops them
}

type server struct {
	site   *site.Site
	o      Options
	public *os.Root
}

// Handler returns the handler of a registry. The site must stay open while it is used.
func Handler(s *site.Site, o Options) (http.Handler, error) {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	public, err := os.OpenRoot(s.Path(site.PublicDir))
	if err != nil {
		return nil, err
	}
	h := &server{site: s, o: o, public: public}
	git, err := githttp.Handler(s.Path(site.RepoDir), githttp.Options{Push: s.Authenticate, AfterPush: h.afterPush})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/"+site.RepoDir+"/", http.StripPrefix("/"+site.RepoDir, git))
	mux.HandleFunc("PUT /"+site.UploadsDir+"/{digest}", h.upload)
	mux.HandleFunc("/", h.static) // for every method: with GET alone the pattern would conflict with that of git
	return h.readable(mux), nil
}

// readable keeps strangers out of a registry that is not public.
func (h *server) readable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, access, err := h.site.Config()
		if err != nil {
			h.o.Log("reading the registry's configuration: %v", err)
			http.Error(w, "the registry's configuration cannot be read", http.StatusInternalServerError)
			return
		}
		if !access.ReadPublic {
			if _, ok := h.site.Authenticate(r); !ok {
				unauthorized(w)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="gal registry"`)
	http.Error(w, "a token is needed", http.StatusUnauthorized)
}

func (h *server) afterPush(ctx context.Context, user string, updates []githttp.Update) {
	for _, u := range updates {
		h.o.Log("%s pushed %s", user, u.Ref)
	}
	outcomes, err := h.site.Merge(ctx, h.o.Now(), nil)
	for _, o := range outcomes {
		h.o.Log("%s: %s %s", o.Branch, o.Report.Verdict, o.Merged)
		for _, f := range o.Report.Findings {
			h.o.Log("  %s %s: %s", f.ID, f.Verdict, f.Message)
		}
	}
	if err != nil {
		h.o.Log("merging: %v", err)
	}
}

func (h *server) upload(w http.ResponseWriter, r *http.Request) {
	user, ok := h.site.Authenticate(r)
	if !ok {
		unauthorized(w)
		return
	}
	digest := index.Digest("sha256:" + r.PathValue("digest"))
	err := h.site.Upload(digest, r.Body, archive.MaxPacked)
	switch {
	case fault.KindOf(err) == fault.Usage:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err != nil:
		h.o.Log("upload of %s: %v", digest, err)
		http.Error(w, "the upload could not be kept", http.StatusInternalServerError)
	default:
		h.o.Log("%s uploaded %s", user, digest)
		w.WriteHeader(http.StatusCreated)
	}
}

func (h *server) static(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the published tree is only read", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if err := index.CheckPath(name); err != nil {
		http.NotFound(w, r)
		return
	}
	f, err := h.public.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, "the file cannot be read", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		http.NotFound(w, r)
		return
	}
	tag, err := etag(f)
	if err != nil {
		http.Error(w, "the file cannot be read", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Cache-Control", cacheControl(name))
	w.Header().Set("ETag", tag)
	w.Header().Set("Content-Type", contentType(name))
	http.ServeContent(w, r, name, info.ModTime(), f)
}

// etag names the bytes of a file, and leaves it at its beginning. Times do not: two writes within a tick of the file
// system's clock have the same.
func etag(f io.ReadSeeker) (string, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	_, err := f.Seek(0, io.SeekStart)
	return fmt.Sprintf(`"%x"`, hash.Sum(nil)[:16]), err
}

// cacheControl says how long a file may be kept: for ever where its name holds its version or digest.
func cacheControl(name string) string {
	top, _, _ := strings.Cut(name, "/")
	switch top {
	case "packages", "log", "bundles", "shards", "recent":
		return "public, max-age=31536000, immutable"
	case "gate":
		return "no-cache"
	}
	switch {
	case name == tuf.TimestampPath:
		return "no-cache"
	case top == "trust" && name != index.TrustedRootPath:
		return "public, max-age=31536000, immutable"
	}
	return "public, max-age=60"
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".json", ".jsonl":
		return "application/json"
	case ".toml", "":
		return "text/plain; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	}
	return "application/octet-stream"
}
