// Package githttp serves one bare repository over git's smart HTTP protocol, through the installed `git http-backend`.
//
// Three requests exist, everything else is 404 (no file of the repository is served as such):
//
//	GET  info/refs?service=git-upload-pack | git-receive-pack
//	POST git-upload-pack      a fetch; its body may have [MaxFetchBody] bytes
//	POST git-receive-pack     a push; its body may have [Options].MaxPush bytes
//
// Paths are relative to where the handler is mounted: use [http.StripPrefix]. Bodies are read whole before git starts,
// because CGI needs their length; gzip is undone on the way, and counts unpacked. Protocol v2 passes through. Git sees
// none of the request's credentials, only the name that [Options].Push gave, as REMOTE_USER.
package githttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// MaxFetchBody bounds the body of a fetch: about 150,000 wanted objects.
const MaxFetchBody = 8 << 20

const defaultMaxPush = 64 << 20

// Options of a handler. The zero value serves fetches to everybody and refuses every push.
type Options struct {
	// Push says whether a request may push, and as whom. It is asked for both requests of a push. A request that it
	// refuses gets 401 when it carries no credentials, else 403. Nil refuses all.
	Push func(r *http.Request) (user string, ok bool)

	// AfterPush is told of the refs that a push has moved, before the pusher's connection ends. It may be called
	// concurrently for concurrent pushes.
	AfterPush func(ctx context.Context, user string, updates []Update)

	MaxPush int64     // bytes of a push; 0 means 64 MiB
	Stderr  io.Writer // what git says on its standard error; nil drops it
}

// Update is a ref that a push has moved. Old is zero for a new ref.
type Update struct {
	Ref      string
	Old, New gitrepo.Hash
}

// Handler returns a handler for the bare repository in dir. It fails where dir holds no repository, or git with its
// http-backend is not installed (code "git-backend-missing").
func Handler(dir string, opts Options) (http.Handler, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	repo, err := gitrepo.Open(dir)
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	git, err := findBackend()
	if err != nil {
		return nil, fault.New(fault.Usage, "git-backend-missing", "serving git needs the program git, which is not installed").Because(err)
	}
	if opts.MaxPush <= 0 {
		opts.MaxPush = defaultMaxPush
	}
	if opts.Stderr == nil {
		opts.Stderr = io.Discard
	}
	return &handler{dir: repo.Dir(), git: git, opts: opts}, nil
}

// findBackend returns the program git, if it has its http-backend.
func findBackend() (string, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return "", err
	}
	libexec, err := exec.Command(git, "--exec-path").Output()
	if err != nil {
		return "", err
	}
	_, err = exec.LookPath(filepath.Join(strings.TrimSpace(string(libexec)), "git-http-backend"))
	return git, err
}

type handler struct {
	dir, git string
	opts     Options
}

const (
	fetch = "git-upload-pack"
	push  = "git-receive-pack"
)

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, ok := service(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	user := ""
	if service == push {
		if user, ok = h.allow(w, r); !ok {
			return
		}
	}
	if r.Method == http.MethodGet {
		h.run(w, r, service, user, nil)
		return
	}
	limit := int64(MaxFetchBody)
	if service == push {
		limit = h.opts.MaxPush
	}
	body, status := readBody(r, limit)
	if status != 0 {
		http.Error(w, http.StatusText(status), status)
		return
	}
	h.run(w, r, service, user, body)
	if service == push && h.opts.AfterPush != nil {
		if done := h.moved(commands(body)); len(done) > 0 {
			h.opts.AfterPush(context.WithoutCancel(r.Context()), user, done)
		}
	}
}

// service recognises the three requests of smart HTTP.
func service(r *http.Request) (string, bool) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	name := r.URL.Query().Get("service")
	switch {
	case (name == fetch || name == push) && path == "info/refs" && r.Method == http.MethodGet:
		return name, true
	case (path == fetch || path == push) && r.Method == http.MethodPost:
		ok := r.Header.Get("Content-Type") == "application/x-"+path+"-request"
		return path, ok
	}
	return "", false
}

// isUser holds what may stand in REMOTE_USER, which git puts into the environment of hooks.
func isUser(name string) bool {
	const letters = alphabet.Lower + alphabet.Upper + alphabet.Digits
	return alphabet.Is(name, 1, 128, letters, letters+"._@/+-")
}

// allow answers a push that is refused and reports whether it goes on.
func (h *handler) allow(w http.ResponseWriter, r *http.Request) (string, bool) {
	if h.opts.Push != nil {
		if user, ok := h.opts.Push(r); ok && isUser(user) {
			return user, true
		}
	}
	if r.Header.Get("Authorization") == "" && h.opts.Push != nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "pushing needs credentials", http.StatusUnauthorized)
		return "", false
	}
	http.Error(w, "pushing is not allowed", http.StatusForbidden)
	return "", false
}

// readBody returns the body, unpacked, or the status to answer with.
func readBody(r *http.Request, limit int64) ([]byte, int) {
	var src io.Reader = io.LimitReader(r.Body, limit+1)
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(src)
		if err != nil {
			return nil, http.StatusBadRequest
		}
		src = io.LimitReader(z, limit+1)
	default:
		return nil, http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(src)
	switch {
	case int64(len(body)) > limit:
		return nil, http.StatusRequestEntityTooLarge
	case err != nil:
		return nil, http.StatusBadRequest
	}
	return body, 0
}

// isProtocol holds what a client may ask for in the header Git-Protocol, as in "version=2".
func isProtocol(text string) bool {
	return alphabet.Is(text, 1, 64, alphabet.Lower+alphabet.Digits+"=:", alphabet.Lower+alphabet.Digits+"=:")
}

// run hands a request to git http-backend. The request that git sees is made anew: what is not set here does not exist
// for git or for hooks, above all no Authorization and no Cookie. Git waits for the disk, which by itself it does not: what was
// pushed would be empty files after a power cut.
func (h *handler) run(w http.ResponseWriter, r *http.Request, service, user string, body []byte) {
	env := []string{
		"GIT_PROJECT_ROOT=" + h.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_TERMINAL_PROMPT=0",
		fmt.Sprintf("GIT_HTTP_MAX_REQUEST_BUFFER=%d", MaxFetchBody+1),
	}
	if user != "" {
		env = append(env, "REMOTE_USER="+user)
	}
	if v := r.Header.Get("Git-Protocol"); isProtocol(v) {
		env = append(env, "GIT_PROTOCOL="+v)
	}
	in := r.Clone(r.Context())
	in.Header = http.Header{}
	in.TransferEncoding = nil
	in.URL = &url.URL{Path: "/" + service}
	if body == nil {
		in.URL = &url.URL{Path: "/info/refs", RawQuery: "service=" + service}
	} else {
		in.Header.Set("Content-Type", r.Header.Get("Content-Type"))
	}
	in.Body = io.NopCloser(bytes.NewReader(body))
	in.ContentLength = int64(len(body))
	backend := &cgi.Handler{
		Path: h.git, Args: []string{"-c", "core.fsync=all", "http-backend"}, Dir: h.dir, Env: env, InheritEnv: []string{"HOME"},
		Stderr: h.opts.Stderr, Logger: log.New(h.opts.Stderr, "", 0),
	}
	backend.ServeHTTP(w, in)
}
