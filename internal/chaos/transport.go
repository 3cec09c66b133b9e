package chaos

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Transport returns a RoundTripper whose requests meet the faults of the rehearsal; next carries those that get through.
func (r *Rehearsal) Transport(next http.RoundTripper) http.RoundTripper {
	return &transport{rehearsal: r, next: next}
}

type transport struct {
	rehearsal *Rehearsal
	next      http.RoundTripper
}

// RoundTrip decides what becomes of a request. Its host is not part of the decision: ports and mirrors differ from run to
// run. Neither is the query, where tokens are.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	s := t.rehearsal.attempt(request, req.Method+" "+req.URL.Path)
	defer func() {
		if s.over != nil {
			s.over()
		}
	}()
	reads := req.Method == http.MethodGet || req.Method == http.MethodHead
	switch {
	case s.effect == none, s.effect == swapped && isGit(req.Header):
		return t.next.RoundTrip(req)
	case s.effect.alters() && reads:
		return t.alter(req, s)
	case s.effect.alters():
		t.rehearsal.note(s.Strike)
	}
	resp, sends, err := t.before(req, s, reads)
	if !sends {
		if req.Body != nil {
			req.Body.Close()
		}
		return resp, err
	}
	resp, err = t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	return spoil(resp, s)
}

// alter makes an answer another one. It asks for one that is there to be altered, even if the client has it already. Answers
// without content stay as they are, and so does git's own protocol where nothing of it would be left: what is rehearsed is that
// wrong content is found, not that a host talks nonsense.
func (t *transport) alter(req *http.Request, s struck) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Del("If-None-Match")
	req.Header.Del("If-Modified-Since")
	resp, err := t.next.RoundTrip(req)
	if err != nil || !hasBody(resp) || resp.StatusCode/100 != 2 || s.effect == swapped && isGit(resp.Header) {
		return resp, err
	}
	t.rehearsal.note(s.Strike)
	b := &body{ReadCloser: resp.Body, effect: s.effect, bit: 1 << (s.where >> 61)}
	if resp.ContentLength > 0 {
		b.at = int64(s.where % uint64(resp.ContentLength))
	}
	resp.Body = b
	return resp, nil
}

// isGit reports whether a body is of git's protocol.
func isGit(h http.Header) bool { return strings.HasPrefix(h.Get("Content-Type"), "application/x-git-") }

func hasBody(resp *http.Response) bool {
	return resp.Body != nil && resp.Body != http.NoBody && resp.ContentLength != 0
}

// before is what happens to a request until it is sent, and whether it is. Nothing may go wrong after a request was sent
// that changes something.
func (t *transport) before(req *http.Request, s struck, reads bool) (resp *http.Response, sends bool, err error) {
	switch s.effect {
	case late, slow:
		err := t.rehearsal.o.Sleep(req.Context(), s.length)
		return nil, err == nil, err
	case silent:
		if err := t.rehearsal.o.Sleep(req.Context(), s.length); err != nil {
			return nil, false, err
		}
		return nil, false, failed(os.ErrDeadlineExceeded)
	case gone:
		return nil, false, failed(syscall.ECONNREFUSED)
	case busy:
		return answer(req, http.StatusServiceUnavailable, "text/plain", "unavailable\n"), false, nil
	case crowded:
		return answer(req, http.StatusTooManyRequests, "text/plain", "too many requests\n"), false, nil
	case page:
		if reads {
			return answer(req, http.StatusOK, "text/html; charset=utf-8", "<!doctype html><title>Guest network</title>\n"), false, nil
		}
	case cut:
		if reads {
			return nil, true, nil
		}
	}
	return nil, false, failed(syscall.ECONNRESET)
}

// failed is an error as the system's network gives it.
func failed(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }

// answer is an answer that no host has made.
func answer(req *http.Request, status int, contentType, body string) *http.Response {
	if req.Method == http.MethodHead {
		body = ""
	}
	return &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}}, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)), Request: req,
	}
}

// spoil cuts an answer. One without a body is lost.
func spoil(resp *http.Response, s struck) (*http.Response, error) {
	switch {
	case s.effect == late || s.effect == slow:
		return resp, nil
	case !hasBody(resp):
		if resp.Body != nil {
			resp.Body.Close()
		}
		return nil, failed(syscall.ECONNRESET)
	}
	resp.Body = &body{ReadCloser: resp.Body, effect: cut, at: max(resp.ContentLength, 0) / 2}
	return resp, nil
}

// body is the body of an answer that is not what the host sent.
type body struct {
	io.ReadCloser
	effect effect
	at     int64 // the byte that is another, or the first one that does not come
	bit    byte
	read   int64
}

func (b *body) Read(p []byte) (int, error) {
	if b.effect == cut {
		if b.read >= b.at {
			return 0, io.ErrUnexpectedEOF
		}
		p = p[:min(int64(len(p)), b.at-b.read)]
	}
	n, err := b.ReadCloser.Read(p)
	switch at := b.at - b.read; {
	case b.effect == flipped && at >= 0 && at < int64(n):
		p[at] ^= b.bit
	case b.effect == swapped:
		for i := range p[:n] {
			p[i] = ^p[i]
		}
	case b.effect == cut && errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	b.read += int64(n)
	return n, err
}
