package index_test

import (
	"crypto/rand"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// office is who speaks for the registry of a story: three root keys of which two must sign, and a targets key.
type office struct {
	*story
	keys  tuf.Keys
	files [][]byte // of the roots
}

func newOffice(s *story) *office {
	o := &office{story: s, keys: officeKeys(s.t)}
	root, err := tuf.NewRoot(o.keys.Roles(2), tuf.RootOptions{Now: start}, o.keys.Root)
	if err != nil {
		s.t.Fatal(err)
	}
	o.files = [][]byte{root}
	o.open()
	return o
}

func officeKeys(t testing.TB) (k tuf.Keys) {
	for _, role := range []*[]*sign.PrivateKey{&k.Root, &k.Root, &k.Root, &k.Targets, &k.Snapshot, &k.Timestamp} {
		key, err := sign.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		*role = append(*role, key)
	}
	return k
}

// open tells the ledger of the roots that there are.
func (o *office) open() {
	o.ledger.Roots = nil
	for _, data := range o.files {
		root, err := tuf.ParseRoot(data)
		if err != nil {
			o.t.Fatal(err)
		}
		o.ledger.Roots = append(o.ledger.Roots, root)
	}
}

// rotate makes the next root, with other keys, which speaks from here on.
func (o *office) rotate() {
	o.t.Helper()
	next := officeKeys(o.t)
	root, err := tuf.RotateRoot(o.files[len(o.files)-1], next.Roles(2), tuf.RootOptions{Now: start, LogSize: int64(len(o.entries))}, append(slices.Clone(o.keys.Root), next.Root...))
	if err != nil {
		o.t.Fatal(err)
	}
	o.files, o.keys = append(o.files, root), next
	o.open()
	o.counts(o.registeredLine("r" + string(rune('a'+len(o.files))))) // so that the ledger folds packages anew
}

// says signs a line of the registry itself under a root, by the first n of its keys.
func (o *office) says(root int64, keys []*sign.PrivateKey, l *index.Line, also ...publish.Author) *index.Line {
	o.t.Helper()
	by := index.ByRoot
	if slices.Contains([]index.Event{index.EventYank, index.EventUnyank, index.EventDeprecate}, l.Event) {
		by = index.ByRegistry
	}
	authors := make([]publish.Author, len(keys))
	for i, key := range keys {
		authors[i] = publish.Author{ID: by, Root: &root, Key: key, Random: rand.Reader, Now: o.now}
	}
	line, err := authors[0].Sign(registry, l, append(authors[1:], also...)...)
	if err != nil {
		o.t.Fatal(err)
	}
	return line
}

func (o *office) recover(name string, owners ...string) *index.Line {
	return &index.Line{Event: index.EventRecover, Subject: name, After: o.pkg(name).After(index.EventRecover, version.Version{}, index.ByRoot),
		Body: &index.Recover{Owners: owners, Threshold: 1, Reason: "gone"}}
}

func (o *office) yankLine(name, v string) *index.Line {
	return &index.Line{Event: index.EventYank, Subject: name, After: o.pkg(name).After(index.EventYank, version.MustParse(v), index.ByRegistry),
		Body: &index.Yank{Version: version.MustParse(v), Class: "security", Reason: "steals"}}
}

func (o *office) publisher(id string) *index.Publisher {
	p, err := o.ledger.Publisher(id)
	if err != nil {
		o.t.Fatal(err)
	}
	return p
}

// forged changes a line after it was signed, without a new signature: folding alone must see what is wrong with it.
func forged(l *index.Line, change func(*index.Line)) *index.Line {
	out := *l
	out.Sig.Also = slices.Clone(l.Sig.Also)
	change(&out)
	return &out
}

// TestRecover: who may give a package away, and what becomes of it.
func TestRecover(t *testing.T) {
	s := newStory(t)
	o := newOffice(s)
	ada, cleo := s.registered("ada"), s.registered("cleo")
	s.counts(s.publish(ada, "mailbox", "1.0.0"))
	line := o.recover("mailbox", "cleo")

	// One key is not two, the same key twice is one, and the keys of other roles are none.
	s.dead(index.DeadThreshold, o.says(1, o.keys.Root[:1], line))
	twice := o.says(1, o.keys.Root[:1], line)
	twice.Sig.Also = []index.Cosignature{{By: index.ByRoot, Key: twice.Sig.Key, Value: twice.Sig.Value}}
	s.dead(index.DeadThreshold, twice)
	s.dead(index.DeadUnknown, o.says(1, []*sign.PrivateKey{o.keys.Root[0], o.keys.Targets[0]}, line))
	s.dead(index.DeadUnknown, o.says(1, officeKeys(t).Root[:2], line))
	// A signature that only looks like one is found out when it is verified.
	bad := o.says(1, o.keys.Root[:2], line)
	bad.Sig.Also[0].Value = bad.Sig.Value
	if _, _, err := s.ledger.Append(bad, s.now); !fault.IsCode(err, "signature-invalid") {
		t.Errorf("the second signature forged: %v", err)
	}
	// Nobody else can say it, not even an owner; and the root keys say nothing that is the owners' to say.
	s.dead(index.DeadNotOwner, s.signed(ada, line))
	s.dead(index.DeadMissing, o.says(1, o.keys.Root[:2], o.recover("mailbox", "cleo", "nobody")))
	for _, l := range []*index.Line{s.publish(ada, "mailbox", "9.0.0"), s.yank(ada, "mailbox", "1.0.0"), s.owners(ada, "mailbox", 1, []string{"cleo"})} {
		for _, by := range []string{index.ByRoot, index.ByRegistry} {
			if by == index.ByRegistry && l.Event == index.EventYank {
				continue
			}
			root := int64(1)
			s.dead(index.DeadNotOwner, forged(l, func(l *index.Line) { l.By, l.Root = by, &root }))
		}
	}

	// What was waiting when it is recovered is dead, and so is the old owner, and the same recovery once more.
	waiting := s.publish(ada, "mailbox", "1.1.0")
	recovery := o.says(1, o.keys.Root[1:], line)
	s.counts(recovery)
	s.dead(index.DeadReplayed, waiting)
	s.dead(index.DeadReplayed, recovery)
	s.dead(index.DeadNotOwner, s.publish(ada, "mailbox", "1.1.0"))
	s.counts(s.publish(cleo, "mailbox", "1.1.0"))
	if p := s.pkg("mailbox"); !p.Release(version.MustParse("1.0.0")).Offered() || p.Owners[0] != "cleo" {
		t.Errorf("owners %v, or the old release is gone", p.Owners)
	}
	// It opens what was closed.
	s.counts(s.signed(cleo, &index.Line{Event: index.EventTombstone, Subject: "mailbox", Body: &index.Tombstone{},
		After: s.pkg("mailbox").After(index.EventTombstone, version.Version{}, "cleo")}))
	s.counts(o.says(1, o.keys.Root[:2], o.recover("mailbox", "ada")))
	s.counts(s.publish(ada, "mailbox", "2.0.0"))
	s.dead(index.DeadTaken, s.publish(ada, "mailbox", "1.1.0"))
}

// TestRootsInForce: a root speaks from its log size up to that of the next.
func TestRootsInForce(t *testing.T) {
	s := newStory(t)
	o := newOffice(s)
	ada := s.registered("ada")
	s.counts(s.publish(ada, "mailbox", "1.0.0"))
	s.counts(s.publish(ada, "mailbox", "1.1.0"))
	late := o.says(1, o.keys.Targets, o.yankLine("mailbox", "1.1.0"))
	s.counts(o.says(1, o.keys.Targets, o.yankLine("mailbox", "1.0.0")))
	before := o.keys
	o.rotate()
	s.dead(index.DeadRoot, late)
	s.dead(index.DeadUnknown, o.says(2, before.Targets, o.yankLine("mailbox", "1.1.0")))
	s.dead(index.DeadRoot, o.says(3, o.keys.Targets, o.yankLine("mailbox", "1.1.0")))
	s.counts(o.says(2, o.keys.Targets, o.yankLine("mailbox", "1.1.0")))

	// Whoever folds all of it with both roots sees both yanks; with one root alone, that which is proved by it; a root does
	// not speak for what was there before it.
	register, lines := s.entries[:1], slices.DeleteFunc(slices.Clone(s.entries), func(e index.Entry) bool { return e.Line.Subject != "mailbox" })
	publisher := index.FoldPublisher(registry, "ada", register)
	known := func(string) *index.Publisher { return publisher }
	roots := s.ledger.Roots
	early := slices.Clone(lines)
	early[3].Log = 2
	for _, row := range []struct {
		roots index.Roots
		lines []index.Entry
		want  string
	}{
		{roots, lines, "yanked yanked"}, {roots[:1], lines, "yanked free"}, {roots[1:], lines, "free yanked"}, {nil, lines, "free free"},
		{roots, slices.Concat(lines[:1], []index.Entry{lines[1], early[3]}), "free free"},
	} {
		p := row.roots.FoldPackage(registry, "mailbox", row.lines, known)
		got := ""
		for _, v := range []string{"1.0.0", "1.1.0"} {
			if p.Release(version.MustParse(v)).Yanked() != nil {
				got += " yanked"
			} else {
				got += " free"
			}
		}
		if got != " "+row.want {
			t.Errorf("%d roots:%s, want %s", len(row.roots), got, row.want)
		}
	}
}

// TestTwoSidesOfAYank: a version is yanked while either side says so, and neither takes back what the other said.
func TestTwoSidesOfAYank(t *testing.T) {
	s := newStory(t)
	o := newOffice(s)
	ada := s.registered("ada")
	s.counts(s.publish(ada, "mailbox", "1.0.0"))
	one := version.MustParse("1.0.0")
	yanked := func() bool { return s.pkg("mailbox").Release(one).Yanked() != nil }
	s.counts(o.says(1, o.keys.Targets, o.yankLine("mailbox", "1.0.0")))
	s.counts(s.unyank(ada, "mailbox", "1.0.0"))
	if !yanked() {
		t.Error("an owner has taken back the registry's yank")
	}
	s.counts(s.yank(ada, "mailbox", "1.0.0"))
	s.counts(o.says(1, o.keys.Targets, &index.Line{Event: index.EventUnyank, Subject: "mailbox", Body: &index.Unyank{Version: one},
		After: s.pkg("mailbox").After(index.EventUnyank, one, index.ByRegistry)}))
	if !yanked() {
		t.Error("the registry has taken back the owner's yank")
	}
	s.counts(s.unyank(ada, "mailbox", "1.0.0"))
	if yanked() {
		t.Error("both have taken it back")
	}
	s.dead(index.DeadUnknown, o.says(1, o.keys.Root[:1], o.yankLine("mailbox", "1.0.0")))
}

// TestRootGivesAKey: whoever has lost every key is given one, and answers.
func TestRootGivesAKey(t *testing.T) {
	s := newStory(t)
	o := newOffice(s)
	ada := s.registered("ada")
	s.counts(s.publish(ada, "mailbox", "1.0.0"))
	next := s.author("ada")
	line := &index.Line{Event: index.EventAddKey, Subject: "ada", After: o.publisher("ada").Head(), Body: &index.AddKey{Key: next.Key.Public().String(), Reason: "lost"}}
	s.dead(index.DeadThreshold, o.says(1, o.keys.Root[:2], line)) // the new key has not signed
	s.dead(index.DeadThreshold, o.says(1, o.keys.Root[:1], line, next))
	s.counts(o.says(1, o.keys.Root[:2], line, next))
	if r := s.pkg("mailbox").Recoveries; len(r) != 1 || r[0].Publisher != "ada" || r[0].Reason != "lost" {
		t.Errorf("users are told %+v", r)
	}
	s.counts(s.publish(next, "mailbox", "1.1.0"))
	s.counts(s.registeredLine("eve")) // so that the ledger folds the package anew
	if r := s.pkg("mailbox").Recoveries; len(r) != 0 {
		t.Errorf("users are told %+v, and ada has answered", r)
	}
	// Nothing else is for the root to say of a publisher.
	s.dead(index.DeadNotOwner, o.says(1, o.keys.Root[:2], &index.Line{Event: index.EventAddIdentity, Subject: "ada", After: o.publisher("ada").Head(),
		Body: &index.AddIdentity{Issuer: "https://issuer.example", Subject: "job"}}))
}

// registeredLine is the registration of somebody new.
func (s *story) registeredLine(id string) *index.Line {
	line, err := s.author(id).Register(registry, "", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return line
}

// TestRootEndsAKey: the root can say that a key has been in other hands since before, also of one that is revoked; each time
// earlier than the last.
func TestRootEndsAKey(t *testing.T) {
	s := newStory(t)
	o := newOffice(s)
	ada := s.registered("ada")                   // log 0
	s.counts(s.publish(ada, "mailbox", "1.0.0")) // log 1
	s.counts(s.publish(ada, "mailbox", "1.1.0")) // log 2
	s.counts(s.publish(ada, "mailbox", "1.2.0")) // log 3
	revoke := func(since int64, keys ...*sign.PrivateKey) *index.Line {
		return o.says(1, keys, &index.Line{Event: index.EventRevokeKey, Subject: "ada", After: o.publisher("ada").Head(),
			Body: &index.RevokeKey{Key: ada.Key.Public().Hint(), Reason: "stolen", CompromisedSince: &since}})
	}
	s.dead(index.DeadThreshold, revoke(3, o.keys.Root[0]))
	s.counts(revoke(3, o.keys.Root[:2]...))
	offered := func(want string) {
		t.Helper()
		got := ""
		for _, r := range s.pkg("mailbox").Releases {
			if r.Offered() {
				got += " " + r.Version.String()
			}
		}
		if got != want {
			t.Errorf("offered are%s, want%s", got, want)
		}
	}
	offered(" 1.0.0 1.1.0")
	s.dead(index.DeadTaken, revoke(3, o.keys.Root[:2]...))
	s.counts(revoke(2, o.keys.Root[:2]...))
	offered(" 1.0.0")
	if k := o.publisher("ada").Keys[0]; k.Revoked != 4 {
		t.Errorf("the key ended at %d, and the second line has moved that", k.Revoked)
	}
	s.dead(index.DeadRevoked, s.publish(ada, "mailbox", "1.3.0"))
	if s.now.Sub(start) > time.Hour {
		t.Fatal("the story's clock has moved")
	}
}

// TestRecoveryIsToldUntilAnswered: a recovery is told until one of the new owners signs, and not because of the old ones.
func TestRecoveryIsToldUntilAnswered(t *testing.T) {
	s := newStory(t)
	o := newOffice(s)
	ada, cleo := s.registered("ada"), s.registered("cleo")
	s.counts(s.publish(ada, "mailbox", "1.0.0"))
	s.counts(o.says(1, o.keys.Root[:2], o.recover("mailbox", "cleo")))
	told := func() int {
		s.counts(s.registeredLine("p" + string(rune('a'+len(s.entries)))))
		return len(s.pkg("mailbox").Recoveries)
	}
	if told() != 1 {
		t.Error("users are not told")
	}
	s.dead(index.DeadNotOwner, s.publish(ada, "mailbox", "1.1.0"))
	s.counts(o.says(1, o.keys.Targets, o.yankLine("mailbox", "1.0.0")))
	if told() != 1 {
		t.Error("the registry's own line has answered for cleo")
	}
	s.counts(s.publish(cleo, "mailbox", "1.1.0"))
	if told() != 0 {
		t.Error("users are told although cleo has answered")
	}
}

// TestRootsOfAClient: whoever pins a later root knows what was said under the ones before it; and a host that hides those,
// or shows others, is refused instead of what was said under them.
func TestRootsOfAClient(t *testing.T) {
	p := newPublished(t)
	p.release("mailbox", "1.1.0")
	p.says(index.EventYank, "mailbox", &index.Yank{Version: version.MustParse("1.1.0"), Class: "security", Reason: "steals"})
	for range 2 {
		if _, err := p.RotateRoot(t.Context(), sitetest.Now, site.Rotation{Roles: []string{"targets", "root"}}); err != nil {
			t.Fatal(err)
		}
	}
	shown := treeOf(t, p.Registry)
	for _, row := range []struct {
		story string
		root  int64 // that is pinned; 0 for none
		shown tree
		code  string
	}{
		{"the first root", 1, shown, ""},
		{"no pin", 0, shown, ""},
		{"the second", 2, shown, ""},
		{"the third", 3, shown, ""},
		{"the third, and then the first is hidden", 3, shown.with(nil, tuf.RootPath(1)), "metadata-mismatch"},
		{"the third, and then another first", 3, shown.edit(tuf.RootPath(1), func([]byte) []byte { return shown[tuf.RootPath(2)] }), "metadata-mismatch"},
	} {
		user := newClient(t)
		o := index.Options{Pin: sitetest.ID, Now: sitetest.Now}
		if row.root > 0 {
			o.Root = tuf.Fingerprint(shown[tuf.RootPath(row.root)])
		}
		o.State = func(string) (index.State, error) { return index.State{Standing: user.standing()}, nil }
		if _, err := index.Open(t.Context(), user.transport(shown), o); err != nil {
			t.Fatalf("%s: %v", row.story, err)
		}
		if err := os.RemoveAll(user.cache()); err != nil {
			t.Fatal(err)
		}
		s, err := index.Open(t.Context(), user.transport(row.shown), o)
		if err != nil {
			t.Fatalf("%s: %v", row.story, err)
		}
		pkg, err := s.Package(t.Context(), "mailbox")
		if row.code != "" {
			if !fault.IsCode(err, row.code) {
				t.Errorf("%s: %v", row.story, err)
			}
			continue
		}
		if err != nil || pkg.Release(version.MustParse("1.1.0")).Yanked() == nil {
			t.Errorf("%s: the registry's yank is not seen, %v", row.story, err)
			continue
		}
		if _, _, err := s.Verify(t.Context(), []index.Want{{Name: "mailbox", Version: version.MustParse("1.0.0")}}); err != nil {
			t.Errorf("%s: %v", row.story, err)
		}
	}
}

// says has the registry say something.
func (p *published) says(event index.Event, subject string, body index.Body) {
	p.t.Helper()
	spoken, err := p.Speak(p.t.Context(), sitetest.Now, site.Statement{Event: event, Subject: subject, Body: body})
	if err == nil {
		_, err = p.Submit(p.t.Context(), sitetest.Now, []*index.Line{spoken.Line})
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
