// Package faultserver serves files and misbehaves as it is told: the hosts that a package manager meets on a bad day, for
// tests and for trying things out by hand.
//
// A rule says which requests are answered wrongly and how:
//
//	KIND[:ARG] PATTERN [FIRST[-LAST]]
//
//	truncate            half a file, then the connection is closed
//	truncate:N          the same after N bytes
//	short               half a file, as if it were all
//	corrupt             one bit in the middle is another
//	long                one byte more than there is
//	html                a web page with status 200, as the login of a guest network
//	status:503          a status; status:429:7 with Retry-After: 7, seconds or a date
//	hang                nothing, not even a head
//	hang-body           half a file, then nothing more
//	drip                a byte every 100 ms
//	bandwidth:N         the right answer, at N bytes a second
//	slices:N            the right answer, in pieces of N bytes with a moment between them
//	slow-close:300ms    the right answer, of unsaid length, and the connection is closed that much later
//	endless             a file that does not end
//	endless-line        the beginning of a line of JSON that does not end
//	headers             a head of a megabyte
//	gzip                a body that says it is compressed and is not
//	loop                a redirect to itself
//	redirect:URL        a redirect to URL followed by the path; to plain http it is a downgrade
//	reset               the connection is reset
//	reset-body          half a file, then the connection is reset
//	delay:30ms          the right answer, later
//
// PATTERN is a path as in [path.Match], or a prefix that ends in `**`. FIRST and LAST count the requests for each path
// that the rule matches, from 1; without them all are meant. The first rule that matches an answer makes it.
//
// Files have strong ETags and can be asked for in parts, unless [Server.Validator] says otherwise.
package faultserver

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// Validator says how files are named by their ETags.
type Validator int

// The zero Validator is Strong.
const (
	Strong Validator = iota
	Weak             // W/"...", which does not vouch for the bytes
	None             // no ETag, and no parts
)

// Request is one request as it came.
type Request struct {
	Method, Path string
	Range        string
	CacheControl string
	Rule         string // kind of the rule that answered, "" for the right answer
}

// Server is an http.Handler. Its fields are set before it serves. Close it, and what hangs ends.
type Server struct {
	Files     fs.FS
	Validator Validator

	mu       sync.Mutex
	rules    []*rule
	requests []Request
	closed   chan struct{}
	closing  sync.Once
}

// New serves the files of a folder.
func New(files fs.FS) *Server { return &Server{Files: files, closed: make(chan struct{})} }

// Close ends all requests that hang. It may be called twice.
func (s *Server) Close() { s.closing.Do(func() { close(s.closed) }) }

// Inject adds rules behind those that there are; the error says what is wrong with one of them.
func (s *Server) Inject(texts ...string) error {
	for _, text := range texts {
		r, err := parseRule(text)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.rules = append(s.rules, r)
		s.mu.Unlock()
	}
	return nil
}

// Heal removes all rules.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// Requests returns the requests so far whose path matches a pattern, in the order in which they came.
func (s *Server) Requests(pattern string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Request
	for _, r := range s.requests {
		if matches(pattern, r.Path) {
			list = append(list, r)
		}
	}
	return list
}

// ServeHTTP answers by the first rule that applies, else rightly.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rule := s.choose(r)
	if rule != nil && rule.fault.answers(s, w, r, rule.arg) {
		return
	}
	data, ok := s.file(w, r)
	if !ok {
		return
	}
	if rule != nil {
		rule.fault.distort(s, w, r, data, rule.arg)
		return
	}
	s.serve(w, r, data)
}

// choose notes a request and finds its rule.
func (s *Server) choose(r *http.Request) *rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := cmp.Or(r.URL.Path, "/") // CONNECT has none
	note := Request{Method: r.Method, Path: name, Range: r.Header.Get("Range"), CacheControl: r.Header.Get("Cache-Control")}
	var chosen *rule
	for _, rule := range s.rules {
		if rule.applies(name) && chosen == nil {
			chosen, note.Rule = rule, rule.kind
		}
	}
	s.requests = append(s.requests, note)
	return chosen
}

func (s *Server) file(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	data, err := fs.ReadFile(s.Files, name)
	if err != nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.NotFound(w, r)
		return nil, false
	}
	return data, true
}

// serve answers rightly, parts included.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, data []byte) {
	w.Header().Set("Content-Type", "application/octet-stream")
	switch etag := fmt.Sprintf(`"%x"`, sha256.Sum256(data)); s.Validator {
	case Strong:
		w.Header().Set("ETag", etag)
	case Weak:
		w.Header().Set("ETag", "W/"+etag)
	case None:
		r.Header.Del("Range")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// wait returns when the client or the server ends, or after d where it is not 0; it reports whether time is what ended it.
func (s *Server) wait(r *http.Request, d time.Duration) bool {
	var after <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-after:
		return true
	case <-r.Context().Done():
	case <-s.closed:
	}
	return false
}
