package cache

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
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
	return c.remove(ctx, func(r *remover) error {
		for _, path := range paths {
			if err := r.discardTree(path); err != nil {
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

// Distrust makes the next check find trees damaged, at whatever level: in place of their listings it is noted what was found,
// which whoever makes such a tree anew tells, and every project looks again at what it links to. It is for what was found by
// other means than a listing. Found is by path; paths that are not those of trees are left alone.
func (c *Cache) Distrust(found map[string]string) error {
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(found)) {
		if c.kind(path) == unpacked {
			errs = append(errs, atomicfile.WriteCache(path+listingSuffix, formatDamage(found[path])))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errors.Join(append(errs, c.newGeneration())...)
}
