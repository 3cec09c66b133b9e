package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/needs"
	"github.com/geeknik/gal-pkg/version"
)

// sample makes a package and its item.
func sample(t testing.TB, name string, files ...archive.File) (fetch.Item, []byte) {
	t.Helper()
	files = append(files, archive.File{Path: "gal.toml", Data: []byte("[package]\nname = \"" + name + "\"\n")},
		archive.File{Path: "src/lib.gal", Data: bytes.Repeat([]byte("fn one() -> Int => 1\n"), 200)}, archive.File{Path: "bin/run", Executable: true, Data: []byte("#!\n")})
	a, err := archive.Pack(name+"-1.0.0", files)
	if err != nil {
		t.Fatal(err)
	}
	return fetch.Item{Name: name, Key: name, Version: version.MustParse("1.0.0"), Digest: a.Digest, Size: a.Size, Unpacked: a.Unpacked}, a.Bytes
}

// log collects events; it is safe for concurrent use.
type log struct {
	mu     sync.Mutex
	healed []string
	waited atomic.Int64
}

func (l *log) events() fetch.Events {
	return fetch.Events{
		Healed: func(i fetch.Item, what string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.healed = append(l.healed, i.String()+": "+what)
		},
		Waiting: func(string) { l.waited.Add(1) },
	}
}

func (l *log) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.Join(l.healed, "; ")
	l.healed = nil
	return text
}

func open(t testing.TB, dir string) (*Cache, *log) {
	t.Helper()
	l := &log{}
	c, err := NewCache(dir, l.events())
	if err != nil {
		t.Fatal(err)
	}
	return c, l
}

func put(t testing.TB, c *Cache, item fetch.Item, data []byte) string {
	t.Helper()
	if err := c.Put(t.Context(), item, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	path, err := c.Tree(t.Context(), item, Content)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// noLeftovers fails when something is in tmp.
func noLeftovers(t testing.TB, c *Cache) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(c.Dir(), "tmp"))
	if err != nil || len(entries) > 0 {
		t.Errorf("left in tmp: %v %v", entries, err)
	}
}

func TestPutAndTree(t *testing.T) {
	c, _ := open(t, filepath.Join(t.TempDir(), "deep", "cache"))
	item, data := sample(t, "mailbox")
	if c.Has(item) || c.HasTree(item) {
		t.Error("a new cache is not empty")
	}
	if _, err := c.Tree(t.Context(), item, Content); !errors.Is(err, ErrAbsent) {
		t.Errorf("tree of nothing: %v", err)
	}
	path := put(t, c, item, data)
	hex := strings.TrimPrefix(item.Digest, "sha256:")
	if want := filepath.Join(c.Dir(), "store", "mailbox-1.0.0-"+hex[:32]); path != want {
		t.Errorf("tree is at %s, want %s", path, want)
	}
	info, err := os.Stat(filepath.Join(path, "bin", "run"))
	if err != nil || info.Mode().Perm() != 0o555 {
		t.Errorf("bin/run: %v %v", info, err)
	}
	f, err := c.Open(t.Context(), item)
	if err != nil || f.Name() != filepath.Join(c.Dir(), "blobs", "sha256", hex[:2], hex) {
		t.Errorf("blob: %v", err)
	}
	f.Close()
	u, err := c.Usage()
	if err != nil || u != (Usage{Blobs: 1, BlobBytes: item.Size, Trees: 1, TreeBytes: item.Unpacked}) {
		t.Errorf("usage %+v: %v", u, err)
	}
	noLeftovers(t, c)
}

func TestPutRefusesOtherBytes(t *testing.T) {
	c, _ := open(t, t.TempDir())
	item, data := sample(t, "mailbox")
	flipped := bytes.Clone(data)
	flipped[20] ^= 1
	for name, bad := range map[string][]byte{"flipped": flipped, "short": data[:len(data)-1], "long": append(bytes.Clone(data), 0), "empty": nil} {
		var wrong *MismatchError
		if err := c.Put(t.Context(), item, bytes.NewReader(bad)); !errors.As(err, &wrong) || wrong.Want != item.Digest {
			t.Errorf("%s: %v", name, err)
		}
		if c.Has(item) {
			t.Errorf("%s was kept", name)
		}
		noLeftovers(t, c)
	}
}

