package gitrepo

import (
	"context"
	"errors"
	"fmt"
)

// CheckComplete holds that all folders of a snapshot are in the repository and can be read and, with files, that its
// files are there. What it shares with the snapshot before, which was checked already, is not looked at again; the zero
// hash stands for none. A snapshot that is not whole is an error that matches [ErrMissingObject].
func (r *Repo) CheckComplete(ctx context.Context, before, snapshot Hash, files bool) error {
	old, err := r.TreeOf(before)
	if err != nil {
		return err
	}
	root, err := r.TreeOf(snapshot)
	if err != nil {
		return err
	}
	c := checker{ctx: ctx, repo: r, files: files, seen: map[Hash]bool{}}
	return c.folder("", old, root)
}

// checker remembers the folders that it has been in: folders that are in each other many times can be few bytes and
// countless paths.
type checker struct {
	ctx   context.Context
	repo  *Repo
	files bool
	seen  map[Hash]bool
}

func (c *checker) folder(path string, before, now Hash) error {
	if before == now || c.seen[now] {
		return nil
	}
	if err := c.ctx.Err(); err != nil {
		return err
	}
	c.seen[now] = true
	was, err := c.repo.entriesOf(before)
	if err != nil {
		return err
	}
	entries, err := c.repo.readTree(now)
	if err != nil {
		return fmt.Errorf("folder %q: %w", path, err)
	}
	for _, e := range entries {
		if err := c.entry(path, was[e.name], e); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) entry(folder string, before, now entry) error {
	path, err := join(folder, now.name)
	if err != nil || before == now {
		return err
	}
	switch {
	case now.mode == ModeDir && before.mode == ModeDir:
		return c.folder(path, before.hash, now.hash)
	case now.mode == ModeDir:
		return c.folder(path, Hash{}, now.hash)
	case c.files && now.mode != ModeSubmodule && !c.repo.Has(now.hash):
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
