package cache

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/needs"
)

// TestSeveralUsers has two users of one cache want the same archive: the second waits for the first, whoever that is, and
// whoever the locks are of. Both put archives into one folder, which one of them has made.
func TestSeveralUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		needs.Missing(t, "root, to be two users")
	}
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	const group, one, other = 10000, 10001, 10002
	beside := sharesFolder(t, "mailbox")
	for _, row := range []struct {
		what string
		mode os.FileMode
		lock int // whose the file with the locks is, 0 for none
		perm os.FileMode
	}{
		{"of a group", 0o775 | os.ModeSetgid, 0, 0},
		{"whose locks are the first one's alone", 0o775 | os.ModeSetgid, one, 0o644},
		{"whose locks are the second one's alone", 0o775 | os.ModeSetgid, other, 0o600},
		{"whose locks are somebody else's", 0o775 | os.ModeSetgid, 10003, 0o644},
	} {
		t.Run(row.what, func(t *testing.T) {
			cache := filepath.Join(dir, strings.ReplaceAll(row.what, " ", "-"))
			must(t, os.Mkdir(cache, 0o755))
			must(t, os.Chown(cache, -1, group))
			must(t, os.Chmod(cache, row.mode))
			if row.lock != 0 {
				locks := filepath.Join(cache, "lock-objects")
				must(t, os.WriteFile(locks, nil, row.perm))
				must(t, os.Chown(locks, row.lock, group))
			}
			if row.lock == one || row.lock == other {
				newUser(t, cache, uint32(row.lock), group, "kit").ends() // makes them everybody's
			}
			for name, pair := range map[string][2]uint32{"mailbox": {one, other}, beside: {other, one}} {
				first := newUser(t, cache, pair[0], group, name)
				first.says("fills")
				second := newUser(t, cache, pair[1], group, name)
				second.says("waits")
				first.ends()
				second.ends()
			}
		})
	}
}

// TestFoldersOfACache: what a group may write to it may write to everywhere below; what everybody may, the first one has.
func TestFoldersOfACache(t *testing.T) {
	before := syscall.Umask(0o022)
	t.Cleanup(func() { syscall.Umask(before) })
	for mode, want := range map[os.FileMode]os.FileMode{
		0o700: 0o755, 0o755: 0o755, 0o775 | os.ModeSetgid: 0o775 | os.ModeSetgid, 0o770: 0o770, 0o777 | os.ModeSticky: 0o755, 0o757: 0o755,
	} {
		dir := t.TempDir()
		must(t, os.Chmod(dir, mode))
		_, err := NewCache(dir, fetch.Events{})
		must(t, err)
		for _, sub := range []string{"blobs", "blobs/sha256", "store", "tmp"} {
			info, err := os.Stat(filepath.Join(dir, sub))
			must(t, err)
			if got := info.Mode() &^ os.ModeDir; got != want {
				t.Errorf("%v has %s of %v, want %v", mode, sub, got, want)
			}
		}
	}
}

