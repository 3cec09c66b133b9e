package index

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// Options say how a registry is to be read.
type Options struct {
	// Pin is the registry id that the user trusts; a registry that says another is refused. "" trusts the id that is
	// found: only for the first contact, after which the caller keeps it.
	Pin string
	// Root is the fingerprint of the root of trust that the user has pinned; "" trusts the one that is found first.
	Root  string
	Trust Trust
	Now   time.Time // against which the age of the registry's metadata is judged
	// VerifyBundle verifies signatures of identities; nil refuses what rests on one.
	VerifyBundle VerifyBundle
	// State opens what this user keeps of the registry with an id; nil keeps nothing.
	State func(id string) (State, error)
}

// State is what a user keeps of one registry from one process to the next. Each part may be nil.
type State struct {
	Verified  Memory        // signatures that were good, and lines that were in the log
	Folded    *FoldCache    // what files fold to
	Catalogue string        // file that keeps the search catalogue, "" for none
	Standing  StandingStore // what was last verified of the registry as a whole
}

// Memory remembers what has been verified, across processes. Its methods are for use by several goroutines at once.
type Memory interface {
	Has(Digest) bool
	Add(Digest)
}

// Snapshot is a registry as it stood when it was opened: what its files say, read on demand and kept. It is for use by
// several goroutines at once.
type Snapshot struct {
	transport Transport
	options   Options
	config    *Config
	state     State
	vouched   *vouched // nil where the registry has no metadata, or the user wants none
	first     string   // fingerprint of the root that was trusted first
	notices   []string

	decoders sync.Pool

	mu         sync.Mutex
	packages   map[string]*Package      // by path key; nil where there is none
	loading    map[string]chan struct{} // by path key; closed when the load that has it ends
	publishers map[string]*Publisher
}

// Config returns the registry's configuration.
func (s *Snapshot) Config() *Config { return s.config }

