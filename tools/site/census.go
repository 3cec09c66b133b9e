package site

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// census answers what concerns the whole of branch main: which packages there are, and who has ever had a key. Each part
// is read whole when it is first asked for; from then on what has changed is enough, because a package or a key that was
// there once never goes away.
type census struct {
	mu         sync.Mutex
	packages   map[string]bool // path keys
	packagesAt gitrepo.Hash    // the commit of main that they were read up to
	keys       map[string]string
	keysAt     gitrepo.Hash
}

// names returns the path keys of all packages, sorted.
func (c *census) names(ctx context.Context, repo *gitrepo.Repo, main gitrepo.Hash) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changes, err := repo.Diff(ctx, c.packagesAt, main)
	if err != nil {
		return nil, err
	}
	if c.packages == nil {
		c.packages = map[string]bool{}
	}
	for _, change := range changes {
		if key, publisher, ok := index.KeyOfPath(change.Path); ok && !publisher && !change.New.IsZero() {
			c.packages[key] = true
		}
	}
	c.packagesAt = main
	return slices.Sorted(maps.Keys(c.packages)), nil
}

// owner returns the publisher who has ever had the key with a hint, "" for none.
func (c *census) owner(ctx context.Context, repo *gitrepo.Repo, main gitrepo.Hash, hint string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changes, err := repo.Diff(ctx, c.keysAt, main)
	if err != nil {
		return "", err
	}
	if c.keys == nil {
		c.keys = map[string]string{}
	}
	for _, change := range changes {
		if !strings.HasPrefix(change.Path, index.PublisherDir) || !change.NewMode.Regular() {
			continue
		}
		data, err := repo.ReadBlob(change.New, index.MaxFile)
		if err != nil {
			return "", err
		}
		c.addKeys(change.Path, data)
	}
	c.keysAt = main
	return c.keys[hint], nil
}

// addKeys takes the keys of one publisher's file. What is malformed in it was never published.
func (c *census) addKeys(path string, data []byte) {
	var decoder index.Decoder
	lines, _ := decoder.ParseLines(path, data)
	for _, l := range lines {
		if key, ok := keyOf(l); ok && c.keys[key.Hint()] == "" {
			c.keys[key.Hint()] = l.Subject
		}
	}
}
