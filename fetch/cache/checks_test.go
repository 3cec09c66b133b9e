//go:build unix

package cache

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
)

// A pass over a tree that takes few system calls must find whatever the careful one finds.
func TestQuickFindsWhatRunFinds(t *testing.T) {
	in := func(parts ...string) func(string) string {
		return func(tree string) string { return filepath.Join(append([]string{tree}, parts...)...) }
	}
	lib, src := in("src", "lib.gal"), in("src")
	later := time.Now().Add(time.Hour)
	for name, damage := range map[string]func(tree string) error{
		"flipped bit": func(tree string) error {
			data, err := os.ReadFile(lib(tree))
			data[100] ^= 1
			return errors.Join(err, os.Chmod(lib(tree), 0o644), os.WriteFile(lib(tree), data, 0o444), os.Chmod(lib(tree), 0o444), os.Chtimes(lib(tree), later, later))
		},
		"shorter":          func(tree string) error { return os.Truncate(lib(tree), 10) },
		"missing file":     func(tree string) error { return os.Remove(lib(tree)) },
		"missing folder":   func(tree string) error { return os.RemoveAll(src(tree)) },
		"missing tree":     os.RemoveAll,
		"added file":       func(tree string) error { return os.WriteFile(in("src", "x")(tree), nil, 0o444) },
		"added at the top": func(tree string) error { return os.WriteFile(in("zz")(tree), nil, 0o444) },
		"added hidden":     func(tree string) error { return os.WriteFile(in("src", "...")(tree), nil, 0o444) },
		"added folder":     func(tree string) error { return os.Mkdir(in("src", "deep", "er")(tree), 0o755) },
		"one for another": func(tree string) error {
			return errors.Join(os.Rename(lib(tree), in("src", "lib.gam")(tree)))
		},
		"x bit gone":  func(tree string) error { return os.Chmod(in("bin", "run")(tree), 0o444) },
		"x bit added": func(tree string) error { return os.Chmod(lib(tree), 0o555) },
		"folder a link": func(tree string) error {
			return errors.Join(os.Rename(src(tree), tree+"-src"), os.Symlink(tree+"-src", src(tree)))
		},
		"file a link": func(tree string) error {
			return errors.Join(os.Rename(lib(tree), tree+"-lib"), os.Symlink(tree+"-lib", lib(tree)))
		},
		"file a folder": func(tree string) error { return errors.Join(os.Remove(lib(tree)), os.Mkdir(lib(tree), 0o755)) },
		"folder a file": func(tree string) error {
			return errors.Join(os.RemoveAll(src(tree)), os.WriteFile(src(tree), nil, 0o444))
		},
		"file a fifo":    func(tree string) error { return errors.Join(os.Remove(in("empty")(tree)), fifo(in("empty")(tree))) },
		"tree a link":    func(tree string) error { return errors.Join(os.Rename(tree, tree+"-x"), os.Symlink(tree+"-x", tree)) },
		"nothing at all": nil,
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := open(t, t.TempDir())
			item, data := sample(t, "mailbox", archive.File{Path: "src-x", Data: []byte("x")}, archive.File{Path: "src/deep/a/b", Data: make([]byte, 300<<10)},
				archive.File{Path: "src/lib", Data: []byte("y")}, archive.File{Path: "empty"})
			tree := put(t, c, item, data)
			list, made, err := loadListing(tree+listingSuffix, make([]byte, checkBuffer))
			if err != nil {
				t.Fatal(err)
			}
			if damage != nil {
				if err := damage(tree); err != nil {
					t.Fatal(err)
				}
			}
			for _, level := range []Level{Content, Stat} {
				check := func() *treeCheck {
					return &treeCheck{dir: tree, want: list, level: level, made: made, buf: make([]byte, checkBuffer)}
				}
				right := damage == nil
				if check().quick() != (right && runtime.GOOS == "linux") {
					t.Errorf("level %d: quick says %v", level, !right)
				}
				if err := check().run(); (err == nil) != right && name != "tree a link" {
					t.Errorf("level %d: run says %v", level, err)
				}
			}
		})
	}
}

func fifo(path string) error { return syscall.Mkfifo(path, 0o444) }

func TestATreeIsLookedAtOnceWhileTheCacheIsHeld(t *testing.T) {
	c, log := open(t, t.TempDir())
	item, data := sample(t, "mailbox")
	tree := put(t, c, item, data)
	hold := func() func() {
		release, err := c.Hold(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	release := hold()
	var both sync.WaitGroup
	for range 4 {
		both.Go(func() {
			if err := c.Check(item, Content); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if err := os.Remove(filepath.Join(tree, "gal.toml")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Tree(t.Context(), item, Content); err != nil || log.take() != "" {
		t.Errorf("it was looked at again: %v", err)
	}
	release()
	release = hold()
	defer release()
	if err := c.Check(item, Content); err == nil {
		t.Error("a damaged tree is right")
	}
	for range 2 {
		if _, err := c.Tree(t.Context(), item, Content); err != nil {
			t.Errorf("a tree that was damaged when it was checked: %v", err)
		}
	}
	if healed := log.take(); healed == "" || c.VerifyTree(item, Content) != nil {
		t.Errorf("it was not healed: %q", healed)
	}
}

// TestDistrust: whoever makes a tree anew that somebody else has found damaged says what that was.
func TestDistrust(t *testing.T) {
	c, log := open(t, t.TempDir())
	item, data := sample(t, "mailbox")
	tree := put(t, c, item, data)
	before := c.Generation()
	if err := c.Distrust(map[string]string{c.Dir(): "x", filepath.Join(c.Dir(), "lock"): "x"}); err != nil || c.Generation() != before {
		t.Errorf("what is no tree: %v", err)
	}
	for what, want := range map[string]string{
		`"src/lib.gal" was altered`: `"src/lib.gal" was altered`, "one\ntwo": "one", strings.Repeat("x", 2<<10): strings.Repeat("x", maxDamage), "": errListing.Error(),
	} {
		before = c.Generation()
		if err := c.Distrust(map[string]string{tree: what}); err != nil || c.Generation() == before {
			t.Errorf("%q: nobody looks again: %v", what, err)
		}
		for _, level := range []Level{Content, Stat} {
			if err := c.VerifyTree(item, level); err == nil || err.Error() != want {
				t.Errorf("%q: %v", what, err)
			}
		}
		if _, err := c.Tree(t.Context(), item, Stat); err != nil || c.VerifyTree(item, Content) != nil {
			t.Errorf("%q: it is not made anew: %v", what, err)
		}
		if told := log.take(); strings.Count(told, want) != 1 {
			t.Errorf("%q: %q", what, told)
		}
	}
}
