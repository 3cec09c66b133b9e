package web

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Response is an answer that was read whole.
type Response struct {
	Status int    // 200, or 304 where IfNoneMatch still holds; for Put any of 2xx
	URL    string // where the answer came from at last, redacted
	Header http.Header
	Body   []byte // nil for 304
}

// ETag returns the answer's validator, "" where it has none.
func (r *Response) ETag() string { return r.Header.Get("ETag") }

// GetOptions shape a Get. The zero value asks plainly and takes at most 1 MiB.
type GetOptions struct {
	MaxBytes    int64 // of the body, unpacked; 0 means 1 MiB
	IfNoneMatch string
	Header      http.Header // more headers; none of them may be secret
}

// Get fetches a small file into memory. A 304 is an answer, every other status but 200 an error.
func (c *Client) Get(ctx context.Context, target string, o GetOptions) (*Response, error) {
	limit := o.MaxBytes
	if limit <= 0 {
		limit = 1 << 20
	}
	header := o.Header.Clone()
	if o.IfNoneMatch != "" {
		header = with(header, "If-None-Match", o.IfNoneMatch)
	}
	var answer *Response
	err := c.repeat(ctx, target, func() error {
		resp, err := c.send(ctx, http.MethodGet, target, header, nil, 0)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		answer = &Response{Status: resp.StatusCode, URL: Redact(resp.Request.URL.String()), Header: resp.Header}
		switch {
		case resp.StatusCode == http.StatusNotModified && o.IfNoneMatch != "":
			return nil
		case resp.StatusCode != http.StatusOK:
			return c.refused(target, resp)
		}
		answer.Body, err = readAll(target, resp, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func readAll(target string, resp *http.Response, limit int64) ([]byte, error) {
	if resp.ContentLength > limit {
		return nil, tooLarge(target, limit)
	}
	var body bytes.Buffer
	if resp.ContentLength > 0 {
		body.Grow(int(resp.ContentLength) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(resp.Body, limit+1))
	switch {
	case n > limit:
		return nil, tooLarge(target, limit)
	case err != nil:
		return nil, &transient{err: err}
	}
	return body.Bytes(), nil
}

// A Body is an answer that is still coming.
type Body struct {
	io.Reader
	Size        int64 // from the answer's head, -1 where it does not say
	ContentType string
	URL         string // where it comes from at last, redacted
}

// Stream fetches a file of at most limit bytes and hands its bytes, as they were sent, to sink. When the connection fails
// in the middle, sink is called again with the whole file, so it must begin anew each time. An error that sink makes
// itself ends the request and is returned as it is.
func (c *Client) Stream(ctx context.Context, target string, limit int64, sink func(Body) error) error {
	header := http.Header{"Accept-Encoding": {"identity"}}
	return c.repeat(ctx, target, func() error {
		resp, err := c.send(ctx, http.MethodGet, target, header, nil, 0)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return c.refused(target, resp)
		}
		if resp.ContentLength > limit {
			return tooLarge(target, limit)
		}
		body := &cappedBody{r: resp.Body, left: limit, target: target, limit: limit}
		err = sink(Body{Reader: body, Size: resp.ContentLength, ContentType: resp.Header.Get("Content-Type"), URL: Redact(resp.Request.URL.String())})
		if body.failed != nil {
			return body.failed
		}
		return err
	})
}

// cappedBody ends a body at its limit and remembers when the connection, not the caller, failed.
type cappedBody struct {
	r           io.Reader
	left, limit int64
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
	return n, err
}

// Put sends body to target and reads at most 64 KiB of answer. It is repeated like a Get, as PUT allows; redirects are
// not followed. The answer's status is 200, 201, 202 or 204.
func (c *Client) Put(ctx context.Context, target string, body []byte, header http.Header) (*Response, error) {
	var answer *Response
	err := c.repeat(ctx, target, func() error {
		resp, err := c.send(ctx, http.MethodPut, target, header, bytes.NewReader(body), int64(len(body)))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		default:
			return c.refused(target, resp)
		}
		answer = &Response{Status: resp.StatusCode, URL: Redact(resp.Request.URL.String()), Header: resp.Header}
		answer.Body, err = readAll(target, resp, 64<<10)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// Head asks for a file's size without its bytes: -1 where the host does not say.
func (c *Client) Head(ctx context.Context, target string) (int64, error) {
	size := int64(-1)
	err := c.repeat(ctx, target, func() error {
		resp, err := c.send(ctx, http.MethodHead, target, http.Header{"Accept-Encoding": {"identity"}}, nil, 0)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		size = resp.ContentLength
		if resp.StatusCode != http.StatusOK {
			return c.refused(target, resp)
		}
		return nil
	})
	return size, err
}

func with(h http.Header, key, value string) http.Header {
	if h == nil {
		h = http.Header{}
	}
	h.Set(key, value)
	return h
}

// send makes one request; its error is transient where it is the connection's.
func (c *Client) send(ctx context.Context, method, target string, header http.Header, body io.Reader, size int64) (*http.Response, error) {
	u, err := parse(target)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, badURL(target, "is malformed")
	}
	r.ContentLength = size
	if header != nil {
		r.Header = header.Clone()
	}
	resp, err := c.http.Do(r)
	if err == nil {
		return resp, nil
	}
	if f := fault.Of(err); f != nil {
		return nil, f
	}
	return nil, &transient{err: err}
}
