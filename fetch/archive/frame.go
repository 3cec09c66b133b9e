package archive

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// frameReader passes on the bytes of exactly one zstd frame and refuses whatever else a decoder would skip or join to it.
// Two readers that disagree on where a stream ends would see two packages in one digest.
type frameReader struct {
	r     io.Reader
	limit int64  // bytes that may still be read
	read  int64  // bytes that were read
	head  []byte // what was parsed but not yet passed on
	state frameState
	left  int64 // bytes of the present block or checksum
	sum   bool  // a checksum of four bytes ends the frame
	last  bool  // the present block is the last
	block [blockHeaderSize]byte
	err   error
}

type frameState byte

const (
	atFrame frameState = iota
	atBlock
	inBlock
	atEnd
)

const (
	frameMagic      = 0xFD2FB528
	skippableMagic  = 0x184D2A50
	blockHeaderSize = 3
	checksumSize    = 4
)

func (f *frameReader) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.step(p)
	f.err = err
	return n, err
}

func (f *frameReader) step(p []byte) (int, error) {
	for len(p) > 0 {
		if len(f.head) > 0 {
			n := copy(p, f.head)
			f.head = f.head[n:]
			return n, nil
		}
		switch f.state {
		case atFrame:
			if err := f.readHeader(); err != nil {
				return 0, err
			}
		case atBlock:
			if err := f.readBlockHeader(); err != nil {
				return 0, err
			}
		case inBlock:
			if f.left > 0 {
				return f.pass(p)
			}
			f.endBlock()
		case atEnd:
			return 0, f.expectEnd()
		}
	}
	return 0, nil
}

// pass hands on bytes of the present block.
func (f *frameReader) pass(p []byte) (int, error) {
	n, err := f.pull(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	if n > 0 {
		return n, nil
	}
	return 0, shortOr(err)
}

func (f *frameReader) endBlock() {
	switch {
	case !f.last:
		f.state = atBlock
	case f.sum:
		f.sum, f.left = false, checksumSize
	default:
		f.state = atEnd
	}
}

func (f *frameReader) expectEnd() error {
	var one [1]byte
	n, err := io.ReadFull(f.r, one[:])
	switch {
	case n > 0:
		return unsafef("something follows the end of the zstd frame")
	case err == io.EOF:
		return io.EOF
	default:
		return err
	}
}

// pull reads from the source within the limit.
func (f *frameReader) pull(p []byte) (int, error) {
	if f.limit <= 0 {
		return 0, tooBig("more than %d bytes packed", f.read)
	}
	n, err := f.r.Read(p[:min(int64(len(p)), f.limit)])
	f.limit -= int64(n)
	f.read += int64(n)
	return n, err
}

func (f *frameReader) pullFull(p []byte) error {
	for done := 0; done < len(p); {
		n, err := f.pull(p[done:])
		done += n
		if done < len(p) && err != nil {
			return shortOr(err)
		}
	}
	return nil
}

// readHeader parses a frame header (RFC 8878, section 3.1.1.1) and refuses frames that ask for much memory.
func (f *frameReader) readHeader() error {
	head := make([]byte, 5, zstd.HeaderMaxSize)
	if err := f.pullFull(head); err != nil {
		return err
	}
	switch magic := binary.LittleEndian.Uint32(head); {
	case magic&^0xF == skippableMagic:
		return unsafef("it begins with a skippable zstd frame")
	case magic != frameMagic:
		return corrupt("it does not begin with a zstd frame")
	}
	rest := make([]byte, headerLength(head[4])-len(head))
	if err := f.pullFull(rest); err != nil {
		return err
	}
	head = append(head, rest...)
	var h zstd.Header
	if err := h.Decode(head); err != nil {
		return corrupt("its zstd header is malformed")
	}
	window := h.WindowSize
	if h.SingleSegment {
		window = h.FrameContentSize
	}
	switch {
	case h.DictionaryID != 0:
		return unsafef("it needs a zstd dictionary")
	case window > MaxWindow:
		return tooBig("it needs a zstd window of %d bytes, at most %d are allowed", window, MaxWindow)
	}
	f.head, f.sum, f.state = head, h.HasCheckSum, atBlock
	return nil
}

// headerLength is the length of a frame's header from its descriptor byte.
func headerLength(descriptor byte) int {
	single := descriptor&(1<<5) != 0
	n := 5 + [4]int{0, 1, 2, 4}[descriptor&3]
	size := [4]int{0, 2, 4, 8}[descriptor>>6]
	if single && size == 0 {
		size = 1
	}
	if !single {
		n++ // window descriptor
	}
	return n + size
}

func (f *frameReader) readBlockHeader() error {
	head := f.block[:]
	if err := f.pullFull(head); err != nil {
		return err
	}
	bits := uint32(head[0]) | uint32(head[1])<<8 | uint32(head[2])<<16
	f.last = bits&1 != 0
	f.left = int64(bits >> 3)
	switch bits >> 1 & 3 {
	case 1: // one byte, repeated
		f.left = 1
	case 3:
		return corrupt("it has a zstd block of an unknown kind")
	}
	f.head, f.state = head, inBlock
	return nil
}

func shortOr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return corrupt("it ends early")
	}
	return err
}