// Load reads the files of the named packages that have not been read yet, and those of the publishers who speak in
// them: all in two rounds. It waits for the loads of others that read the same.
func (s *Snapshot) Load(ctx context.Context, names []string) error {
	for {
		keys, paths, others := s.claim(names)
		if len(keys) > 0 {
			err := s.load(ctx, keys, paths, false)
			s.release(keys)
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
func (s *Snapshot) claim(names []string) (keys, paths []string, others []chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := make(chan struct{})
	for _, name := range names {
		key := manifest.Key(name)
		if _, known := s.packages[key]; known || manifest.CheckName(name) != nil {
			continue
		}
		if done, busy := s.loading[key]; busy {
			if done != mine {
				others = append(others, done)
			}
			continue
		}
		s.loading[key] = mine
		keys = append(keys, key)
		paths = append(paths, PackagePath(name))
	}
	return keys, paths, others
}

func (s *Snapshot) release(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.loading[keys[0]])
	for _, key := range keys {
		delete(s.loading, key)
	}
}

// load reads packages from their files, or what the cache has of these; anew does not ask the cache.
func (s *Snapshot) load(ctx context.Context, keys, paths []string, anew bool) error {
	loads, err := s.begin(ctx, keys, paths, anew)
	if err != nil {
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
	s.mu.Lock()
	keys, paths = nil, nil
	for _, l := range loads {
		if s.packages[l.key] = l.folded; l.stale {
			keys, paths = append(keys, l.key), append(paths, l.path)
		}
	}
	s.mu.Unlock()
	if len(keys) == 0 {
		return nil
	}
	return s.load(ctx, keys, paths, true)
}

// loading is a package on its way from its file.
type loading struct {
	key, path string
	data      []byte
	sum       [sha256.Size]byte // of the file
	speakers  []string
	entries   []Entry // nil where the cache may know what they fold to
	folded    *Package
	anew      bool // the cache is not to be asked
	listed    bool // the lists vouch for what the cache was made from, as they did then: the file need not be read
	stale     bool // it was listed, and the cache does not have it after all
}

// begin reads the files that are needed. Those that the cache knows, and of which the lists have not changed since, are
// not.
func (s *Snapshot) begin(ctx context.Context, keys, paths []string, anew bool) ([]*loading, error) {
	loads := make([]*loading, len(paths))
	var needed []string
	top := s.lists()
	for i, path := range paths {
		l := &loading{key: keys[i], path: path, anew: anew}
		if loads[i] = l; !anew && top != "" {
			l.sum, l.speakers, l.listed = s.state.Folded.under(path, top)
		}
		if !l.listed {
			needed = append(needed, path)
		}
	}
	if len(needed) == 0 {
		return loads, nil
	}
	files, err := s.transport.Fetch(ctx, needed)
	for _, l := range loads {
		l.data = files[l.path]
	}
	return loads, err
}

// offline reports whether the transport asks nobody.
func (s *Snapshot) offline() bool {
	o, ok := s.vouched.raw.(interface{ Offline() bool })
	return ok && o.Offline()
}

// lists identifies the registry's lists of files; "" where it has none.
func (s *Snapshot) lists() string {
	if s.vouched == nil || s.state.Folded == nil {
		return ""
	}
	return string(s.vouched.top.SHA256[:])
}

// each calls do for every package that has a file, as many at once as there are cores.
func (s *Snapshot) each(ctx context.Context, loads []*loading, do func(context.Context, *loading, *Decoder) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for batch := range slices.Chunk(loads, 64) {
		group.Go(func() error {
			d := s.decoders.Get().(*Decoder)
			defer s.decoders.Put(d)
			for _, l := range batch {
				if len(l.data) == 0 && !l.listed {
					continue
				}
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
	if l.listed {
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

// fold makes the package: from the cache where that has it for these very bytes, else from its lines.
func (s *Snapshot) fold(ctx context.Context, l *loading, d *Decoder) error {
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
	p := FoldPackage(s.config.ID, l.key, l.entries, s.known)
	if !p.Exists() && !p.Closed() {
		return nil
	}
	l.folded = p
	if s.state.Folded != nil {
		s.state.Folded.keep(l.path, folded{key: s.keyOf(l), sum: string(l.sum[:]), under: s.lists(), speakers: l.speakers}, p)
	}
	return nil
}

func (s *Snapshot) recall(l *loading, d *Decoder) bool {
	record, ok := s.state.Folded.record(l.path, s.keyOf(l), s.lists())
	if ok {
		l.folded, ok = parseFolded(s.config.ID, l.key, record, d, s.known)
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

// known returns a publisher whose file has been read.
func (s *Snapshot) known(id string) *Publisher {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publishers[id]
}

func malformed(err error) error {
	var m *MalformedError
	if !errors.As(err, &m) {
		return err
	}
	return fault.New(fault.Integrity, "index-malformed", "SECURITY: the index holds a line that no registry writes").
		WithFact("file %s, line %d", m.Path, m.Line).WithFact("%v", m.Err).
		WithFact("the index was altered on its host or in transit, or its registry is broken")
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
		folded[i] = FoldPublisher(s.config.ID, ids[i], entries)
		folded[i].file = sha256.Sum256(files[path])
		if lists := s.lists(); lists != "" && len(files[path]) > 0 && !s.offline() {
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

// Package returns what the registry says of one package. The error has code package-not-found where there is none of
// exactly this name.
func (s *Snapshot) Package(ctx context.Context, name string) (*Package, error) {
	if err := manifest.CheckName(name); err != nil {
		return nil, err
	}
	if err := s.Load(ctx, []string{name}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	p := s.packages[manifest.Key(name)]
	s.mu.Unlock()
	switch {
	case p == nil:
		return nil, fault.New(fault.NotFound, "package-not-found", "no package named `%s` in registry `%s`", name, s.config.ID)
	case p.Closed():
		return nil, fault.New(fault.Manifest, "package-too-new", "package `%s` uses a newer index format than this program reads", name).
			WithHelp("update gal-pkg")
	case p.Name != name:
		return nil, fault.New(fault.NotFound, "package-not-found", "no package named `%s` in registry `%s`, but there is `%s`", name, s.config.ID, p.Name).
			WithHelp("did you mean `%s`?", p.Name)
	}
	return p, nil
}

// Publisher returns what the registry says of a publisher; one that does not exist has no registration.
func (s *Snapshot) Publisher(ctx context.Context, id string) (*Publisher, error) {
	if err := CheckID(id); err != nil {
		return nil, fault.New(fault.Usage, "bad-publisher", "%v", err)
	}
	if err := s.loadPublishers(ctx, []string{id}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publishers[id], nil
}

// Files reads files of the registry that are neither packages nor publishers: search shards, lists.
func (s *Snapshot) Files(ctx context.Context, paths []string) (map[string][]byte, error) {
	return s.transport.Fetch(ctx, paths)
}

// Forget drops what the transport keeps of files that the metadata does not name, tiles of the log, where whoever has read
// them has found them to be wrong.
func (s *Snapshot) Forget(paths []string) {
	if f, ok := s.raw().(Forgetful); ok {
		f.Forget(paths)
	}
}

// raw is the transport below what is vouched for.
func (s *Snapshot) raw() Transport {
	if s.vouched != nil {
		return s.vouched.raw
	}
	return s.transport
}

// Want names a release that is to be used, and the checksum that a lock file expects of it, "" for none.
type Want struct {
	Name     string
	Version  version.Version
	Checksum Digest
}

// Artifact is a release whose line has been verified: the only thing from which an archive may be fetched. It is made by
// [Snapshot.Verify] alone.
type Artifact struct {
	name    string
	release *Release
}

func (a Artifact) Name() string             { return a.name }
func (a Artifact) Version() version.Version { return a.release.Version }

// Publish returns the verified line's members; they are not to be changed.
func (a Artifact) Publish() *Publish { return a.release.Publish }

// Signer returns the id of the publisher who signed the release.
func (a Artifact) Signer() string { return a.release.By }

// Yanked returns why the release should not be chosen any more, nil where it may be.
func (a Artifact) Yanked() *Yank { return a.release.Yanked() }

// Verify checks every signature that the wanted releases rest on and holds their checksums against the lock. It returns
// an artifact for each, in order, and what it has to say under [SignaturesWarn]. Nothing is returned on an error.
func (s *Snapshot) Verify(ctx context.Context, wants []Want) (artifacts []Artifact, warnings []string, err error) {
	names := make([]string, len(wants))
	for i, w := range wants {
		names[i] = w.Name
	}
	if err := s.Load(ctx, names); err != nil {
		return nil, nil, err
	}
	if err := s.readUnverified(ctx, wants); err != nil {
		return nil, nil, err
	}
	c := newChecker(s)
	for _, w := range wants {
		p, err := s.Package(ctx, w.Name)
		if err != nil {
			return nil, nil, err
		}
		r, err := wanted(p, w)
		if err != nil {
			return nil, nil, err
		}
		if err := c.collect(p, r); err != nil {
			return nil, nil, err
		}
		artifacts = append(artifacts, Artifact{p.Name, r})
	}
	if err := c.discharge(ctx); err != nil {
		return nil, nil, err
	}
	return artifacts, c.warnings, nil
}

// readUnverified reads from their files the packages that came from the cache and rest on a signature that is not
// remembered: the cache has no signatures to verify.
func (s *Snapshot) readUnverified(ctx context.Context, wants []Want) error {
	if s.options.Trust.Signatures == SignaturesOff {
		return nil
	}
	memory := s.state.Verified
	return s.readAnew(ctx, wants, func(o Obligation) bool { return memory != nil && memory.Has(o.memo()) })
}

// readAnew reads from their files the packages that came from the cache and have an obligation that is not done.
func (s *Snapshot) readAnew(ctx context.Context, wants []Want, done func(Obligation) bool) error {
	var keys, paths []string
	for _, w := range wants {
		p, err := s.Package(ctx, w.Name)
		if err != nil {
			return err
		}
		open := func(o Obligation) bool { return !done(o) }
		if p.recalled && slices.ContainsFunc(p.obligationsFor(w.Version), open) && !slices.Contains(keys, p.key) {
			keys = append(keys, p.key)
			paths = append(paths, PackagePath(p.Name))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return s.load(ctx, keys, paths, true)
}

func wanted(p *Package, w Want) (*Release, error) {
	r := p.Release(w.Version)
	switch {
	case r == nil:
		return nil, fault.New(fault.Integrity, "version-vanished", "SECURITY: the registry no longer has `%s %s`", w.Name, w.Version).
			WithFact("a published version never goes away; this host shows another history than before")
	case r.Suspect:
		return nil, fault.New(fault.Integrity, "key-compromised", "SECURITY: `%s %s` was signed by a key that was compromised then", w.Name, w.Version).
			WithFact("signer  %s", r.By).WithHelp("gal-pkg update %s", w.Name)
	case r.Publish == nil:
		return nil, fault.New(fault.Manifest, "package-too-new", "`%s %s` uses a newer index format than this program reads", w.Name, w.Version).
			WithHelp("update gal-pkg")
	case w.Checksum != "" && w.Checksum != r.Publish.Checksum:
		return nil, fault.New(fault.Integrity, "lock-mismatch", "SECURITY: `%s %s` has another checksum in the index than in gal.lock", w.Name, w.Version).
			WithFact("expected %s  (gal.lock)", w.Checksum).WithFact("actual   %s  (index)", r.Publish.Checksum).
			WithFact("a published version never changes; one of the two was altered")
	}
	return r, nil
}

// String names the registry for messages.
func (s *Snapshot) String() string { return fmt.Sprintf("registry %s", s.config.ID) }
