package gitrepo_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

func TestCheckRefName(t *testing.T) {
	for name, ok := range map[string]bool{
		"refs/heads/main": true, "refs/heads/publish/company/http-client/0123456789abcdef": true, "refs/for/main": true,
		"main": false, "HEAD": false, "refs/heads/../../config": false, "refs/heads/a..b": false, "refs/heads/.a": false,
		"refs/heads/a.lock": false, "refs/heads/a.lock/b": false, "refs/heads/": false, "refs//a": false, "refs/heads/a~b": false,
		"refs/heads/a b": false, "refs/heads/a\u2028b": false, "refs/heads/a\x00b": false, "refs/heads/-a": false,
		"refs/heads/" + strings.Repeat("a", 255): false,
	} {
		if err := gitrepo.CheckRefName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestCompareAndSwap(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a": "1"})
	second := gittest.Commit(t, repo, "main", map[string]string{"a": "2"})
	const main, topic = "refs/heads/main", "refs/heads/publish/a/b"
	rows := []struct {
		name     string
		old, new gitrepo.Hash
		err      error
	}{
		{main, first, second, gitrepo.ErrChanged},
		{main, gitrepo.Hash{}, second, gitrepo.ErrChanged},
		{main, second, first, nil},
		{topic, first, second, gitrepo.ErrChanged}, // not there
		{topic, gitrepo.Hash{}, second, nil},
		{topic + "/c", gitrepo.Hash{}, second, gitrepo.ErrChanged},                     // below a ref
		{"refs/heads/publish", gitrepo.Hash{}, second, gitrepo.ErrChanged},             // above one
		{topic, second, gitrepo.Hash{7}, gitrepo.ErrMissingObject},                     // no such commit
		{"refs/heads/other", gitrepo.Hash{}, gitrepo.Hash{}, gitrepo.ErrMissingObject}, // Delete is for that
	}
	for _, packed := range []bool{false, true} {
		if packed {
			gittest.Run(t, repo.Dir(), "pack-refs", "--all")
			rows = rows[:0:0]
			rows = append(rows, []struct {
				name     string
				old, new gitrepo.Hash
				err      error
			}{
				{topic + "/c", gitrepo.Hash{}, second, gitrepo.ErrChanged},
				{"refs/heads/publish", gitrepo.Hash{}, second, gitrepo.ErrChanged},
				{main, second, first, gitrepo.ErrChanged},
				{main, first, second, nil},
			}...)
		}
		for _, row := range rows {
			if err := repo.CompareAndSwap(row.name, row.old, row.new); !errors.Is(err, row.err) {
				t.Errorf("packed %v: %s: %v, want %v", packed, row.name, err, row.err)
			}
		}
	}
	if got := gittest.Run(t, repo.Dir(), "rev-parse", main, topic); got != second.String()+"\n"+second.String() {
		t.Errorf("git sees %s", got)
	}
	gittest.Fsck(t, repo.Dir())
}

func TestDelete(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a": "1"})
	const topic = "refs/heads/publish/a/b"
	for _, packed := range []bool{false, true} {
		if err := repo.CompareAndSwap(topic, gitrepo.Hash{}, first); err != nil {
			t.Fatal(err)
		}
		if packed {
			gittest.Run(t, repo.Dir(), "tag", "-a", "-m", "x", "v1") // brings a "^" line into packed-refs
			gittest.Run(t, repo.Dir(), "pack-refs", "--all")
		}
		if err := repo.Delete(topic, gitrepo.Hash{1}); !errors.Is(err, gitrepo.ErrChanged) {
			t.Errorf("packed %v: delete at another commit: %v", packed, err)
		}
		if err := repo.Delete(topic, first); err != nil {
			t.Errorf("packed %v: %v", packed, err)
		}
		if _, err := repo.Ref(topic); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("packed %v: still there: %v", packed, err)
		}
		if err := repo.Delete(topic, first); !errors.Is(err, gitrepo.ErrChanged) {
			t.Errorf("packed %v: twice: %v", packed, err)
		}
	}
	if err := repo.CompareAndSwap("refs/heads/publish", gitrepo.Hash{}, first); err != nil {
		t.Errorf("a name that was a folder: %v", err)
	}
	want := fmt.Sprintf("%[1]s commit\trefs/heads/main\n%[1]s commit\trefs/heads/publish", first)
	if got := gittest.Run(t, repo.Dir(), "for-each-ref", "refs/heads"); got != want {
		t.Errorf("git sees\n%s", got)
	}
	if got := gittest.Run(t, repo.Dir(), "rev-parse", "v1^{commit}"); got != first.String() {
		t.Errorf("tag is at %s", got)
	}
}

func TestRefs(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a": "1"})
	for _, name := range []string{"publish/b/2", "publish/a/1", "topic"} {
		gittest.Run(t, repo.Dir(), "branch", name, "main")
	}
	gittest.Run(t, repo.Dir(), "pack-refs", "--all")
	second := gittest.Commit(t, repo, "main", map[string]string{"a": "2"}) // loose over packed
	gittest.Run(t, repo.Dir(), "symbolic-ref", "refs/heads/zz", "refs/heads/topic")
	refs, err := repo.Refs("refs/heads/")
	want := []gitrepo.RefEntry{{"refs/heads/main", second}, {"refs/heads/publish/a/1", first}, {"refs/heads/publish/b/2", first},
		{"refs/heads/topic", first}, {"refs/heads/zz", first}}
	if err != nil || fmt.Sprint(refs) != fmt.Sprint(want) {
		t.Errorf("%v, %v", refs, err)
	}
	if refs, err = repo.Refs("refs/heads/publish/"); err != nil || len(refs) != 2 {
		t.Errorf("%v, %v", refs, err)
	}
	gittest.Run(t, repo.Dir(), "symbolic-ref", "refs/heads/zz", "refs/heads/zz")
	if _, err := repo.Ref("refs/heads/zz"); err == nil {
		t.Error("a ref to itself was resolved")
	}
}

// TestSwapsExcludeEachOther lets our code and git count up one branch, each from what it has read: no step may be lost.
func TestSwapsExcludeEachOther(t *testing.T) {
	repo, _ := gittest.Repo(t, "main", map[string]string{"n": "0"})
	const main, workers, steps = "refs/heads/main", 4, 10
	var won atomic.Int64
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for step := range steps {
				old, err := repo.Ref(main)
				if err != nil {
					t.Error(err)
					return
				}
				data := fmt.Appendf(nil, "%d %d", worker, step)
				next, err := repo.Commit(t.Context(), []gitrepo.Hash{old}, []gitrepo.Edit{{Path: "n", Data: data}}, gittest.Info("x"))
				if err != nil {
					t.Error(err)
					return
				}
				if worker == 0 {
					err = gittest.Command(repo.Dir(), "update-ref", main, next.String(), old.String()).Run()
				} else if err = repo.CompareAndSwap(main, old, next); err != nil && !errors.Is(err, gitrepo.ErrChanged) {
					t.Error(err)
				}
				if err == nil {
					won.Add(1)
				}
			}
		})
	}
	group.Wait()
	if got := gittest.Run(t, repo.Dir(), "rev-list", "--count", "main"); got != fmt.Sprint(won.Load()+1) {
		t.Errorf("%s commits for %d successes", got, won.Load())
	}
	gittest.Fsck(t, repo.Dir())
}

