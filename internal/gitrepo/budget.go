package gitrepo

import (
	"context"
	"fmt"
)

// Limits on one [Repo.Walk], one [Repo.Diff], and each commit of [Repo.NewObjects]. Folders that are in each other many
// times can be few bytes and countless paths: 31 trees that name the next one twice have 2 to the 30 folders. A registry of
// a million packages, in folders by two prefixes, has no folder twice, and keeps well below the rest.
const (
	MaxAgain   = 1 << 16   // visits of folders whose content was met before, at whatever path
	MaxEntries = 1 << 23   // files, links and submodules
	MaxPaths   = 512 << 20 // bytes of the paths of these together
)

// budget counts what going over the folders of a snapshot has cost so far.
type budget struct {
	ctx      context.Context
	dir      string
	snapshot Hash
	seen     map[visit]bool
	again    int
	entries  int
	paths    int
}

func (r *Repo) budget(ctx context.Context, snapshot Hash) *budget {
	return &budget{ctx: ctx, dir: r.dir, snapshot: snapshot, seen: map[visit]bool{}}
}

// visit is of a folder, of what is there or of what is gone: one that has moved is both.
type visit struct {
	tree Hash
	gone bool
}

// folder is called before a folder is read; gone says that the new snapshot has nothing at its place. Folders that are met
// once are not counted: they are as many as the repository has objects.
func (b *budget) folder(tree Hash, gone bool) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	v := visit{tree, gone}
	if b.seen[v] {
		b.again++
	}
	b.seen[v] = true
	if b.again > MaxAgain {
		return b.spent("names the same folders more than %d times", MaxAgain)
	}
	return nil
}

// entry is called for each path that is given to the caller.
func (b *budget) entry(path string) error {
	b.entries++
	b.paths += len(path)
	if b.entries > MaxEntries {
		return b.spent("has more than %d files, or changes as many", MaxEntries)
	}
	if b.paths > MaxPaths {
		return b.spent("has paths of more than %d bytes together, or changes as many", MaxPaths)
	}
	return nil
}

func (b *budget) spent(format string, args ...any) error {
	return unsafe("snapshot %s %s", b.snapshot, fmt.Sprintf(format, args...)).
		WithHelp("git -C %s ls-tree -d %s   # shows the folders; do not use this commit, or make it anew without those that repeat", b.dir, b.snapshot)
}
