package gitrepo_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// edits reads "path=content" and "-path" words.
func edits(text string) []gitrepo.Edit {
	var list []gitrepo.Edit
	for _, word := range strings.Fields(text) {
		if path, ok := strings.CutPrefix(word, "-"); ok {
			list = append(list, gitrepo.Edit{Path: path})
			continue
		}
		path, data, _ := strings.Cut(word, "=")
		list = append(list, gitrepo.Edit{Path: path, Data: []byte(data)})
	}
	return list
}

// gitTree returns the id of the tree that git itself makes of files.
func gitTree(t testing.TB, files map[string]string) string {
	dir := t.TempDir()
	gittest.Run(t, dir, "init", "-q")
	for path, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	gittest.Run(t, dir, "add", "-A")
	return gittest.Run(t, dir, "write-tree")
}

func TestBuildTreeIsGits(t *testing.T) {
	base := map[string]string{"a": "1", "d/x": "2", "d/y": "3", "d/e/z": "4", "d.txt": "5"}
	rows := []struct {
		edits string
		want  map[string]string // what changes in base; "" removes
	}{
		{"", nil},
		{"a=9", map[string]string{"a": "9"}},
		{"d/e/z=9", map[string]string{"d/e/z": "9"}},
		{"d/new=9 d/e/n/e/w=8", map[string]string{"d/new": "9", "d/e/n/e/w": "8"}},
		{"d-=9 d0=8 d/a=7", map[string]string{"d-": "9", "d0": "8", "d/a": "7"}}, // sort around "d/"
		{"-a", map[string]string{"a": ""}},
		{"-d/e/z", map[string]string{"d/e/z": ""}}, // the folder goes with its last file
		{"-d/x -d/y -d/e/z", map[string]string{"d/x": "", "d/y": "", "d/e/z": ""}},
		{"-nothing -no/thing -d/no", nil},
	}
	repo, first := gittest.Repo(t, "main", base)
	for _, row := range rows {
		files := maps.Clone(base)
		for path, text := range row.want {
			files[path] = text
			if text == "" {
				delete(files, path)
			}
		}
		got, err := repo.BuildTree(first, edits(row.edits))
		if err != nil {
			t.Errorf("%q: %v", row.edits, err)
		} else if want := gitTree(t, files); got.String() != want {
			t.Errorf("%q: tree %s, git makes %s", row.edits, got, want)
		}
	}
	gittest.Fsck(t, repo.Dir())
}

func TestBuildTreeRefuses(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"f": "1", "d/x": "2"})
	for _, row := range []string{
		"d=1", "-d", "f/x=1", "-f/x", "n=1 n/x=1", "n=1 n.b=2 n/x=1", "f=1 f=2", // file and folder, twice
		"=1", "/a=1", "a//b=1", "a/=1", "../a=1", "a/./b=1", "-../f", // no plain path
		".git=1", ".GIT/config=1", "d/.Git=1", "git~1=1", ".git.=1", ".git::$INDEX=1", "x\\.git=1", ".g\u200cit=1", // taken for .git
		strings.Repeat("a/", 32) + "a=1", strings.Repeat("a", 256) + "=1", "a\x00b=1",
	} {
		if got, err := repo.BuildTree(first, edits(row)); err == nil {
			t.Errorf("%q: accepted as %s", row, got)
		}
	}
}

// TestBuildTreeLaws: the tree depends on the resulting files only, not on the order or the number of steps, and removing
// all gives the empty tree.
func TestBuildTreeLaws(t *testing.T) {
	repo, err := gitrepo.Init(filepath.Join(t.TempDir(), "r"), "main")
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	// No name is both file and folder: files end in a letter, folders in a digit.
	path := rapid.StringMatching(`([ab][0-2]/){0,3}[ab.-]?[xy]`)
	rapid.Check(t, func(rt *rapid.T) {
		files := rapid.MapOf(path, rapid.StringMatching(`[01]{0,2}`)).Draw(rt, "files")
		noise := rapid.MapOf(path, rapid.Just("noise")).Draw(rt, "noise")
		var all, steps, none []gitrepo.Edit
		for _, p := range slices.Sorted(maps.Keys(files)) {
			all = append(all, gitrepo.Edit{Path: p, Data: []byte(files[p])})
			none = append(none, gitrepo.Edit{Path: p})
		}
		for p := range noise {
			steps = append(steps, gitrepo.Edit{Path: p, Data: []byte(noise[p])})
		}
		once := must(repo.BuildTree(gitrepo.Hash{}, all))(rt)
		slices.Reverse(all)
		at := must(repo.BuildTree(gitrepo.Hash{}, steps))(rt)
		at = must(repo.BuildTree(at, all))(rt)
		var undo []gitrepo.Edit
		for p := range noise {
			if _, kept := files[p]; !kept {
				undo = append(undo, gitrepo.Edit{Path: p})
			}
		}
		at = must(repo.BuildTree(at, undo))(rt)
		if at != once {
			rt.Fatalf("in steps %s, at once %s", at, once)
		}
		if empty := must(repo.BuildTree(at, none))(rt); empty.String() != "4b825dc642cb6eb9a060e54bf8d69288fbee4904" {
			rt.Fatalf("all removed: %s", empty)
		}
	})
}

func must[T any](v T, err error) func(interface{ Fatal(...any) }) T {
	return func(t interface{ Fatal(...any) }) T {
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestManyFilesBecomeOnePack(t *testing.T) {
	files := map[string]string{}
	for i := range 1000 {
		files[fmt.Sprintf("index/%02d/p%d", i%50, i)] = fmt.Sprintf("line %d\n", i)
	}
	repo, first := gittest.Repo(t, "main", files)
	if n := repo.PackCount(); n != 1 {
		t.Errorf("%d packs", n)
	}
	gittest.Fsck(t, repo.Dir())
	clone := filepath.Join(t.TempDir(), "clone")
	gittest.Run(t, t.TempDir(), "clone", "-q", repo.Dir(), clone)
	got, err := os.ReadFile(filepath.Join(clone, "index", "07", "p507"))
	if err != nil || string(got) != "line 507\n" {
		t.Errorf("%q, %v", got, err)
	}
	before := strings.Count(gittest.Run(t, repo.Dir(), "count-objects"), "0 objects")
	gittest.Commit(t, repo, "main", map[string]string{"index/07/p507": "changed\n"})
	if got := gittest.Run(t, repo.Dir(), "count-objects"); before != 1 || !strings.HasPrefix(got, "5 objects") {
		t.Errorf("one file changed in %s: %s, want a blob, three trees and a commit", first, got)
	}
}