// TestTreesOfAGroup has one user heal and remove the trees of another, in a cache of their group. Folders that the group may not
// write to stay as they are, and so they do where the other's cache is in use.
func TestTreesOfAGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		needs.Missing(t, "root, to be two users")
	}
	before := syscall.Umask(0o022)
	t.Cleanup(func() { syscall.Umask(before) })
	top := t.TempDir()
	must(t, os.Chmod(filepath.Dir(top), 0o755))
	const group, one, other = 10000, 10001, 10002
	for mode, may := range map[os.FileMode]bool{0o775 | os.ModeSetgid: true, 0o770: true, 0o775 | os.ModeSetgid | os.ModeSticky: false} {
		cache := filepath.Join(top, fmt.Sprintf("%o", mode))
		must(t, os.Mkdir(cache, 0o755))
		must(t, os.Chown(cache, -1, group))
		must(t, os.Chmod(cache, mode))
		do := func(user uint32, task, item, want string) {
			t.Helper()
			u := newUser(t, cache, user, group, item, "GAL_TEST_DO="+task)
			u.says(want)
			u.ends()
		}
		do(one, "tree", "mailbox", "healed 0")
		do(one, "tree", "kit", "healed 0")
		if !may {
			do(one, "prune", "", "removed 2, ") // it makes the number that changes, and with it goes all that there is
			do(one, "tree", "mailbox", "healed 0")
			do(other, "clean", "", "removed 0, cache-read-only")
			holds := newUser(t, cache, one, group, "new")
			holds.says("fills")
			waits := newUser(t, cache, other, group, "", "GAL_TEST_DO=prune")
			waits.says("waits")
			holds.ends()
			waits.ends()
			continue
		}
		trees, err := filepath.Glob(filepath.Join(cache, "store", "*", "src"))
		must(t, err)
		for _, src := range trees { // kit, mailbox
			lib := filepath.Join(src, "lib.gal")
			must(t, os.Remove(lib))
			must(t, os.WriteFile(lib, nil, 0o444))
		}
		do(other, "tree", "kit", "healed 1")
		do(other, "prune", "", "removed 2, ")
		do(one, "tree", "kit", "healed 0")
		do(one, "tree", "mailbox", "healed 0")
		trees, err = filepath.Glob(filepath.Join(cache, "store", "kit-*", "*"))
		must(t, err)
		for _, path := range append(trees, filepath.Dir(trees[0])) {
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				must(t, os.Chmod(path, 0o755))
			}
		}
		for _, task := range []string{"clean", "prune"} {
			want := map[string]string{"clean": "removed 1, cache-read-only", "prune": "removed 0, cache-read-only"}[task]
			do(other, task, "", want)
			do(one, "tree", "kit", "healed 0") // needs no archive: it is whole
		}
		if left, err := filepath.Glob(filepath.Join(cache, "tmp", ".*")); err != nil || len(left) > 0 {
			t.Errorf("%v: left over: %v, %v", mode, left, err)
		}
		must(t, os.Chmod(filepath.Join(cache, "lock"), 0o600))
		do(other, "clean", "", "removed 0, cache-unusable")
	}
}

// sharesFolder names a sample whose archive is in the same folder as another's.
func sharesFolder(t *testing.T, name string) string {
	item, _ := sample(t, name)
	for i := 0; ; i++ {
		beside := fmt.Sprintf("wire%d", i)
		if other, _ := sample(t, beside); other.Digest[:9] == item.Digest[:9] {
			return beside
		}
	}
}

// user is a process of somebody else.
type user struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Scanner
}

func newUser(t *testing.T, cache string, uid, gid uint32, item string, env ...string) *user {
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestAsUser$")
	cmd.Dir, cmd.Env, cmd.Stderr = "/", append(env, "GAL_TEST_CACHE="+cache, "GAL_TEST_ITEM="+item), os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return &user{t, cmd, in, bufio.NewScanner(out)}
}

func (u *user) says(want string) {
	u.t.Helper()
	if !u.out.Scan() || u.out.Text() != want {
		u.t.Fatalf("%q, not %q", u.out.Text(), want)
	}
}

func (u *user) ends() {
	u.t.Helper()
	u.stdin.Close()
	for u.out.Scan() {
	}
	if err := u.cmd.Wait(); err != nil {
		u.t.Fatal(err)
	}
}

// TestAsUser is what a user does: an archive is written once standard input has ended, unless there is something else to do.
func TestAsUser(t *testing.T) {
	dir, name := os.Getenv("GAL_TEST_CACHE"), os.Getenv("GAL_TEST_ITEM")
	if dir == "" {
		t.Skip("is run for the users of other tests")
	}
	c, err := NewCache(dir, fetch.Events{Waiting: func(string) { fmt.Println("waits") }})
	must(t, err)
	item, data := sample(t, name)
	switch do := os.Getenv("GAL_TEST_DO"); do {
	case "tree":
		_, err := c.Tree(t.Context(), item, Content)
		if errors.Is(err, ErrAbsent) {
			must(t, c.Put(t.Context(), item, bytes.NewReader(data)))
			_, err = c.Tree(t.Context(), item, Content)
		}
		must(t, err)
		fmt.Printf("healed %d\n", c.healed.Load())
		return
	case "prune", "clean":
		var removed Usage
		if do == "clean" {
			removed, err = c.Clean(t.Context())
		} else {
			removed, err = c.Prune(t.Context(), time.Now().Add(time.Hour))
		}
		code := ""
		if f := fault.Of(err); f != nil {
			code = f.Code
		} else {
			must(t, err)
		}
		fmt.Printf("removed %d, %s\n", removed.Trees, code)
		return
	}
	_, err = c.Fill(t.Context(), item, func(p *Pending) error {
		fmt.Println("fills")
		io.Copy(io.Discard, os.Stdin)
		_, err := p.Write(data)
		return err
	})
	must(t, err)
}
