package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestGatherer: of many fetches at once there are two rounds, everybody gets their own files, and one that cannot be had
// spoils nobody else's.
func TestGatherer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		rounds := 0
		errBad := errors.New("bad")
		g := newGatherer(func(ctx context.Context, paths []string) (map[string][]byte, error) {
			mu.Lock()
			rounds++
			mu.Unlock()
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
			files := map[string][]byte{}
			for _, path := range paths {
				if path == "bad" {
					return nil, errBad
				}
				if path != "absent" {
					files[path] = []byte("of " + path)
				}
			}
			return files, nil
		})
		run := func(count int, more ...string) (begun int, errs []error) {
			rounds, errs = 0, make([]error, count)
			var group sync.WaitGroup
			for i := range count {
				group.Go(func() {
					paths := []string{fmt.Sprint(i), "absent", "shared"}
					if i < len(more) {
						paths = append(paths, more[i])
					}
					files, err := g.Fetch(t.Context(), paths)
					if errs[i] = err; err == nil && (len(files) != 2 || string(files[fmt.Sprint(i)]) != "of "+fmt.Sprint(i)) {
						t.Errorf("%d: %q", i, files)
					}
				})
			}
			group.Wait()
			return rounds, errs
		}
		if begun, errs := run(50); begun > 2 || slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
			t.Errorf("%d rounds, %v", begun, errs)
		}
		if _, errs := run(5, "bad"); !errors.Is(errs[0], errBad) || slices.ContainsFunc(errs[1:], func(err error) bool { return err != nil }) {
			t.Errorf("%v", errs)
		}
		// Whoever leads a round and goes away does not take the others along.
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := g.Fetch(ctx, []string{"x"}); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		group.Go(func() {
			if files, err := g.Fetch(t.Context(), []string{"y"}); err != nil || len(files) != 1 {
				t.Errorf("%q, %v", files, err)
			}
		})
		synctest.Wait()
		cancel()
		group.Wait()
	})
}
