package index_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/version"
)

const registry = "registry.example"

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// story is a registry that grows line by line.
type story struct {
	t       testing.TB
	ledger  *build.Ledger
	now     time.Time
	entries []index.Entry // that counted
}

func newStory(t testing.TB) *story {
	return &story{t: t, ledger: build.NewLedger(registry, build.Empty{}, 0), now: start}
}

// author makes a publisher with a key; registering it is another step.
func (s *story) author(id string) publish.Author {
	key, err := sign.Generate(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	return publish.Author{ID: id, Key: key, Random: rand.Reader, Now: s.now}
}

func (s *story) registered(id string) publish.Author {
	a := s.author(id)
	line, err := a.Register(registry, "", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.counts(line)
	return a
}

func (s *story) counts(l *index.Line) {
	s.t.Helper()
	entry, _, err := s.ledger.Append(l, s.now)
	if err != nil {
		s.t.Fatalf("%s of %s does not count: %v", l.Event, l.Subject, err)
	}
	s.entries = append(s.entries, entry)
}

// dead holds that a line does not count, for the reason named, and that nothing has changed.
func (s *story) dead(code string, l *index.Line) {
	s.t.Helper()
	_, _, err := s.ledger.Append(l, s.now)
	var dead *index.Ineffective
	if !errors.As(err, &dead) || dead.Code != code {
		s.t.Errorf("%s of %s: %v, want a line that is dead because %s", l.Event, l.Subject, err, code)
	}
}

func (s *story) pkg(name string) *index.Package {
	p, err := s.ledger.Package(name)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *story) publish(a publish.Author, name, v string) *index.Line {
	s.t.Helper()
	var state *index.Package
	if p := s.pkg(name); p.Exists() {
		state = p
	}
	a.Now = s.now
	line, err := a.Publish(registry, state, &publish.Draft{Name: name, Publish: &index.Publish{
		Version: version.MustParse(v), Checksum: index.DigestOf([]byte(name + v)), Size: 1, Unpacked: 1, License: "MIT",
		Features: map[string][]string{"default": {}, "extra": {"default"}},
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	return line
}

func (s *story) yank(a publish.Author, name, v string) *index.Line {
	s.t.Helper()
	a.Now = s.now
	line, err := a.Yank(registry, s.pkg(name), &index.Yank{Version: version.MustParse(v), Class: "broken", Reason: "broken"})
	if err != nil {
		s.t.Fatal(err)
	}
	return line
}

func (s *story) unyank(a publish.Author, name, v string) *index.Line {
	s.t.Helper()
	a.Now = s.now
	line, err := a.Unyank(registry, s.pkg(name), version.MustParse(v), "")
	if err != nil {
		s.t.Fatal(err)
	}
	return line
}

func (s *story) signed(a publish.Author, l *index.Line, also ...publish.Author) *index.Line {
	s.t.Helper()
	a.Now = s.now
	line, err := a.Sign(registry, l, also...)
	if err != nil {
		s.t.Fatal(err)
	}
	return line
}

func (s *story) owners(a publish.Author, name string, threshold int64, ids []string, also ...publish.Author) *index.Line {
	s.t.Helper()
	return s.signed(a, &index.Line{Event: index.EventOwners, Subject: name, After: s.pkg(name).After(index.EventOwners, version.Version{}, a.ID),
		Body: &index.Owners{Owners: ids, Threshold: threshold}}, also...)
}

func TestPublishing(t *testing.T) {
	s := newStory(t)
	ada, grace := s.registered("ada"), s.registered("grace")

	// The first publish makes its signer the owner.
	s.counts(s.publish(ada, "mailbox", "1.0.0"))
	if got := s.pkg("mailbox").Owners; len(got) != 1 || got[0] != "ada" {
		t.Fatalf("owners are %v", got)
	}
	// Only owners publish, versions are published once, also up to letter case, and two open publishes do not conflict.
	s.dead(index.DeadNotOwner, s.publish(grace, "mailbox", "1.1.0"))
	s.dead(index.DeadTaken, s.publish(ada, "mailbox", "1.0.0"))
	one, two := s.publish(ada, "mailbox", "1.1.0"), s.publish(ada, "mailbox", "1.2.0-RC.1")
	s.counts(two)
	s.counts(one)
	s.dead(index.DeadTaken, s.publish(ada, "mailbox", "1.2.0-rc.1"))
	// A name that differs in - and _ is the same file, and not this package.
	s.counts(s.publish(ada, "chaos-kit", "1.0.0"))
	s.dead(index.DeadSubject, s.publish(grace, "chaos_kit", "1.0.0"))
	// Somebody whom nobody has registered cannot begin a package.
	s.dead(index.DeadUnknown, s.publish(s.author("mallory"), "trap", "1.0.0"))
}

func TestReplay(t *testing.T) {
	s := newStory(t)
	ada := s.registered("ada")
	s.counts(s.publish(ada, "mailbox", "1.0.0"))
	yank := s.yank(ada, "mailbox", "1.0.0")
	s.counts(yank)
	s.counts(s.unyank(ada, "mailbox", "1.0.0"))

	// The old yank, signature and all, does nothing after the unyank.
	s.dead(index.DeadReplayed, yank)
	if s.pkg("mailbox").Release(version.MustParse("1.0.0")).Yanked() != nil {
		t.Error("the version is yanked again")
	}
	// A publish that waited while the owners changed is dead; so is the old owners line, sent again.
	waiting := s.publish(ada, "mailbox", "2.0.0")
	owners := s.owners(ada, "mailbox", 1, []string{"ada"})
	s.counts(owners)
	s.dead(index.DeadReplayed, waiting)
	s.dead(index.DeadReplayed, owners)
}

func TestAbandonedProposal(t *testing.T) {
	s := newStory(t)
	ada := s.registered("ada")
	old := s.publish(ada, "mailbox", "1.0.0")
	s.now = start.Add(publish.DefaultUntil + time.Second)
	s.dead(index.DeadExpired, old)
	// A line that wants to be good for too long is none either.
	l := s.publish(ada, "mailbox", "1.0.0")
	l.Until = s.now.Add(91 * 24 * time.Hour)
	s.dead(index.DeadExpired, s.signed(ada, l))
}

func TestOwners(t *testing.T) {
	s := newStory(t)
	ada, grace, joan := s.registered("ada"), s.registered("grace"), s.registered("joan")
	s.counts(s.publish(ada, "mailbox", "1.0.0"))
	s.dead(index.DeadMissing, s.owners(ada, "mailbox", 1, []string{"ada", "nobody"}))
	s.counts(s.owners(ada, "mailbox", 2, []string{"ada", "grace"}))

	// From now on two must sign a change of owners, each with a signature of their own.
	s.dead(index.DeadThreshold, s.owners(ada, "mailbox", 1, []string{"ada"}))
	s.dead(index.DeadThreshold, s.owners(ada, "mailbox", 1, []string{"ada"}, joan))
	s.dead(index.DeadNotOwner, s.owners(joan, "mailbox", 1, []string{"joan"}, ada, grace))
	yank := s.yank(ada, "mailbox", "1.0.0")
	s.counts(s.owners(ada, "mailbox", 1, []string{"grace"}, grace))

	// A line of a removed owner, made while they were one, counts no more.
	s.dead(index.DeadNotOwner, yank)
	s.counts(s.yank(grace, "mailbox", "1.0.0"))

	// After a tombstone nothing counts.
	s.counts(s.signed(grace, &index.Line{Event: index.EventTombstone, Subject: "mailbox", After: s.pkg("mailbox").After(index.EventTombstone, version.Version{}, "grace"),
		Body: &index.Tombstone{Reason: "over"}}))
	s.dead(index.DeadClosed, s.publish(grace, "mailbox", "2.0.0"))
}

func TestKeys(t *testing.T) {
	s := newStory(t)
	ada := s.registered("ada")
	s.counts(s.publish(ada, "mailbox", "1.0.0"))
	publisher := func() *index.Publisher {
		p, err := s.ledger.Publisher("ada")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}

	// A new key must sign itself; then it speaks for ada.
	next := s.author("ada")
	add := &index.Line{Event: index.EventAddKey, Subject: "ada", After: publisher().Head(), Body: &index.AddKey{Key: next.Key.Public().String()}}
	s.dead(index.DeadThreshold, s.signed(ada, add))
	s.dead(index.DeadUnknown, s.publish(next, "mailbox", "1.1.0"))
	s.counts(s.signed(ada, add, next))
	s.counts(s.publish(next, "mailbox", "1.1.0"))

	// A key that was revoked speaks no more, but what it said stays; it never comes back.
	revoke := &index.Line{Event: index.EventRevokeKey, Subject: "ada", After: publisher().Head(), Body: &index.RevokeKey{Key: ada.Key.Public().Hint(), Reason: "superseded"}}
	s.counts(s.signed(next, revoke))
	s.dead(index.DeadRevoked, s.publish(ada, "mailbox", "1.2.0"))
	s.counts(s.publish(next, "mailbox", "1.2.0"))
	if r := s.pkg("mailbox").Release(version.MustParse("1.0.0")); !r.Offered() {
		t.Error("what the old key published is gone")
	}
	again := &index.Line{Event: index.EventAddKey, Subject: "ada", After: publisher().Head(), Body: &index.AddKey{Key: ada.Key.Public().String()}}
	s.dead(index.DeadTaken, s.signed(next, again, ada))
	if err := errors.Join(registerAgain(s)); err != nil {
		t.Error(err)
	}
}

// registerAgain holds that an id is registered once.
func registerAgain(s *story) error {
	line, err := s.author("ada").Register(registry, "", nil)
	if err != nil {
		return err
	}
	if _, _, err := s.ledger.Append(line, s.now); err == nil {
		return errors.New("ada was registered twice")
	}
	return nil
}

// Rows 7 of the attack matrix: what a stolen key signed since the theft is not offered, what it signed before is.
func TestCompromisedKey(t *testing.T) {
	s := newStory(t)
	ada := s.registered("ada")                   // log 0
	s.counts(s.publish(ada, "mailbox", "1.0.0")) // log 1
	s.counts(s.publish(ada, "mailbox", "1.1.0")) // log 2: by the thief
	s.counts(s.yank(ada, "mailbox", "1.0.0"))    // log 3: by the thief
	p, err := s.ledger.Publisher("ada")
	if err != nil {
		t.Fatal(err)
	}
	since := int64(2)
	s.counts(s.signed(ada, &index.Line{Event: index.EventRevokeKey, Subject: "ada", After: p.Head(),
		Body: &index.RevokeKey{Key: ada.Key.Public().Hint(), Reason: "stolen", CompromisedSince: &since}}))
	// A client folds the publisher's file whole before the package's.
	publisher := index.FoldPublisher(registry, "ada", slices.Concat(s.entries[:1], s.entries[4:]))
	pkg := index.FoldPackage(registry, "mailbox", s.entries[1:4], func(string) *index.Publisher { return publisher })
	if r := pkg.Release(version.MustParse("1.0.0")); !r.Offered() || r.Yanked() != nil {
		t.Error("1.0.0, published before the theft, is not offered as it was")
	}
	if r := pkg.Release(version.MustParse("1.1.0")); r == nil || r.Offered() {
		t.Error("1.1.0, published by the thief, must be taken and not offered")
	}
}

// A signature by another key than the line names stops: it is not tried with any other.
func TestForgedSignature(t *testing.T) {
	s := newStory(t)
	ada, mallory := s.registered("ada"), s.registered("mallory")
	forged := s.publish(mallory, "mailbox", "1.0.0")
	forged.By = "ada"
	forged.Sig.Key = ada.Key.Public().Hint()
	_, _, err := s.ledger.Append(forged, s.now)
	if !fault.IsCode(err, "signature-invalid") {
		t.Errorf("a forged signature gives %v", err)
	}
	if s.pkg("mailbox").Exists() {
		t.Error("the forged line has begun a package")
	}
}

func TestNewerEvents(t *testing.T) {
	s := newStory(t)
	ada := s.registered("ada")
	s.counts(s.publish(ada, "mailbox", "1.0.0"))
	fold := func(text string) *index.Package {
		var d index.Decoder
		l, err := d.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		p := s.pkg("mailbox")
		publisher := func(id string) *index.Publisher { p, _ := s.ledger.Publisher(id); return p }
		if _, err := p.Apply(index.Entry{At: s.now, Log: 99, Line: l}, publisher); err != nil {
			t.Fatal(err)
		}
		return p
	}
	end := `"by":"ada","after":"` + string(s.pkg("mailbox").After(index.EventPublish, version.Version{}, "ada")) +
		`","until":"2026-03-10T00:00:00Z","sig":{"key":"` + ada.Key.Public().Hint() + `","value":"MAYCAQECAQE="}}`
	// A publish of a newer format takes its version and is not offered; any other newer line closes the package.
	p := fold(`{"v":2,"event":"publish","name":"mailbox","version":"2.0.0","new":true,` + end)
	if r := p.Release(version.MustParse("2.0.0")); r == nil || r.Offered() || p.Closed() {
		t.Error("a newer publish must take its version, and not be offered")
	}
	if !fold(`{"v":2,"event":"party","name":"mailbox","new":true,` + end).Closed() {
		t.Error("a newer event must close the package")
	}
	if strings.Contains(p.Name, "/") {
		t.Error("the package lost its name")
	}
}
