// Package remote opens the registries that a user has configured: it turns names and addresses into snapshots, keeps
// what they were first seen to be, and knows which registry a package is in.
//
// A root's dependency is in the registry that it names, else in the one whose pattern claims its name, else in the
// default; a dependency of a package is in the registry that its line names by id, else in that package's own. There is
// no second look anywhere else.
//
// The id of a registry is trusted when it is first seen, and kept: in registries.toml where `registry add` wrote it, else
// below the state folder for its address. Another id at the same address is refused from then on.
package remote

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/keyless"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/manifest"
)

// Spec is one configured registry.
type Spec struct {
	Name          string
	URL           string
	ID            string // "" where it is not pinned by the configuration
	Root          string // fingerprint of its root of trust, likewise
	AllowInsecure bool
	Timeout       time.Duration // for how long a request may bring nothing, as web.Options.Silence; 0 means its default
	Retries       int
	Identity      func() (web.Identity, error) // certificate that the host asks for; nil means none
	Trust         index.Trust
	MaxAge        time.Duration // for how long metadata that has expired is taken all the same, as index.Options.MaxAge
	Mirrors       []string      // addresses of copies of the published tree, which are asked for archives first
	BlockOrigin   bool          // nothing but the mirrors is asked, for the index too
	Patterns      []string      // package names that it claims
}

// Options say what is configured. Default, CacheDir and StateDir are required.
type Options struct {
	Specs    map[string]Spec
	Default  string
	Override string // name or address that stands in for the default, from --registry
	CacheDir string
	StateDir string
	Offline  bool
	Now      time.Time // against which the age of what registries say is judged

	Clock func() time.Time // for what hosts did lately; nil means time.Now

	// Git returns the path of the program git where it may clone from servers that can do no better, "" where it may not.
	// Nil is never.
	Git func() (string, error)

	UserAgent string
	// Around is as in web.Options.
	Around func(http.RoundTripper) http.RoundTripper
	// Authorization returns, for a registry's name or address, what gives each origin its Authorization header; "" for
	// none. Nil means none anywhere.
	Authorization func(name string) (func(origin string) string, error)
	// Notice is told of what the user should know: a registry that is seen for the first time.
	Notice func(format string, args ...any)
	// Warning is told of what the user has allowed and should not forget; nil is Notice.
	Warning func(format string, args ...any)
}

// Set is the configured registries; each is opened when it is first needed. It is for use by several goroutines.
type Set struct {
	o Options

	mu      sync.Mutex
	open    map[string]*Registry // by name or address
	byID    map[string]*Registry // those of open that have been asked for by their id
	clients []*web.Client        // all that were made, for counting
	retired []*Registry          // that were opened before more was required of them

	expected map[string][]string // names of packages that will be asked for, by the id of their registry

	required string // who requires signatures of every registry, "" for nobody

	helper keyless.Helper // for signatures of identities
}

