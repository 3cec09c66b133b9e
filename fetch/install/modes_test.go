package install

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// same reports whether two paths are the same file.
func same(t testing.TB, a, b string) bool {
	t.Helper()
	infoA, err := os.Lstat(a)
	must(t, err)
	infoB, err := os.Lstat(b)
	must(t, err)
	return os.SameFile(infoA, infoB)
}

func TestHardlinks(t *testing.T) {
	project, store := t.TempDir(), t.TempDir()
	pkgs := []Installed{pkg(t, store, "mailbox", "1.0.0", "a"), pkg(t, store, "other", "1.0.0", "b")}
	must(t, os.Chmod(filepath.Join(pkgs[0].Tree, "src"), 0o731)) // as in the cache of a group
	link := func(mode LinkMode, linked ...string) {
		t.Helper()
		report, err := Link(project, pkgs, Options{Mode: mode})
		if err != nil || !reflect.DeepEqual(report.Linked, linked) || !reflect.DeepEqual(report.Ways, []LinkMode{mode}) {
			t.Fatalf("%s: %+v, %v, not %v", mode, report, err, linked)
		}
		entries, err := os.ReadDir(filepath.Join(project, PackagesDir))
		if err != nil || len(entries) != len(pkgs) {
			t.Fatalf("%s: left over: %v, %v", mode, entries, err)
		}
	}
	both := []string{"mailbox-1.0.0", "other-1.0.0"}
	symlinks := runtime.GOOS != "windows" // where not everybody may make them
	if symlinks {
		link(Symlink, both...)
	}
	link(Hardlink, both...)
	own := filepath.Join(project, PackagesDir, "mailbox-1.0.0")
	whole := func(what string) {
		t.Helper()
		for _, file := range []string{"gal.toml", "src/run"} {
			if !same(t, filepath.Join(own, file), filepath.Join(pkgs[0].Tree, file)) {
				t.Errorf("%s: %s is no link", what, file)
			}
		}
	}
	whole("made")
	if info, err := os.Lstat(filepath.Join(own, "src")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o711 {
		t.Errorf("folder %v, %v", info, err)
	}
	link(Hardlink)
	damages := map[string]func(){
		"another file": func() {
			must(t, os.Remove(filepath.Join(own, "gal.toml")))
			must(t, os.WriteFile(filepath.Join(own, "gal.toml"), []byte("mailbox1.0.0a"), 0o444))
		},
		"added":        func() { must(t, os.WriteFile(filepath.Join(own, "src", "more"), nil, 0o644)) },
		"added folder": func() { must(t, os.Mkdir(filepath.Join(own, "more"), 0o755)) },
		"removed":      func() { must(t, os.Remove(filepath.Join(own, "gal.toml"))) },
		"another package": func() {
			must(t, os.RemoveAll(own))
			must(t, os.WriteFile(own, nil, 0o644))
		},
	}
	if symlinks {
		damages["a folder that leads to the store"] = func() {
			must(t, os.RemoveAll(filepath.Join(own, "src")))
			must(t, os.Symlink(filepath.Join(pkgs[0].Tree, "src"), filepath.Join(own, "src")))
		}
		damages["a package that leads to the store"] = func() {
			must(t, os.RemoveAll(own))
			must(t, os.Symlink(pkgs[0].Tree, own))
		}
	}
	for name, damage := range damages {
		damage()
		link(Hardlink, "mailbox-1.0.0")
		whole(name)
	}
	// A file of the store is no copy, and a copy no file of the store.
	link(Copy, both...)
	if same(t, filepath.Join(own, "gal.toml"), filepath.Join(pkgs[0].Tree, "gal.toml")) {
		t.Error("the copy is a link")
	}
	link(Copy)
	link(Hardlink, both...)
	whole("again")
	if symlinks {
		link(Symlink, both...)
	}
	for _, file := range []string{"gal.toml", "src/run"} {
		// Where a system can remove no read-only file, all its names lose that.
		if info, err := os.Stat(filepath.Join(pkgs[0].Tree, file)); err != nil || symlinks && info.Mode().Perm()&0o222 != 0 {
			t.Errorf("%s of the store: %v, %v", file, info, err)
		}
	}
}

// refuse makes links fail until the test ends: symbolic ones with symlink, and of the files of one package, or of all, hard
// ones with hard. It returns the names that were tried.
func refuse(t *testing.T, symlink error, of string, hard error) *[]string {
	t.Helper()
	tried := new([]string)
	t.Cleanup(failpoint.Rehearse(func(p failpoint.Point, file string) error {
		if p != failpoint.LinkMade {
			return nil
		}
		*tried = append(*tried, file)
		if !strings.Contains(file, "/") {
			return symlink
		}
		if strings.HasPrefix(file, of) {
			return hard
		}
		return nil
	}))
	return tried
}

func TestAuto(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are junctions between the two")
	}
	for name, tt := range map[string]struct {
		symlink error
		of      string
		hard    error
		ways    []LinkMode
		tried   []string
	}{
		"symbolic links": {nil, "", syscall.EXDEV, []LinkMode{Symlink}, []string{"a-1.0.0", "b-1.0.0"}},
		"none of them":   {syscall.EPERM, "", nil, []LinkMode{Hardlink}, []string{"a-1.0.0", "a-1.0.0/gal.toml", "a-1.0.0/src/run", "b-1.0.0/gal.toml", "b-1.0.0/src/run"}},
		"no hard links":  {syscall.ENOSYS, "", syscall.EPERM, []LinkMode{Copy}, []string{"a-1.0.0", "a-1.0.0/gal.toml"}},
		"another disk":   {syscall.ENOTSUP, "", syscall.EXDEV, []LinkMode{Copy}, []string{"a-1.0.0", "a-1.0.0/gal.toml"}},
		"too many":       {syscall.EPERM, "a-", syscall.EMLINK, []LinkMode{Copy, Hardlink}, []string{"a-1.0.0", "a-1.0.0/gal.toml", "b-1.0.0/gal.toml", "b-1.0.0/src/run"}},
	} {
		t.Run(name, func(t *testing.T) {
			project, store := t.TempDir(), t.TempDir()
			pkgs := []Installed{pkg(t, store, "a", "1.0.0", "a"), pkg(t, store, "b", "1.0.0", "b")}
			tried := refuse(t, tt.symlink, tt.of, tt.hard)
			report, err := Link(project, pkgs, Options{})
			if err != nil || !reflect.DeepEqual(report, Report{Linked: []string{"a-1.0.0", "b-1.0.0"}, Ways: tt.ways}) {
				t.Fatalf("%+v, %v", report, err)
			}
			if !reflect.DeepEqual(*tried, tt.tried) {
				t.Errorf("tried %q", *tried)
			}
			if report, err := Link(project, pkgs, Options{}); err != nil || !reflect.DeepEqual(report, Report{Ways: tt.ways}) {
				t.Errorf("again: %+v, %v", report, err)
			}
			entries, err := os.ReadDir(filepath.Join(project, PackagesDir))
			if err != nil || len(entries) != 2 {
				t.Errorf("left over: %v, %v", entries, err)
			}
		})
	}
}

func TestModesThatAreRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the errors are those of other systems")
	}
	if err := Junction.Check(); !fault.IsCode(err, "bad-link-mode") || !strings.Contains(err.Error(), "only Windows has junctions; use auto, symlink, hardlink or copy") {
		t.Errorf("junction: %v", err)
	}
	for name, tt := range map[string]struct {
		mode LinkMode
		err  error
		code string
		help int
	}{
		"no symbolic links": {Symlink, syscall.EPERM, "link-not-possible", 1},
		"another disk":      {Hardlink, syscall.EXDEV, "link-not-possible", 2},
		"too many":          {Hardlink, syscall.EMLINK, "link-not-possible", 1},
		"a full disk":       {Hardlink, syscall.ENOSPC, "disk-full", 1},
	} {
		t.Run(name, func(t *testing.T) {
			project, store := t.TempDir(), t.TempDir()
			pkgs := []Installed{pkg(t, store, "a", "1.0.0", "a")}
			if _, err := Link(project, pkgs, Options{Mode: Copy}); err != nil {
				t.Fatal(err)
			}
			refuse(t, tt.err, "", tt.err)
			_, err := Link(project, pkgs, Options{Mode: tt.mode})
			f := fault.Of(err)
			if f == nil || f.Code != tt.code || f.Kind != fault.Manifest || len(f.Help) != tt.help || !errors.Is(err, tt.err) {
				t.Fatalf("%+v", f)
			}
			if facts := strings.Join(f.Facts, " "); tt.code == "link-not-possible" && (!strings.Contains(facts, store) || !strings.Contains(facts, project)) {
				t.Errorf("%q does not name both folders", facts)
			}
			if got := links(t, project); !reflect.DeepEqual(got, map[string]string{"a-1.0.0": "copy"}) {
				t.Errorf("left %v", got)
			}
		})
	}
}

// What a real file system says is taken for that.
func TestRealRefusal(t *testing.T) {
	elsewhere, err := os.MkdirTemp("/dev/shm", "gal-link-")
	if err != nil {
		t.Skip("there is no second file system here")
	}
	t.Cleanup(func() { os.RemoveAll(elsewhere) })
	project := t.TempDir()
	pkgs := []Installed{pkg(t, elsewhere, "a", "1.0.0", "a")}
	probe := filepath.Join(project, "probe")
	if err := os.Link(filepath.Join(pkgs[0].Tree, "gal.toml"), probe); err == nil {
		t.Skip("/dev/shm and the folder of tests are one file system")
	}
	if _, err := Link(project, pkgs, Options{Mode: Hardlink}); !fault.IsCode(err, "link-not-possible") || !strings.Contains(err.Error(), "different file systems") {
		t.Errorf("%v", err)
	}
}

// Where two names cannot be exchanged, the one goes before the other comes, and comes back where that fails.
func TestReplaceInTwoSteps(t *testing.T) {
	project := t.TempDir()
	l, err := newLinker(project, Options{})
	must(t, err)
	defer l.root.Close()
	for name, tt := range map[string]struct {
		old, made bool
		want      string // what is left, and what has the name
	}{
		"a folder":          {true, true, "p made"},
		"nothing":           {false, true, "p made"},
		"nothing to put in": {true, false, "p old"},
	} {
		must(t, l.root.RemoveAll("p"))
		for folder, there := range map[string]bool{"p": tt.old, ".tmp-p": tt.made} {
			if there {
				must(t, l.root.Mkdir(folder, 0o755))
				must(t, l.root.WriteFile(folder+"/file", []byte(map[string]string{"p": "old", ".tmp-p": "made"}[folder]), 0o644))
			}
		}
		if err := l.replace(".tmp-p", "p"); (err == nil) != tt.made {
			t.Errorf("%s: %v", name, err)
		}
		entries, err := os.ReadDir(filepath.Join(project, PackagesDir))
		must(t, err)
		got := ""
		for _, e := range entries {
			text, err := l.root.ReadFile(e.Name() + "/file")
			must(t, err)
			got += e.Name() + " " + string(text)
		}
		if got != tt.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
