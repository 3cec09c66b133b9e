package mirror

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

const (
	recentDir = "recent/"
	scopePath = index.CopyNotePath
)

// folders and files are all that a mirror is made of. Whatever else lies in its folder is left alone.
var (
	folders = []string{"advisories", "bundles", "index", "log", "packages", "publishers", "recent", "search", "shards", "trust"}
	files   = []string{index.AccessPath, "allowed_signers", scopePath, index.ConfigPath}
)

// tree is the folder of a mirror. Nothing outside of it is touched, whatever links lead there.
type tree struct {
	dir  string
	root *os.Root
}

func openTree(dir string) (*tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &tree{dir, root}, nil
}

func (t *tree) close() { t.root.Close() }

// state is the path of something of the mirror's own.
func (t *tree) state(name string) string { return filepath.Join(t.dir, stateDir, name) }

// read returns a file of the mirror, nil where there is none or it cannot be read: then it is fetched.
func (t *tree) read(path string) []byte {
	f, err := t.root.Open(filepath.FromSlash(path))
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := atomicfile.ReadFrom(f, index.MaxFile)
	if err != nil {
		return nil
	}
	return data
}

// write puts a file into its place, at once and for good.
func (t *tree) write(path string, data []byte) error {
	name, err := t.room(path)
	if err != nil {
		return err
	}
	return atomicfile.Write(name, data, 0o644)
}

// room makes the folders of a file and returns its name.
func (t *tree) room(path string) (string, error) {
	name := filepath.FromSlash(path)
	err := t.root.MkdirAll(filepath.Dir(name), 0o755)
	return filepath.Join(t.dir, name), err
}

// registry is the id of the registry that the mirror is of, "" where it is new.
func (t *tree) registry() string {
	config, err := index.ParseConfig(t.read(index.ConfigPath))
	if err != nil {
		return ""
	}
	return config.ID
}

// paths returns the paths of all files of the mirror, sorted.
func (t *tree) paths() ([]string, error) { return PathsOf(t.root.FS()) }

// PathsOf returns the paths of all files of a published tree in a folder, sorted. Files that are not complete, and whatever
// is no regular file, are none of it.
func PathsOf(tree fs.FS) ([]string, error) {
	var paths []string
	for _, top := range slices.Concat(folders, files) {
		err := fs.WalkDir(tree, top, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.Type().IsRegular() && !strings.HasPrefix(entry.Name(), atomicfile.TempPrefix):
				paths = append(paths, path)
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	slices.Sort(paths)
	return paths, nil
}

// grows reports whether a file only ever grows: who has an older digest needs no copy of its former state.
func grows(path string) bool {
	return strings.HasPrefix(path, index.PackageDir) || strings.HasPrefix(path, index.PublisherDir)
}
