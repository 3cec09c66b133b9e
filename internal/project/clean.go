package project

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/install"
)

// Outputs returns the folders of a project that hold nothing but what can be made again: what was built and, with links,
// what was installed.
func (p *Project) Outputs(links bool) []string {
	folders := []string{filepath.Join(p.Dir, "target")}
	if links {
		folders = append(folders, filepath.Join(p.Dir, install.Dir))
	}
	return folders
}

// FolderSize adds up the files in a folder, without following links; a folder that is not there has none. Files that have other
// names as well, as hard links to a cache have, are not counted: nothing is free when one of the names goes.
func FolderSize(folder string) (int64, error) {
	var total int64
	err := filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone in the meantime, or never there
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !hasOtherNames(info) {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// RemoveOutput removes one of the [Project.Outputs] with all that is in it, read-only folders too, and follows no link. For
// .gal it waits until no other process holds the project. The errors are those of the files, and of the context.
func RemoveOutput(ctx context.Context, folder string, events fetch.Events) error {
	if filepath.Base(folder) != install.Dir || isOther(folder, fs.ModeDir) {
		return removeFolder(folder)
	}
	if !isFolder(folder) {
		return nil
	}
	free, err := hold(ctx, filepath.Dir(folder), events)
	if err != nil {
		return err
	}
	defer free()
	entries, err := os.ReadDir(folder)
	if err != nil {
		return removeFolder(folder)
	}
	for _, e := range entries {
		if e.Name() != lockFile {
			err = errors.Join(err, removeFolder(filepath.Join(folder, e.Name())))
		}
	}
	if err != nil {
		return err
	}
	// Whoever waits for the lock looks whether it still has its name. Where it cannot be removed, it stays, and so does .gal.
	_ = removeFolder(filepath.Join(folder, lockFile))
	if err := os.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func removeFolder(folder string) error {
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			if info, infoErr := d.Info(); infoErr == nil && info.Mode()&0o300 != 0o300 {
				return os.Chmod(path, 0o700)
			}
		}
		return nil // whatever is wrong, RemoveAll meets it too
	})
	return errors.Join(err, os.RemoveAll(folder))
}
