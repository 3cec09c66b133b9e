package gate_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/tools/gate"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// world is a registry before a proposal: ada owns mailbox 1.0.0, bob is registered and owns nothing, eve is unknown.
type world struct {
	*testing.T
	ada, bob, eve publish.Author
	main          map[string][]byte
	uploads       map[index.Digest][]byte
	ledger        *build.Ledger
	access        *index.Access
	policy        index.Policy
	approved      bool
	keys          tuf.Keys    // of the registry itself
	root          int64       // the root of trust that its lines name
	first         *index.Line // publish of mailbox 1.0.0
}

func newWorld(t *testing.T) *world {
	w := &world{
		T: t, main: map[string][]byte{}, uploads: map[index.Digest][]byte{}, ledger: build.NewLedger(sitetest.ID, build.Empty{}, 0),
		ada: sitetest.Author(t, "ada"), bob: sitetest.Author(t, "bob"), eve: sitetest.Author(t, "eve"),
		policy: index.Policy{NewPublisher: "auto", NewOwner: "auto"}, root: 1,
	}
	w.begin()
	var err error
	if w.access, err = index.ParseAccess([]byte("[access.groups]\nteam = [\"ada\"]\n[access.packages.\"team/*\"]\nwrite_groups = [\"team\"]\n")); err != nil {
		t.Fatal(err)
	}
	w.have(w.register(w.ada), w.register(w.bob))
	w.first = w.publish(w.ada, sitetest.Draft(t, "mailbox", "1.0.0", ""))
	w.have(w.first)
	return w
}

func (w *world) register(a publish.Author) *index.Line {
	return sitetest.Line(w)(a.Register(sitetest.ID, "", nil))
}

func (w *world) state(name string) *index.Package {
	p, err := w.ledger.Package(name)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) publish(a publish.Author, d *publish.Draft) *index.Line {
	w.uploads[index.Digest(d.Archive.Digest)] = d.Archive.Bytes
	return sitetest.Line(w)(a.Publish(sitetest.ID, w.state(d.Name), d))
}

// owned signs an owners line of mailbox.
func (w *world) owned(a publish.Author, threshold int64, owners []string, also ...publish.Author) *index.Line {
	return sitetest.Line(w)(a.Sign(sitetest.ID, &index.Line{
		Event: index.EventOwners, Subject: "mailbox", After: w.state("mailbox").After(index.EventOwners, version.Version{}, a.ID),
		Body: &index.Owners{Owners: owners, Threshold: threshold, Reason: "a test"},
	}, also...))
}

// have puts lines on main and publishes them.
func (w *world) have(lines ...*index.Line) {
	for _, l := range lines {
		if _, _, err := w.ledger.Append(l, sitetest.Now); err != nil {
			w.Fatal(err)
		}
		path := index.SubjectPath(l.Event, l.Subject)
		w.main[path] = append(append(w.main[path], l.Bytes()...), '\n')
	}
}

// propose appends lines to the files of main.
func (w *world) propose(lines ...*index.Line) []gate.Change {
	var changes []gate.Change
	for _, l := range lines {
		path := index.SubjectPath(l.Event, l.Subject)
		i := slices.IndexFunc(changes, func(c gate.Change) bool { return c.Path == path })
		if i < 0 {
			i = len(changes)
			changes = append(changes, gate.Change{Path: path, Regular: true, Old: w.main[path], New: bytes.Clone(w.main[path])})
		}
		changes[i].New = append(append(changes[i].New, l.Bytes()...), '\n')
	}
	return changes
}

