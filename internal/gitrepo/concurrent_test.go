package gitrepo_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// TestReadingWhileOthersWrite: files that come and go beside the packs must never make an object seem to be missing.
func TestReadingWhileOthersWrite(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a": "1", "b": "2"})
	gittest.Run(t, repo.Dir(), "repack", "-adq")
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				f, err := os.CreateTemp(filepath.Join(repo.Dir(), "objects", "pack"), "tmp_pack_*")
				if err != nil {
					t.Error(err)
					return
				}
				f.Close()
				os.Remove(f.Name())
			}
		})
	}
	for range 500 {
		again := reopen(t, repo.Dir())
		if !again.Has(first) {
			t.Error("the commit is missing")
		}
		if data, err := again.ReadFile(first, "a", 10); string(data) != "1" || err != nil {
			t.Errorf("%q, %v", data, err)
		}
		again.Close()
	}
	close(stop)
	group.Wait()
}

func reopen(t testing.TB, dir string) *gitrepo.Repo {
	t.Helper()
	repo, err := gitrepo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return repo
}
