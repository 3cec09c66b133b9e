package gitrepo_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// thinPack lets git pack what a commit has more than another, as differences against that.
func thinPack(t *testing.T, dir string, from, to gitrepo.Hash) []byte {
	cmd := gittest.Command(dir, "pack-objects", "-q", "--thin", "--revs", "--stdout", "--delta-base-offset")
	cmd.Stdin = strings.NewReader(to.String() + "\n^" + from.String() + "\n")
	pack, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return pack
}

func long(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d: %d\n", i, i*i)
	}
	return b.String()
}

// TestThinPack: git's thin pack becomes a whole one that git finds nothing wrong with, and which needs nothing beside it.
func TestThinPack(t *testing.T) {
	from, first := gittest.Repo(t, "main", map[string]string{"a/big": long(3000), "b": long(2000)})
	dir := t.TempDir()
	gittest.Run(t, dir, "clone", "-q", "--bare", from.Dir(), "copy")
	second := gittest.Commit(t, from, "main", map[string]string{"a/big": long(3001), "b": long(2000) + "more\n", "c": "new"})
	pack := thinPack(t, from.Dir(), first, second)
	if len(pack) > 2000 {
		t.Fatalf("git's pack has %d bytes: it is not thin", len(pack))
	}
	to, err := gitrepo.Open(filepath.Join(dir, "copy"))
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if _, err := to.AddPack(t.Context(), bytes.NewReader(pack), gitrepo.PackLimits{}); !fault.IsCode(err, "git-bad-pack") {
		t.Errorf("without leave: %v", err)
	}
	info, err := to.AddPack(t.Context(), bytes.NewReader(pack), gitrepo.PackLimits{Thin: true})
	if err != nil || info.Commits != 1 || info.Trees != 2 || info.Blobs != 3 || info.Bytes != int64(len(pack)) || info.Known {
		t.Fatalf("%+v, %v", info, err)
	}
	if err := to.CheckComplete(t.Context(), first, second, gitrepo.Extent{Files: true}); err != nil {
		t.Error(err)
	}
	gittest.Run(t, to.Dir(), "update-ref", "refs/heads/main", second.String())
	gittest.Fsck(t, to.Dir())
	gittest.Run(t, to.Dir(), "verify-pack", filepath.Join("objects", "pack", "pack-"+info.Hash.String()+".idx"))
	if got, err := to.ReadFile(second, "a/big", 1<<20); err != nil || string(got) != long(3001) {
		t.Errorf("%d bytes, %v", len(got), err)
	}

	again, err := to.AddPack(t.Context(), bytes.NewReader(pack), gitrepo.PackLimits{Thin: true})
	if err != nil || !again.Known || again.Hash != info.Hash {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	if err := to.RemovePack(info.Hash); err != nil || to.Has(second) || !to.Has(first) {
		t.Errorf("taken back: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(to.Dir(), "objects", "pack", "*"+info.Hash.String()+"*")); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// TestThinPackHostile: bases that are not here, too large together, or also in the pack.
func TestThinPackHostile(t *testing.T) {
	base := []byte(long(3000))
	repo, first := gittest.Repo(t, "main", map[string]string{"base": string(base)})
	files, err := repo.Lookup(first, []string{"base"})
	if err != nil {
		t.Fatal(err)
	}
	id := files["base"].Hash
	d := delta(len(base), 1000, 2)
	wrong := delta(len(base)-1, 1000, 2)
	for name, row := range map[string]struct {
		pack   []byte
		limits gitrepo.PackLimits
		ok     bool
		large  bool
	}{
		"good":                     {makePack(packed{7, len(d), id, d}), gitrepo.PackLimits{}, true, false},
		"base in the pack too":     {makePack(packed{3, len(base), id, base}, packed{7, len(d), id, d}), gitrepo.PackLimits{}, true, false},
		"base behind its delta":    {makePack(packed{7, len(d), id, d}, packed{3, len(base), id, base}), gitrepo.PackLimits{}, true, false},
		"an object twice":          {makePack(packed{3, 1, id, []byte("x")}, packed{3, 1, id, []byte("x")}), gitrepo.PackLimits{}, false, false},
		"base nowhere":             {makePack(packed{7, len(d), gitrepo.Hash{1}, d}), gitrepo.PackLimits{}, false, false},
		"one base of two":          {makePack(packed{7, len(d), id, d}, packed{7, len(d), gitrepo.Hash{1}, d}), gitrepo.PackLimits{}, false, false},
		"base of another length":   {makePack(packed{7, len(wrong), id, wrong}), gitrepo.PackLimits{}, false, false},
		"base over the limit":      {makePack(packed{7, len(d), id, d}), gitrepo.PackLimits{MaxObject: int64(len(base)) - 1}, false, true},
		"too much with the base":   {makePack(packed{7, len(d), id, d}), gitrepo.PackLimits{MaxInflated: int64(len(base))}, false, true},
		"cut off":                  {makePack(packed{7, len(d), id, d})[:50], gitrepo.PackLimits{}, false, false},
		"a base that is no object": {makePack(packed{7, len(d), gitrepo.Hash{}, d}), gitrepo.PackLimits{}, false, false},
	} {
		before := repo.PackCount()
		row.limits.Thin = true
		info, err := repo.AddPack(t.Context(), bytes.NewReader(row.pack), row.limits)
		if !row.ok {
			if fault.KindOf(err) != fault.Integrity || errors.Is(err, gitrepo.ErrTooLarge) != row.large {
				t.Errorf("%s: %v", name, err)
			}
			if left, _ := filepath.Glob(filepath.Join(repo.Dir(), "objects", "pack", "tmp_*")); repo.PackCount() != before || len(left) != 0 {
				t.Errorf("%s: something was kept: %v", name, left)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		gittest.Run(t, repo.Dir(), "verify-pack", filepath.Join("objects", "pack", "pack-"+info.Hash.String()+".idx"))
		if err := repo.RemovePack(info.Hash); err != nil {
			t.Error(err)
		}
	}
}

func TestCheckComplete(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a/b/c": "1", "a/d": "2", "e/b/c": "1"})
	second := gittest.Commit(t, repo, "main", map[string]string{"a/b/c": "3"})
	at := func(what string) string { return gittest.Run(t, repo.Dir(), "rev-parse", what) }
	loose := func(id string) string { return filepath.Join(repo.Dir(), "objects", id[:2], id[2:]) }
	for name, test := range map[string]struct {
		lost         string
		before       gitrepo.Hash
		files, whole bool
	}{
		"nothing lost":                 {lost: "", files: true, whole: true},
		"a new folder":                 {lost: "main:a/b", before: first},
		"a new file":                   {lost: "main:a/b/c", before: first, files: true},
		"a new file that nobody needs": {lost: "main:a/b/c", before: first, whole: true},
		"an old folder":                {lost: "main:e/b"},
		"an old folder that was there": {lost: "main:e/b", before: first, whole: true},
		"an old file":                  {lost: "main:e/b/c", files: true},
		"the commit":                   {lost: "main", before: first},
		"the root":                     {lost: "main^{tree}", before: first},
	} {
		var data []byte
		path := ""
		if test.lost != "" {
			path = loose(at(test.lost))
			var err error
			if data, err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		fresh, err := gitrepo.Open(repo.Dir())
		if err != nil {
			t.Fatal(err)
		}
		err = fresh.CheckComplete(t.Context(), test.before, second, gitrepo.Extent{Files: test.files})
		if test.whole && err != nil || !test.whole && !errors.Is(err, gitrepo.ErrMissingObject) {
			t.Errorf("%s: %v", name, err)
		}
		fresh.Close()
		if path != "" {
			if err := os.WriteFile(path, data, 0o444); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// FuzzThinPack: as FuzzAddPack, over a repository that has a base.
func FuzzThinPack(f *testing.F) {
	text := []byte("abc")
	id := gitrepo.Hash{0xf2, 0xba, 0x8f, 0x84, 0xab, 0x5c, 0x1b, 0xce, 0x84, 0xa7, 0xb4, 0x41, 0xcb, 0x19, 0x59, 0xcf, 0xc7, 0x09, 0x3b, 0x7f}
	d, e := delta(3, 3, 2), delta(3, 2, 5)
	f.Add(makePack(packed{7, len(d), id, d}))
	f.Add(makePack(packed{7, len(d), id, d}, packed{7, len(e), id, e}))
	f.Add(makePack(packed{3, 3, id, text}, packed{7, len(d), id, d}))
	f.Add(makePack(packed{7, len(d), id, d}, packed{3, 3, id, text}))
	f.Add(makePack(packed{7, len(d), gitrepo.Hash{1}, d}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 20 {
			data = resum(data[: len(data)-20 : len(data)-20])
		}
		repo := emptyRepo(t)
		if _, err := repo.BuildTree(gitrepo.Hash{}, []gitrepo.Edit{{Path: "base", Data: text}}); err != nil || !repo.Has(id) {
			t.Fatal(err)
		}
		info, err := repo.AddPack(t.Context(), bytes.NewReader(data), gitrepo.PackLimits{MaxObject: 1 << 16, MaxInflated: 1 << 20, Thin: true})
		if err != nil {
			if repo.PackCount() != 0 {
				t.Error("a refused pack was kept")
			}
			return
		}
		if info.Bytes != int64(len(data)) || repo.PackCount() != 1 {
			t.Errorf("%+v of %d bytes", info, len(data))
		}
		gittest.Run(t, repo.Dir(), "verify-pack", filepath.Join("objects", "pack", "pack-"+info.Hash.String()+".idx"))
	})
}
