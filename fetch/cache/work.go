package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// workshop is the folder in tmp that a Cache makes things in before they get their names. It is there while the Cache is in
// use: hundreds of objects need not each make one. After a crash, whoever has the cache for itself sweeps it.
type workshop struct {
	mu  sync.Mutex
	dir string // "" where there is none
	n   int    // names that were given out

	shared fs.FileMode // of the folders in it, where a group may write to tmp; else 0
}

// name returns a path that nothing has; look is for a folder that may have been removed beside us.
func (w *workshop) name(tmp string, look bool) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if look && !isFolder(w.dir) {
		w.dir = ""
	}
	if w.dir == "" {
		if err := w.open(tmp); err != nil {
			return "", err
		}
	}
	w.n++
	return filepath.Join(w.dir, strconv.Itoa(w.n)), nil
}

// open makes the folder. After a crash, all who may write to tmp may remove what is in it.
func (w *workshop) open(tmp string) error {
	in, err := os.Stat(tmp)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeFolder(tmp); err == nil {
			in, err = os.Stat(tmp)
		}
	}
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(tmp, atomicfile.TempPrefix+"*")
	if err != nil {
		return err
	}
	w.dir, w.shared = dir, groupMode(in)&^fs.ModeSticky
	if w.shared != 0 {
		return os.Chmod(dir, w.shared)
	}
	return nil
}

// folders is the mode of all folders of a tree, as [archive.Options] has it: who moves or removes a folder writes to it.
func (w *workshop) folders() fs.FileMode {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shared
}

// clear removes the folder. What is left in it was of no use, and neither is an error.
func (w *workshop) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dir != "" {
		_ = removeAll(w.dir)
		w.dir = ""
	}
}

// temp has create make something new in the workshop and returns where.
func (c *Cache) temp(create func(path string) error) (string, error) {
	for again := false; ; again = true {
		path, err := c.work.name(c.path("tmp"), again)
		if err == nil {
			err = create(path)
		}
		if again || !errors.Is(err, fs.ErrNotExist) {
			return path, err
		}
	}
}

func isFolder(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// makeFolder makes a folder in the cache where it is missing. The group that may write to the one that it is in may write to
// it. Where everybody may, nobody has said that they are to be trusted with what is in it.
func makeFolder(path string) error {
	in, err := os.Stat(filepath.Dir(path))
	if err == nil && groupMode(in) != 0 && os.Mkdir(path, 0o755) == nil {
		return os.Chmod(path, groupMode(in))
	}
	return os.MkdirAll(path, 0o755)
}

// groupMode is the mode of what is made in a folder that a group may write to; 0 in others.
func groupMode(in fs.FileInfo) fs.FileMode {
	if in.Mode()&0o022 != 0o020 {
		return 0
	}
	return in.Mode() & (fs.ModePerm | fs.ModeSetgid | fs.ModeSticky)
}

// place gives what is made its name, in a folder that is made where it is missing.
func place(from, to string) error {
	err := rename(from, to)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeFolder(filepath.Dir(to)); err != nil {
		return err
	}
	return rename(from, to)
}
