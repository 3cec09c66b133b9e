package index_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// chronicle is mailbox by ada, a few lines that each would count where they stand, for somebody with all keys of the registry
// to put together as they like.
type chronicle struct {
	register, first, second, yank *index.Line
	key                           sign.PublicKey
}

func newChronicle(t *testing.T) chronicle {
	t.Helper()
	ada, line := sitetest.Author(t, "ada"), sitetest.Line(t)
	c := chronicle{key: ada.Key.Public(), register: line(ada.Register(sitetest.ID, "", nil))}
	publisher := index.FoldPublisher(sitetest.ID, "ada", []index.Entry{{At: sitetest.Now, Log: 0, Line: c.register}})
	pkg := index.NewPackage(sitetest.ID, "mailbox")
	c.first = line(ada.Publish(sitetest.ID, pkg, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	if _, err := pkg.Apply(index.Entry{At: sitetest.Now, Log: 1, Line: c.first}, func(string) *index.Publisher { return publisher }); err != nil {
		t.Fatal(err)
	}
	c.second = line(ada.Publish(sitetest.ID, pkg, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	c.yank = line(ada.Yank(sitetest.ID, pkg, &index.Yank{Version: version.MustParse("1.0.0"), Class: "security", Reason: "x"}))
	return c
}

// stampedLine is a line of a file, as a thief of the registry's keys may stamp it.
type stampedLine struct {
	line *index.Line
	log  int64
	at   time.Time
}

func file(lines ...stampedLine) (data []byte) {
	for _, l := range lines {
		data = append(append(data, index.Stamp(l.at, l.log)...), '\n')
		data = append(append(data, l.line.Bytes()...), '\n')
	}
	return data
}

// TestSeenLinesStay is rows 17 and 18 of the attacks in docs/security.md, by somebody who has every online key of the
// registry: the metadata is good, and so is every signature.
func TestSeenLinesStay(t *testing.T) {
	c := newChronicle(t)
	day := 24 * time.Hour
	past, then, later := sitetest.Now.Add(-2*day), sitetest.Now, sitetest.Now.Add(day)
	filler := [][]byte{[]byte("0"), []byte("1"), []byte("2"), []byte("3")} // leaves: nothing looks into the log here
	known := func() tree {
		return tree{
			index.PublisherPath("ada"):   file(stampedLine{c.register, 0, past}),
			index.PackagePath("mailbox"): file(stampedLine{c.first, 1, past}, stampedLine{c.yank, 2, past}),
		}
	}
	first, yank := stampedLine{c.first, 1, past}, stampedLine{c.yank, 2, past}
	for _, row := range []struct {
		story string
		lines []stampedLine // of mailbox; nil leaves the file out
		code  string
	}{
		{"as it was", []stampedLine{first, yank}, ""},
		{"grown", []stampedLine{first, yank, {c.second, 4, later}}, ""},
		{"a yank dropped", []stampedLine{first}, "index-rewritten"},
		{"a yank dropped, and the file grown", []stampedLine{first, {c.second, 4, later}}, "index-rewritten"},
		{"stamped anew", []stampedLine{first, {c.yank, 3, past}}, "index-rewritten"},
		{"stamped with another time", []stampedLine{first, {c.yank, 2, later}}, "index-rewritten"},
		{"a line put between", []stampedLine{first, {c.second, 2, past}, {c.yank, 3, past}}, "index-rewritten"},
		{"no file any more", nil, "index-rewritten"},
		{"grown by a line that would have been there", []stampedLine{first, yank, {c.second, 3, later}}, "index-backdated"},
		{"grown by a line from before", []stampedLine{first, yank, {c.second, 4, later.Add(-2 * day)}}, "index-backdated"},
		{"grown by a line from a second before", []stampedLine{first, yank, {c.second, 4, then.Add(-time.Second)}}, "index-backdated"},
	} {
		t.Run(row.story, func(t *testing.T) {
			i, user := newInsider(t), newClient(t)
			if err := user.look(i.publish(known(), filler), then); err != nil {
				t.Fatal(err)
			}
			i.now = later
			shown := known()
			if delete(shown, index.PackagePath("mailbox")); row.lines != nil {
				shown[index.PackagePath("mailbox")] = file(row.lines...)
			}
			bad := i.publish(shown, append(filler, []byte("4")))
			err := user.look(bad, later)
			if row.code == "" && err != nil || row.code != "" && !fault.IsCode(err, row.code) {
				t.Fatalf("%v, want %q", err, row.code)
			}
			if row.code == "" {
				return
			}
			// Another time it is no better, and what was seen is still the measure.
			if err := user.look(bad, later); !fault.IsCode(err, row.code) {
				t.Errorf("the second time: %v", err)
			}
			kept, err := os.ReadFile(filepath.Join(user.dir, "rewritten.now"))
			if row.lines != nil && (err != nil || !bytes.Equal(kept, bad[index.PackagePath("mailbox")])) {
				t.Errorf("what was shown is not kept: %v", err)
			}
			if kept, err = os.ReadFile(filepath.Join(user.dir, "rewritten.before")); err != nil || !strings.Contains(string(kept), index.PackagePath("mailbox")) {
				t.Errorf("what was there before is not kept: %q, %v", kept, err)
			}
			if err := user.look(i.publish(known(), append(filler, []byte("4"), []byte("5"))), later); err != nil {
				t.Errorf("afterwards the true file is refused: %v", err)
			}
			// Somebody who has never been there cannot know.
			if err := newClient(t).look(bad, later); fault.IsCode(err, row.code) {
				t.Errorf("the first time: %v", err)
			}
		})
	}
}

// TestSeenHoldsWithAShorterLog: what was seen is compared with states of the log that are later, so there must be none that
// is earlier.
func TestSeenHoldsWithAShorterLog(t *testing.T) {
	c := newChronicle(t)
	past := sitetest.Now.Add(-48 * time.Hour)
	register, first, yank := stampedLine{c.register, 0, past}, stampedLine{c.first, 1, past}, stampedLine{c.yank, 2, past}
	leaves := [][]byte{[]byte("0"), []byte("1"), []byte("2")}
	for name, shorter := range map[string][][]byte{"a leaf less": leaves[:2], "no log": nil} {
		t.Run(name, func(t *testing.T) {
			i, user := newInsider(t), newClient(t)
			if err := user.look(i.publish(tree{index.PublisherPath("ada"): file(register), index.PackagePath("mailbox"): file(first, yank)}, leaves), sitetest.Now); err != nil {
				t.Fatal(err)
			}
			bad := i.publish(tree{index.PublisherPath("ada"): file(register), index.PackagePath("mailbox"): file(first)}, shorter)
			for range 2 {
				if err := user.look(bad, sitetest.Now); !fault.IsCode(err, "log-rollback") {
					t.Errorf("a yank that was seen is gone: %v, want log-rollback", err)
				}
			}
		})
	}
}

// TestSeenAndFolded: what was seen and what it folds to are saved one behind the other, and a yank of mailbox that was seen
// may not go, whatever became of the two files before.
func TestSeenAndFolded(t *testing.T) {
	c := newChronicle(t)
	past, later := sitetest.Now.Add(-48*time.Hour), sitetest.Now.Add(time.Hour)
	register, first, yank := stampedLine{c.register, 0, past}, stampedLine{c.first, 1, past}, stampedLine{c.yank, 2, later}
	leaves := [][]byte{[]byte("0"), []byte("1"), []byte("2")}
	others := func(at int64) map[string]int64 { // which fill the file of what was seen
		files := map[string]int64{}
		for _, name := range []string{"a", "b", "c", "d"} {
			files[strings.Repeat(name, index.MaxSeen/4-index.SightingSize)] = at
		}
		return files
	}
	for _, row := range []struct {
		story string
		looks []func(*caller, *index.Snapshot, *index.Seen) error // under the lists that have the yank
	}{
		// As where no versions fit together: the cache knows the package, and nobody has verified it.
		{"read, and then verified", []func(*caller, *index.Snapshot, *index.Seen) error{(*caller).read, (*caller).verify}},
		{"left out of what was seen, and verified again", []func(*caller, *index.Snapshot, *index.Seen) error{
			(*caller).verify,
			func(_ *caller, _ *index.Snapshot, seen *index.Seen) error {
				return seen.Remember(others(later.Unix() + 1))
			},
			func(v *caller, s *index.Snapshot, seen *index.Seen) error {
				return errors.Join(v.verify(s, seen), seen.Remember(others(0)))
			},
		}},
	} {
		t.Run(row.story, func(t *testing.T) {
			i, user := newInsider(t), &caller{client: newClient(t), now: later}
			old := i.publish(tree{index.PublisherPath("ada"): file(register), index.PackagePath("mailbox"): file(first)}, leaves[:2])
			i.now = later
			good := i.publish(tree{index.PublisherPath("ada"): file(register), index.PackagePath("mailbox"): file(first, yank)}, leaves)
			bad := i.publish(tree{index.PublisherPath("ada"): file(register), index.PackagePath("mailbox"): file(first)}, append(leaves, []byte("3")))
			if err := user.visit(old, (*caller).verify); err != nil {
				t.Fatal(err)
			}
			for _, look := range row.looks {
				if err := user.visit(good, look); err != nil {
					t.Fatal(err)
				}
			}
			if err := user.visit(bad, (*caller).verify); !fault.IsCode(err, "index-rewritten") {
				t.Errorf("a yank that was seen is gone: %v, want index-rewritten", err)
			}
		})
	}
}

// caller comes again and again, each time as a process of its own.
type caller struct {
	*client
	now time.Time
}

func (v *caller) visit(shown tree, look func(*caller, *index.Snapshot, *index.Seen) error) error {
	v.t.Helper()
	seen, folded := index.NewSeen(filepath.Join(v.dir, "seen")), index.OpenFoldCache(filepath.Join(v.dir, "folded"))
	memory := index.OpenMemory(filepath.Join(v.dir, "verified"))
	o := index.Options{Pin: sitetest.ID, Now: v.now, State: func(string) (index.State, error) {
		return index.State{Standing: v.standing(), Verified: memory, Seen: seen, Folded: folded}, nil
	}}
	s, err := index.Open(v.t.Context(), v.transport(shown), o)
	if err != nil {
		return err
	}
	if err := look(v, s, seen); err != nil {
		return err
	}
	left, err := seen.Save(v.t.Context())
	folded.Release(left)
	return errors.Join(err, memory.Save(), folded.Save(v.t.Context()))
}

func (v *caller) read(s *index.Snapshot, _ *index.Seen) error {
	_, err := s.Package(v.t.Context(), "mailbox")
	return err
}

func (v *caller) verify(s *index.Snapshot, _ *index.Seen) error {
	_, _, err := s.Verify(v.t.Context(), []index.Want{{Name: "mailbox", Version: version.MustParse("1.0.0")}})
	return err
}

// TestSeenOfTooManyFiles: what does not fit is what was seen longest ago, and the file can be read again.
func TestSeenOfTooManyFiles(t *testing.T) {
	at := map[string]int64{"packages/a": 3, "packages/b": 1, "packages/c": 2, "packages/d": 4}
	for _, row := range []struct {
		room          int
		fitting, left []string
	}{
		{1 << 20, []string{"packages/a", "packages/b", "packages/c", "packages/d"}, nil},
		{300, []string{"packages/a", "packages/c", "packages/d"}, []string{"packages/b"}},
		{0, nil, []string{"packages/d", "packages/a", "packages/c", "packages/b"}},
	} {
		if fitting, left := index.SeenFitting(at, row.room); !slices.Equal(fitting, row.fitting) || !slices.Equal(left, row.left) {
			t.Errorf("in %d bytes: %v, and not %v; want %v, and not %v", row.room, fitting, left, row.fitting, row.left)
		}
	}
}

// TestSeenIsOfWhatWasVerified: a file whose lines do not verify is no measure for the file that does.
func TestSeenIsOfWhatWasVerified(t *testing.T) {
	c, i, user := newChronicle(t), newInsider(t), newClient(t)
	forged := *c.first
	forged.Sig.Value = c.register.Sig.Value
	show := func(l *index.Line, leaves ...[]byte) tree {
		return i.publish(tree{
			index.PublisherPath("ada"):   file(stampedLine{c.register, 0, sitetest.Now}),
			index.PackagePath("mailbox"): file(stampedLine{l, 1, sitetest.Now}),
		}, leaves)
	}
	var d index.Decoder
	line, err := d.Decode((&index.Line{V: 1, Event: forged.Event, Subject: forged.Subject, Body: forged.Body, By: forged.By, Until: forged.Until, Sig: forged.Sig}).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := user.look(show(line, []byte("0")), sitetest.Now); !fault.IsCode(err, "signature-invalid") {
		t.Fatal(err)
	}
	if err := user.look(show(c.first, []byte("0"), []byte("1")), sitetest.Now); err != nil {
		t.Errorf("the true line after the forged one: %v", err)
	}
}

// TestSeenDamaged: what was seen is not forgotten because a bit has flipped.
func TestSeenDamaged(t *testing.T) {
	p := newPublished(t)
	user := newClient(t)
	shown := treeOf(t, p.Registry)
	if err := user.look(shown, sitetest.Now); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(user.dir, "seen")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(data); n += 7 {
		damaged := bytes.Clone(data)
		damaged[n] ^= 0x20
		if err := os.WriteFile(name, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := user.look(shown, sitetest.Now); !fault.IsCode(err, "standing-damaged") {
			t.Fatalf("byte %d: %v", n, err)
		}
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	// Two processes: the one that ends last has seen an older state.
	old, newer := index.NewSeen(name), index.NewSeen(name)
	p.release("mailbox", "1.1.0")
	if err := user.lookWith(shown, sitetest.Now, old); err != nil {
		t.Fatal(err)
	}
	now := treeOf(t, p.Registry)
	for _, seen := range []*index.Seen{newer, old} {
		if err := user.lookWith(now, sitetest.Now, seen); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnchangedFilesAreNotRead: where the lists have not changed, not even the file that remembers is.
func TestUnchangedFilesAreNotRead(t *testing.T) {
	p := newPublished(t)
	dir := t.TempDir()
	memory := index.OpenMemory(filepath.Join(dir, "verified"))
	look := func() error {
		cache := index.OpenFoldCache(filepath.Join(dir, "folded"))
		seen := index.NewSeen(filepath.Join(dir, "seen"))
		o := index.Options{State: func(string) (index.State, error) {
			return index.State{Verified: memory, Folded: cache, Seen: seen, Standing: index.StandingFile{Dir: dir}}, nil
		}}
		if _, _, err := wanted(t, p, o, ""); err != nil {
			return err
		}
		if err := cache.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := seen.Save(t.Context())
		return err
	}
	if err := look(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "seen"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := look(); err != nil {
		t.Errorf("it was read: %v", err)
	}
	p.release("mailbox", "1.1.0")
	if err := look(); !fault.IsCode(err, "standing-damaged") {
		t.Errorf("a file that has changed is not held against what was seen: %v", err)
	}
}

// look does what an installation of mailbox 1.0.0 does before it looks into the log, and remembers what it saw.
func (c *client) look(shown tree, at time.Time) error {
	return c.lookWith(shown, at, index.NewSeen(filepath.Join(c.dir, "seen")))
}

func (c *client) lookWith(shown tree, at time.Time, seen *index.Seen) error {
	c.t.Helper()
	o := index.Options{Pin: sitetest.ID, Now: at}
	o.State = func(string) (index.State, error) { return index.State{Standing: c.standing(), Seen: seen}, nil }
	s, err := index.Open(c.t.Context(), c.transport(shown), o)
	if err != nil {
		return err
	}
	if _, _, err := s.Verify(c.t.Context(), []index.Want{{Name: "mailbox", Version: version.MustParse("1.0.0")}}); err != nil {
		return err
	}
	_, err = seen.Save(c.t.Context())
	return err
}
