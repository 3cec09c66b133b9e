package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
)

// smallBody is up to how many bytes answers are read into memory side by side. Longer ones share [chunks] buffers of
// [maxChunk] bytes, which the next ones take over: however many hosts send however much, all together have no more than
// these of our memory at any moment, and one of them what else it needs.
const (
	smallBody = 128 << 10
	maxChunk  = 512 << 10 // a single buffer that doubled would have three times the bytes at once
	chunks    = 8
	mostOf    = chunks / 2 // has one body at most: a slow one leaves something to the others
)

// errLong is a body that passes its limit.
var errLong = errors.New("too long")

// readAll reads the body of an answer of at most limit bytes.
func (c *Client) readAll(ctx context.Context, target string, resp *http.Response, limit int64, share *share) ([]byte, error) {
	if resp.ContentLength > packedLimit(limit) {
		return nil, tooLarge(target, address(resp), limit)
	}
	share.waited = false
	body := newArriving(resp.Body)
	data, err := c.unpacker.readUnpacked(ctx, resp, body, limit, share)
	switch {
	case errors.Is(err, errLong):
		return nil, tooLarge(target, address(resp), limit)
	case err != nil:
		// A host may give up those who wait for room. The next attempt has the room that this one has waited for.
		return nil, &transient{err: err, at: address(resp), came: body.came(), progress: share.waited}
	}
	return data, nil
}

// readBody takes everything; said is the length in the answer's head, which the transport holds the body to, or less than
// 0.
func readBody(ctx context.Context, r io.Reader, said, limit int64, share *share) ([]byte, error) {
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
	return readLong(ctx, r, data, limit, share)
}

// readLong reads on behind the first bytes of a body.
func readLong(ctx context.Context, r io.Reader, first []byte, limit int64, share *share) ([]byte, error) {
	total := len(first)
	for i := 0; ; i++ {
		buffer, err := share.take(ctx, i)
		if err != nil {
			return nil, err
		}
		n, err := fill(r, buffer)
		total += n
		switch {
		case int64(total) > limit:
			return nil, errLong
		case err == io.EOF:
			all := append(make([]byte, 0, total), first...)
			for _, b := range slices.Concat(share.buffers, share.more) {
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
