package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// encodings are those that a Get takes, the one that is liked best first.
const encodings = "zstd, gzip"

// unpacker reads bodies that hosts send packed. A packed body has the limits of one that is not, before and after.
type unpacker struct {
	gzips   sync.Pool     // of *gzip.Reader
	zstds   sync.Pool     // of *zstd.Decoder
	scratch sync.Pool     // of *scratch
	long    chan struct{} // holds a value while a long body is unpacked
}

func newUnpacker() *unpacker { return &unpacker{long: make(chan struct{}, 1)} }

// errEncoding is matched where a body is not what its encoding says.
var errEncoding = errors.New("a body that does not unpack")

// readUnpacked reads a body as it was before it was packed.
func (u *unpacker) readUnpacked(ctx context.Context, resp *http.Response, body io.Reader, limit int64, share *share) ([]byte, error) {
	encoding := strings.ToLower(resp.Header.Get("Content-Encoding"))
	if encoding == "" || encoding == "identity" {
		return readBody(ctx, body, resp.ContentLength, limit, share)
	}
	packed, err := readBody(ctx, body, resp.ContentLength, packedLimit(limit), share)
	if err != nil {
		return nil, err
	}
	switch encoding {
	case "gzip", "x-gzip":
		return u.gzip(ctx, packed, limit, share)
	case "zstd":
		return u.zstd(ctx, packed, limit)
	}
	return nil, fmt.Errorf("%w: it is packed by %q", errEncoding, encoding)
}

// packedLimit is how many bytes a body may have that becomes at most so many: what does not get shorter gets a little longer.
func packedLimit(limit int64) int64 { return limit + limit/64 + 1<<10 }

func (u *unpacker) gzip(ctx context.Context, packed []byte, limit int64, share *share) ([]byte, error) {
	z, ok := u.gzips.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	defer u.gzips.Put(z)
	scratch := u.takeScratch()
	defer u.scratch.Put(scratch)
	if err := z.Reset(bytes.NewReader(packed)); err != nil {
		return nil, fmt.Errorf("%w: %w", errEncoding, err)
	}
	n, err := fill(z, scratch[:min(smallBody, limit+1)])
	switch {
	case int64(n) > limit:
		return nil, errLong
	case err == io.EOF:
		return append(make([]byte, 0, n), scratch[:n]...), nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errEncoding, err)
	}
	return readLong(ctx, z, scratch[:n], limit, share)
}

// takeScratch returns a buffer for what a body becomes; what is kept of it is a copy of just its length.
func (u *unpacker) takeScratch() *scratch {
	if s, ok := u.scratch.Get().(*scratch); ok {
		return s
	}
	return new(scratch)
}

type scratch [smallBody + maxBlock]byte

// zstd unpacks a whole body. One that becomes long is unpacked while no other is, since what it becomes is not known before:
// a frame needs no window beside what comes out of it, and all bodies together no more memory than one may have.
func (u *unpacker) zstd(ctx context.Context, packed []byte, limit int64) ([]byte, error) {
	d, ok := u.zstds.Get().(*zstd.Decoder)
	if !ok {
		var err error
		if d, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true)); err != nil {
			return nil, err
		}
	}
	defer u.zstds.Put(d)
	scratch := u.takeScratch()
	defer u.scratch.Put(scratch)
	data, err := d.DecodeAll(packed, scratch[:0])
	if isFull(err) && limit > smallBody {
		return u.longZstd(ctx, d, packed, limit)
	}
	data, err = checkUnpacked(data, err, limit)
	return append(make([]byte, 0, len(data)), data...), err
}

// maxBlock is the most that one block of a frame becomes: with so much room behind a limit, what passes it is seen to.
const maxBlock = 128 << 10

func (u *unpacker) longZstd(ctx context.Context, d *zstd.Decoder, packed []byte, limit int64) (data []byte, err error) {
	select {
	case u.long <- struct{}{}:
		defer func() { <-u.long }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for size := int64(smallBody); ; {
		size = min(4*size, limit)
		data, err = d.DecodeAll(packed, make([]byte, 0, size+maxBlock))
		if !isFull(err) || size == limit {
			return checkUnpacked(data, err, limit)
		}
	}
}

// isFull reports whether more would come out of a frame than there was room for, in the words of the library.
func isFull(err error) bool {
	return errors.Is(err, zstd.ErrDecoderSizeExceeded) || err != nil && strings.HasPrefix(err.Error(), "output bigger than max block size")
}

func checkUnpacked(data []byte, err error, limit int64) ([]byte, error) {
	switch {
	case isFull(err), int64(len(data)) > limit:
		return nil, errLong
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errEncoding, err)
	}
	return data, nil
}
