package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
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
	maxBase   = MaxTree // bytes of what an object is a delta of, where the limit is less
	baseBytes = 16 << 20
)

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
	return s.unpack(at, limit, 0)
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

func (s *store) readLoose(h Hash, limit int64) (plumbing.ObjectType, []byte, error) {
	f, err := os.Open(s.loosePath(h))
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	r, err := objfile.NewReader(f)
	if err != nil {
		return 0, nil, err
	}
	defer r.Close()
	kind, size, err := r.Header()
	if err == nil {
		err = within(size, limit)
	}
	if err != nil {
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

// unpack reads the object at a place of a pack; depth is how many deltas led there.
func (s *store) unpack(at place, limit int64, depth int) (plumbing.ObjectType, []byte, error) {
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
	if depth == maxDelta {
		return 0, nil, fmt.Errorf("more than %d deltas on each other: %w", maxDelta, packfile.ErrInvalidDelta)
	}
	most := max(limit, maxBase)
	if err := within(head.size, most); err != nil {
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
	kind, data, err := s.base(base, most, depth+1)
	if err != nil {
		return 0, nil, err
	}
	data, err = packfile.PatchDelta(data, delta)
	return kind, data, err
}

// base is unpack for the base of a delta, which is remembered. Nobody changes what it returns.
func (s *store) base(at place, limit int64, depth int) (plumbing.ObjectType, []byte, error) {
	if known, ok := s.bases[at]; ok {
		return plumbing.ObjectType(known[0]), known[1:], nil
	}
	kind, data, err := s.unpack(at, limit, depth)
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
