package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Search looks for paths in one snapshot, of which not all folders need to be in the repository. It remembers the folders
// that it has read, and is not for use by several goroutines at once.
type Search struct {
	repo  *Repo
	root  Hash
	trees map[Hash]map[string]entry
}

func newSearch(r *Repo, root Hash) *Search {
	return &Search{r, root, map[Hash]map[string]entry{}}
}

// Search begins one in a snapshot (a commit or a tree), whose root must be there.
func (r *Repo) Search(snapshot Hash) (*Search, error) {
	root, err := r.TreeOf(snapshot)
	if err != nil {
		return nil, err
	}
	s := newSearch(r, root)
	_, err = s.folder(root)
	return s, err
}

// Find returns the entries of paths as [Repo.Lookup] does and, of the other paths, the first folder of each that would have
// to be read and is not in the repository: each folder once, in the order of the paths.
func (s *Search) Find(paths []string) (found map[string]File, missing []Hash, err error) {
	found = make(map[string]File, len(paths))
	for _, path := range paths {
		if err := CheckPath(path); err != nil {
			return nil, nil, err
		}
		e, ok, err := s.find(path)
		switch {
		case errors.Is(err, ErrMissingObject):
			missing = append(missing, e.hash)
		case err != nil:
			return nil, nil, err
		case ok && e.mode != ModeDir:
			found[path] = File{path, e.mode, e.hash}
		}
	}
	return found, unique(missing), nil
}

// maxFolders is how many folders Rest looks at.
const maxFolders = 1 << 16

// Rest returns the folders that are here and have folders in them that are not, where most folders of that level are not
// here, and at most so many are missing. It is how much would have to be fetched to have all. Of folders that are in each
// other many times each is looked at once, and where there are more than [maxFolders] of them there is no rest.
func (s *Search) Rest(ctx context.Context, most int) ([]Hash, error) {
	seen := map[Hash]bool{s.root: true}
	for level := []Hash{s.root}; len(level) > 0; {
		var above, below []Hash // of these, those that lack some, and the folders in them
		missing := 0
		for _, tree := range level {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			folders, err := s.repo.foldersIn(tree)
			if err != nil {
				return nil, err
			}
			lacking := s.repo.lacking(folders)
			if missing += lacking; missing > most {
				return nil, nil
			}
			if lacking > 0 {
				above = append(above, tree)
			}
			for _, h := range folders {
				if !seen[h] {
					seen[h] = true
					below = append(below, h)
				}
			}
		}
		switch {
		case len(seen) > maxFolders:
			return nil, nil
		case 2*missing > len(below):
			return above, nil
		case missing > 0:
			return nil, nil
		}
		level = below
	}
	return nil, nil
}

// foldersIn returns the folders in a tree, in its order.
func (r *Repo) foldersIn(tree Hash) (folders []Hash, err error) {
	entries, err := r.readTree(tree)
	for _, e := range entries {
		if e.mode == ModeDir {
			folders = append(folders, e.hash)
		}
	}
	return folders, err
}

// lacking counts the objects that are not in the packs that are known of.
func (r *Repo) lacking(objects []Hash) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, h := range objects {
		if !r.objects.packed(h) {
			n++
		}
	}
	return n
}

// find walks down to path. With an error that matches [ErrMissingObject] it returns the folder that is missing.
func (s *Search) find(path string) (entry, bool, error) {
	at := entry{mode: ModeDir, hash: s.root}
	for name := range strings.SplitSeq(path, "/") {
		switch at.mode {
		case ModeDir:
		case ModeLink, ModeSubmodule:
			return entry{}, false, unsafe("%q leads through the link or submodule %q", path, at.name)
		default:
			return entry{}, false, nil
		}
		names, err := s.folder(at.hash)
		if err != nil {
			return at, false, fmt.Errorf("looking for %q: %w", path, err)
		}
		ok := false
		if at, ok = names[name]; !ok {
			return entry{}, false, nil
		}
	}
	return at, true, nil
}

// folder returns the entries of a tree by name.
func (s *Search) folder(tree Hash) (map[string]entry, error) {
	if names, ok := s.trees[tree]; ok {
		return names, nil
	}
	entries, err := s.repo.readTree(tree)
	if err != nil {
		return nil, err
	}
	names := make(map[string]entry, len(entries))
	for _, e := range entries {
		names[e.name] = e
	}
	s.trees[tree] = names
	return names, nil
}
