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

// enough is how many bytes more than ever before an attempt at a file of so many must bring for the next one to count as the
// first: a long file over a bad line gets there in the end, and a host that sends a little each time does not hold us for ever.
// Size is -1 where it is not known.
func enough(size int64) int64 {
	const most, parts = 256 << 10, 16
	if size < 0 {
		return most
	}
	return min(max(size/parts, 1), most)
}

// StreamOptions shape a Stream.
type StreamOptions struct {
	MaxBytes int64 // of the whole file; required
	Resume   bool  // the sink can go on after [Body.Offset] bytes
	From     int64 // with Resume: bytes that the sink has from elsewhere. Whether the rest fits them is the caller's to check
	Fresh    bool  // caches on the way are asked to look again
	Retries  int   // attempts after the first; 0 means the client's, less than 0 none
	// MinRate is how many bytes a second the body must bring: it is asked whenever the time that an attempt may stand still
	// is over. A host that sent less is given up, with code [TooSlow], and not tried again. Nil is next to nothing.
	MinRate func() int64
	// Pausing is told before every pause between two attempts; false ends them. Nil goes on.
	Pausing func(Pause) bool
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
	s := &stream{client: c, target: target, o: o, sink: sink, taken: o.From, most: o.From}
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
	vouched bool   // what the sink has is from this host
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
		return tooLarge(s.target, address(resp), s.o.MaxBytes)
	}
	if b, ok := resp.Body.(*receiveBody); ok && s.o.MinRate != nil {
		b.watch.expect(s.o.MinRate)
	}
	coming := newArriving(resp.Body)
	body := &cappedBody{r: coming, left: s.o.MaxBytes - s.taken, stream: s, resp: resp}
	err = s.sink(Body{
		Reader: body, Offset: s.taken, Size: size,
		ContentType: resp.Header.Get("Content-Type"), URL: Redact(resp.Request.URL.String()),
	})
	s.taken += body.read
	var again *transient
	if errors.As(body.failed, &again) {
		again.came = coming.came()
		again.progress = s.taken >= s.most+enough(size)
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
		if s.version != "" {
			h.Set("If-Range", s.version)
		}
	}
	return h
}

// goesOn reports whether the rest alone can be asked for.
func (s *stream) goesOn() bool { return s.o.Resume && s.taken > 0 && (s.version != "" || !s.vouched) }

// begin judges the head of an answer: the whole file, or exactly the rest that was asked for.
func (s *stream) begin(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusOK:
		s.taken, s.version, s.vouched = 0, strong(resp.Header.Get("ETag")), true
		return nil
	case !s.goesOn():
		return s.client.refused(s.target, resp)
	case resp.StatusCode == http.StatusPartialContent && s.isRest(resp.Header):
		s.version, s.vouched = strong(resp.Header.Get("ETag")), true
		return nil
	case resp.StatusCode == http.StatusPartialContent, resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		s.taken, s.version, s.vouched = 0, "", true
		at := address(resp)
		return &transient{err: fault.New(fault.Network, "http-status", "%s does not send the rest of the file", place(s.target, at)).WithFact("url %s", Redact(at)), at: at}
	}
	return s.client.refused(s.target, resp)
}

func (s *stream) isRest(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Range"), fmt.Sprintf("bytes %d-", s.taken)) && (!s.vouched || h.Get("ETag") == s.version)
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
	r      io.Reader
	left   int64
	read   int64
	stream *stream
	resp   *http.Response
	failed error
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left+1)])
	if int64(n) > b.left {
		n = int(b.left)
		b.failed = tooLarge(b.stream.target, address(b.resp), b.stream.o.MaxBytes)
		err = b.failed
	} else if errors.Is(err, errSlow) {
		b.failed = tooSlow(b.stream.target, address(b.resp))
		err = b.failed
	} else if err != nil && err != io.EOF {
		b.failed = &transient{err: err, at: address(b.resp)}
		err = b.failed
	}
	b.left -= int64(n)
	b.read += int64(n)
	return n, err
}
