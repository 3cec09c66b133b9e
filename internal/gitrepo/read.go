package gitrepo

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// File is an entry of a snapshot that is not a folder.
type File struct {
	Path string
	Mode Mode // Mode.Regular says whether it can be read
	Hash Hash // of the blob; for a submodule, of a commit elsewhere
}

// TreeOf returns the tree of a commit. A tree is its own; so is the zero hash, which stands for the empty tree.
func (r *Repo) TreeOf(h Hash) (Hash, error) {
	if h.IsZero() {
		return h, nil
	}
	kind, data, err := r.read(h, MaxTree)
	if err != nil || kind == plumbing.TreeObject {
		return h, err
	}
	if kind != plumbing.CommitObject {
		return Hash{}, unsafe("object %s is a %s, not a commit", h, kind)
	}
	c, err := parseCommit(h, data)
	return c.Tree, err
}

// Lookup finds the entries of paths in the snapshot (a commit or a tree). Paths that are not there, or are folders, are
// absent from the result. A path that leads through a link or a submodule is an error.
func (r *Repo) Lookup(snapshot Hash, paths []string) (map[string]File, error) {
	s, err := r.Search(snapshot)
	if err != nil {
		return nil, err
	}
	found, missing, err := s.Find(paths)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("folder %s: %w", missing[0], ErrMissingObject)
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// ReadFile returns the content of one file of at most limit bytes; [fs.ErrNotExist] is matched where there is none.
func (r *Repo) ReadFile(snapshot Hash, path string, limit int64) ([]byte, error) {
	files, err := r.ReadFiles(snapshot, []string{path}, limit)
	if err != nil {
		return nil, err
	}
	data, ok := files[path]
	if !ok {
		return nil, fmt.Errorf("reading %q at %s: %w", path, snapshot, fs.ErrNotExist)
	}
	return data, nil
}

// ReadFiles returns the contents of files, each of at most limit bytes, by path; those that are not there are absent.
func (r *Repo) ReadFiles(snapshot Hash, paths []string, limit int64) (map[string][]byte, error) {
	found, err := r.Lookup(snapshot, paths)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte, len(found))
	for _, path := range paths {
		f, ok := found[path]
		if !ok || files[path] != nil {
			continue
		}
		if !f.Mode.Regular() {
			return nil, unsafe("%q is a link or a submodule, not a file", path)
		}
		if files[path], err = r.ReadBlob(f.Hash, limit); err != nil {
			return nil, fmt.Errorf("%q: %w", path, err)
		}
	}
	return files, nil
}

// Walk calls fn for every entry that is not a folder, below the folder prefix ("" for all), in the order of git's trees.
// It reads no blob. An error of fn ends the walk and is returned, and so does that of ctx; [fs.SkipAll] ends it without
// one. More than [MaxAgain] folders that were met before, [MaxEntries] entries, or [MaxPaths] are a fault of kind Integrity.
func (r *Repo) Walk(ctx context.Context, snapshot Hash, prefix string, fn func(File) error) error {
	root, err := r.TreeOf(snapshot)
	if err != nil {
		return err
	}
	if prefix != "" {
		if err := CheckPath(prefix); err != nil {
			return err
		}
		e, ok, err := newSearch(r, root).find(prefix)
		if err != nil || !ok || e.mode != ModeDir {
			return err
		}
		root = e.hash
	}
	err = r.walk(r.budget(ctx, snapshot), root, prefix, fn)
	if err == fs.SkipAll {
		return nil
	}
	return err
}

func (r *Repo) walk(b *budget, tree Hash, prefix string, fn func(File) error) error {
	if err := b.folder(tree, false); err != nil {
		return err
	}
	entries, err := r.readTree(tree)
	if err != nil {
		return fmt.Errorf("reading folder %q: %w", prefix, err)
	}
	for _, e := range entries {
		path, err := join(prefix, e.name)
		if err != nil {
			return err
		}
		if e.mode == ModeDir {
			err = r.walk(b, e.hash, path, fn)
		} else if err = b.entry(path); err == nil {
			err = fn(File{path, e.mode, e.hash})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// join appends a name to a folder's path. It bounds the depth of every recursion over trees.
func join(prefix, name string) (string, error) {
	if prefix == "" {
		return name, nil
	}
	if strings.Count(prefix, "/")+2 > MaxDepth {
		return "", unsafe("folders nest deeper than %d at %q", MaxDepth, prefix)
	}
	return prefix + "/" + name, nil
}