func (w *world) judge(changes []gate.Change) (*gate.Report, []*index.Line) {
	return gate.Judge(changes, gate.Rules{
		Config: &index.Config{ID: sitetest.ID, Policy: w.policy}, Access: w.access, Reserved: []string{"chaos", "self-test"},
		Ledger: w.ledger, Now: sitetest.Now, Approved: w.approved,
		Archive: func(d index.Digest) ([]byte, error) {
			if data, ok := w.uploads[d]; ok {
				return data, nil
			}
			return nil, errors.New("no such upload")
		},
		Known: func(name string) (bool, error) { return w.state(name).Exists(), nil },
		Names: func() (names []string, err error) {
			for path := range w.main {
				if key, publisher, _ := index.KeyOfPath(path); !publisher {
					names = append(names, key)
				}
			}
			return names, nil
		},
		KeyOwner: func(hint string) (string, error) {
			for _, a := range []publish.Author{w.ada, w.bob} {
				if a.Key.Public().Hint() == hint {
					return a.ID, nil
				}
			}
			return "", nil
		},
	})
}

func (w *world) draft(name, version, more string) *publish.Draft {
	return sitetest.Draft(w, name, version, more)
}

func pass(w *world) []gate.Change {
	return w.propose(w.publish(w.ada, w.draft("mailbox", "1.1.0", "")))
}

