package archive

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// tarReader is the decompressed stream with its limits.
type tarReader struct {
	frame *frameReader
	z     *zstd.Decoder
	limit int64 // bytes of tar that may still be read
	read  int64
}

// openTar begins to read an archive. Close gives the decoder's memory back.
func openTar(r io.Reader, o Options) (*tarReader, error) {
	frame := &frameReader{r: r, limit: o.MaxPacked}
	z, err := zstd.NewReader(frame, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderMaxMemory(uint64(MaxUnpacked+tarOverhead(MaxFiles))))
	if err != nil {
		return nil, decodeError(err)
	}
	return &tarReader{frame: frame, z: z, limit: o.MaxUnpacked + tarOverhead(o.MaxFiles)}, nil
}

// tarOverhead is the greatest length of the headers, paddings and PAX entries of so many files, and of the end.
func tarOverhead(files int) int64 { return int64(files)*(3*blockSize+maxPAX) + 2*blockSize }

func (t *tarReader) Close() { t.z.Close() }

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
