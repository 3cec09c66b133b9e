package project

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

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

// FolderSize adds up the files in a folder, without following links; a folder that is not there has none.
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
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// RemoveFolder removes a folder with all that is in it, read-only folders too, and follows no link.
func RemoveFolder(folder string) error {
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
