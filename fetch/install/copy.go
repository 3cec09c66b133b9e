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
	"strings"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/failpoint"
)

// realFolder makes sure that a package is a folder with all that its tree has, and nothing besides: with hard links where linked
// is set, else with copies.
func (l *linker) realFolder(name, tree string, linked bool) error {
	if l.sameTree(name, tree, linked) {
		return nil
	}
	tmp := atomicfile.TempPrefix + name
	if err := l.root.RemoveAll(tmp); err != nil {
		return err
	}
	put := l.linkEntry
	if !linked {
		put = l.copyEntry
		if err := l.room(); err != nil {
			return err
		}
		if old, err := l.root.Lstat(name); err != nil || !old.IsDir() {
			target, _ := l.root.Readlink(name)
			l.added = append(l.added, added{name, target, err == nil && old.Mode().Type() == fs.ModeSymlink})
		}
	}
	err := eachFile(tree, func(rel string, d fs.DirEntry) error {
		return put(path.Join(tmp, rel), filepath.Join(tree, filepath.FromSlash(rel)), d)
	})
	if err != nil {
		return errors.Join(err, l.root.RemoveAll(tmp))
	}
	return l.swap(tmp, name)
}

// copyEntry makes what a user expects of their own project: it can be written to.
func (l *linker) copyEntry(own, original string, d fs.DirEntry) error {
	if d.IsDir() {
		return l.root.Mkdir(own, 0o755)
	}
	return l.copyFile(original, own)
}

// linkEntry makes a folder with the mode that it has in the store, as the files have theirs. It has to be filled, and some day
// removed: its owner may write to it in any case. Those of a cache's group may not.
func (l *linker) linkEntry(own, original string, d fs.DirEntry) error {
	if !d.IsDir() {
		return l.linkFile(own, original)
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	perm := info.Mode().Perm()&^0o022 | 0o700
	if err := l.root.Mkdir(own, perm); err != nil {
		return err
	}
	return l.root.Chmod(own, perm)
}

func (l *linker) linkFile(own, original string) error {
	// The name without what is in front of it while it is made.
	if err := failpoint.Fail(failpoint.LinkMade, strings.TrimPrefix(own, atomicfile.TempPrefix)); err != nil {
		return refused(err)
	}
	return refused(os.Link(original, filepath.Join(l.root.Name(), filepath.FromSlash(own))))
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

// sameTree reports whether a name is a folder that has exactly what the tree has. Nothing is remembered about folders: to look
// at them is cheaper than to make them, and finds what was changed.
func (l *linker) sameTree(name, tree string, linked bool) bool {
	if info, err := l.root.Lstat(name); err != nil || !info.IsDir() {
		return false
	}
	count := 0
	folder := filepath.Join(l.root.Name(), name)
	err := eachFile(folder, func(rel string, _ fs.DirEntry) error {
		count++
		rel = filepath.FromSlash(rel)
		return sameEntry(filepath.Join(folder, rel), filepath.Join(tree, rel), linked)
	})
	if err != nil {
		return false
	}
	err = eachFile(tree, func(string, fs.DirEntry) error { count--; return nil })
	return err == nil && count == 0
}

var errDiffers = errors.New("differs")

// sameEntry compares a file or folder with that of the tree. A file of the tree itself is no copy of it.
func sameEntry(own, original string, linked bool) error {
	got, err := os.Lstat(own)
	if err != nil {
		return err
	}
	want, err := os.Lstat(original)
	if err != nil {
		return err
	}
	if got.Mode().Type() != want.Mode().Type() {
		return errDiffers
	}
	if got.IsDir() {
		return nil
	}
	if os.SameFile(got, want) != linked || got.Size() != want.Size() {
		return errDiffers
	}
	if linked {
		return nil
	}
	return sameBytes(own, original)
}

func sameBytes(own, original string) error {
	got, err := os.ReadFile(own)
	if err != nil {
		return err
	}
	want, err := os.ReadFile(original)
	if err == nil && !bytes.Equal(got, want) {
		err = errDiffers
	}
	return err
}