// TestJudge tells for every check of the gate what it is there for. A row without ids must pass.
func TestJudge(t *testing.T) {
	for _, test := range []struct {
		story string
		want  string // "VERDICT ID ID", ids sorted
		do    func(w *world) []gate.Change
	}{
		{"an owner publishes the next version", "pass", pass},
		{"a newcomer registers and publishes in one go", "pass", func(w *world) []gate.Change {
			return w.propose(w.publishBy(w.eve, "own", ""), w.register(w.eve))
		}},
		{"a workspace brings two packages, the second needing the first", "pass", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, w.draft("aa-core", "1.0.0", "")), w.publish(w.ada, w.draft("aa-ext", "1.0.0", "[dependencies]\naa-core = \"1\"")))
		}},
		{"an owner yanks", "pass", func(w *world) []gate.Change { return w.propose(w.yank(w.ada)) }},
		{"two owners of two hand the package on", "pass", func(w *world) []gate.Change {
			w.have(w.owned(w.ada, 2, []string{"ada", "bob"}))
			return w.propose(w.owned(w.ada, 1, []string{"bob"}, w.bob))
		}},
		{"a dependency is in another registry, which this one cannot ask", "pass", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, w.draft("mailbox", "1.1.0", "[dependencies]\nnowhere = { version = \"1\", registry = \"company\" }")))
		}},
		{"a publisher takes a name in the scope of their own id", "pass", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("bob/tools", "1.0.0", "")))
		}},
		{"a member of a group publishes in its scope", "pass", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, w.draft("team/tools", "1.0.0", "")))
		}},

		{"the commit is empty", "fail G01", func(*world) []gate.Change { return nil }},
		{"somebody loosens the registry's policy on the way", "fail G01", func(w *world) []gate.Change {
			return append(pass(w), gate.Change{Path: "registry.toml", Regular: true, New: []byte("id = \"x\"\n")})
		}},
		{"a file of the index is touched without a line", "fail G01", func(w *world) []gate.Change {
			data := w.main["index/ma/il/mailbox"]
			return []gate.Change{{Path: "index/ma/il/mailbox", Regular: true, Old: data, New: data}}
		}},
		{"a file stands in a folder that is not its own", "fail G01", func(w *world) []gate.Change {
			return []gate.Change{{Path: "index/xx/yy/mailbox", Regular: true, New: []byte("{}\n")}}
		}},
		{"a package is removed", "fail G02", func(w *world) []gate.Change {
			return []gate.Change{{Path: "index/ma/il/mailbox", Old: w.main["index/ma/il/mailbox"]}}
		}},
		{"history is rewritten under a new version", "fail G02", func(w *world) []gate.Change {
			c := pass(w)
			c[0].New = bytes.Replace(c[0].New, []byte("1.0.0"), []byte("1.0.9"), 1)
			return c
		}},
		{"two publishers come in one commit", "fail G03", func(w *world) []gate.Change {
			return append(pass(w), w.propose(w.publish(w.bob, w.draft("bobs", "1.0.0", "")))...)
		}},
		{"somebody floods the registry", "fail G03", func(w *world) []gate.Change {
			return w.propose(slices.Repeat([]*index.Line{w.yank(w.ada)}, 257)...)
		}},
		{"an editor put a space into a line", "fail G04", func(w *world) []gate.Change {
			c := pass(w)
			c[0].New = bytes.Replace(c[0].New, []byte(`,"version":"1.1.0"`), []byte(`, "version":"1.1.0"`), 1)
			return c
		}},
		{"the last line does not end", "fail G04", func(w *world) []gate.Change {
			c := pass(w)
			c[0].New = bytes.TrimSuffix(c[0].New, []byte("\n"))
			return c
		}},
		{"a line is of a format of the future", "fail G04", func(w *world) []gate.Change {
			c := pass(w)
			c[0].New = append(bytes.Clone(c[0].Old), bytes.Replace(c[0].New[len(c[0].Old):], []byte(`{"v":1`), []byte(`{"v":2`), 1)...)
			return c
		}},
		{"a file is executable, or a link", "fail G05", func(w *world) []gate.Change {
			c := pass(w)
			c[0].Regular = false
			return c
		}},
		{"a line of one package stands in the file of another", "fail G06", func(w *world) []gate.Change {
			c := pass(w)
			c[0].Path, c[0].New, c[0].Old = "index/le/tt/letterbox", c[0].New[len(c[0].Old):], nil
			return c
		}},
		{"the line is good for half an hour only", "fail G07", func(w *world) []gate.Change {
			w.ada.Now = sitetest.Now.Add(30*time.Minute - publish.DefaultUntil)
			return pass(w)
		}},
		{"the line is good for longer than 90 days", "fail G07", func(w *world) []gate.Change {
			w.ada.Now = sitetest.Now.Add(80 * 24 * time.Hour)
			return pass(w)
		}},
		{"an old yank is replayed after it was undone", "fail G07", func(w *world) []gate.Change {
			yank := w.yank(w.ada)
			w.have(yank)
			w.have(sitetest.Line(w)(w.ada.Unyank(sitetest.ID, w.state("mailbox"), version.MustParse("1.0.0"), "")))
			return w.propose(yank)
		}},
		{"the owners changed while the publish was open", "fail G07", func(w *world) []gate.Change {
			changes := pass(w)
			w.have(w.owned(w.ada, 1, []string{"ada", "bob"}))
			return changes
		}},
		{"a name has upper-case letters", "fail G10", func(w *world) []gate.Change {
			c := w.propose(w.publish(w.ada, w.draft("letterbox", "1.0.0", "")))
			c[0].New = bytes.ReplaceAll(c[0].New, []byte("letterbox"), []byte("Letterbox"))
			return c
		}},
		{"a name differs from one that is there by - and _", "fail G11", func(w *world) []gate.Change {
			w.have(w.publish(w.ada, w.draft("mail-box", "1.0.0", "")))
			return w.propose(sitetest.Line(w)(w.bob.Publish(sitetest.ID, nil, w.uploaded("mail_box"))))
		}},
		{"an id differs from one that is there by - and _", "fail G11", func(w *world) []gate.Change {
			w.have(w.register(sitetest.Author(w, "grace-h")))
			return w.propose(w.register(sitetest.Author(w, "grace_h")))
		}},
		{"a package takes the name of another publisher", "fail G11", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("ada", "1.0.0", "")))
		}},
		{"a newcomer registers as the package of others", "fail G11", func(w *world) []gate.Change {
			return w.propose(w.register(sitetest.Author(w, "mailbox")))
		}},
		{"a stranger takes a name in the scope of another", "fail G11", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("ada/tools", "1.0.0", "")))
		}},
		{"a package takes the name of a group", "fail G11", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("team", "1.0.0", "")))
		}},
		{"a package takes the name of a module of the language, with another hyphen", "fail G13", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("self_test", "1.0.0", "")))
		}},
		{"a package that was closed is published again", "fail G13", func(w *world) []gate.Change {
			changes := pass(w)
			w.have(sitetest.Line(w)(w.ada.Sign(sitetest.ID, &index.Line{
				Event: index.EventTombstone, Subject: "mailbox", Body: &index.Tombstone{Reason: "gone"}, After: w.first.Digest()})))
			return changes
		}},
		{"a version is published twice", "fail G20", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, w.draft("mailbox", "1.0.0", "")))
		}},
		{"a version differs from one that is there by letter case", "fail G20", func(w *world) []gate.Change {
			w.have(w.publish(w.ada, w.draft("mailbox", "2.0.0-rc.a", "")))
			return w.propose(w.publish(w.ada, w.draft("mailbox", "2.0.0-RC.A", "")))
		}},
		{"a dependency does not exist", "fail G30", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, w.draft("mailbox", "1.1.0", "[dependencies]\nnowhere = \"1\"")))
		}},
		{"a dependency is open to every version", "fail G31", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("bobs", "1.0.0", "[dependencies]\nmailbox = \"*\"")))
		}},
		{"nothing was uploaded", "fail G40", func(w *world) []gate.Change {
			changes := pass(w)
			clear(w.uploads)
			return changes
		}},
		{"the line lies about the archive's size", "fail G40", func(w *world) []gate.Change {
			d := w.draft("mailbox", "1.1.0", "")
			d.Publish.Size++
			return w.propose(w.publish(w.ada, d))
		}},
		{"the upload is no archive", "fail G44", func(w *world) []gate.Change {
			d := w.draft("mailbox", "1.1.0", "")
			data := []byte("not an archive")
			d.Archive = &archive.Archive{Bytes: data, Digest: string(index.DigestOf(data))}
			d.Publish.Checksum, d.Publish.Size = index.DigestOf(data), int64(len(data))
			return w.propose(w.publish(w.ada, d))
		}},
		{"the archive is that of another version", "fail G44", func(w *world) []gate.Change {
			d := w.draft("mailbox", "1.1.0", "")
			d.Publish.Version = version.MustParse("1.0.1")
			return w.propose(w.publish(w.ada, d))
		}},
		{"the line hides a dependency that the archive has", "fail G45", func(w *world) []gate.Change {
			d := w.draft("mailbox", "1.1.0", "[dependencies]\nmailbox2 = { package = \"mailbox\", version = \"1\" }")
			d.Publish.Dependencies = nil
			return w.propose(w.publish(w.ada, d))
		}},
		{"the line lies about the unpacked size", "fail G45", func(w *world) []gate.Change {
			d := w.draft("mailbox", "1.1.0", "")
			d.Publish.Unpacked--
			return w.propose(w.publish(w.ada, d))
		}},
		{"the gal.toml inside is that of another package", "fail G45", func(w *world) []gate.Change {
			other := w.draft("letterbox", "1.1.0", "")
			d := sitetest.Pack(w, "mailbox", "1.1.0", []archive.File{{Path: "gal.toml", Data: []byte(
				"[package]\nname = \"letterbox\"\nversion = \"1.1.0\"\ndescription = \"d\"\nlicense = \"MIT\"\n")}})
			d.Publish.About = other.Publish.About
			return w.propose(w.publish(w.ada, d))
		}},
		{"there is no licence", "fail G46", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, sitetest.Pack(w, "mailbox", "1.1.0", []archive.File{{Path: "gal.toml", Data: []byte(
				"[package]\nname = \"mailbox\"\nversion = \"1.1.0\"\ndescription = \"d\"\n")}})))
		}},
		{"a secret is in the archive", "fail G47", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, sitetest.Pack(w, "mailbox", "1.1.0", []archive.File{{Path: "gal.toml", Data: []byte(
				"[package]\nname = \"mailbox\"\nversion = \"1.1.0\"\ndescription = \"d\"\nlicense = \"MIT\"\n")}, {Path: ".env", Data: []byte("TOKEN=x\n")}})))
		}},
		{"what is called as secrets are is named by include", "pass", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, sitetest.Pack(w, "mailbox", "1.1.0", []archive.File{{Path: "gal.toml", Data: []byte(
				"[package]\nname = \"mailbox\"\nversion = \"1.1.0\"\ndescription = \"d\"\nlicense = \"MIT\"\ninclude = [\".env\"]\n")}, {Path: ".env", Data: []byte("DEBUG=1\n")}})))
		}},
		{"a stranger publishes a new version", "fail G50", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("mailbox", "1.1.0", "")))
		}},
		{"the signer never registered", "fail G50", func(w *world) []gate.Change {
			return w.propose(w.publish(w.eve, w.draft("own", "1.0.0", "")))
		}},
		{"a thief signs with his own key under the owner's name", "fail G50", func(w *world) []gate.Change {
			w.ada.Key = w.eve.Key
			return pass(w)
		}},
		{"a thief puts the owner's key beside his own signature", "fail G50", func(w *world) []gate.Change {
			changes := pass(w)
			thief := w.ada
			thief.Key = w.eve.Key
			l := w.publish(thief, w.draft("mailbox", "1.1.0", ""))
			l.Sig.Key = w.ada.Key.Public().Hint()
			return append(changes[:0], w.propose(l)...)
		}},
		{"a line was signed for another registry", "fail G50", func(w *world) []gate.Change {
			d := w.draft("mailbox", "1.1.0", "")
			w.publish(w.ada, d)
			return w.propose(sitetest.Line(w)(w.ada.Publish("other.example", w.state("mailbox"), d)))
		}},
		{"a key that was revoked signs", "fail G50", func(w *world) []gate.Change {
			changes := pass(w)
			p, err := w.ledger.Publisher("ada")
			if err != nil {
				w.Fatal(err)
			}
			w.have(sitetest.Line(w)(w.ada.Sign(sitetest.ID, &index.Line{
				Event: index.EventRevokeKey, Subject: "ada", Body: &index.RevokeKey{Key: w.ada.Key.Public().Hint(), Reason: "lost"}, After: p.Head()})))
			return changes
		}},
		{"a newcomer registers with the key of another", "fail G50", func(w *world) []gate.Change {
			w.eve.Key = w.ada.Key
			return w.propose(w.register(w.eve))
		}},
		{"the registry's rules keep a publisher out of some names", "fail G11 G50", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("team/tools", "1.0.0", "")))
		}},
		{"a root key gives the package away alone", "fail G51", func(w *world) []gate.Change {
			return w.propose(w.official(index.ByRoot, w.keys, w.recovery(), 1))
		}},
		{"the root gives the package to somebody who is not registered", "fail G50", func(w *world) []gate.Change {
			l := w.recovery()
			l.Body = &index.Recover{Owners: []string{"eve"}, Threshold: 1}
			return w.propose(w.official(index.ByRoot, w.keys, l, 2))
		}},
		{"keys of no root give the package away", "fail G50", func(w *world) []gate.Change {
			return w.propose(w.official(index.ByRoot, rootKeys(w), w.recovery(), 2))
		}},
		{"the registry yanks under a root that is not there", "fail G50", func(w *world) []gate.Change {
			w.root = 2
			return w.propose(w.official(index.ByRegistry, w.keys, w.yanking(), 1))
		}},
		{"a root key yanks", "fail G50", func(w *world) []gate.Change {
			k := w.keys
			k.Targets = k.Root
			return w.propose(w.official(index.ByRegistry, k, w.yanking(), 1))
		}},
		{"the targets key publishes", "fail G50", func(w *world) []gate.Change {
			l := w.publish(w.ada, w.draft("mailbox", "1.1.0", ""))
			return w.propose(w.official(index.ByRegistry, w.keys, &index.Line{Event: l.Event, Subject: l.Subject, Body: l.Body, After: l.After}, 1))
		}},
		{"the root says that a key was stolen before", "human G56", func(w *world) []gate.Change {
			since := int64(1)
			p, err := w.ledger.Publisher("ada")
			if err != nil {
				w.Fatal(err)
			}
			return w.propose(w.official(index.ByRoot, w.keys, &index.Line{Event: index.EventRevokeKey, Subject: "ada", After: p.Head(),
				Body: &index.RevokeKey{Key: w.ada.Key.Public().Hint(), CompromisedSince: &since}}, 2))
		}},
		{"two root keys give the package away, where a person looks at new owners", "human G61", func(w *world) []gate.Change {
			w.policy.NewOwner = "human"
			return w.propose(w.official(index.ByRoot, w.keys, w.recovery(), 2))
		}},
		{"two root keys give the package away", "pass", func(w *world) []gate.Change {
			return w.propose(w.official(index.ByRoot, w.keys, w.recovery(), 2))
		}},
		{"the registry yanks", "pass", func(w *world) []gate.Change {
			return w.propose(w.official(index.ByRegistry, w.keys, w.yanking(), 1))
		}},
		{"one of two owners hands the package on alone", "fail G51", func(w *world) []gate.Change {
			w.have(w.owned(w.ada, 2, []string{"ada", "bob"}))
			return w.propose(w.owned(w.ada, 1, []string{"ada"}))
		}},
		{"one owner signs twice to be two", "fail G51", func(w *world) []gate.Change {
			w.have(w.owned(w.ada, 2, []string{"ada", "bob"}))
			return w.propose(w.owned(w.ada, 1, []string{"ada"}, w.ada))
		}},
		{"a newcomer's package is one slip away from somebody's", "human G12", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("mailbx", "1.0.0", "")))
		}},
		{"a newcomer's package looks like somebody's", "human G12", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("mai1b0x", "1.0.0", "")))
		}},
		{"a newcomer's package is somebody's for another language", "human G12", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("gal_mailbox-rs", "1.0.0", "")))
		}},
		{"a person has looked at the similar name", "pass", func(w *world) []gate.Change {
			w.approved = true
			return w.propose(w.publish(w.bob, w.draft("mailbx", "1.0.0", "")))
		}},
		{"the owner takes a name near her own", "pass", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, w.draft("mailbox2", "1.0.0", "")))
		}},
		{"a similar name stands in a scope", "pass", func(w *world) []gate.Change {
			return w.propose(w.publish(w.bob, w.draft("bob/mailbox", "1.0.0", "")))
		}},
		{"a version is the next of an older line", "pass", func(w *world) []gate.Change {
			w.have(w.publish(w.ada, w.draft("mailbox", "2.0.0", "")))
			return w.propose(w.publish(w.ada, w.draft("mailbox", "1.0.1", "")))
		}},
		{"a version leaves numbers out, which is said and let in", "pass G21", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, w.draft("mailbox", "11.0.0", "")))
		}},
		{"a pre-release has any number", "pass", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, w.draft("mailbox", "7.0.0-rc.1", "")))
		}},
		{"a patch needs a newer toolchain", "human G24", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, w.draft("mailbox", "1.0.1", "gal-version = \"1.2\"")))
		}},
		{"a minor version needs a newer toolchain", "pass", func(w *world) []gate.Change {
			return w.propose(w.publish(w.ada, w.draft("mailbox", "1.1.0", "gal-version = \"1.2\"")))
		}},

		{"a publisher rotates a key", "pass", func(w *world) []gate.Change {
			return w.propose(w.rotate(w.ada, sitetest.Author(w, "ada"))...)
		}},
		{"a rotation is replayed", "fail G07 G07", func(w *world) []gate.Change {
			lines := w.rotate(w.ada, sitetest.Author(w, "ada"))
			w.have(lines...)
			return w.propose(lines...)
		}},
		{"the new key has not signed", "fail G51", func(w *world) []gate.Change {
			return w.propose(sitetest.Line(w)(w.ada.AddKey(sitetest.ID, w.publisher("ada").Head(), w.eve.Key.Public(), nil, "")))
		}},
		{"somebody else has signed in the place of the new key", "fail G50", func(w *world) []gate.Change {
			l := sitetest.Line(w)(w.ada.AddKey(sitetest.ID, w.publisher("ada").Head(), w.eve.Key.Public(), w.eve.Key, ""))
			thief := sitetest.Line(w)(w.ada.AddKey(sitetest.ID, w.publisher("ada").Head(), w.eve.Key.Public(), w.eve.Key, "another"))
			l.Sig.Also[0].Value = thief.Sig.Also[0].Value
			return w.propose(l)
		}},
		{"a publisher takes the key of another", "fail G50", func(w *world) []gate.Change {
			return w.propose(sitetest.Line(w)(w.ada.AddKey(sitetest.ID, w.publisher("ada").Head(), w.bob.Key.Public(), w.bob.Key, "")))
		}},
		{"a stranger revokes a key", "fail G50", func(w *world) []gate.Change {
			bob := w.bob
			bob.ID = "ada"
			return w.propose(sitetest.Line(w)(bob.RevokeKey(sitetest.ID, w.publisher("ada").Head(), w.ada.Key.Public().Hint(), "x", nil)))
		}},
		{"a key says that it has been compromised since before", "human G56", func(w *world) []gate.Change {
			since := int64(2)
			return w.propose(sitetest.Line(w)(w.ada.RevokeKey(sitetest.ID, w.publisher("ada").Head(), w.ada.Key.Public().Hint(), "compromised", &since)))
		}},
		{"another key says so", "fail G50 G56", func(w *world) []gate.Change {
			next := sitetest.Author(w, "ada")
			w.have(sitetest.Line(w)(w.ada.AddKey(sitetest.ID, w.publisher("ada").Head(), next.Key.Public(), next.Key, "")))
			since := int64(2)
			return w.propose(sitetest.Line(w)(next.RevokeKey(sitetest.ID, w.publisher("ada").Head(), w.ada.Key.Public().Hint(), "compromised", &since)))
		}},
		{"a co-owner signs what another has begun", "pass", func(w *world) []gate.Change {
			w.have(w.owned(w.ada, 2, []string{"ada", "bob"}))
			l := sitetest.Line(w)(w.ada.Owners(sitetest.ID, w.state("mailbox"), []string{"bob"}, 1, ""))
			return w.propose(sitetest.Line(w)(w.bob.Cosign(sitetest.ID, l)))
		}},
		{"one who is no owner signs as the second", "fail G51", func(w *world) []gate.Change {
			w.have(w.register(w.eve), w.owned(w.ada, 2, []string{"ada", "bob"}))
			l := sitetest.Line(w)(w.ada.Tombstone(sitetest.ID, w.state("mailbox"), "gone"))
			return w.propose(sitetest.Line(w)(w.eve.Cosign(sitetest.ID, l)))
		}},
		{"an owner deprecates, another takes it back with the same line's successor", "pass", func(w *world) []gate.Change {
			w.have(w.owned(w.ada, 1, []string{"ada", "bob"}), sitetest.Line(w)(w.ada.Deprecate(sitetest.ID, w.state("mailbox"), "old", "")))
			return w.propose(sitetest.Line(w)(w.bob.Deprecate(sitetest.ID, w.state("mailbox"), "", "")))
		}},
		{"a newcomer becomes owner before registering", "fail G50", func(w *world) []gate.Change {
			return w.propose(sitetest.Line(w)(w.ada.Owners(sitetest.ID, w.state("mailbox"), []string{"ada", "eve"}, 1, "")))
		}},
		{"the policy has a person look at newcomers", "human G61", func(w *world) []gate.Change {
			w.policy = index.Policy{}
			return w.propose(w.register(w.eve))
		}},
		{"a person has looked at the newcomer", "pass", func(w *world) []gate.Change {
			w.policy, w.approved = index.Policy{}, true
			return w.propose(w.register(w.eve))
		}},
		{"the policy has a person look at new packages, versions and owners", "human G61 G61 G61", func(w *world) []gate.Change {
			w.policy = index.Policy{NewPublisher: "auto", NewPackage: "human", NewVersion: "human"}
			return w.propose(w.publish(w.ada, w.draft("letterbox", "1.0.0", "")), w.publish(w.ada, w.draft("mailbox", "1.1.0", "")),
				w.owned(w.ada, 1, []string{"ada", "bob"}))
		}},
		{"approval does not let in what fails", "fail G50", func(w *world) []gate.Change {
			w.policy, w.approved = index.Policy{NewVersion: "human"}, true
			return w.propose(w.publish(w.bob, w.draft("mailbox", "1.1.0", "")))
		}},
	} {
		t.Run(test.story, func(t *testing.T) {
			w := newWorld(t)
			report, lines := w.judge(test.do(w))
			got := string(report.Verdict)
			for _, f := range report.Findings {
				got += " " + f.ID
			}
			if got != test.want {
				t.Errorf("%s, want %s: %+v", got, test.want, report.Findings)
			}
			if (report.Verdict == gate.Fail) != (lines == nil) {
				t.Errorf("%s gives %d lines to append", report.Verdict, len(lines))
			}
		})
	}
}

