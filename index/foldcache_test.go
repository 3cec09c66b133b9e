package index_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/version"
)

// eventful is a package with every kind of line that leaves it open.
func eventful(t testing.TB) (*story, *index.Package, index.Publishers) {
	s := newStory(t)
	ada, grace := s.registered("ada"), s.registered("grace")
	for _, v := range []string{"1.0.0", "1.1.0-rc.1", "1.1.0"} {
		s.counts(s.publish(ada, "mailbox", v))
	}
	s.counts(s.yank(ada, "mailbox", "1.0.0"))
	s.counts(s.yank(ada, "mailbox", "1.1.0"))
	s.counts(s.unyank(ada, "mailbox", "1.1.0"))
	s.counts(s.signed(ada, &index.Line{Event: index.EventDeprecate, Subject: "mailbox", After: s.pkg("mailbox").After(index.EventDeprecate, version.Version{}, "ada"),
		Body: &index.Deprecate{Message: "use letters", Replacement: "letters"}}))
	s.counts(s.signed(ada, &index.Line{Event: index.EventOwners, Subject: "mailbox", After: s.pkg("mailbox").After(index.EventOwners, version.Version{}, "ada"),
		Body: &index.Owners{Owners: []string{"ada", "grace"}, Threshold: 2, Reason: "two heads"}}))
	s.counts(s.publish(grace, "mailbox", "2.0.0"))
	return s, s.pkg("mailbox"), func(id string) *index.Publisher {
		p, err := s.ledger.Publisher(id)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// outside is what others can see of a package.
func outside(p *index.Package) any {
	type release struct {
		index.Release
		Yanked *index.Yank
		After  index.Digest
	}
	var releases []release
	for _, r := range p.Releases {
		shown := release{index.Release{Version: r.Version, Publish: r.Publish, By: r.By, At: r.At, Log: r.Log, Suspect: r.Suspect}, r.Yanked(),
			p.After(index.EventYank, r.Version, r.By)}
		releases = append(releases, shown)
	}
	var none version.Version
	return []any{p.Name, p.Owners, p.Threshold, p.Deprecated, releases, p.Newest().Version,
		p.After(index.EventOwners, none, ""), p.After(index.EventRecover, none, ""), p.After(index.EventDeprecate, none, "")}
}

// TestFoldedIsTheSame: what comes out of a record is what went in, for everybody who looks.
func TestFoldedIsTheSame(t *testing.T) {
	_, p, publishers := eventful(t)
	record := index.Fold(p)
	q, ok := index.Unfold(registry, "mailbox", string(record), publishers)
	if !ok {
		t.Fatal("the record does not hold together")
	}
	if a, b := outside(p), outside(q); !reflect.DeepEqual(a, b) {
		t.Errorf("went in:\n%+v\ncame out:\n%+v", a, b)
	}
	if !bytes.Equal(index.Fold(q), record) {
		t.Error("what came out gives another record")
	}
	for n := range record {
		if _, ok := index.Unfold(registry, "mailbox", string(record[:n]), publishers); ok {
			t.Errorf("%d of %d bytes hold together", n, len(record))
		}
	}
}

// FuzzUnfold: a record is refused, or gives a package whose record gives the same package.
func FuzzUnfold(f *testing.F) {
	_, p, publishers := eventful(f)
	f.Add(string(index.Fold(p)))
	f.Fuzz(func(t *testing.T, record string) {
		q, ok := index.Unfold(registry, "mailbox", record, publishers)
		if !ok || len(q.Releases) == 0 || q.Newest() == nil {
			return
		}
		again, ok := index.Unfold(registry, "mailbox", string(index.Fold(q)), publishers)
		if !ok || !reflect.DeepEqual(outside(q), outside(again)) {
			t.Errorf("%q", record)
		}
	})
}

// cached is what a user keeps, with a fold cache in a file.
func cached(t *testing.T, file string, memory index.Memory) (index.Options, *index.FoldCache) {
	t.Helper()
	c := index.OpenFoldCache(file)
	return index.Options{State: func(string) (index.State, error) { return index.State{Verified: memory, Folded: c}, nil }}, c
}

// TestFoldCacheVerifies: a package from the cache is verified like any other; what is not remembered is verified from its
// file, and what was altered there since is found.
func TestFoldCacheVerifies(t *testing.T) {
	p := newPublished(t)
	file := filepath.Join(t.TempDir(), "folded")
	memory := index.OpenMemory(filepath.Join(t.TempDir(), "verified"))
	o, cache := cached(t, file, memory)
	first, _, err := wanted(t, p, o, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	counting := &counted{FileMemory: memory}
	o, _ = cached(t, file, counting)
	again, _, err := wanted(t, p, o, "")
	if err != nil || !reflect.DeepEqual(first[0].Publish(), again[0].Publish()) || counting.added.Load() != 0 {
		t.Errorf("from the cache: %v, %d signatures verified anew", err, counting.added.Load())
	}
	o, _ = cached(t, file, nil)
	if _, _, err := wanted(t, p, o, ""); err != nil {
		t.Errorf("from the cache, with nothing remembered: %v", err)
	}
	index1 := p.Path(site.PublicDir, index.PackagePath("mailbox"))
	data, err := os.ReadFile(index1)
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(data), `"license":"MIT"`, `"license":"BSD"`, 1)
	if err := os.WriteFile(index1, []byte(forged), 0o644); err != nil || forged == string(data) {
		t.Fatal(err)
	}
	for _, m := range []index.Memory{memory, nil} {
		o, _ = cached(t, file, m)
		healed, _, err := wanted(t, p, o, "")
		if err != nil || !reflect.DeepEqual(first[0].Publish(), healed[0].Publish()) {
			t.Errorf("an altered line of which the host has the right one too, remembering %v: %v", m != nil, err)
		}
	}
	if err := os.RemoveAll(p.Path(site.PublicDir, "recent")); err != nil {
		t.Fatal(err)
	}
	o, _ = cached(t, file, memory)
	if unread, _, err := wanted(t, p, o, ""); err != nil || !reflect.DeepEqual(first[0].Publish(), unread[0].Publish()) {
		t.Errorf("an altered file that need not be read: %v", err)
	}
	o, _ = cached(t, file, nil)
	if _, _, err := wanted(t, p, o, ""); !fault.IsCode(err, "index-mismatch") {
		t.Errorf("an altered line: %v", err)
	}
}

// TestFoldCacheDamaged: a cache with any byte changed is as good as none.
func TestFoldCacheDamaged(t *testing.T) {
	p := newPublished(t)
	file := filepath.Join(t.TempDir(), "folded")
	o, cache := cached(t, file, nil)
	if _, _, err := wanted(t, p, o, ""); err != nil {
		t.Fatal(err)
	}
	if err := cache.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(data); n += 17 {
		damaged := bytes.Clone(data)
		damaged[n] ^= 0x10
		if err := os.WriteFile(file, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		o, cache := cached(t, file, nil)
		if _, _, err := wanted(t, p, o, ""); err != nil {
			t.Fatalf("byte %d: %v", n, err)
		}
		if err := cache.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		if mended, err := os.ReadFile(file); err != nil || !bytes.Equal(mended, data) {
			t.Fatalf("byte %d: the cache was not made anew, %v", n, err)
		}
	}
}

// TestFoldCacheBeside: of two processes that save one behind the other, the second brings back nothing that the first has
// found to be otherwise, and loses nothing that it has added.
func TestFoldCacheBeside(t *testing.T) {
	p := newPublished(t)
	mailbox, ada := index.PackagePath("mailbox"), index.PublisherPath("ada")
	save := func(t *testing.T, c *index.FoldCache) {
		t.Helper()
		if err := c.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	look := func(t *testing.T, o index.Options) {
		t.Helper()
		if _, _, err := wanted(t, p, o, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		who           string
		first, second func(t *testing.T, o index.Options, c *index.FoldCache)
		removed       bool // the file, between the two
		holds, knows  bool // of mailbox, at the end; before it is held
	}{
		{who: "nobody else has written", second: func(t *testing.T, o index.Options, _ *index.FoldCache) { look(t, o) }, holds: true, knows: true},
		{who: "the second has not asked for it", first: func(_ *testing.T, _ index.Options, c *index.FoldCache) { c.Release([]string{mailbox}) }, knows: true},
		{
			who:    "the second has read it",
			first:  func(_ *testing.T, _ index.Options, c *index.FoldCache) { c.Release([]string{mailbox}) },
			second: func(t *testing.T, o index.Options, _ *index.FoldCache) { look(t, o) }, knows: true,
		},
		{
			who:    "the second has had it kept",
			first:  func(_ *testing.T, _ index.Options, c *index.FoldCache) { c.Release([]string{mailbox}) },
			second: func(t *testing.T, o index.Options, c *index.FoldCache) { look(t, o); c.Hold(mailbox) }, holds: true, knows: true,
		},
		{
			who:    "the second has left it out",
			first:  func(_ *testing.T, _ index.Options, c *index.FoldCache) { c.Release([]string{ada}) },
			second: func(_ *testing.T, _ index.Options, c *index.FoldCache) { c.Release([]string{mailbox}) }, knows: true,
		},
		{who: "all was forgotten, and it was not asked for", removed: true},
		{who: "all was forgotten, and it was read", second: func(t *testing.T, o index.Options, _ *index.FoldCache) { look(t, o) }, removed: true, knows: true},
	} {
		t.Run(row.who, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "folded")
			o, c := cached(t, file, nil)
			look(t, o)
			c.Hold(mailbox, ada)
			save(t, c)
			o1, first := cached(t, file, nil)
			o2, second := cached(t, file, nil)
			if !first.Holds(mailbox) || !second.Holds(mailbox) {
				t.Fatal("it is not held to begin with")
			}
			if row.first != nil {
				row.first(t, o1, first)
				save(t, first)
			}
			if row.removed {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			if row.second != nil {
				row.second(t, o2, second)
			}
			second.Release([]string{ada}) // so that there is something to write
			save(t, second)
			if _, c = cached(t, file, nil); c.Holds(mailbox) != row.holds || c.Knows(mailbox) != row.knows || c.Holds(ada) {
				t.Errorf("held %v, known %v; want %v, %v", c.Holds(mailbox), c.Knows(mailbox), row.holds, row.knows)
			}
		})
	}
	t.Run("what the first has added stays", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "folded")
		_, second := cached(t, file, nil)
		second.Holds(mailbox) // once it is read
		o, first := cached(t, file, nil)
		look(t, o)
		first.Hold(mailbox)
		save(t, first)
		second.Keep("packages/x")
		save(t, second)
		if _, c := cached(t, file, nil); !c.Holds(mailbox) || !c.Knows("packages/x") {
			t.Errorf("held %v, known %v", c.Holds(mailbox), c.Knows("packages/x"))
		}
	})
}
