// Package host is a static file server for measurements: it answers from memory, counts what it is asked and what it
// sends, and can be told to wait before every answer, as a far server makes clients wait, or to die.
//
// A file is read when it is first asked for, and kept. It has a strong ETag and is answered with 304 where the client has
// it; it is sent with gzip where the client takes that and where it makes the file smaller. There is no Cache-Control:
// what a client asks again is up to the client.
package host

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves the files below some folders, each folder below a path of its own. Close it after use.
type Server struct {
	URL string // http://127.0.0.1:PORT

	address string
	http    *http.Server
	done    chan struct{} // closed when http has ended
	mark    string
	delay   atomic.Int64
	left    atomic.Int64 // requests until it dies; 0 or less for never
	counter counter

	mu    sync.Mutex
	roots map[string]string       // by the first element of the path
	other map[string]http.Handler // likewise
	files map[string]*file        // that were asked for, nil for one that is not there
}

// Serve starts a server on a free port of loopback. Where a text file holds mark, the server's URL is sent in its place.
func Serve(mark string) (*Server, error) {
	s := &Server{mark: mark, roots: map[string]string{}, other: map[string]http.Handler{}, files: map[string]*file{}}
	return s, s.listen("127.0.0.1:0")
}

func (s *Server) listen(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s.address = listener.Addr().String()
	s.URL = "http://" + s.address
	server, done := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}, make(chan struct{})
	s.http, s.done = server, done
	go func() {
		defer close(done)
		_ = server.Serve(&countingListener{listener, &s.counter}) // it ends when it is closed, and only then
	}()
	return nil
}

// Close stops the server.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// DieAfter ends the server in the middle of a request to come, with all its connections: the first one is number 1.
func (s *Server) DieAfter(requests int) { s.left.Store(int64(requests)) }

// Revive starts a server anew that has died, at its former address; one that lives goes on.
func (s *Server) Revive() error {
	s.left.Store(0)
	select {
	case <-s.done:
		return s.listen(s.address)
	default:
		return nil
	}
}

// Add serves a folder below a path of one element, in place of what was there before, and returns its URL.
func (s *Server) Add(name, dir string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roots[name] = dir
	maps.DeleteFunc(s.files, func(path string, _ *file) bool { return strings.HasPrefix(path, "/"+name+"/") })
	return s.URL + "/" + name
}

// Handle has everything below a path of one element answered by a handler, which sees paths below it, and returns its URL.
func (s *Server) Handle(name string, h http.Handler) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.other[name] = http.StripPrefix("/"+name, h)
	return s.URL + "/" + name
}

// Forget has all files read anew.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.files)
}

// Delay makes every answer wait. It holds for requests that come after it.
func (s *Server) Delay(d time.Duration) { s.delay.Store(int64(d)) }

// Reset begins a new count, and returns what was counted since the last one.
func (s *Server) Reset() Counts { return s.counter.reset() }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.counter.begin()()
	if s.left.Load() > 0 && s.left.Add(-1) == 0 {
		s.http.Close()
		panic(http.ErrAbortHandler)
	}
	if err := wait(r.Context(), time.Duration(s.delay.Load())); err != nil {
		return
	}
	if h := s.handler(r.URL.Path); h != nil {
		h.ServeHTTP(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "there are only files here", http.StatusMethodNotAllowed)
		return
	}
	f, err := s.file(r.URL.Path)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case f == nil:
		http.NotFound(w, r)
	default:
		f.send(w, r)
	}
}

func (s *Server) handler(path string) http.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	root, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return s.other[root]
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// file returns the file of a path, nil where there is none.
func (s *Server) file(path string) (*file, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, known := s.files[path]; known {
		return f, nil
	}
	root, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	dir, ok := s.roots[root]
	if !ok || !filepath.IsLocal(filepath.FromSlash(rest)) {
		return nil, nil
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(rest)))
	if errors.Is(err, fs.ErrNotExist) || isFolder(filepath.Join(dir, filepath.FromSlash(rest))) {
		s.files[path] = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s.files[path] = newFile(data, s.mark, s.URL)
	return s.files[path], nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// file is a file as it is sent.
type file struct {
	plain, packed []byte // packed is nil where it would be no smaller
	tag           string
}

func newFile(data []byte, mark, url string) *file {
	f := &file{plain: data}
	if !isPacked(data) {
		if mark != "" {
			f.plain = bytes.ReplaceAll(data, []byte(mark), []byte(url))
		}
		if packed := pack(f.plain); len(packed) < len(f.plain) {
			f.packed = packed
		}
	}
	f.tag = fmt.Sprintf("%x", sha256.Sum256(f.plain))[:32]
	return f
}

// isPacked reports whether bytes begin as gzip, zip or zstd do.
func isPacked(data []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "PK\x03\x04", "\x28\xb5\x2f\xfd"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return false
}

func pack(data []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err) // memory takes what it is given
	}
	return out.Bytes()
}

func (f *file) send(w http.ResponseWriter, r *http.Request) {
	body, tag := f.plain, `"`+f.tag+`"`
	header := w.Header()
	if f.packed != nil {
		header.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			body, tag = f.packed, `"`+f.tag+`-gzip"`
			header.Set("Content-Encoding", "gzip")
		}
	}
	header.Set("ETag", tag)
	header.Set("Content-Type", contentType(f.plain))
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, f.tag) {
		header.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // a client that has gone has gone
	}
}

func contentType(data []byte) string {
	switch {
	case isPacked(data):
		return "application/octet-stream"
	case bytes.HasPrefix(data, []byte("{")):
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}
