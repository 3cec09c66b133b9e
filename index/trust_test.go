package index_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/version"
)

// wanted opens a published registry with some trust and verifies mailbox 1.0.0.
func wanted(t *testing.T, p *published, o index.Options, checksum index.Digest) ([]index.Artifact, []string, error) {
	t.Helper()
	dir, err := index.OpenDir(p.Path(site.PublicDir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	s, err := index.Open(t.Context(), dir, o)
	if err != nil {
		return nil, nil, err
	}
	return s.Verify(t.Context(), []index.Want{{Name: "mailbox", Version: version.MustParse("1.0.0"), Checksum: checksum}})
}

// What a user's own lists leave out is refused, whatever the registry says of it.
func TestTrustNarrows(t *testing.T) {
	p := newPublished(t)
	other, err := p.Snapshot().Publisher(t.Context(), p.ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	key := other.Keys[0].Public.String()
	for _, row := range []struct {
		name  string
		trust index.Trust
		code  string
	}{
		{"nothing is narrowed", index.Trust{}, ""},
		{"her key", index.Trust{Keys: []string{key}}, ""},
		{"her id", index.Trust{Publishers: []string{p.ada.ID}}, ""},
		{"another key", index.Trust{Keys: []string{strings.ToUpper(key)}}, "key-not-trusted"},
		{"another id", index.Trust{Publishers: []string{"grace"}}, "publisher-not-trusted"},
		{"her key and another id", index.Trust{Keys: []string{key}, Publishers: []string{"grace"}}, "publisher-not-trusted"},
	} {
		artifacts, warnings, err := wanted(t, p, index.Options{Trust: row.trust}, "")
		if row.code == "" && (err != nil || len(artifacts) != 1 || len(warnings) > 0) || row.code != "" && (!fault.IsCode(err, row.code) || fault.KindOf(err) != fault.Integrity || artifacts != nil) {
			t.Errorf("%s: %d artifacts, %v", row.name, len(artifacts), err)
		}
		// With "warn" the same is said, and used.
		row.trust.Signatures = index.SignaturesWarn
		artifacts, warnings, err = wanted(t, p, index.Options{Trust: row.trust}, "")
		if err != nil || len(artifacts) != 1 || (len(warnings) > 0) != (row.code != "") {
			t.Errorf("%s, to warn: %d artifacts, %v, %v", row.name, len(artifacts), warnings, err)
		}
	}
}

// The lock's checksum and the pinned id are held against what the registry says now.
func TestWhatIsKnownStays(t *testing.T) {
	p := newPublished(t)
	if _, _, err := wanted(t, p, index.Options{}, index.DigestOf(nil)); !fault.IsCode(err, "lock-mismatch") {
		t.Errorf("another checksum than the lock's: %v", err)
	}
	if _, _, err := wanted(t, p, index.Options{Pin: "elsewhere.example"}, ""); !fault.IsCode(err, "registry-changed") {
		t.Errorf("another registry than the pinned one: %v", err)
	}
}

// Memory saves the second verification, keeps nothing that failed, and forgets when its file is damaged.
func TestMemory(t *testing.T) {
	p := newPublished(t)
	file := filepath.Join(t.TempDir(), "verified")
	open := func() *index.FileMemory {
		m := index.OpenMemory(file)
		return m
	}
	counting := &counted{FileMemory: open()}
	if _, _, err := wanted(t, p, index.Options{State: counting.state}, ""); err != nil {
		t.Fatal(err)
	}
	if err := counting.Save(); err != nil {
		t.Fatal(err)
	}
	first := counting.added.Load()
	counting = &counted{FileMemory: open()}
	if _, _, err := wanted(t, p, index.Options{State: counting.state}, ""); err != nil {
		t.Fatal(err)
	}
	if first == 0 || counting.added.Load() != 0 {
		t.Errorf("%d signatures were remembered first, %d again", first, counting.added.Load())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	counting = &counted{FileMemory: open()}
	if _, _, err := wanted(t, p, index.Options{State: counting.state}, ""); err != nil {
		t.Fatal(err)
	}
	if counting.added.Load() != first {
		t.Errorf("%d signatures were verified after the file was damaged, not %d", counting.added.Load(), first)
	}
}

// counted counts what a memory is told.
type counted struct {
	*index.FileMemory
	added atomic.Int64
}

func (c *counted) Add(d index.Digest) {
	c.added.Add(1)
	c.FileMemory.Add(d)
}

func (c *counted) state(string) (index.State, error) { return index.State{Verified: c}, nil }
