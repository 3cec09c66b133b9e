package gitrepo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/utils/sync"
)

// store reads objects from the files of a repository. It looks for them where they are, and never reads an index as a
// whole: what reading costs grows with what is read, not with how many objects there are. It is a view of the packs of one
// moment, and not for use by several goroutines at once.
//
// What it returns is not hashed: it may be anything that the files hold, up to the limits.
type store struct {
	dir   string // objects/
	packs []*pack
	bases map[place][]byte // of deltas, so that neighbours do not unpack them again
	held  int              // bytes of these
}

// place is where an object is.
type place struct {
	pack *pack
	at   int64
}

const (
	maxDelta  = 4096    // deltas on each other; git makes at most 4095
	maxBase   = MaxTree // bytes of a delta and of what it is against, where the limit is less
	chainMost = 4       // times that, for all deltas of an object together
	maxHeader = 32      // bytes before the content of a loose object
	baseBytes = 16 << 20
)

var errLoose = errors.New("the file of an object begins with no type and size")

// openStore makes a view of the objects of a repository; names are those of its packs.
func openStore(dir string, names []string) *store {
	s := &store{dir: filepath.Join(dir, "objects"), bases: map[place][]byte{}}
	for _, name := range names {
		s.packs = append(s.packs, &pack{path: filepath.Join(s.dir, "pack", strings.TrimSuffix(name, ".pack"))})
	}
	return s
}

func (s *store) close() error {
	var errs []error
	for _, p := range s.packs {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// has returns an error that matches plumbing.ErrObjectNotFound where an object is not there.
func (s *store) has(h Hash) error {
	if _, err := os.Lstat(s.loosePath(h)); err == nil {
		return nil
	}
	_, err := s.find(h)
	return err
}

// packed reports whether an object is in a pack.
func (s *store) packed(h Hash) bool {
	_, err := s.find(h)
	return err == nil
}

// read returns the type and content of an object of at most limit bytes. Where it is longer, it is not unpacked.
func (s *store) read(h Hash, limit int64) (plumbing.ObjectType, []byte, error) {
	kind, data, err := s.readLoose(h, limit)
	if !isNotExist(err) {
		return kind, data, err
	}
	at, err := s.find(h)
	if err != nil {
		return 0, nil, err
	}
	return s.unpack(at, limit, &chain{named: map[place]bool{}})
}

func (s *store) find(h Hash) (place, error) {
	for _, p := range s.packs {
		at, found, err := p.find(h)
		if isNotExist(err) {
			continue // git gives a pack its index last, and takes it away first
		}
		if err != nil || found {
			return place{p, at}, err
		}
	}
	return place{}, plumbing.ErrObjectNotFound
}

func (s *store) loosePath(h Hash) string {
	name := h.String()
	return filepath.Join(s.dir, name[:2], name[2:])
}

// readLoose reads a file of its own: compressed, "type SP size NUL" and the content.
func (s *store) readLoose(h Hash, limit int64) (plumbing.ObjectType, []byte, error) {
	f, err := os.Open(s.loosePath(h))
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	z, err := sync.GetZlibReader(f)
	if err != nil {
		return 0, nil, err
	}
	defer sync.PutZlibReader(z)
	r := bufio.NewReaderSize(z.Reader, maxHeader)
	head, err := r.ReadSlice(0) // which fails where the buffer is full
	if err != nil {
		return 0, nil, errors.Join(errLoose, err)
	}
	name, length, _ := strings.Cut(string(head[:len(head)-1]), " ")
	kind, err := plumbing.ParseObjectType(name)
	size, err2 := strconv.ParseUint(length, 10, 63)
	if err != nil || err2 != nil || kind.IsDelta() {
		return 0, nil, errLoose
	}
	if err := within(int64(size), limit); err != nil {
		return 0, nil, err
	}
	data := make([]byte, size)
	_, err = io.ReadFull(r, data)
	return kind, data, err
}

func within(size, limit int64) error {
	if size > limit {
		return fmt.Errorf("%d bytes where %d are allowed: %w", size, limit, ErrTooLarge)
	}
	return nil
}

// chain is what led to an object: deltas on each other. All of them are in memory before the last is applied.
type chain struct {
	deltas int
	bytes  int64
	named  map[place]bool // deltas that name their base by its id; any other base lies before its delta, so there is no ring
}

// add takes the delta at a place into the chain before it is inflated; most is how long it may be.
func (c *chain) add(at place, h header, most int64) error {
	if c.deltas++; c.deltas > maxDelta {
		return fmt.Errorf("more than %d deltas on each other: %w", maxDelta, packfile.ErrInvalidDelta)
	}
	if c.named[at] {
		return fmt.Errorf("a delta that is its own base: %w", packfile.ErrInvalidDelta)
	}
	if h.kind == plumbing.REFDeltaObject {
		c.named[at] = true
	}
	if err := within(h.size, most); err != nil {
		return err
	}
	c.bytes += h.size
	return within(c.bytes, chainMost*most)
}

// unpack reads the object at a place of a pack, to which the chain led.
func (s *store) unpack(at place, limit int64, c *chain) (plumbing.ObjectType, []byte, error) {
	head, err := at.pack.header(at.at)
	if err != nil {
		return 0, nil, err
	}
	if !head.kind.IsDelta() {
		if err := within(head.size, limit); err != nil {
			return 0, nil, err
		}
		data, err := at.pack.inflate(head)
		return head.kind, data, err
	}
	most := max(limit, maxBase)
	if err := c.add(at, head, most); err != nil {
		return 0, nil, err
	}
	delta, err := at.pack.inflate(head)
	if err != nil {
		return 0, nil, err
	}
	size, err := deltaTarget(delta)
	if err == nil {
		err = within(size, limit)
	}
	if err != nil {
		return 0, nil, err
	}
	base := place{at.pack, head.base}
	if head.kind == plumbing.REFDeltaObject {
		if base, err = s.find(head.baseID); err != nil {
			return 0, nil, err
		}
	}
	kind, data, err := s.base(base, most, c)
	if err != nil {
		return 0, nil, err
	}
	data, err = packfile.PatchDelta(data, delta)
	return kind, data, err
}

// base is unpack for the base of a delta, which is remembered. Nobody changes what it returns.
func (s *store) base(at place, limit int64, c *chain) (plumbing.ObjectType, []byte, error) {
	if known, ok := s.bases[at]; ok {
		return plumbing.ObjectType(known[0]), known[1:], nil
	}
	kind, data, err := s.unpack(at, limit, c)
	if err != nil || len(data) > baseBytes/4 {
		return kind, data, err
	}
	if s.held += len(data); s.held > baseBytes {
		clear(s.bases) // what is needed again is soon there again
		s.held = len(data)
	}
	known := append([]byte{byte(kind)}, data...)
	s.bases[at] = known
	return kind, known[1:], nil
}
