package install

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// copy makes a folder with the files of tree, writable as a user expects of their own project.
func (l *linker) copy(name, tree string) error {
	tmp := atomicfile.TempPrefix + name
	if err := l.root.RemoveAll(tmp); err != nil {
		return err
	}
	err := eachFile(tree, func(rel string, d fs.DirEntry) error {
		if d.IsDir() {
			return l.root.Mkdir(path.Join(tmp, rel), 0o755)
		}
		return l.copyFile(filepath.Join(tree, filepath.FromSlash(rel)), path.Join(tmp, rel))
	})
	if err != nil {
		return errors.Join(err, l.root.RemoveAll(tmp))
	}
	l.there[tmp] = fs.ModeDir
	defer delete(l.there, tmp)
	return l.swap(tmp, name)
}

func (l *linker) copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := l.root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// eachFile visits a tree in the order of names, folders before what they hold; a link or special file is an error.
func eachFile(tree string, fn func(rel string, d fs.DirEntry) error) error {
	return fs.WalkDir(os.DirFS(tree), ".", func(rel string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && !d.Type().IsRegular() {
			return fmt.Errorf("%s is no regular file", path.Join(tree, rel))
		}
		return fn(rel, d)
	})
}

// sameTree reports whether a copy still has exactly the bytes of the tree. Nothing is remembered about copies: reading
// both is cheaper than writing one, and finds what was changed.
func (l *linker) sameTree(name, tree string) bool {
	count := 0
	err := eachFile(tree, func(rel string, d fs.DirEntry) error {
		count++
		return l.sameEntry(path.Join(name, rel), filepath.Join(tree, filepath.FromSlash(rel)), d)
	})
	if err != nil {
		return false
	}
	err = eachFile(filepath.Join(l.root.Name(), name), func(string, fs.DirEntry) error { count--; return nil })
	return err == nil && count == 0
}

var errDiffers = errors.New("differs")

func (l *linker) sameEntry(copied, original string, d fs.DirEntry) error {
	info, err := l.root.Lstat(copied)
	if err != nil {
		return err
	}
	if d.IsDir() || !info.Mode().IsRegular() {
		if d.IsDir() && info.IsDir() {
			return nil
		}
		return errDiffers
	}
	want, err := os.ReadFile(original)
	if err != nil {
		return err
	}
	if info.Size() != int64(len(want)) {
		return errDiffers
	}
	got, err := l.root.ReadFile(copied)
	if err == nil && !bytes.Equal(got, want) {
		err = errDiffers
	}
	return err
}
