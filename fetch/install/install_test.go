package install

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree makes a package's tree as the cache would hold it.
func tree(t testing.TB, store, name, text string) string {
	t.Helper()
	dir := filepath.Join(store, name)
	must(t, os.MkdirAll(filepath.Join(dir, "src"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "gal.toml"), []byte(text), 0o444))
	must(t, os.WriteFile(filepath.Join(dir, "src", "run"), []byte(text), 0o555))
	return dir
}

func digest(c string) string { return "sha256:" + strings.Repeat(c, 64) }

func pkg(t testing.TB, store, name, v, digestChar string) Installed {
	t.Helper()
	return Installed{ID: name + " " + v, Name: name, Key: name, Version: version.MustParse(v), Digest: digest(digestChar),
		Tree: tree(t, store, name+"-"+v+"-"+digestChar, name+v+digestChar)}
}

// build is an application with two majors of one package and a member.
func build(t testing.TB, store string) []Installed {
	t.Helper()
	app := Installed{ID: "app 0.1.0", Name: "app", Key: "app", Version: version.MustParse("0.1.0"), Folder: ".", Root: true,
		Features: []string{"default"}, Imports: map[string]string{"mailbox": "mailbox 1.0.0", "mailbox2": "mailbox 2.0.0", "tools": "tools 0.1.0"}}
	tools := Installed{ID: "tools 0.1.0", Name: "tools", Key: "tools", Version: version.MustParse("0.1.0"), Folder: "./crates/../tools/"}
	return []Installed{pkg(t, store, "mailbox", "2.0.0", "b"), tools, app, pkg(t, store, "mailbox", "1.0.0", "a")}
}

func links(t testing.TB, project string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(project, ".gal", "packages"))
	must(t, err)
	all := map[string]string{}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(project, ".gal", "packages", e.Name()))
		if err != nil {
			target = "copy"
		}
		all[e.Name()] = filepath.Base(target)
	}
	return all
}

func TestLink(t *testing.T) {
	project, store := t.TempDir(), t.TempDir()
	pkgs := build(t, store)
	report, err := Link(project, pkgs, Options{})
	if err != nil || !reflect.DeepEqual(report, Report{Linked: []string{"mailbox-1.0.0", "mailbox-2.0.0"}, Ways: []LinkMode{Symlink}}) {
		t.Fatalf("got %+v, %v", report, err)
	}
	if got := links(t, project); !reflect.DeepEqual(got, map[string]string{"mailbox-1.0.0": "mailbox-1.0.0-a", "mailbox-2.0.0": "mailbox-2.0.0-b"}) {
		t.Errorf("links %v", got)
	}
	list, err := os.ReadFile(filepath.Join(project, ListFile))
	must(t, err)
	want := `{"v":1,"packages":[` +
		`{"id":"app 0.1.0","folder":".","features":["default"],"imports":{"mailbox":".gal/packages/mailbox-1.0.0","mailbox2":".gal/packages/mailbox-2.0.0","tools":"tools"}},` +
		`{"id":"mailbox 1.0.0","folder":".gal/packages/mailbox-1.0.0","features":[],"imports":{}},` +
		`{"id":"mailbox 2.0.0","folder":".gal/packages/mailbox-2.0.0","features":[],"imports":{}},` +
		`{"id":"tools 0.1.0","folder":"tools","features":[],"imports":{}}]}` + "\n"
	if string(list) != want {
		t.Errorf("got  %s\nwant %s", list, want)
	}
	before, err := os.Stat(filepath.Join(project, PackagesDir))
	must(t, err)
	if report, err := Link(project, pkgs, Options{}); err != nil || !reflect.DeepEqual(report, Report{Ways: []LinkMode{Symlink}}) {
		t.Errorf("again: %+v, %v", report, err)
	}
	if after, err := os.Stat(filepath.Join(project, PackagesDir)); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("a link that changes nothing wrote to the folder: %v", err)
	}
}

