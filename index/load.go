package index

import (
	"context"
	"crypto/sha256"
	"slices"

	"github.com/geeknik/gal-pkg/manifest"
)

// Load reads the files of the named packages that have not been read yet, and those of the publishers who speak in
// them: all in two rounds. It waits for the loads of others that read the same.
func (s *Snapshot) Load(ctx context.Context, names []string) error {
	for {
		loads, others := s.claim(names)
		if len(loads) > 0 {
			err := s.load(ctx, loads, false)
			s.release(loads)
			if err != nil {
				return err
			}
		}
		if len(others) == 0 {
			return nil
		}
		for _, done := range others {
			select {
			case <-done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		// A load of somebody else may have failed; then what it did not read is ours to read.
	}
}

// claim takes the packages that nobody has read or is reading, and returns what to wait for of the others.
func (s *Snapshot) claim(names []string) (loads []*loading, others []chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		key := manifest.Key(name)
		if _, known := s.packages[key]; known || manifest.CheckName(name) != nil {
			continue
		}
		if busy := s.loading[key]; busy != nil {
			others = append(others, busy.done) // of a name that stands here twice too: that is closed by then
			continue
		}
		l := &loading{key: key, path: PackagePath(name), done: make(chan struct{})}
		s.loading[key] = l
		loads = append(loads, l)
	}
	return loads, others
}

// release ends what was claimed, whether it was read or not.
func (s *Snapshot) release(loads []*loading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range loads {
		if s.loading[l.key] == l {
			s.finish(l)
		}
	}
}

// finish lets those go on who wait for a package. s.mu is held.
func (s *Snapshot) finish(l *loading) {
	delete(s.loading, l.key)
	close(l.done)
}

// load reads packages from their files, or what the cache has of these; anew does not ask the cache.
func (s *Snapshot) load(ctx context.Context, loads []*loading, anew bool) error {
	if err := s.begin(ctx, loads, anew); err != nil {
		return err
	}
	if err := s.each(ctx, loads, s.look); err != nil {
		return err
	}
	var speakers []string
	for _, l := range loads {
		speakers = append(speakers, l.speakers...)
	}
	if err := s.loadPublishers(ctx, speakers); err != nil {
		return err
	}
	if err := s.each(ctx, loads, s.fold); err != nil {
		return err
	}
	var stale []*loading
	for _, l := range loads {
		if l.stale {
			stale = append(stale, l)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	return s.load(ctx, stale, true)
}

// loading is a package on its way from its file.
type loading struct {
	key, path string
	data      []byte
	sum       [sha256.Size]byte // of the file
	speakers  []string
	entries   []Entry // nil where the cache may know what they fold to
	folded    *Package
	anew      bool          // the cache is not to be asked
	done      chan struct{} // closed when it has been read, or will not be
	listed    bool          // the lists vouch for what the cache was made from, as they did then: the file need not be read
	stale     bool          // it was listed, and the cache does not have it after all
}

// absent reports whether the package has no file: then there is no such package.
func (l *loading) absent() bool { return len(l.data) == 0 && !l.listed }

// begin reads the files that are needed. Those that the cache knows, and of which the lists have not changed since, are
// not.
func (s *Snapshot) begin(ctx context.Context, loads []*loading, anew bool) error {
	var needed []string
	top := s.lists()
	for _, l := range loads {
		l.anew, l.listed, l.stale = anew, false, false
		if !anew && top != "" {
			l.sum, l.speakers, l.listed = s.state.Folded.under(l.path, top)
		}
		if !l.listed {
			needed = append(needed, l.path)
		}
	}
	if len(needed) == 0 {
		return nil
	}
	files, err := s.transport.Fetch(ctx, needed)
	for _, l := range loads {
		l.data = files[l.path]
	}
	return err
}

// offline reports whether the transport asks nobody.
func (s *Snapshot) offline() bool { return isOffline(s.vouched.raw) }

func isOffline(t Transport) bool {
	o, ok := t.(interface{ Offline() bool })
	return ok && o.Offline()
}

// lists identifies the registry's lists of files; "" where it has none.
func (s *Snapshot) lists() string {
	if s.vouched == nil || s.state.Folded == nil {
		return ""
	}
	return string(s.vouched.top.SHA256[:])
}

// vouching is lists where these vouch for everything that is read: without a network, what earlier ones vouched for is
// good enough, and must not pass for current later.
func (s *Snapshot) vouching() string {
	lists := s.lists()
	if lists != "" && s.offline() {
		return ""
	}
	return lists
}

// known returns a publisher whose file has been read.
func (s *Snapshot) known(id string) *Publisher {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publishers[id]
}

func (s *Snapshot) loadPublishers(ctx context.Context, ids []string) error {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	s.mu.Lock()
	ids = slices.DeleteFunc(ids, func(id string) bool { _, known := s.publishers[id]; return known })
	s.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	paths := make([]string, len(ids))
	for i, id := range ids {
		paths[i] = PublisherPath(id)
	}
	files, err := s.transport.Fetch(ctx, paths)
	if err != nil {
		return err
	}
	folded := make([]*Publisher, len(ids))
	d := s.decoders.Get().(*Decoder)
	defer s.decoders.Put(d)
	for i, path := range paths {
		entries, err := s.entries(d, path, files[path])
		if err != nil {
			return malformed(err)
		}
		roots, err := s.RootsOf(ctx, entries)
		if err != nil {
			return err
		}
		folded[i] = roots.FoldPublisher(s.config.ID, ids[i], entries)
		folded[i].file = sha256.Sum256(files[path])
		if lists := s.vouching(); lists != "" && len(files[path]) > 0 {
			s.state.Folded.note(path, string(folded[i].file[:]), lists)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, id := range ids {
		s.publishers[id] = folded[i]
	}
	return nil
}
