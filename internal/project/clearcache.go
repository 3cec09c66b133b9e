package project

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/index/gitindex"
)

// Levels are the sizes of what is in a cache folder beside archives and trees, in bytes.
type Levels struct {
	IndexBytes int64 `json:"index_bytes"` // copies of the registries' files
	GitBytes   int64 `json:"git_bytes"`   // copies of repositories that dependencies are in
}

// CacheLevels measures a cache folder.
func CacheLevels(dir string) (l Levels, err error) {
	if l.IndexBytes, err = FolderSize(filepath.Join(dir, "index")); err != nil {
		return l, err
	}
	l.GitBytes, err = FolderSize(filepath.Join(dir, "git"))
	return l, err
}

// ClearGit removes the copies of repositories from a cache folder, but for those that a process uses at this moment. It
// returns the bytes that were removed, and how many copies stay.
func ClearGit(dir string) (bytes int64, inUse int, err error) {
	return clearCopies(filepath.Join(dir, "git"), 2)
}

// ClearIndexes does the same to the copies of the registries' files.
func ClearIndexes(dir string) (bytes int64, inUse int, err error) {
	return clearCopies(filepath.Join(dir, "index"), 1)
}

// clearCopies removes the copies that lie a number of folders below one.
func clearCopies(dir string, depth int) (bytes int64, inUse int, err error) {
	before, err := FolderSize(dir)
	if err != nil || before == 0 {
		return 0, 0, err
	}
	inUse, err = clearBelow(dir, depth)
	if err != nil {
		return 0, inUse, err
	}
	after, err := FolderSize(dir)
	return before - after, inUse, err
}

func clearBelow(dir string, depth int) (inUse int, err error) {
	if depth == 0 {
		removed, err := gitindex.Remove(dir)
		if err == nil && !removed {
			inUse = 1
		}
		return inUse, err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		n, belowErr := clearBelow(filepath.Join(dir, e.Name()), depth-1)
		inUse, err = inUse+n, errors.Join(err, belowErr)
	}
	if inUse == 0 && err == nil {
		_ = os.Remove(dir) // where it is empty; a file of somebody else's stays
	}
	return inUse, err
}
