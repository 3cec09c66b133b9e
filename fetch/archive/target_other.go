//go:build !linux

package archive

import (
	"io/fs"
	"os"
)

// target is a folder of our own that files are written to, in the order of their paths. It keeps the folder open that it
// is in, and follows no link out of it.
type target struct {
	root   *os.Root
	folder *os.Root // root itself or the folder called name
	name   string
	mode   fs.FileMode // of folders, whatever the umask; 0 for none
}

func openTarget(dir string, folders fs.FileMode) (*target, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &target{root: root, folder: root, mode: folders}, nil
}

func (t *target) close() {
	t.leave()
	t.root.Close()
}

func (t *target) leave() {
	if t.folder != t.root {
		t.folder.Close()
	}
	t.folder, t.name = t.root, ""
}

// enter goes to a folder, and makes it with its parents where they are missing.
func (t *target) enter(folder string) error {
	if folder == t.name {
		return nil
	}
	t.leave()
	if folder == "" {
		return nil
	}
	if err := t.root.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for path := folder; t.mode != 0 && path != ""; path = parent(path) {
		if err := t.root.Chmod(path, t.mode); err != nil {
			return err
		}
	}
	sub, err := t.root.OpenRoot(folder)
	if err != nil {
		return err
	}
	t.folder, t.name = sub, folder
	return nil
}

// create makes a new file in the folder that it is in.
func (t *target) create(name string, mode fs.FileMode) (*os.File, error) {
	return t.folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}
