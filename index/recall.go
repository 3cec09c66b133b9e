package index

import (
	"context"
	"crypto/sha256"
	"errors"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// eachAtOnce is how many packages go through one goroutine before others may use them.
const eachAtOnce = 32

// each calls do for every package, as many at once as there are cores.
func (s *Snapshot) each(ctx context.Context, loads []*loading, do func(context.Context, *loading, *Decoder) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for batch := range slices.Chunk(loads, eachAtOnce) {
		group.Go(func() error {
			d := s.decoders.Get().(*Decoder)
			defer s.decoders.Put(d)
			for _, l := range batch {
				if err := do(ctx, l, d); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// look finds out who speaks in a package's file.
func (s *Snapshot) look(_ context.Context, l *loading, d *Decoder) error {
	if l.listed || l.absent() {
		return nil
	}
	l.sum = sha256.Sum256(l.data)
	if !l.anew {
		var known bool
		if l.speakers, known = s.state.Folded.speakers(l.path); known {
			return nil
		}
	}
	return s.parse(l, d)
}

func (s *Snapshot) parse(l *loading, d *Decoder) (err error) {
	l.entries, err = s.entries(d, l.path, l.data)
	l.speakers = Speakers(l.entries)
	return malformed(err)
}

// fold makes the package, and lets others have it.
func (s *Snapshot) fold(ctx context.Context, l *loading, d *Decoder) error {
	if !l.absent() {
		if err := s.foldOne(ctx, l, d); err != nil || l.stale {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packages[l.key] = l.folded
	if s.loading[l.key] == l {
		s.finish(l)
	}
	return nil
}

// foldOne makes the package: from the cache where that has it for these very bytes, else from its lines.
func (s *Snapshot) foldOne(ctx context.Context, l *loading, d *Decoder) error {
	if l.entries == nil && s.recall(l, d) {
		return nil
	}
	if l.stale = l.listed; l.stale {
		return nil
	}
	if l.entries == nil {
		before := l.speakers
		if err := s.parse(l, d); err != nil {
			return err
		}
		if !slices.Equal(before, l.speakers) {
			if err := s.loadPublishers(ctx, l.speakers); err != nil {
				return err
			}
		}
	}
	roots, err := s.RootsOf(ctx, l.entries)
	if err != nil {
		return err
	}
	p := roots.FoldPackage(s.config.ID, l.key, l.entries, s.known)
	if !p.Exists() && !p.Closed() {
		return nil
	}
	l.folded = p
	if s.state.Folded != nil && len(p.Recoveries) == 0 { // a record does not tell of them
		s.state.Folded.keep(l.path, folded{key: s.keyOf(l), sum: string(l.sum[:]), under: s.vouching(), speakers: l.speakers}, p)
	}
	return nil
}

func (s *Snapshot) recall(l *loading, d *Decoder) bool {
	record, ok := s.state.Folded.record(l.path, s.keyOf(l), s.vouching())
	if !ok {
		return false
	}
	p, ok := parseFolded(s.config.ID, l.key, record, d, s.known)
	if ok {
		l.folded = p
	}
	return ok
}

func (s *Snapshot) keyOf(l *loading) string {
	publishers := make([]*Publisher, len(l.speakers))
	for i, id := range l.speakers {
		publishers[i] = s.known(id)
	}
	return fileKey(s.config.ID, l.sum, publishers)
}

func malformed(err error) error {
	var m *MalformedError
	if !errors.As(err, &m) {
		return err
	}
	if errors.Is(err, errBackwards) {
		return backdated(m.Path).WithFact("line  %d, a stamp that goes back behind the one before", m.Line)
	}
	return fault.New(fault.Integrity, "index-malformed", "SECURITY: the index holds a line that no registry writes").
		WithFact("file %s, line %d", m.Path, m.Line).WithFact("%v", m.Err).
		WithFact("the index was altered on its host or in transit, or its registry is broken")
}