func (w *world) publisher(id string) *index.Publisher {
	p, err := w.ledger.Publisher(id)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) rotate(old, next publish.Author) []*index.Line {
	lines, err := old.Rotate(sitetest.ID, w.publisher(old.ID).Head(), next.Key)
	if err != nil {
		w.Fatal(err)
	}
	return lines
}

// publishBy is the publish of a new package by somebody whose registration comes with it.
func (w *world) publishBy(a publish.Author, name, more string) *index.Line {
	d := w.draft(name, "1.0.0", more)
	w.uploads[index.Digest(d.Archive.Digest)] = d.Archive.Bytes
	return sitetest.Line(w)(a.Publish(sitetest.ID, nil, d))
}

func (w *world) uploaded(name string) *publish.Draft {
	d := w.draft(name, "1.0.0", "")
	w.uploads[index.Digest(d.Archive.Digest)] = d.Archive.Bytes
	return d
}

func (w *world) yank(a publish.Author) *index.Line {
	return sitetest.Line(w)(a.Yank(sitetest.ID, w.state("mailbox"), &index.Yank{Version: version.MustParse("1.0.0"), Class: "broken", Reason: "it crashes"}))
}

// TestOrder: what passes is appended in the order of a build, whatever the order in the diff.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	_, lines := w.judge(w.propose(w.publishBy(w.eve, "zebra", ""), w.publishBy(w.eve, "apple", ""), w.register(w.eve)))
	var got []string
	for _, l := range lines {
		got = append(got, l.Subject)
	}
	if want := []string{"eve", "apple", "zebra"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestRefusal(t *testing.T) {
	report := &gate.Report{Findings: []gate.Finding{{ID: "G50", Verdict: gate.Fail, Message: "no", Fix: "do it well"}, {ID: "G61", Verdict: gate.Human, Message: "perhaps"}}}
	f := fault.Of(report.Refusal())
	if f == nil || f.Kind != fault.Negative || f.Code != "gate-refused" || strings.Join(f.Facts, "; ") != "G50 fail: no; G61 human: perhaps" || strings.Join(f.Help, "") != "do it well" {
		t.Errorf("%+v", f)
	}
}

// TestExplain: every check that can be found can be explained, and the list is in order.
func TestExplain(t *testing.T) {
	checks := gate.Checks()
	if !slices.IsSortedFunc(checks, func(a, b gate.Check) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("checks are not sorted")
	}
	for _, id := range strings.Fields("G01 G02 G03 G04 G05 G06 G07 G10 G11 G12 G13 G20 G21 G24 G30 G31 G40 G44 G45 G46 G47 G50 G51 G56 G61 G65") {
		if c, ok := gate.Explain(id); !ok || c.Holds == "" || c.Why == "" {
			t.Errorf("%s is not explained", id)
		}
	}
	if len(checks) != 26 {
		t.Errorf("%d checks are explained; the list above has 26", len(checks))
	}
	if _, ok := gate.Explain("G99"); ok {
		t.Error("G99 is explained, and nothing finds it")
	}
}
