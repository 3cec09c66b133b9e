package project

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/install"
)

// TestHoldBesideClean: whoever holds a project has it alone, and nobody cleans it meanwhile, although clean removes the very
// lock.
func TestHoldBesideClean(t *testing.T) {
	dir := t.TempDir()
	gal := filepath.Join(dir, install.Dir)
	var inside atomic.Int32
	var holders, cleaners sync.WaitGroup
	for range 6 {
		holders.Go(func() {
			for range 8 {
				free, err := hold(t.Context(), dir, fetch.Events{})
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold the project", n)
				}
				mine := filepath.Join(gal, "mine")
				if err := os.WriteFile(mine, nil, 0o644); err != nil {
					t.Error(err)
				}
				for range 100 {
					if _, err := os.Lstat(mine); err != nil {
						t.Error(err)
						break
					}
				}
				inside.Add(-1)
				free()
			}
		})
	}
	var done atomic.Bool
	for range 2 {
		cleaners.Go(func() {
			for !done.Load() {
				if err := RemoveOutput(t.Context(), gal, fetch.Events{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	holders.Wait()
	done.Store(true)
	cleaners.Wait()
	if _, err := os.Lstat(gal); err == nil {
		t.Error("it is not clean")
	}
}
