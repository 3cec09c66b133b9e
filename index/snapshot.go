package index

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
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
	// MaxAge is for how long after it has expired metadata is taken from a host all the same; zero is not at all. A copy on
	// this machine, and what is read without a network, may always be old ([Lenient]).
	MaxAge time.Duration
	// Wanted are the names of packages that will be asked for: where nothing is known of the registry yet, their files are asked
	// for beside its metadata, if the transport is [Announced] and each file costs a request.
	Wanted []string
	// VerifyBundle verifies signatures of identities; nil refuses what rests on one.
	VerifyBundle VerifyBundle
	// State opens what this user keeps of the registry with an id; nil keeps nothing.
	State func(id string) (State, error)
}

// State is what a user keeps of one registry from one process to the next. Each part may be nil.
type State struct {
	Verified  Memory        // signatures that were good, and lines that were in the log
	Folded    *FoldCache    // what files fold to
	Seen      *Seen         // files as they were seen before, which must not change
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
	logBefore []byte   // the checkpoint that was known when it was opened
	notices   []string

	decoders sync.Pool

	mu         sync.Mutex
	packages   map[string]*Package // by path key; nil where there is none
	loading    map[string]*loading // by path key
	publishers map[string]*Publisher

	rooting sync.Mutex
	roots   Roots // once somebody has asked for them
}

// Config returns the registry's configuration.
func (s *Snapshot) Config() *Config { return s.config }

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

// String names the registry for messages.
func (s *Snapshot) String() string { return fmt.Sprintf("registry %s", s.config.ID) }