// TestAbandonedLock: what a power cut has left of moving a ref is in nobody's way, once it is older than git would hold it.
func TestAbandonedLock(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no telling here")
	}
	repo, first := gittest.Repo(t, "main", map[string]string{"a": "1"})
	lock := filepath.Join(repo.Dir(), "refs", "heads", "main.lock")
	if err := os.WriteFile(lock, make([]byte, 41), 0o644); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(lock, before, before); err != nil {
		t.Fatal(err)
	}
	holder := flock.New(lock)
	if ok, err := holder.TryLock(); !ok || err != nil {
		t.Fatal(err)
	}
	if err := repo.CompareAndSwap("refs/heads/main", first, first); !fault.IsCode(err, "git-ref-locked") {
		t.Errorf("its owner lives: %v", err)
	}
	if err := holder.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := repo.CompareAndSwap("refs/heads/main", first, first); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(lock); err == nil {
		t.Error("the lock is still there")
	}
}

// TestLockOfTheDead: what this package has left is in nobody's way after seconds, and the ref that took its place is from now.
// Until then it may be the lock of somebody on another machine, whose mark does not get here.
func TestLockOfTheDead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no telling here")
	}
	for content, waits := range map[string]bool{"": true, "0123": false} {
		repo, first := gittest.Repo(t, "main", map[string]string{"a": "1"})
		if err := repo.DieLocking("refs/heads/main", []byte(content)); err != nil {
			t.Fatal(err)
		}
		lock := filepath.Join(repo.Dir(), "refs", "heads", "main.lock")
		info, err := os.Stat(lock)
		if age := time.Since(info.ModTime()); err != nil || age > 10*time.Minute {
			t.Errorf("with %q in it: %v old: %v", content, age, err)
		}
		if !waits { // as if ten seconds had gone by
			before := info.ModTime().Add(-10 * time.Second)
			if err := os.Chtimes(lock, before, before); err != nil {
				t.Fatal(err)
			}
		}
		if err := repo.CompareAndSwap("refs/heads/main", first, first); err != nil {
			t.Errorf("with %q in it: %v", content, err)
		}
		if info, err := os.Stat(filepath.Join(repo.Dir(), "refs", "heads", "main")); err != nil || time.Since(info.ModTime()) > time.Minute {
			t.Errorf("the time of the ref: %v, %v", info, err)
		}
		if left, err := filepath.Glob(filepath.Join(repo.Dir(), "objects", "pack", "tmp_*")); err != nil || len(left) > 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
		gittest.Fsck(t, repo.Dir())
	}
}

func TestForeignLock(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a": "1"})
	lock := filepath.Join(repo.Dir(), "refs", "heads", "main.lock")
	if err := os.WriteFile(lock, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := repo.CompareAndSwap("refs/heads/main", first, first); !fault.IsCode(err, "git-ref-locked") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(lock); err != nil {
		t.Error("the lock of another process was removed")
	}
	if h, err := repo.Ref("refs/heads/main"); h != first || err != nil {
		t.Errorf("reading under a lock: %s, %v", h, err)
	}
}
