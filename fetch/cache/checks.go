package cache

import (
	"io/fs"
	"sync"

	"github.com/geeknik/gal-pkg/fetch"
)

// checks are the trees that were looked at since this process began to hold the cache: while it does, nobody removes them,
// and one look is enough. It is so that looking can begin before it is certain what is needed.
type checks struct {
	mu   sync.Mutex
	of   map[string]*check // by the tree's path
	told map[string]string // what was told of a tree, by its path
}

type check struct {
	level Level
	done  chan struct{}
	err   error
}

// claim returns the check of a tree, and whether it is the caller's to make.
func (k *checks) claim(path string, level Level) (c *check, mine bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.of[path]; c != nil && (c.level == level || c.level == Content) {
		return c, false
	}
	if k.of == nil {
		k.of = map[string]*check{}
	}
	c = &check{level: level, done: make(chan struct{})}
	k.of[path] = c
	return c, true
}

func (k *checks) clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.of)
	clear(k.told)
}

// tell reports whether what was found in a tree is news: without its archive, it is met again once that has come.
func (k *checks) tell(path, what string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.told[path] == what {
		return false
	}
	if k.told == nil {
		k.told = map[string]string{}
	}
	k.told[path] = what
	return true
}

// Check looks at the item's tree as [Cache.VerifyTree] does, for somebody who uses it ([Used]). As long as the cache is held,
// [Cache.Tree] does not look again at a tree that was right. The caller holds the cache ([Cache.Hold]).
func (c *Cache) Check(item fetch.Item, level Level) error {
	path, err := c.TreePath(item)
	if err != nil {
		return err
	}
	known, mine := c.checks.claim(path, level)
	if mine {
		var folder fs.FileInfo
		if folder, known.err = c.verifyTree(item, level); known.err == nil {
			Used(path, folder)
		}
		close(known.done)
		return known.err
	}
	if <-known.done; known.err == nil {
		return nil
	}
	return c.VerifyTree(item, level) // somebody may have made it since
}