// New returns a set; nothing is opened yet.
func New(o Options) *Set {
	if o.Notice == nil {
		o.Notice = func(string, ...any) {}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Warning == nil {
		o.Warning = o.Notice
	}
	return &Set{o: o, open: map[string]*Registry{}, byID: map[string]*Registry{}}
}

// Expect says which packages will be asked for, by the ids of their registries. What is opened afterwards, and was never seen
// before, can ask for them before it is known what there is.
func (s *Set) Expect(names map[string][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected = names
}

// Default returns the name, or the address, of the registry that is used where nothing says otherwise.
func (s *Set) Default() string {
	if s.o.Override != "" {
		return s.o.Override
	}
	return s.o.Default
}

// Override returns what stands in for the default for this command, by name or address; "" for nothing.
func (s *Set) Override() string { return s.o.Override }

// Configured reports whether a registry of that name is configured.
func (s *Set) Configured(name string) bool {
	_, ok := s.o.Specs[name]
	return ok
}

// Address returns the address of a registry, by its name or its address; "" for a name that is not configured.
func (s *Set) Address(name string) string {
	spec, err := s.spec(name)
	if err != nil {
		return ""
	}
	return spec.URL
}

// CacheDir returns the user's cache folder.
func (s *Set) CacheDir() string { return s.o.CacheDir }

// Anonymous returns a client without credentials, for what lies outside of every registry.
func (s *Set) Anonymous() (*web.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counted(web.New(web.Options{UserAgent: s.o.UserAgent, Around: s.o.Around}))
}

// Keyless returns the program that makes signatures of identities.
func (s *Set) Keyless() *keyless.Helper { return &s.helper }

// Offline reports whether the network may not be asked.
func (s *Set) Offline() bool { return s.o.Offline }

// For opens the registry of a root's dependency: named is what gal.toml says, "" for nothing.
func (s *Set) For(ctx context.Context, name, named string) (*Registry, error) {
	if named != "" {
		return s.Open(ctx, named)
	}
	claims := ""
	for _, spec := range s.o.Specs {
		for _, pattern := range spec.Patterns {
			if ok, _ := path.Match(pattern, name); ok && (claims == "" || spec.Name < claims) {
				claims = spec.Name
			}
		}
	}
	if claims != "" {
		return s.Open(ctx, claims)
	}
	return s.Open(ctx, s.Default())
}

// ByID opens the registry with an id: the one of --registry where it has it, else one that is configured. Of several, the
// default goes before the other hosts, and these before copies, which are older; else the first name is taken.
func (s *Set) ByID(ctx context.Context, id string) (*Registry, error) {
	s.mu.Lock()
	r, ok := s.byID[id]
	s.mu.Unlock()
	if ok {
		return r, nil
	}
	r, err := s.find(ctx, id)
	if err == nil {
		s.mu.Lock()
		s.byID[id] = r
		s.mu.Unlock()
	}
	return r, err
}

func (s *Set) find(ctx context.Context, id string) (*Registry, error) {
	var first error
	for _, c := range s.candidates(id) {
		spec, err := s.spec(c.name)
		if err != nil {
			return nil, err
		}
		held, err := s.heldTo(spec)
		if err != nil {
			return nil, err
		}
		if held != c.held {
			continue
		}
		r, err := s.Open(ctx, c.name)
		if err == nil && r.ID() == id {
			return r, nil
		}
		// Another may stand in for one that cannot be reached, and not for one that shows something wrong.
		if kind := fault.KindOf(err); err != nil && (kind != fault.Network && kind != fault.NotFound || ctx.Err() != nil) {
			return nil, err
		}
		first = cmp.Or(first, err)
	}
	if first != nil {
		return nil, first
	}
	return nil, fault.New(fault.NotFound, "registry-unknown", "no registry with the id %q is configured", id).
		WithHelp("gal-pkg registry add NAME URL")
}

// candidate is a registry that is asked for an id if this is what it is held to; "" is one that nobody has seen.
type candidate struct{ name, held string }

// candidates are the registries that may have an id, in the order to ask. What --registry names is asked also if nobody has
// seen it; so is the default, but after all that are known to have the id: it must not take the place of one of them.
func (s *Set) candidates(id string) (list []candidate) {
	if s.o.Override != "" {
		list = append(list, candidate{s.o.Override, ""}, candidate{s.o.Override, id})
	}
	rank := func(c candidate) int {
		switch {
		case c.name == s.o.Default:
			return 0
		case s.o.Specs[c.name].isHost():
			return 1
		}
		return 2
	}
	var known []candidate
	for _, name := range slices.Sorted(maps.Keys(s.o.Specs)) {
		known = append(known, candidate{name, id})
	}
	slices.SortStableFunc(known, func(a, b candidate) int { return rank(a) - rank(b) })
	list = append(list, known...)
	if s.o.Override == "" {
		list = append(list, candidate{s.o.Default, ""})
	}
	return list
}

// Open opens a registry by its configured name or its address.
func (s *Set) Open(ctx context.Context, name string) (*Registry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.open[name]; ok {
		return r, nil
	}
	spec, err := s.spec(name)
	if err != nil {
		return nil, err
	}
	r, err := s.connect(ctx, s.tightened(spec))
	if err != nil {
		return nil, s.explainRequired(spec, explainAge(spec, nameDamaged(err, spec.Name)))
	}
	s.open[name] = r
	return r, nil
}

func (s *Set) spec(name string) (Spec, error) {
	if spec, ok := s.o.Specs[name]; ok {
		return spec, nil
	}
	if strings.Contains(name, "://") || filepath.IsAbs(name) {
		if configured := s.named(name); configured != "" {
			return s.o.Specs[configured], nil
		}
		return Spec{Name: name, URL: name}, nil
	}
	names := slices.Sorted(maps.Keys(s.o.Specs))
	err := fault.New(fault.NotFound, "registry-not-found", "no registry named %q is configured", name).
		WithFact("configured: %s", strings.Join(names, ", "))
	for _, similar := range manifest.Suggest(name, names) {
		err.WithHelp("did you mean `%s`?", similar)
	}
	return Spec{}, err.WithHelp("gal-pkg registry add %s URL", name)
}

// named returns the name under which an address is configured, the first of several; "" for none.
func (s *Set) named(address string) string {
	for _, name := range slices.Sorted(maps.Keys(s.o.Specs)) {
		if s.o.Specs[name].URL == address {
			return name
		}
	}
	return ""
}

// Close saves what was verified and closes every registry. The context ends the waiting for another process that is saving.
func (s *Set) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, r := range slices.AppendSeq(s.retired, maps.Values(s.open)) {
		errs = append(errs, r.verified.Save(), index.SaveSeen(ctx, r.seen, r.folded), r.transport.Close())
	}
	s.retired = nil
	errs = append(errs, s.helper.Close())
	clear(s.open)
	clear(s.byID)
	return errors.Join(errs...)
}
