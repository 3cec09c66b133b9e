package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Discard removes archives and trees by their paths, waiting until no process uses the cache, and returns what it removed.
// It is for what [Cache] is not asked for by digest: what a look at the whole cache has found damaged.
func (c *Cache) Discard(ctx context.Context, paths []string) (Usage, error) {
	for _, path := range paths {
		if c.kind(path) == other {
			return Usage{}, fault.New(fault.Internal, "bad-path", "%q is no archive and no tree of the cache", path)
		}
	}
	return c.remove(ctx, func() error {
		for _, path := range paths {
			if err := c.discardTree(path); err != nil {
				return err
			}
		}
		return nil
	})
}

// What a path in the cache is of.
type kind uint8

const (
	other kind = iota
	archived
	unpacked
)

func (c *Cache) kind(path string) kind {
	rel, err := filepath.Rel(c.dir, path)
	parts := strings.Split(filepath.ToSlash(rel), "/")
	switch {
	case err != nil || !filepath.IsLocal(rel):
		return other
	case len(parts) == 2 && parts[0] == "store":
		return unpacked
	case len(parts) == 4 && parts[0] == "blobs" && parts[1] == "sha256":
		return archived
	}
	return other
}

// Distrust makes the next check find trees damaged, at whatever level and whatever their listings say: the listings go, and
// every project looks again at what it links to, so that whoever needs a tree makes it anew. It is for what was found by
// other means than a listing; paths that are not those of trees are left alone.
func (c *Cache) Distrust(paths ...string) error {
	paths = slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return c.kind(path) != unpacked })
	if len(paths) == 0 {
		return nil
	}
	errs := []error{c.newGeneration()}
	for _, path := range paths {
		if err := os.Remove(path + listingSuffix); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
