package cache

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
)

// Level says how closely a tree is looked at before it is used.
type Level uint8

const (
	// Content hashes every byte. It finds a flipped bit.
	Content Level = iota
	// Stat looks at names, sizes, modes and times alone, but hashes a file that was changed after its listing, and the whole
	// tree once after each start of the system. On Linux a file that was given its former time again counts as changed, and so
	// does one that got another name.
	Stat
)

// damageError says what is wrong with a tree; it is healed, not reported.
type damageError struct{ what string }

func (e *damageError) Error() string { return e.what }

func damagef(format string, args ...any) error {
	return &damageError{what: fmt.Sprintf(format, args...)}
}

// treeCheck compares one tree with its listing.
type treeCheck struct {
	dir   string
	want  *listing
	level Level
	made  time.Time // when the listing was written
	buf   []byte
	seen  int
}

// run reports the first difference: anything missing, added or changed.
func (t *treeCheck) run() error {
	for _, folder := range t.want.folders() {
		if err := t.folder(folder); err != nil {
			return asDamage(err)
		}
	}
	if t.seen != len(t.want.files) {
		return damagef("files were missing from it")
	}
	return nil
}

// asDamage takes files and folders that are gone for damage.
func asDamage(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return damagef("files were missing from it")
	}
	return err
}

func (t *treeCheck) folder(folder string) error {
	dir := filepath.Join(t.dir, filepath.FromSlash(folder))
	entries, err := listFolder(dir)
	if errors.Is(err, errNoFolder) {
		return damagef("%q was no folder", folder)
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := e.Name()
		if folder != "" {
			path = folder + "/" + path
		}
		if e.IsDir() {
			continue // its own turn comes, or it is empty or holds files that nobody listed
		}
		want, ok := t.want.find(path)
		if !ok || !e.Type().IsRegular() {
			return damagef("%q was added to it", path)
		}
		t.seen++
		if err := t.file(filepath.Join(dir, e.Name()), want); err != nil {
			return err
		}
	}
	return t.noOtherFolders(folder, entries)
}

func (t *treeCheck) noOtherFolders(folder string, entries []fs.DirEntry) error {
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		path := e.Name()
		if folder != "" {
			path = folder + "/" + path
		}
		if !t.want.hasFolder(path) {
			return damagef("%q was added to it", path)
		}
	}
	return nil
}

func (t *treeCheck) file(path string, want archive.Entry) error {
	if t.level == Stat {
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if !sameShape(info.Size(), info.Mode()&0o100 != 0, want) {
			return damagef("%q was changed", want.Path)
		}
		if !lastChange(info).After(t.made) {
			return nil
		}
	}
	got, err := digestFile(path, want.Size, t.buf)
	if err != nil {
		return err
	}
	if !sameShape(got.Size, got.Executable, want) || got.SHA256 != want.SHA256 {
		return damagef("%q was changed", want.Path)
	}
	return nil
}

func sameShape(size int64, executable bool, want archive.Entry) bool {
	return size == want.Size && (executable == want.Executable || !modesCount())
}

// modesCount reports whether this system keeps the x bit.
func modesCount() bool { return filepath.Separator == '/' }

// hasFolder reports whether a file is below the folder.
func (l *listing) hasFolder(folder string) bool {
	prefix := []byte(folder + "/")
	lo, hi := 0, len(l.files)
	for lo < hi {
		mid := (lo + hi) / 2
		if l.files[mid].Path < string(prefix) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(l.files) && bytes.HasPrefix([]byte(l.files[lo].Path), prefix)
}
