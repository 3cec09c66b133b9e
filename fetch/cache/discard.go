package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// Discard removes archives and trees by their paths, waiting until no process uses the cache, and returns what it removed.
// It is for what [Cache] is not asked for by digest: what a look at the whole cache has found damaged.
func (c *Cache) Discard(ctx context.Context, paths []string) (Usage, error) {
	for _, path := range paths {
		rel, err := filepath.Rel(c.dir, path)
		parts := strings.Split(filepath.ToSlash(rel), "/")
		tree := len(parts) == 2 && parts[0] == "store"
		blob := len(parts) == 4 && parts[0] == "blobs" && parts[1] == "sha256"
		if err != nil || !filepath.IsLocal(rel) || !tree && !blob {
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

// Distrust makes the next check find the item's tree damaged, at whatever level and whatever its listing says: the listing
// goes, and whoever needs the tree makes it anew. It is for what was found by other means than that listing.
func (c *Cache) Distrust(item fetch.Item) error {
	path, err := c.TreePath(item)
	if err != nil {
		return err
	}
	err = os.Remove(path + listingSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
