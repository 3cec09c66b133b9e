package build_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

func logKey(t *testing.T) *translog.PrivateKey {
	t.Helper()
	key, err := translog.GenerateKey(rand.Reader, sitetest.ID)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func builder(t *testing.T, tree build.Tree, size int64, key *translog.PrivateKey) *build.Builder {
	t.Helper()
	b, err := build.New(sitetest.ID, tree, size, key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func finish(t *testing.T, b *build.Builder, into sitetest.Files) *build.Output {
	t.Helper()
	out, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if out != nil {
		maps.Copy(into, out.Files)
	}
	return out
}

// history is a publisher and n packages with two versions each, the first of them yanked.
func history(t *testing.T, n int) (author publish.Author, lines []*index.Line) {
	t.Helper()
	author = sitetest.Author(t, "ada")
	lines = append(lines, sitetest.Line(t)(author.Register(sitetest.ID, "", nil)))
	ledger := build.NewLedger(sitetest.ID, build.Empty{}, 0)
	add := func(l *index.Line, err error) {
		l = sitetest.Line(t)(l, err)
		if _, _, err := ledger.Append(l, sitetest.Now); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if _, _, err := ledger.Append(lines[0], sitetest.Now); err != nil {
		t.Fatal(err)
	}
	digest := index.DigestOf([]byte("an archive"))
	for i := range n {
		name := "pkg-" + strings.Repeat(string(rune('a'+i%26)), 1+i/26)
		for _, v := range []string{"1.0.0", "1.1.0"} {
			p, err := ledger.Package(name)
			if err != nil {
				t.Fatal(err)
			}
			add(author.Publish(sitetest.ID, p, &publish.Draft{Name: name, Publish: &index.Publish{
				Version: version.MustParse(v), Checksum: digest, Size: 10, Unpacked: 10, License: "MIT"}}))
		}
		p, err := ledger.Package(name)
		if err != nil {
			t.Fatal(err)
		}
		add(author.Yank(sitetest.ID, p, &index.Yank{Version: version.MustParse("1.0.0"), Class: "other", Reason: "x"}))
	}
	return author, lines
}

// TestFlush: a build that flushes gives what one gives that does not, with nothing but further partial tiles beside it.
func TestFlush(t *testing.T) {
	_, lines := history(t, 120)
	key := logKey(t)
	at := func(int) time.Time { return sitetest.Now }
	whole := sitetest.Files{}
	b := builder(t, whole, 0, key)
	for i, l := range lines {
		if err := b.Append(l, at(i)); err != nil {
			t.Fatal(err)
		}
	}
	want := finish(t, b, whole)
	for _, every := range []int{1, 7, 256, len(lines)} {
		tree := sitetest.Files{}
		b := builder(t, tree, 0, key)
		for i, l := range lines {
			if err := b.Append(l, at(i)); err != nil {
				t.Fatal(err)
			}
			if (i+1)%every == 0 {
				if err := b.Flush(func(name string, data []byte) error { tree[name] = data; return nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
		out := finish(t, b, tree)
		if out == nil || out.Size != want.Size {
			t.Fatalf("every %d: %+v, want size %d", every, out, want.Size)
		}
		for name, data := range whole {
			if !bytes.Equal(tree[name], data) {
				t.Errorf("every %d: %s differs", every, name)
			}
		}
		for name := range tree {
			if whole[name] == nil && !strings.Contains(name, ".p/") {
				t.Errorf("every %d: %s is too much", every, name)
			}
		}
	}
}

// TestContinue: builds one after the other, each on the tree of the one before, give one log in which every line stands
// where its stamp says.
func TestContinue(t *testing.T) {
	author, lines := history(t, 40)
	key, tree, size := logKey(t), sitetest.Files{}, int64(0)
	var last *build.Output
	for chunk := range slices.Chunk(lines, 11) {
		b := builder(t, tree, size, key)
		for _, l := range chunk {
			if err := b.Append(l, sitetest.Now); err != nil {
				t.Fatal(err)
			}
		}
		last = finish(t, b, tree)
		size = last.Size
	}
	if size != int64(len(lines)) {
		t.Fatalf("size %d, want %d", size, len(lines))
	}
	checkpoint, err := translog.OpenCheckpoint(tree[index.LogDir+translog.CheckpointPath(size)], sitetest.ID, key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	var leaves [][]byte
	log := translog.Open(under{tree, index.LogDir}, checkpoint)
	for n := range (size + 255) / 256 {
		more, err := log.Entries(n)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, more...)
	}
	var decoder index.Decoder
	entries, err := decoder.ParseStamped("x", tree[index.PackagePath("pkg-c")])
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		leaf, err := sign.LeafBody(author.Key.Public(), e.Line.Claim(sitetest.ID).PAE(), e.Line.Sig.Value)
		if err != nil || !bytes.Equal(leaves[e.Log], leaf) {
			t.Errorf("leaf %d is not that of the line: %v", e.Log, err)
		}
	}
	for _, r := range last.Releases {
		if bundle, err := last.Bundle(r); err != nil || !bytes.Contains(bundle, []byte("checkpoint")) {
			t.Errorf("bundle of %s: %v", r.Name, err)
		}
	}
}

type under struct {
	tree   sitetest.Files
	folder string
}

func (u under) Read(path string) ([]byte, error) { return u.tree.ReadFile(u.folder + path) }

func TestNothingToBuild(t *testing.T) {
	if out := finish(t, builder(t, sitetest.Files{}, 0, logKey(t)), sitetest.Files{}); out != nil {
		t.Errorf("%+v", out)
	}
}

// TestAForgedLineChangesNothing: after it, the true one counts and the published file does not know of the other.
func TestAForgedLineChangesNothing(t *testing.T) {
	_, lines := history(t, 1)
	tree := sitetest.Files{}
	b := builder(t, tree, 0, logKey(t))
	forge := func(l *index.Line) *index.Line {
		f := *l
		f.Sig.Value = lines[len(lines)-1].Sig.Value
		return &f
	}
	for _, l := range lines[:len(lines)-1] {
		if err := b.Append(forge(l), sitetest.Now); fault.KindOf(err) != fault.Integrity {
			t.Fatalf("a forged %s line: %v", l.Event, err)
		}
		if err := b.Append(l, sitetest.Now); err != nil {
			t.Fatalf("the true %s line after it: %v", l.Event, err)
		}
		var dead *index.Ineffective
		if err := b.Append(l, sitetest.Now); !errors.As(err, &dead) {
			t.Fatalf("the same %s line again: %v", l.Event, err)
		}
	}
	if out := finish(t, b, tree); out.Size != int64(len(lines)-1) {
		t.Errorf("size %d, want %d", out.Size, len(lines)-1)
	}
}

// TestOtherSpellingsOfAnID: ids that differ in - and _ share a file, which belongs to the first.
func TestOtherSpellingsOfAnID(t *testing.T) {
	first, second := sitetest.Author(t, "grace-h"), sitetest.Author(t, "grace_h")
	ledger := build.NewLedger(sitetest.ID, build.Empty{}, 0)
	for _, id := range []string{"grace_h", "grace-h"} {
		if p, err := ledger.Publisher(id); err != nil || p.Exists() || p.ID != id {
			t.Fatalf("%s before: %+v, %v", id, p, err)
		}
	}
	if _, _, err := ledger.Append(sitetest.Line(t)(first.Register(sitetest.ID, "", nil)), sitetest.Now); err != nil {
		t.Fatal(err)
	}
	var dead *index.Ineffective
	if _, _, err := ledger.Append(sitetest.Line(t)(second.Register(sitetest.ID, "", nil)), sitetest.Now); !errors.As(err, &dead) || dead.Code != index.DeadSubject {
		t.Errorf("the second: %v", err)
	}
}