func TestLinkFollowsTheLock(t *testing.T) {
	project, store := t.TempDir(), t.TempDir()
	if _, err := Link(project, build(t, store), Options{}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(project, PackagesDir)
	// What a user or a crash may have left there.
	must(t, os.Symlink("/nowhere", filepath.Join(dir, ".tmp-mailbox-1.0.0")))
	must(t, os.MkdirAll(filepath.Join(dir, "stray", "deep"), 0o755))
	must(t, os.Remove(filepath.Join(dir, "mailbox-2.0.0")))
	must(t, os.Mkdir(filepath.Join(dir, "mailbox-2.0.0"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "other-1.0.0"), nil, 0o644))
	canary := filepath.Join(t.TempDir(), "canary")
	must(t, os.MkdirAll(filepath.Join(canary, "kept"), 0o755))
	must(t, os.Symlink(canary, filepath.Join(dir, "old-1.0.0")))

	moved := pkg(t, store, "mailbox", "2.0.0", "c")
	report, err := Link(project, []Installed{{ID: "app", Folder: ".", Root: true}, moved, pkg(t, store, "other", "1.0.0", "d")}, Options{})
	if err != nil || !reflect.DeepEqual(report.Linked, []string{"mailbox-2.0.0", "other-1.0.0"}) || !reflect.DeepEqual(report.Removed, []string{"mailbox-1.0.0", "old-1.0.0", "stray"}) {
		t.Errorf("got %+v, %v", report, err)
	}
	if got := links(t, project); !reflect.DeepEqual(got, map[string]string{"mailbox-2.0.0": "mailbox-2.0.0-c", "other-1.0.0": "other-1.0.0-d"}) {
		t.Errorf("links %v", got)
	}
	for _, path := range []string{filepath.Join(canary, "kept"), filepath.Join(store, "mailbox-1.0.0-a", "gal.toml")} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("a link was followed when it was removed: %v", err)
		}
	}
}

func TestTwoSourcesOfOneName(t *testing.T) {
	project, store := t.TempDir(), t.TempDir()
	a, b := pkg(t, store, "mailbox", "1.0.0", "a"), pkg(t, store, "mailbox", "1.0.0", "b")
	a.ID, b.ID = "one", "two"
	same := b
	same.ID = "three" // another registry, the same bytes
	if _, err := Link(project, []Installed{a, b, same}, Options{}); err != nil {
		t.Fatal(err)
	}
	if got := links(t, project); !reflect.DeepEqual(got, map[string]string{"mailbox-1.0.0-aaaaaaaa": "mailbox-1.0.0-a", "mailbox-1.0.0-bbbbbbbb": "mailbox-1.0.0-b"}) {
		t.Errorf("links %v", got)
	}
}

func TestCopies(t *testing.T) {
	project, store := t.TempDir(), t.TempDir()
	pkgs := []Installed{pkg(t, store, "mailbox", "1.0.0", "a"), pkg(t, store, "other", "1.0.0", "b")}
	if _, err := Link(project, pkgs, Options{}); err != nil {
		t.Fatal(err)
	}
	report, err := Link(project, pkgs, Options{Mode: Copy})
	if err != nil || !reflect.DeepEqual(report.Ways, []LinkMode{Copy}) || len(report.Linked) != 2 {
		t.Fatalf("got %+v, %v", report, err)
	}
	copied := filepath.Join(project, PackagesDir, "mailbox-1.0.0")
	info, err := os.Stat(filepath.Join(copied, "src", "run"))
	if err != nil || info.Mode().Perm() != 0o755 || !reflect.DeepEqual(links(t, project), map[string]string{"mailbox-1.0.0": "copy", "other-1.0.0": "copy"}) {
		t.Errorf("%v, %v, links %v", info, err, links(t, project))
	}
	if report, err := Link(project, pkgs, Options{Mode: Copy}); err != nil || len(report.Linked) != 0 {
		t.Errorf("again: %+v, %v", report, err)
	}
	for name, damage := range map[string]func(){
		"edited":  func() { must(t, os.WriteFile(filepath.Join(copied, "gal.toml"), []byte("mailbox1.0.0A"), 0o644)) },
		"added":   func() { must(t, os.WriteFile(filepath.Join(copied, "src", "more"), nil, 0o644)) },
		"removed": func() { must(t, os.Remove(filepath.Join(copied, "gal.toml"))) },
		"linked": func() {
			must(t, os.Remove(filepath.Join(copied, "gal.toml")))
			must(t, os.Symlink(filepath.Join(pkgs[0].Tree, "gal.toml"), filepath.Join(copied, "gal.toml")))
		},
	} {
		damage()
		if report, err := Link(project, pkgs, Options{Mode: Copy}); err != nil || !reflect.DeepEqual(report.Linked, []string{"mailbox-1.0.0"}) {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
		if data, err := os.ReadFile(filepath.Join(copied, "gal.toml")); err != nil || string(data) != "mailbox1.0.0a" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if report, err := Link(project, pkgs, Options{Mode: Symlink}); err != nil || len(report.Linked) != 2 || links(t, project)["other-1.0.0"] != "other-1.0.0-b" {
		t.Errorf("back to links: %+v, %v", report, err)
	}
}

// Copies that take the place of links are counted, and where the disk is full after all the links come back.
func TestCopiesForLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its full disks have another number")
	}
	project, store := t.TempDir(), t.TempDir()
	pkgs := []Installed{pkg(t, store, "a", "1.0.0", "a"), pkg(t, store, "b", "1.0.0", "b"), pkg(t, store, "c", "1.0.0", "c")}
	_, err := Link(project, pkgs[:2], Options{})
	must(t, err)
	before := links(t, project)
	l, err := newLinker(project, Options{Mode: Copy})
	must(t, err)
	defer l.root.Close()
	must(t, l.place(pkgs))
	if want := int64(len(pkgs)) * 2 * block; l.needed != want {
		t.Errorf("%d bytes are needed, want %d", l.needed, want)
	}
	if err := l.retreat(&os.PathError{Op: "write", Path: "c", Err: syscall.ENOSPC}); !fault.IsCode(err, "disk-full") {
		t.Error(err)
	}
	if got := links(t, project); !reflect.DeepEqual(got, before) {
		t.Errorf("left %v of %v", got, before)
	}
}

