package index

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// Open reads what is current of a registry through a transport: its metadata, from the root of trust that is known of it,
// and its configuration. The caller keeps the transport open while it uses the snapshot, and closes it.
func Open(ctx context.Context, t Transport, o Options) (*Snapshot, error) {
	if err := t.Refresh(ctx); err != nil {
		return nil, err
	}
	s := newSnapshot(t, o)
	if err := s.open(ctx, o.Pin); err != nil {
		return nil, err
	}
	return s, nil
}

func newSnapshot(t Transport, o Options) *Snapshot {
	return &Snapshot{
		transport: t, options: o,
		decoders:   sync.Pool{New: func() any { return new(Decoder) }},
		packages:   map[string]*Package{},
		loading:    map[string]*loading{},
		publishers: map[string]*Publisher{},
	}
}

// open follows the metadata from what is known of the registry with an id; of a registry that is seen for the first time
// the id is found on the way.
func (s *Snapshot) open(ctx context.Context, id string) error {
	raw := s.transport
	if err := s.openState(id); err != nil {
		return err
	}
	standing, err := s.standing()
	if err != nil {
		return err
	}
	if standing.First == "" {
		s.announce(raw)
	}
	if err := s.vouch(ctx, raw, &standing); err != nil {
		return err
	}
	if err := s.readConfig(ctx); err != nil {
		return err
	}
	if id == "" {
		if err := s.openState(s.config.ID); err != nil {
			return err
		}
		if known, err := s.standing(); err != nil || known.First != "" {
			if err != nil {
				return err
			}
			s.transport = raw // the registry is known from another address: go on from there
			if err := s.vouch(ctx, raw, &known); err != nil {
				return err
			}
			// What was read before was vouched for by whatever root the host showed first; it only told which registry to ask for.
			s.options.Pin = s.config.ID
			if err := s.readConfig(ctx); err != nil {
				return err
			}
			standing = known
		}
	}
	return s.keep(ctx, standing)
}

// announce tells which packages are wanted, before it is known what their files must be.
func (s *Snapshot) announce(raw Transport) {
	a, ok := raw.(Announced)
	if !ok || batches(raw) {
		return
	}
	paths := make([]string, len(s.options.Wanted))
	for i, name := range s.options.Wanted {
		paths[i] = PackagePath(name)
	}
	a.Announce(paths)
}

func (s *Snapshot) openState(id string) (err error) {
	if s.options.State != nil && id != "" {
		s.state, err = s.options.State(id)
	}
	return err
}

func (s *Snapshot) standing() (Standing, error) {
	if s.state.Standing == nil {
		return Standing{}, nil
	}
	return s.state.Standing.Load()
}

// keep saves the standing where it has changed.
func (s *Snapshot) keep(ctx context.Context, standing Standing) error {
	before, err := s.standing()
	if err != nil || s.state.Standing == nil || standing.equal(before) {
		return err
	}
	return s.state.Standing.Advance(ctx, standing)
}

// vouch puts the metadata between the snapshot and its transport.
func (s *Snapshot) vouch(ctx context.Context, raw Transport, standing *Standing) error {
	if s.options.Trust.Signatures == SignaturesOff {
		return nil
	}
	s.logBefore = standing.Checkpoint
	client, next, err := follow(ctx, raw, *standing, s.options.Root, s.options.judged())
	if err != nil {
		return s.options.explainAge(err)
	}
	anew := !standing.equal(next)
	if anew && client != nil && !client.IsFresh() {
		if err := notShorter(standing.Metadata, client); err != nil {
			return err
		}
	}
	*standing, s.first = next, next.First
	if client == nil {
		return s.unsigned(ctx)
	}
	if s.vouched, err = newVouched(ctx, raw, client, anew); err != nil {
		return err
	}
	s.transport = s.vouched
	s.vouched.hold = s.hold
	s.vouched.earlier = func(path string) string {
		if s.state.Folded == nil || !s.offline() {
			return ""
		}
		return s.state.Folded.earlier(path)
	}
	return nil
}

