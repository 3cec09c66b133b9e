package archive

import (
	"bufio"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// scratch is the memory that reading archives takes, to be used for one after another: the window alone is up to
// [MaxWindow] bytes, and clearing it anew for each of hundreds of archives takes longer than reading them. The zero value is
// ready. Close gives the memory back.
type scratch struct {
	in  *bufio.Reader // decoders read a few bytes at a time
	z   *zstd.Decoder
	buf []byte
}

const (
	inSize = 32 << 10
	// bufSize is what a file may have to be handed on in one piece.
	bufSize = 256 << 10
)

func (s *scratch) Close() {
	if s.z != nil {
		s.z.Close()
	}
	*s = scratch{}
}

// reset makes the decoder begin anew with a frame.
func (s *scratch) reset(frame io.Reader) (err error) {
	if s.z != nil {
		return s.z.Reset(frame)
	}
	s.z, err = zstd.NewReader(frame, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderMaxMemory(uint64(MaxUnpacked+tarOverhead(MaxFiles))))
	return err
}

// tarReader is the decompressed stream with its limits.
type tarReader struct {
	frame  frameReader
	z      *zstd.Decoder
	limit  int64 // bytes of tar that may still be read
	read   int64
	buf    []byte
	lo, hi int   // what is in buf and was not handed on
	err    error // what comes after it
}

// openTar begins to read an archive, as the only user of the scratch.
func (s *scratch) openTar(r io.Reader, o Options) (*tarReader, error) {
	if s.in == nil {
		s.in, s.buf = bufio.NewReaderSize(r, inSize), make([]byte, bufSize)
	} else {
		s.in.Reset(r)
	}
	t := &tarReader{frame: frameReader{r: s.in, limit: o.MaxPacked}, buf: s.buf, limit: o.MaxUnpacked + tarOverhead(o.MaxFiles)}
	if err := s.reset(&t.frame); err != nil {
		return nil, decodeError(err)
	}
	t.z = s.z
	return t, nil
}

// tarOverhead is the greatest length of the headers, paddings and PAX entries of so many files, and of the end.
func tarOverhead(files int) int64 { return int64(files)*(3*blockSize+maxPAX) + 2*blockSize }

// next returns the next n bytes, at most [bufSize]; they are there until it is called again. The error is io.EOF where
// nothing more comes, io.ErrUnexpectedEOF where less does.
func (t *tarReader) next(n int) ([]byte, error) {
	if t.hi-t.lo < n {
		t.hi = copy(t.buf, t.buf[t.lo:t.hi])
		t.lo = 0
	}
	for t.hi < n && t.err == nil {
		var got int
		got, t.err = t.Read(t.buf[t.hi:])
		t.hi += got
	}
	if t.hi-t.lo < n {
		if t.err == io.EOF && t.hi > t.lo {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, t.err
	}
	t.lo += n
	return t.buf[t.lo-n : t.lo], nil
}

// Read passes by what next has in its buffer.
func (t *tarReader) Read(p []byte) (int, error) {
	if t.limit <= 0 {
		return t.beyond()
	}
	n, err := t.z.Read(p[:min(int64(len(p)), t.limit)])
	t.limit -= int64(n)
	t.read += int64(n)
	if t.read > ratioFloor && t.read/MaxRatio > t.frame.read {
		return 0, tooBig("it unpacks to more than %d times its length", MaxRatio)
	}
	if err != nil && err != io.EOF {
		err = decodeError(err)
	}
	return n, err
}

// beyond tells a stream that ends at its limit from one that passes it.
func (t *tarReader) beyond() (int, error) {
	var one [1]byte
	n, err := t.z.Read(one[:])
	if n > 0 {
		return 0, tooBig("more than %d bytes unpacked", t.read)
	}
	if err != nil && err != io.EOF {
		err = decodeError(err)
	}
	return 0, err
}

// decodeError keeps our own errors and those of the source, and gives the decoder's a name.
func decodeError(err error) error {
	if fault.Of(err) != nil {
		return err
	}
	for _, known := range []error{zstd.ErrWindowSizeExceeded, zstd.ErrDecoderSizeExceeded} {
		if errors.Is(err, known) {
			return tooBig("%v", err)
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return corrupt("it ends early")
	}
	for _, known := range []error{zstd.ErrMagicMismatch, zstd.ErrCRCMismatch, zstd.ErrReservedBlockType, zstd.ErrCompressedSizeTooBig,
		zstd.ErrBlockTooSmall, zstd.ErrUnexpectedBlockSize, zstd.ErrUnknownDictionary, zstd.ErrFrameSizeExceeded, zstd.ErrFrameSizeMismatch} {
		if errors.Is(err, known) {
			return corrupt("%v", err)
		}
	}
	return corrupt("it does not decompress").(*fault.Error).Because(err)
}