func TestLinkRefuses(t *testing.T) {
	store, outside := t.TempDir(), t.TempDir()
	good := pkg(t, store, "mailbox", "1.0.0", "a")
	must(t, os.WriteFile(filepath.Join(outside, "precious"), nil, 0o644))
	for name, tt := range map[string]struct {
		prepare func(project string) error
		pkgs    []Installed
		mode    LinkMode
		code    string
	}{
		".gal is a link":         {func(p string) error { return os.Symlink(outside, filepath.Join(p, ".gal")) }, []Installed{good}, "", "bad-project"},
		".gal is a file":         {func(p string) error { return os.WriteFile(filepath.Join(p, ".gal"), nil, 0o644) }, []Installed{good}, "", "bad-project"},
		"packages is a link":     {linkBelow("packages", outside), []Installed{good}, "", "bad-project"},
		"packages.json, a link":  {linkBelow("packages.json", filepath.Join(outside, "precious")), []Installed{good}, "", "bad-project"},
		"mode":                   {nil, []Installed{good}, "hard", "bad-link-mode"},
		"the same id twice":      {nil, []Installed{good, good}, "", "bad-install"},
		"an import of nothing":   {nil, []Installed{{ID: "app", Folder: ".", Imports: map[string]string{"x": "y"}}}, "", "bad-install"},
		"a key that leads away":  {nil, []Installed{{ID: "x", Key: "../../x", Version: good.Version, Tree: good.Tree, Digest: good.Digest}}, "", "bad-name"},
		"a key with a separator": {nil, []Installed{{ID: "x", Key: "a/b", Version: good.Version, Tree: good.Tree, Digest: good.Digest}}, "", "bad-name"},
	} {
		project := t.TempDir()
		if tt.prepare != nil {
			must(t, tt.prepare(project))
		}
		if _, err := Link(project, tt.pkgs, Options{Mode: tt.mode}); !fault.IsCode(err, tt.code) {
			t.Errorf("%s: %v", name, err)
		}
		entries, err := os.ReadDir(outside)
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: outside there is %v", name, entries)
		}
	}
}

func linkBelow(name, target string) func(string) error {
	return func(project string) error {
		if err := os.Mkdir(filepath.Join(project, ".gal"), 0o755); err != nil {
			return err
		}
		return os.Symlink(target, filepath.Join(project, ".gal", name))
	}
}

