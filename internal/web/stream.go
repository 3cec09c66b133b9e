package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// enoughProgress is how many bytes more than ever before an attempt must bring for the next one to count as the first: a long file over a bad
// line gets there in the end, and a host that sends a little each time does not hold us for ever.
const enoughProgress = 1 << 20

// StreamOptions shape a Stream.
type StreamOptions struct {
	MaxBytes int64       // of the whole file; required
	Resume   bool        // the sink can go on after [Body.Offset] bytes
	Fresh    bool        // caches on the way are asked to look again
	Retries  int         // attempts after the first; 0 means the client's, less than 0 none
	Pausing  func(Pause) // is told before every pause between two attempts; may be nil
}

// A Body is an answer that is still coming.
type Body struct {
	io.Reader
	Offset      int64 // bytes that came in a former attempt and still count; 0 means that Reader is the whole file
	Size        int64 // of the whole file, from the answer's head, -1 where it does not say
	ContentType string
	URL         string // where it comes from at last, redacted
}

// Stream fetches a file and hands its bytes, as they were sent, to sink, which must take all that it reads. When the
// connection fails in the middle, sink is called again: with the rest of the file where [StreamOptions.Resume] is set and
// the host names the file's version by a strong validator (RFC 9110, section 13.1.5), else with the whole file, so that it
// must begin anew. An error that sink makes itself ends the request and is returned as it is.
func (c *Client) Stream(ctx context.Context, target string, o StreamOptions, sink func(Body) error) error {
	s := &stream{client: c, target: target, o: o, sink: sink}
	p := c.policy()
	p.pausing = o.Pausing
	if o.Retries != 0 {
		p.retries = o.Retries
	}
	return c.repeat(ctx, target, p, func() error { return s.attempt(ctx) })
}

// stream is one file on its way, over several attempts.
type stream struct {
	client *Client
	target string
	o      StreamOptions
	sink   func(Body) error

	taken   int64  // bytes that the sink has
	most    int64  // the most that it ever had; only what goes beyond is progress, so that beginning anew is none
	version string // the strong validator of the file that they are of, "" where there is none
}

func (s *stream) attempt(ctx context.Context) error {
	resp, err := s.client.send(ctx, http.MethodGet, s.target, s.header(), nil, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := s.begin(resp); err != nil {
		return err
	}
	size := resp.ContentLength
	if size >= 0 {
		size += s.taken
	}
	if size > s.o.MaxBytes {
		return tooLarge(s.target, s.o.MaxBytes)
	}
	coming := newArriving(resp.Body)
	body := &cappedBody{r: coming, left: s.o.MaxBytes - s.taken, target: s.target, limit: s.o.MaxBytes}
	err = s.sink(Body{
		Reader: body, Offset: s.taken, Size: size,
		ContentType: resp.Header.Get("Content-Type"), URL: Redact(resp.Request.URL.String()),
	})
	s.taken += body.read
	var again *transient
	if errors.As(body.failed, &again) {
		again.came = coming.came()
		again.progress = s.taken >= s.most+enoughProgress
	}
	s.most = max(s.most, s.taken)
	if body.failed != nil {
		return body.failed
	}
	return err
}

func (s *stream) header() http.Header {
	h := http.Header{"Accept-Encoding": {"identity"}}
	if s.o.Fresh {
		h.Set("Cache-Control", "no-cache")
		h.Set("Pragma", "no-cache")
	}
	if s.goesOn() {
		h.Set("Range", fmt.Sprintf("bytes=%d-", s.taken))
		h.Set("If-Range", s.version)
	}
	return h
}

// goesOn reports whether the rest alone can be asked for.
func (s *stream) goesOn() bool { return s.o.Resume && s.taken > 0 && s.version != "" }

// begin judges the head of an answer: the whole file, or exactly the rest that was asked for.
func (s *stream) begin(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusOK:
		s.taken, s.version = 0, strong(resp.Header.Get("ETag"))
		return nil
	case !s.goesOn():
		return s.client.refused(s.target, resp)
	case resp.StatusCode == http.StatusPartialContent && s.isRest(resp.Header):
		return nil
	case resp.StatusCode == http.StatusPartialContent, resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		s.taken, s.version = 0, ""
		return &transient{err: fault.New(fault.Network, "http-status", "%s does not send the rest of the file", host(s.target)).WithFact("url %s", Redact(s.target))}
	}
	return s.client.refused(s.target, resp)
}

func (s *stream) isRest(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Range"), fmt.Sprintf("bytes %d-", s.taken)) && h.Get("ETag") == s.version
}

// strong returns a validator that stands for the very bytes, "" for one that does not: two files with the same weak one
// may differ.
func strong(etag string) string {
	if len(etag) < 2 || etag[0] != '"' || etag[len(etag)-1] != '"' {
		return ""
	}
	return etag
}

// cappedBody ends a body at its limit and remembers when the connection, not the caller, failed.
type cappedBody struct {
	r           io.Reader
	left, limit int64
	read        int64
	target      string
	failed      error
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left+1)])
	if int64(n) > b.left {
		n = int(b.left)
		b.failed = tooLarge(b.target, b.limit)
		err = b.failed
	} else if err != nil && err != io.EOF {
		b.failed = &transient{err: err}
		err = b.failed
	}
	b.left -= int64(n)
	b.read += int64(n)
	return n, err
}