func TestBadItems(t *testing.T) {
	c, _ := open(t, t.TempDir())
	item, data := sample(t, "mailbox")
	for name, edit := range map[string]func(*fetch.Item){
		"digest in upper case": func(i *fetch.Item) { i.Digest = strings.ToUpper(i.Digest) },
		"short digest":         func(i *fetch.Item) { i.Digest = "sha256:ab" },
		"path as digest":       func(i *fetch.Item) { i.Digest = "sha256:" + strings.Repeat("../", 21) + "x" },
		"path as key":          func(i *fetch.Item) { i.Key = "../x" },
		"slash in key":         func(i *fetch.Item) { i.Key = "a/b" },
		"no key":               func(i *fetch.Item) { i.Key = "" },
		"no version":           func(i *fetch.Item) { i.Version = version.Version{} },
	} {
		bad := item
		edit(&bad)
		if _, err := c.TreePath(bad); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An archive of another package under our name is not ours.
	other := item
	other.Key, other.Name = "other", "other"
	if err := c.Put(t.Context(), other, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Tree(t.Context(), other, Content); !fault.IsCode(err, archive.CodeUnsafe) {
		t.Errorf("got %v", err)
	}
	small := item
	small.Unpacked = 10
	if _, err := c.Tree(t.Context(), small, Content); !fault.IsCode(err, archive.CodeTooBig) {
		t.Errorf("more than declared: %v", err)
	}
	noLeftovers(t, c)
}

// damages are ways in which a tree can go bad. found at Stat says that a look at names, sizes and times shows it.
var damages = []struct {
	name  string
	stat  bool
	apply func(t *testing.T, tree string)
}{
	{"flipped bit, time kept", runtime.GOOS == "linux", func(t *testing.T, tree string) { flipKeepingTime(t, filepath.Join(tree, "src", "lib.gal")) }},
	{"edited", true, func(t *testing.T, tree string) {
		edit(t, filepath.Join(tree, "src", "lib.gal"), func(b []byte) []byte { b[0] = 'F'; return b })
	}},
	{"longer", true, func(t *testing.T, tree string) {
		edit(t, filepath.Join(tree, "gal.toml"), func(b []byte) []byte { return append(b, '#') })
	}},
	{"emptied", true, func(t *testing.T, tree string) {
		edit(t, filepath.Join(tree, "gal.toml"), func(b []byte) []byte { return nil })
	}},
	{"removed", true, func(t *testing.T, tree string) { must(t, os.Remove(filepath.Join(tree, "gal.toml"))) }},
	{"folder removed", true, func(t *testing.T, tree string) { must(t, os.RemoveAll(filepath.Join(tree, "src"))) }},
	{"added", true, func(t *testing.T, tree string) {
		must(t, os.WriteFile(filepath.Join(tree, "src", "evil.gal"), nil, 0o644))
	}},
	{"folder added", true, func(t *testing.T, tree string) { must(t, os.Mkdir(filepath.Join(tree, "src", "more"), 0o755)) }},
	{"mode", true, func(t *testing.T, tree string) { must(t, os.Chmod(filepath.Join(tree, "gal.toml"), 0o755)) }},
	{"link in place of a file", true, func(t *testing.T, tree string) {
		must(t, os.Rename(filepath.Join(tree, "gal.toml"), filepath.Join(filepath.Dir(filepath.Dir(tree)), "moved")))
		must(t, os.Symlink(filepath.Join(filepath.Dir(filepath.Dir(tree)), "moved"), filepath.Join(tree, "gal.toml")))
	}},
	{"link in place of a folder", true, func(t *testing.T, tree string) {
		must(t, os.Rename(filepath.Join(tree, "src"), filepath.Join(filepath.Dir(filepath.Dir(tree)), "moved-src")))
		must(t, os.Symlink(filepath.Join(filepath.Dir(filepath.Dir(tree)), "moved-src"), filepath.Join(tree, "src")))
	}},
	{"file in place of the tree", true, func(t *testing.T, tree string) {
		must(t, os.RemoveAll(tree))
		must(t, os.WriteFile(tree, nil, 0o644))
	}},
	{"listing flipped", true, func(t *testing.T, tree string) { flipKeepingTime(t, tree+listingSuffix) }},
	{"listing emptied", true, func(t *testing.T, tree string) { must(t, os.WriteFile(tree+listingSuffix, nil, 0o644)) }},
	{"listing removed", true, func(t *testing.T, tree string) { must(t, os.Remove(tree+listingSuffix)) }},
	{"tree removed", true, func(t *testing.T, tree string) { must(t, os.RemoveAll(tree)) }},
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func edit(t testing.TB, path string, fn func([]byte) []byte) {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	data, err := os.ReadFile(path)
	must(t, err)
	must(t, os.Chmod(path, info.Mode()|0o200))
	must(t, os.WriteFile(path, fn(data), 0o644))
	must(t, os.Chmod(path, info.Mode()))
	must(t, os.Chtimes(path, time.Time{}, time.Now().Add(time.Second)))
}

func flipKeepingTime(t testing.TB, path string) {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	edit(t, path, func(b []byte) []byte { b[len(b)/2] ^= 4; return b })
	must(t, os.Chtimes(path, time.Time{}, info.ModTime()))
}

func TestDamagedTreesAreHealed(t *testing.T) {
	for _, level := range []Level{Content, Stat} {
		for _, d := range damages {
			if level == Stat && !d.stat {
				continue
			}
			c, events := open(t, t.TempDir())
			item, data := sample(t, "mailbox")
			tree := put(t, c, item, data)
			time.Sleep(10 * time.Millisecond) // a tick of the file system's clock
			d.apply(t, tree)
			if err := c.VerifyTree(item, level); err == nil {
				t.Errorf("%s: level %d sees nothing", d.name, level)
			}
			before := c.Generation()
			again, err := c.Tree(t.Context(), item, level)
			if (c.Generation() == before) != (d.name == "tree removed") {
				t.Errorf("%s: projects with files of the damaged tree do not look again", d.name)
			}
			if err != nil || again != tree || c.VerifyTree(item, Content) != nil {
				t.Errorf("%s: not healed: %v, %v", d.name, err, c.VerifyTree(item, Content))
			}
			if told := events.take(); (told == "") != (d.name == "tree removed") {
				t.Errorf("%s: told %q", d.name, told)
			}
			if info, err := os.Lstat(filepath.Join(tree, "gal.toml")); err != nil || !info.Mode().IsRegular() {
				t.Errorf("%s: %v", d.name, err)
			}
			noLeftovers(t, c)
		}
	}
}

// TestTreesWithoutLocks: where a file system has no locks, two processes may unpack one package at once.
func TestTreesWithoutLocks(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"the other's is whole": func(string) error { return nil },
		"the other's is not":   func(path string) error { return os.Remove(filepath.Join(path, "gal.toml")) },
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := open(t, t.TempDir())
			item, data := sample(t, "mailbox")
			if err := c.Put(t.Context(), item, bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			release, err := c.Hold(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			tmp, err := c.temp(func(path string) error { return os.Mkdir(path, 0o755) })
			if err == nil {
				err = c.unpackTo(item, bytes.NewReader(data), tmp)
			}
			if err != nil {
				t.Fatal(err)
			}
			path, err := c.Tree(t.Context(), item, Content)
			if err == nil {
				err = harm(path)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := c.settleTree(item, tmp, path, Content); err != nil {
				t.Errorf("the slower one: %v", err)
			}
			if err := c.VerifyTree(item, Content); err != nil {
				t.Errorf("afterwards the tree is damaged: %v", err)
			}
			if _, err := os.Lstat(tmp); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what the slower one made is left: %v", err)
			}
		})
	}
}

func TestStatLooksAtContentsAfterARestart(t *testing.T) {
	c, events := open(t, t.TempDir())
	item, data := sample(t, "mailbox")
	tree := put(t, c, item, data)
	list, err := readListing(tree + listingSuffix)
	must(t, err)
	list.boot = "00000000-0000-0000-0000-000000000000"
	must(t, os.WriteFile(tree+listingSuffix, list.format(), 0o644))
	must(t, c.VerifyTree(item, Stat))
	if list, err = readListing(tree + listingSuffix); err != nil || list.boot != bootID() {
		t.Errorf("after a full check the listing says boot %q: %v", list.boot, err)
	}
	list.boot = "00000000-0000-0000-0000-000000000000"
	must(t, os.WriteFile(tree+listingSuffix, list.format(), 0o644))
	flipKeepingTime(t, filepath.Join(tree, "gal.toml"))
	if _, err := c.Tree(t.Context(), item, Stat); err != nil || !strings.Contains(events.take(), "gal.toml") {
		t.Errorf("zeros after a crash would be used: %v", err)
	}
}

func TestDamagedArchives(t *testing.T) {
	c, events := open(t, t.TempDir())
	item, data := sample(t, "mailbox")
	tree := put(t, c, item, data)
	for i := range 40 {
		blob := c.blobPath(strings.TrimPrefix(item.Digest, "sha256:"))
		edit(t, blob, func(b []byte) []byte { b[i*len(b)/40] ^= 1 << (i % 8); return b })
		must(t, os.RemoveAll(tree))
		if _, err := c.Tree(t.Context(), item, Content); !errors.Is(err, ErrAbsent) {
			t.Fatalf("flip %d: %v", i, err)
		}
		if c.Has(item) || events.take() == "" {
			t.Errorf("flip %d: the damaged archive is still there", i)
		}
		put(t, c, item, data)
	}
	m, err := c.Metrics()
	if err != nil || m.Healed != 40 || m.CachedPackages != 1 {
		t.Errorf("counted %+v: %v", m, err)
	}
}

func TestFillOnceAmongMany(t *testing.T) {
	dir := t.TempDir()
	item, data := sample(t, "mailbox")
	var fills, filled atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		c, _ := open(t, dir) // as many processes would
		wg.Go(func() {
			did, err := c.Fill(t.Context(), item, func(p *Pending) error {
				fills.Add(1)
				_, err := p.Write(data)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			if did {
				filled.Add(1)
			}
			if _, err := c.Tree(t.Context(), item, Content); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if fills.Load() != 1 || filled.Load() != 1 {
		t.Errorf("filled %d times", fills.Load())
	}
}

func TestAFailedFillLetsTheNextOneTry(t *testing.T) {
	c, _ := open(t, t.TempDir())
	item, data := sample(t, "mailbox")
	mine := errors.New("host is gone")
	if _, err := c.Fill(t.Context(), item, func(*Pending) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
	filled, err := c.Fill(t.Context(), item, func(p *Pending) error {
		for _, part := range [][]byte{[]byte("a first try that broke off"), data} {
			if err := p.Reset(); err != nil {
				return err
			}
			if _, err := p.Write(part); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !filled {
		t.Errorf("got %v, %v", filled, err)
	}
	noLeftovers(t, c)
}

func TestWaitingIsToldAndCancelled(t *testing.T) {
	dir := t.TempDir()
	a, _ := open(t, dir)
	b, events := open(t, dir)
	item, _ := sample(t, "mailbox")
	holding, give := make(chan struct{}), make(chan struct{})
	go a.Fill(context.Background(), item, func(*Pending) error { close(holding); <-give; return errors.New("over") })
	<-holding
	defer close(give)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { _, err := b.Fill(ctx, item, nil); done <- err }()
	for events.waited.Load() == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCleanWaitsForWhoeverHolds(t *testing.T) {
	dir := t.TempDir()
	user, _ := open(t, dir)
	cleaner, _ := open(t, dir)
	item, data := sample(t, "mailbox")
	tree := put(t, user, item, data)
	release, err := user.Hold(t.Context())
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := cleaner.Clean(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("cleaned a cache in use: %v", err)
	}
	if _, err := os.Stat(tree); err != nil {
		t.Fatal(err)
	}
	before := user.Generation()
	release()
	release() // twice is once
	u, err := cleaner.Clean(t.Context())
	if err != nil || u.Blobs != 1 || u.Trees != 1 || u.Bytes() != item.Size+item.Unpacked {
		t.Errorf("removed %+v: %v", u, err)
	}
	if user.Generation() == before {
		t.Error("the generation is the same after something was removed")
	}
	put(t, user, item, data)
}

func TestPrune(t *testing.T) {
	c, _ := open(t, t.TempDir())
	old, oldData := sample(t, "old")
	used, usedData := sample(t, "used")
	oldTree, usedTree := put(t, c, old, oldData), put(t, c, used, usedData)
	now := time.Now()
	age(t, c)
	if _, err := c.Tree(t.Context(), used, Stat); err != nil { // a tree keeps its archive
		t.Fatal(err)
	}
	must(t, os.WriteFile(filepath.Join(c.Dir(), "tmp", ".tmp-crashed"), []byte("x"), 0o644))
	must(t, os.WriteFile(filepath.Join(c.Dir(), "store", "lost-1.0.0-00.tree"), []byte("x"), 0o644))
	u, err := c.Prune(t.Context(), now.Add(-48*time.Hour))
	if err != nil || u.Blobs != 1 || u.Trees != 1 {
		t.Errorf("removed %+v: %v", u, err)
	}
	_, errOld := os.Stat(oldTree)
	_, errUsed := os.Stat(usedTree)
	if !errors.Is(errOld, fs.ErrNotExist) || errUsed != nil || c.Has(old) || !c.Has(used) || c.VerifyTree(used, Content) != nil {
		t.Errorf("old: %v, used: %v", errOld, errUsed)
	}
	store, _ := os.ReadDir(filepath.Join(c.Dir(), "store"))
	if len(store) != 2 {
		t.Errorf("store holds %v", store)
	}
	noLeftovers(t, c)
}

// age has everything in a cache be 40 days old.
func age(t *testing.T, c *Cache) {
	t.Helper()
	long := time.Now().Add(-40 * 24 * time.Hour)
	for _, pattern := range []string{"blobs/sha256/*/*", "store/*"} {
		paths, err := filepath.Glob(filepath.Join(c.Dir(), filepath.FromSlash(pattern)))
		must(t, err)
		for _, path := range paths {
			must(t, os.Chtimes(path, long, long))
		}
	}
}

// An archive that is read keeps its trees, and what was noted today is not noted again.
func TestArchivesInUseAreKept(t *testing.T) {
	c, _ := open(t, t.TempDir())
	item, data := sample(t, "mailbox")
	tree := put(t, c, item, data)
	age(t, c)
	f, err := c.Open(t.Context(), item)
	must(t, err)
	must(t, f.Close())
	if u, err := c.Prune(t.Context(), time.Now().Add(-time.Hour)); err != nil || u != (Usage{}) {
		t.Errorf("removed %+v: %v", u, err)
	}
	for _, path := range []string{tree, f.Name()} {
		hours := time.Now().Add(-20 * time.Hour)
		must(t, os.Chtimes(path, hours, hours))
		info, err := os.Stat(path)
		must(t, err)
		Used(path, info)
		if again, err := os.Stat(path); err != nil || !again.ModTime().Equal(info.ModTime()) {
			t.Errorf("%s is noted again: %v", path, err)
		}
	}
}

func TestLeftoversAreSweptByTheNextUser(t *testing.T) {
	dir := t.TempDir()
	item, data := sample(t, "mailbox")
	c, _ := open(t, dir)
	must(t, os.MkdirAll(filepath.Join(dir, "tmp", ".tmp-1", "tree", "src"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "tmp", ".tmp-1", "tree", "src", "x"), nil, 0o444))
	must(t, os.Chmod(filepath.Join(dir, "tmp", ".tmp-1", "tree", "src"), 0o555))
	must(t, os.WriteFile(filepath.Join(dir, "tmp", "lock-abc"), nil, 0o644))
	put(t, c, item, data)
	noLeftovers(t, c)
	// While somebody uses the cache, what is in tmp may be theirs.
	release, err := c.Hold(t.Context())
	must(t, err)
	defer release()
	mine := filepath.Join(dir, "tmp", ".tmp-mine")
	must(t, os.Mkdir(mine, 0o755))
	other, _ := open(t, dir)
	if _, err := other.Tree(t.Context(), item, Content); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("swept what was in use: %v", err)
	}
}

func TestCacheThatCannotBeWrittenTo(t *testing.T) {
	c, _ := open(t, t.TempDir())
	item, data := sample(t, "mailbox")
	put(t, c, item, data)
	protect(t, c.Dir())
	if _, err := c.Tree(t.Context(), item, Content); err != nil {
		t.Errorf("what is there cannot be used: %v", err)
	}
	other, data := sample(t, "other")
	if err := c.Put(t.Context(), other, bytes.NewReader(data)); !fault.IsCode(err, "cache-read-only") {
		t.Errorf("got %v", err)
	}
}

// protect makes a folder read-only for the rest of the test: for root, whom no mode stops, by a mount.
func protect(t *testing.T, dir string) {
	if os.Geteuid() != 0 {
		for _, sub := range []string{"tmp", "store", "."} {
			path := filepath.Join(dir, sub)
			must(t, os.Chmod(path, 0o555))
			t.Cleanup(func() { os.Chmod(path, 0o755) })
		}
		return
	}
	if out, err := exec.Command("mount", "--bind", dir, dir).CombinedOutput(); err != nil {
		needs.Missing(t, "the right to mount: %s", out)
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })
	if out, err := exec.Command("mount", "-o", "remount,ro,bind", dir).CombinedOutput(); err != nil {
		needs.Missing(t, "the right to mount: %s", out)
	}
}

func FuzzListing(f *testing.F) {
	l := &listing{archive: "sha256:ab", boot: "-", files: []archive.Entry{{Path: "a", Size: 3}, {Path: "b/c", Executable: true}}}
	f.Add(string(l.format()))
	f.Fuzz(func(t *testing.T, text string) {
		// Give the mutation its digest, so that it gets past the first look.
		body, _, _ := strings.Cut(text, "end sha256:")
		sealed := append([]byte(body), fmt.Sprintf("end sha256:%x\n", sha256.Sum256([]byte(body)))...)
		l, err := parseListing(sealed)
		if err != nil {
			return
		}
		back, err := parseListing(l.format())
		if err != nil || !bytes.Equal(back.format(), l.format()) || len(back.files) != len(l.files) {
			t.Errorf("%q came back as %q: %v", sealed, back.format(), err)
		}
	})
}

func BenchmarkVerifyTree(b *testing.B) {
	for name, level := range map[string]Level{"content": Content, "stat": Stat} {
		b.Run(name, func(b *testing.B) {
			c, _ := open(b, b.TempDir())
			var files []archive.File
			for i := range 400 {
				var text bytes.Buffer
				for j := range 300 {
					fmt.Fprintf(&text, "let v%d = %x\n", j, sha256.Sum256(fmt.Append(nil, i, j)))
				}
				files = append(files, archive.File{Path: fmt.Sprintf("src/d%02d/f%d.gal", i%10, i), Data: text.Bytes()[:6000]})
			}
			item, data := sample(b, "big", files...)
			put(b, c, item, data)
			b.SetBytes(item.Unpacked)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.VerifyTree(item, level); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestConfirmedListingsKeepTheirTime: what was changed while a tree was looked at after a restart is seen the next time, and a
// note of damage that somebody has put in place of the listing meanwhile stays.
func TestConfirmedListingsKeepTheirTime(t *testing.T) {
	c, _ := open(t, t.TempDir())
	item, data := sample(t, "mailbox")
	tree := put(t, c, item, data)
	file := tree + listingSuffix
	list, made, err := loadListing(file, make([]byte, checkBuffer))
	must(t, err)
	time.Sleep(20 * time.Millisecond) // a tick of the file system's clock
	c.confirm(file, list, made)
	if info, err := os.Stat(file); err != nil || !info.ModTime().Equal(made) {
		t.Errorf("the listing is of %v, not of %v: %v", info.ModTime(), made, err)
	}
	must(t, c.Distrust(map[string]string{tree: "found"}))
	c.confirm(file, list, made)
	if err := c.VerifyTree(item, Content); err == nil || err.Error() != "found" {
		t.Errorf("the note is gone: %v", err)
	}
}

// TestBlame: whoever used a tree that is not what it was any more has not found what is wrong with something else.
func TestBlame(t *testing.T) {
	c, _ := open(t, t.TempDir())
	item, data := sample(t, "mailbox")
	tree := put(t, c, item, data)
	found := fault.New(fault.Integrity, "manifest-mismatch", "SECURITY")
	if err := c.Blame(found, item); err != error(found) {
		t.Errorf("of a tree that is whole: %v", err)
	}
	must(t, os.Remove(filepath.Join(tree, "gal.toml")))
	if err := c.Blame(found, item); !fault.IsCode(err, "cache-unusable") || fault.KindOf(err) != fault.Manifest {
		t.Errorf("of one that is not: %v", err)
	}
	if err := c.Blame(nil, item); err != nil {
		t.Error(err)
	}
}

// TestUndisturbed: what others have removed, or found damaged, counts, whatever one does oneself before and after.
func TestUndisturbed(t *testing.T) {
	dir := t.TempDir()
	c, _ := open(t, dir)
	other, _ := open(t, dir)
	item, data := sample(t, "mailbox")
	tree := put(t, c, item, data)
	heal := func() {
		t.Helper()
		must(t, os.Remove(filepath.Join(tree, "gal.toml")))
		if _, err := c.Tree(t.Context(), item, Content); err != nil {
			t.Fatal(err)
		}
	}
	c.Watch()
	heal()
	if !c.Undisturbed() {
		t.Error("one's own healing disturbs")
	}
	must(t, other.Distrust(map[string]string{tree: "found"}))
	if c.Undisturbed() {
		t.Error("another's finding does not")
	}
	heal()
	if c.Undisturbed() {
		t.Error("it is forgotten")
	}
	if c.Watch(); !c.Undisturbed() {
		t.Error("to begin anew does not help")
	}
}