func TestStamp(t *testing.T) {
	project, store := t.TempDir(), t.TempDir()
	write := func(name, text string) { must(t, os.WriteFile(filepath.Join(project, name), []byte(text), 0o644)) }
	write("gal.toml", "one")
	write("gal.lock", "two")
	stamp := func(words ...string) Stamp {
		s, err := NewStamp(project, []string{"gal.lock", "gal.toml", "member/gal.toml"}, words...)
		must(t, err)
		return s
	}
	if stamp().Fresh(project, store) {
		t.Error("fresh before the first installation")
	}
	if _, err := Link(project, build(t, store), Options{}); err != nil {
		t.Fatal(err)
	}
	must(t, stamp("dev").Record(project, store))
	if !stamp("dev").Fresh(project, store) {
		t.Error("not fresh after an installation")
	}
	dir := filepath.Join(project, PackagesDir)
	keepList := func() func() {
		list := filepath.Join(project, ListFile)
		data, err := os.ReadFile(list)
		must(t, err)
		info, err := os.Stat(list)
		must(t, err)
		return func() {
			must(t, os.WriteFile(list, data, 0o644))
			must(t, os.Chtimes(list, info.ModTime(), info.ModTime()))
		}
	}
	for name, change := range map[string]func() func(){
		"lock": func() func() { write("gal.lock", "2wo"); return func() { write("gal.lock", "two") } },
		"no lock": func() func() {
			must(t, os.Remove(filepath.Join(project, "gal.lock")))
			return func() { write("gal.lock", "two") }
		},
		"new member": func() func() {
			must(t, os.Mkdir(filepath.Join(project, "member"), 0o755))
			write("member/gal.toml", "")
			return func() { must(t, os.RemoveAll(filepath.Join(project, "member"))) }
		},
		"moved text": func() func() {
			write("gal.lock", "twoone")
			write("gal.toml", "")
			return func() { write("gal.lock", "two"); write("gal.toml", "one") }
		},
		"another list": func() func() {
			undo := keepList()
			must(t, os.WriteFile(filepath.Join(project, ListFile), []byte("{}"), 0o644))
			return undo
		},
		"link removed": func() func() {
			must(t, os.Remove(filepath.Join(dir, "mailbox-1.0.0")))
			return func() {
				if _, err := Link(project, build(t, store), Options{}); err != nil {
					t.Fatal(err)
				}
				must(t, stamp("dev").Record(project, store))
			}
		},
		"times of links": func() func() {
			info, err := os.Stat(dir)
			must(t, err)
			must(t, os.Chtimes(dir, time.Time{}, info.ModTime().Add(time.Nanosecond)))
			return func() { must(t, os.Chtimes(dir, time.Time{}, info.ModTime())) }
		},
		"list removed": func() func() {
			undo := keepList()
			must(t, os.Remove(filepath.Join(project, ListFile)))
			return undo
		},
		"tree removed": func() func() {
			tree := filepath.Join(dir, "mailbox-1.0.0")
			path, err := os.Readlink(tree)
			must(t, err)
			must(t, os.Rename(path, filepath.Join(project, "away")))
			must(t, os.Chtimes(store, time.Time{}, time.Now().Add(time.Hour)))
			return func() { must(t, os.Rename(filepath.Join(project, "away"), path)) }
		},
		"forgotten": func() func() {
			must(t, Forget(project))
			must(t, Forget(project))
			return func() { must(t, stamp("dev").Record(project, store)) }
		},
		"damaged": func() func() {
			write(".gal/state", "nonsense")
			return func() { must(t, stamp("dev").Record(project, store)) }
		},
	} {
		undo := change()
		if stamp("dev").Fresh(project, store) {
			t.Errorf("%s: still fresh", name)
		}
		undo()
		if !stamp("dev").Fresh(project, store) {
			t.Errorf("%s undone: not fresh", name)
		}
	}
	before, err := os.ReadFile(filepath.Join(project, StateFile))
	must(t, err)
	must(t, os.Chtimes(store, time.Time{}, time.Unix(1e9, 0)))
	if !stamp("dev").Fresh(project, store) {
		t.Error("not fresh after other trees came")
	}
	if after, err := os.ReadFile(filepath.Join(project, StateFile)); err != nil || string(after) == string(before) {
		t.Errorf("the links are looked at again and again: %v", err)
	}
	// Once a day it is noted that what links lead to is used, and nothing else.
	tree, elsewhere := filepath.Join(store, "mailbox-1.0.0-a"), filepath.Join(project, "elsewhere")
	long := time.Now().Add(-40 * 24 * time.Hour)
	must(t, os.MkdirAll(elsewhere, 0o755))
	must(t, os.Symlink(elsewhere, filepath.Join(dir, "elsewhere")))
	must(t, stamp("dev").Record(project, store))
	for _, folder := range []string{tree, elsewhere} {
		must(t, os.Chtimes(folder, long, long))
	}
	isNoted := func(folder string) bool {
		info, err := os.Stat(folder)
		must(t, err)
		return time.Since(info.ModTime()) < time.Hour
	}
	if !stamp("dev").Fresh(project, store) || isNoted(tree) {
		t.Error("it was looked at a moment ago")
	}
	state, err := os.ReadFile(filepath.Join(project, StateFile))
	must(t, err)
	lines := strings.Split(string(state), "\n")
	for _, at := range []string{strconv.FormatInt(long.Unix(), 10), strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10), "x", ""} {
		must(t, os.Chtimes(tree, long, long))
		write(StateFile, strings.Join(append(slices.Clone(lines[:len(lines)-2]), at, ""), "\n"))
		if !stamp("dev").Fresh(project, store) || !isNoted(tree) || isNoted(elsewhere) {
			t.Errorf("noted at %q: not fresh, or the wrong trees are noted", at)
		}
	}
	if stamp("release").Fresh(project, store) || stamp().Fresh(project, store) || stamp("de", "v").Fresh(project, store) {
		t.Error("other options are fresh")
	}
}

func BenchmarkLink(b *testing.B) {
	project, store := b.TempDir(), b.TempDir()
	var pkgs []Installed
	for i := range 300 {
		pkgs = append(pkgs, pkg(b, store, "p", fmt.Sprintf("1.0.%d", i), "a"))
	}
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			if _, err := Link(project, pkgs, Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
