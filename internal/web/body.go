package web

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// smallBody is up to how many bytes answers are read into memory side by side. Of longer ones one at a time goes on, in
// buffers that the next one takes over: however many hosts send however much, no more than one of them has more than this
// of our memory at any moment.
const smallBody = 256 << 10

// maxChunk is the length of these buffers. A single one that doubled would have three times the bytes at once.
const maxChunk = 1 << 20

// errLong is a body that passes its limit.
var errLong = errors.New("too long")

// readAll reads the body of an answer of at most limit bytes.
func (c *Client) readAll(ctx context.Context, target string, resp *http.Response, limit int64) ([]byte, error) {
	if resp.ContentLength > limit {
		return nil, tooLarge(target, limit)
	}
	data, err := c.readBody(ctx, resp.Body, resp.ContentLength, limit)
	switch {
	case errors.Is(err, errLong):
		return nil, tooLarge(target, limit)
	case err != nil:
		return nil, &transient{err: err}
	}
	return data, nil
}

// readBody takes everything; said is the length in the answer's head, which the transport holds the body to, or less than
// 0.
func (c *Client) readBody(ctx context.Context, r io.Reader, said, limit int64) ([]byte, error) {
	size := int64(8 << 10)
	if said >= 0 {
		size = said + 1 // the read that fills less finds the end
	}
	var data []byte
	for len(data) < smallBody {
		size = min(size, smallBody, limit+1)
		data = append(make([]byte, 0, size), data...)
		n, err := fill(r, data[len(data):size])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, errLong
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, err
		}
		size *= 2
	}
	select {
	case buffers := <-c.large:
		defer func() { c.large <- buffers }()
		return readLong(r, data, limit, &buffers)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// readLong reads on behind the first bytes of a body, into buffers that are made as they are needed.
func readLong(r io.Reader, first []byte, limit int64, buffers *[][]byte) ([]byte, error) {
	total := len(first)
	for i := 0; ; i++ {
		if i == len(*buffers) {
			*buffers = append(*buffers, make([]byte, maxChunk))
		}
		n, err := fill(r, (*buffers)[i])
		total += n
		switch {
		case int64(total) > limit:
			return nil, errLong
		case err == io.EOF:
			all := append(make([]byte, 0, total), first...)
			for _, b := range *buffers {
				all = append(all, b[:min(len(b), total-len(all))]...)
			}
			return all, nil
		case err != nil:
			return nil, err
		}
	}
}

// fill reads until p is full. It is io.ReadFull without its own names for ends: here io.EOF is the body's, and anything else
// is the connection's.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = r.Read(p[n:])
		n += more
	}
	return n, err
}
