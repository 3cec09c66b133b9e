package gitrepo

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
)

// pack is a pack with its index, of the second version of both formats: gitformat-pack(5). Files are opened when they are
// needed, and stay open: a pack that git has replaced can still be read.
type pack struct {
	path string // without .pack and .idx

	index  io.ReaderAt // the file of the index or, where it is asked often, what it holds
	fanout [256]uint32 // how many ids begin with at most this byte
	asked  int
	files  []*os.File
	data   *os.File
	source *bufio.Reader
	zlib   io.ReadCloser
}

const (
	idSize     = 20
	idsAt      = 8 + 256*4 // in an index
	crcSize    = 4
	offsetSize = 4
	sumSize    = 20      // of each of the two that end it
	largeBit   = 1 << 31 // of an offset: it is in the table of long ones
	askedOften = 256
)

var (
	errPackVersion = errors.New("the index of a pack has a version that is not read here")
	errPackIndex   = errors.New("the index of a pack is damaged")
)

// open reads the beginning of the index. The file must be as long as the number of objects says: by it memory is asked for.
func (p *pack) open() error {
	if p.index != nil {
		return nil
	}
	f, err := os.Open(p.path + ".idx")
	if err != nil {
		return err
	}
	head := make([]byte, idsAt)
	if _, err := f.ReadAt(head, 0); err != nil || !bytes.HasPrefix(head, []byte("\xfftOc\x00\x00\x00\x02")) {
		f.Close()
		return errPackVersion
	}
	var before uint32
	for i := range p.fanout {
		p.fanout[i] = binary.BigEndian.Uint32(head[8+4*i:])
		if p.fanout[i] < before {
			f.Close()
			return errPackIndex
		}
		before = p.fanout[i]
	}
	info, err := f.Stat()
	if err != nil || info.Size() < idsAt+p.count()*(idSize+crcSize+offsetSize)+2*sumSize {
		f.Close()
		return errors.Join(errPackIndex, err)
	}
	p.index, p.files = f, append(p.files, f)
	return nil
}

func (p *pack) close() error {
	var errs []error
	for _, f := range p.files {
		errs = append(errs, f.Close())
	}
	p.index, p.data, p.files = nil, nil, nil
	return errors.Join(errs...)
}

// count is the number of objects.
func (p *pack) count() int64 { return int64(p.fanout[255]) }

// find returns where in the pack an object is.
func (p *pack) find(h Hash) (at int64, found bool, err error) {
	if err := p.open(); err != nil {
		return 0, false, err
	}
	if err := p.mind(); err != nil {
		return 0, false, err
	}
	var low int64
	if h[0] > 0 {
		low = int64(p.fanout[h[0]-1])
	}
	high := int64(p.fanout[h[0]])
	for low < high {
		middle := low + (high-low)/2
		var id Hash
		if _, err := p.index.ReadAt(id[:], idsAt+idSize*middle); err != nil {
			return 0, false, errPackIndex
		}
		switch c := bytes.Compare(h[:], id[:]); {
		case c == 0:
			at, err := p.offset(middle)
			return at, err == nil, err
		case c < 0:
			high = middle
		default:
			low = middle + 1
		}
	}
	return 0, false, nil
}

// mind reads the index into memory when it has been asked often.
func (p *pack) mind() error {
	if p.asked++; p.asked != askedOften {
		return nil
	}
	data := make([]byte, idsAt+p.count()*(idSize+crcSize+offsetSize))
	if _, err := p.index.ReadAt(data, 0); err != nil {
		return errPackIndex
	}
	p.index = indexCopy{bytes.NewReader(data), p.index}
	return nil
}

// indexCopy is an index of which the greatest part is in memory.
type indexCopy struct {
	*bytes.Reader
	rest io.ReaderAt
}

func (c indexCopy) ReadAt(to []byte, at int64) (int, error) {
	if at+int64(len(to)) <= c.Size() {
		return c.Reader.ReadAt(to, at)
	}
	return c.rest.ReadAt(to, at)
}

// offset returns where the n-th object of the index begins.
func (p *pack) offset(n int64) (int64, error) {
	var buf [8]byte
	table := idsAt + p.count()*(idSize+crcSize)
	if _, err := p.index.ReadAt(buf[:offsetSize], table+offsetSize*n); err != nil {
		return 0, errPackIndex
	}
	at := binary.BigEndian.Uint32(buf[:])
	if at&largeBit == 0 {
		return int64(at), nil
	}
	long := table + offsetSize*p.count() + 8*int64(at&^uint32(largeBit))
	if _, err := p.index.ReadAt(buf[:], long); err != nil {
		return 0, errPackIndex
	}
	if far := binary.BigEndian.Uint64(buf[:]); far <= math.MaxInt64 {
		return int64(far), nil
	}
	return 0, errPackIndex
}

// header is what stands before the compressed content of an object.
type header struct {
	kind   plumbing.ObjectType
	size   int64 // of the content
	base   int64 // of a delta: where in the pack the object is that it is against
	baseID Hash  // likewise, for deltas that name it
}

// header reads what is before the content of an object, which [pack.inflate] can then read.
func (p *pack) header(at int64) (h header, err error) {
	if p.data == nil {
		if p.data, err = os.Open(p.path + ".pack"); err != nil {
			return h, err
		}
		p.files = append(p.files, p.data)
		p.source = bufio.NewReaderSize(nil, 4<<10)
	}
	p.source.Reset(io.NewSectionReader(p.data, at, math.MaxInt64-at))
	c, err := p.source.ReadByte()
	if err != nil {
		return h, err
	}
	h.kind, h.size = plumbing.ObjectType(c>>4&7), int64(c&15)
	for shift := 4; c >= 0x80; shift += 7 {
		if c, err = p.source.ReadByte(); err != nil {
			return h, err
		}
		if shift > 53 {
			return h, errors.New("an object of a pack has no size that there is")
		}
		h.size |= int64(c&0x7f) << shift
	}
	switch h.kind {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
	case plumbing.REFDeltaObject:
		_, err = io.ReadFull(p.source, h.baseID[:])
	case plumbing.OFSDeltaObject:
		var back int64
		if back, err = readBack(p.source); err == nil && back >= at {
			err = errors.New("a delta of a pack is against what is not in it")
		}
		h.base = at - back
	default:
		err = fmt.Errorf("an object of a pack has type %d", h.kind)
	}
	return h, err
}

// readBack reads how far before a delta its base is: a number of its own kind, in which no two spellings mean the same.
func readBack(r io.ByteReader) (int64, error) {
	c, err := r.ReadByte()
	back := int64(c & 0x7f)
	for err == nil && c >= 0x80 {
		if back > math.MaxInt64>>8 {
			return 0, errors.New("a delta of a pack is too far from its base")
		}
		c, err = r.ReadByte()
		back = (back+1)<<7 | int64(c&0x7f)
	}
	if err == nil && back == 0 {
		err = errors.New("a delta of a pack is against itself")
	}
	return back, err
}

// inflate reads the content of the object whose header was read last.
func (p *pack) inflate(h header) ([]byte, error) {
	var err error
	if p.zlib == nil {
		p.zlib, err = zlib.NewReader(p.source)
	} else {
		err = p.zlib.(zlib.Resetter).Reset(p.source, nil)
	}
	if err != nil {
		return nil, err
	}
	data := make([]byte, h.size)
	if _, err := io.ReadFull(p.zlib, data); err != nil {
		return nil, err
	}
	if n, err := p.zlib.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		return nil, errors.New("an object of a pack is not as long as it says")
	}
	return data, nil
}