// notShorter holds that the log whose checkpoint the metadata names has not become shorter, or gone: every file that was
// seen was seen at some size of it, and is compared with what is shown later, not earlier.
func notShorter(before tuf.State, client *tuf.Client) error {
	targets, err := tuf.TargetsOf(before)
	if err != nil {
		return err
	}
	was, now := logSize(slices.Collect(maps.Keys(targets))), logSize(client.Names())
	if now >= was {
		return nil
	}
	return fault.New(fault.Integrity, "log-rollback", "SECURITY: the registry's log is shorter than it was").
		WithFact("before  %d lines", was).WithFact("now     %d lines", now).
		WithFact("the registry's own keys have signed this: they are in other hands, or its operator has changed what was published").
		WithHelp("ask the registry's operator, by another way than this host")
}

// unsigned is what a registry without metadata means.
func (s *Snapshot) unsigned(ctx context.Context) error {
	if s.options.Trust.Signatures == SignaturesWarn {
		s.notices = append(s.notices, "the registry has no signed metadata: whether it is current, and the same for everybody, cannot be told")
		return nil
	}
	if err := s.readConfig(ctx); err != nil {
		return err // there is no registry at all
	}
	return fault.New(fault.Integrity, "registry-unsigned", "the registry has no signed metadata, so nothing vouches for what its host shows").
		WithFact("missing  %s", "trust/timestamp.json").
		WithHelp("gal-registry build DIR                 # makes it, where you run the registry").
		WithHelp("verify_signatures = \"warn\"             # in registries.toml, to use it all the same")
}

func (s *Snapshot) readConfig(ctx context.Context) error {
	files, err := s.transport.Fetch(ctx, []string{ConfigPath})
	if err != nil {
		return err
	}
	data, ok := files[ConfigPath]
	if !ok {
		return fault.New(fault.NotFound, "registry-not-found", "there is no registry here: it has no %s", ConfigPath)
	}
	if s.config, err = ParseConfig(data); err != nil {
		return err
	}
	if pin := s.options.Pin; pin != "" && pin != s.config.ID {
		return fault.New(fault.Integrity, "registry-changed", "SECURITY: this is another registry than the one that was added").
			WithFact("expected %s", pin).WithFact("actual   %s", s.config.ID).
			WithHelp("gal-pkg registry list        # look where the URL points; remove and add it only if the change is known")
	}
	return nil
}

// Currency says how current a registry's metadata is.
type Currency struct {
	First   string    // fingerprint of the root that was trusted first, and leads to all others
	Root    string    // fingerprint of the root that is trusted now
	Version int64     // of that root
	Expires time.Time // when the first part of the metadata does
}

// Currency returns how current the snapshot is; false where the registry has no metadata, or the user wants none.
func (s *Snapshot) Currency() (Currency, bool) {
	if s.vouched == nil {
		return Currency{}, false
	}
	root := s.vouched.client.Trusted()
	return Currency{s.first, root.Fingerprint, root.Version, s.vouched.client.Expires()}, true
}

// IsExpired reports whether the registry's metadata has expired and is read all the same.
func (s *Snapshot) IsExpired() bool {
	c, ok := s.Currency()
	return ok && s.options.Now.After(c.Expires)
}

// Notices returns what the user should know of the registry as a whole, once.
func (s *Snapshot) Notices() []string {
	list := s.notices
	if c, _ := s.Currency(); s.IsExpired() {
		days := int(s.options.Now.Sub(c.Expires).Hours() / 24)
		list = append(list, "the copy of registry "+s.config.ID+" is out of date: its metadata expired "+c.Expires.UTC().Format(time.DateOnly)+
			", "+ago(days)+"; later releases, yanks and revoked keys are not known here")
	}
	return list
}

func ago(days int) string {
	switch days {
	case 0:
		return "today"
	case 1:
		return "a day ago"
	}
	return strconv.Itoa(days) + " days ago"
}
