package gitrepo

import (
	"context"
	"errors"
	"fmt"
)

// Extent is how much of a snapshot is meant to be in a repository. The zero Extent is all folders, without the files.
type Extent struct {
	Files  bool
	Levels int // of folders, the root being the first; 0 means all
}

// CheckComplete holds that the folders of a snapshot are in the repository and can be read and, with files, that its
// files are there, as far as its extent goes. What it shares with the snapshot before, which was checked already to the same
// extent, is not looked at again; the zero hash stands for none. A snapshot that is not whole is an error that matches
// [ErrMissingObject].
func (r *Repo) CheckComplete(ctx context.Context, before, snapshot Hash, extent Extent) error {
	old, err := r.TreeOf(before)
	if err != nil {
		return err
	}
	root, err := r.TreeOf(snapshot)
	if err != nil {
		return err
	}
	c := checker{ctx: ctx, repo: r, extent: extent, seen: map[Hash]int{}}
	return c.folder("", 1, old, root)
}

// checker remembers the folders that it has been in: folders that are in each other many times can be few bytes and
// countless paths.
type checker struct {
	ctx    context.Context
	repo   *Repo
	extent Extent
	seen   map[Hash]int // the level of each folder
}

// folder checks one that is on a level of its own.
func (c *checker) folder(path string, level int, before, now Hash) error {
	if before == now || c.done(now, level) {
		return nil
	}
	if err := c.ctx.Err(); err != nil {
		return err
	}
	c.seen[now] = level
	was, err := c.repo.entriesOf(before)
	if err != nil {
		return err
	}
	entries, err := c.repo.readTree(now)
	if err != nil {
		return fmt.Errorf("folder %q: %w", path, err)
	}
	for _, e := range entries {
		if err := c.entry(path, level, was[e.name], e); err != nil {
			return err
		}
	}
	return nil
}

// done reports whether nothing is left to be seen of a folder on a level: higher up, more of it counts.
func (c *checker) done(folder Hash, level int) bool {
	at, seen := c.seen[folder]
	if c.extent.Levels == 0 {
		return seen
	}
	return level > c.extent.Levels || seen && at <= level
}

func (c *checker) entry(folder string, level int, before, now entry) error {
	path, err := join(folder, now.name)
	if err != nil || before == now {
		return err
	}
	switch {
	case now.mode == ModeDir && before.mode == ModeDir:
		return c.folder(path, level+1, before.hash, now.hash)
	case now.mode == ModeDir:
		return c.folder(path, level+1, Hash{}, now.hash)
	case c.extent.Files && now.mode != ModeSubmodule && !c.repo.Has(now.hash):
		return fmt.Errorf("file %q: %w", path, ErrMissingObject)
	}
	return nil
}

// entriesOf returns a folder's entries by name; of one that cannot be read, none.
func (r *Repo) entriesOf(tree Hash) (map[string]entry, error) {
	entries, err := r.readTree(tree)
	if errors.Is(err, ErrMissingObject) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make(map[string]entry, len(entries))
	for _, e := range entries {
		names[e.name] = e
	}
	return names, nil
}
