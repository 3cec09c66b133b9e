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
	header := with(o.Header.Clone(), "Accept-Encoding", encodings)
	if o.IfNoneMatch != "" {
		header = with(header, "If-None-Match", o.IfNoneMatch)
	}
	var answer *Response
	share := &share{room: c.room}
	defer share.release()
	err := c.repeat(ctx, target, c.policy(), func() error {
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
		answer.Body, err = c.readAll(ctx, target, resp, limit, share)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// Put sends body to target and reads at most 64 KiB of answer. It is repeated like a Get, as PUT allows; redirects are
// not followed. The answer's status is 200, 201, 202 or 204.
func (c *Client) Put(ctx context.Context, target string, body []byte, header http.Header) (*Response, error) {
	return c.PutFrom(ctx, target, int64(len(body)), header, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil })
}

// PutFrom is [Client.Put] for size bytes that are not in memory. Each attempt opens them anew and closes what it opened.
func (c *Client) PutFrom(ctx context.Context, target string, size int64, header http.Header, open func() (io.ReadCloser, error)) (*Response, error) {
	var answer *Response
	err := c.repeat(ctx, target, c.policy(), func() error {
		body, err := open()
		if err != nil {
			return err
		}
		defer body.Close()
		answer, err = c.put(ctx, target, size, header, body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (c *Client) put(ctx context.Context, target string, size int64, header http.Header, body io.Reader) (*Response, error) {
	resp, err := c.send(ctx, http.MethodPut, target, header, body, size)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		// The standard library stops here by itself, having nothing that it could send a second time.
		return nil, fault.New(fault.Network, "bad-redirect", "%s redirects, which a request that sends data does not follow", Redact(target))
	default:
		return nil, c.refused(target, resp)
	}
	answer := &Response{Status: resp.StatusCode, URL: Redact(resp.Request.URL.String()), Header: resp.Header}
	answer.Body, err = c.readAll(ctx, target, resp, 64<<10, &share{}) // less than it would need any of
	return answer, err
}

// Head asks for a file's size without its bytes: -1 where the host does not say.
func (c *Client) Head(ctx context.Context, target string) (int64, error) {
	size := int64(-1)
	err := c.repeat(ctx, target, c.policy(), func() error {
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
	at := failedAt(target, err)
	if f := certificateRefused(target, at, err); f != nil {
		return nil, f
	}
	return nil, &transient{err: err, at: at}
}
