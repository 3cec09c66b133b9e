package site

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/filelock"
)

// unfinished is the name of a file in a registry's folder that is there, and locked, while Init makes the registry. By what is
// in it, it is known to be Init's: what it stands beside is removed.
const (
	unfinished     = ".unfinished"
	unfinishedText = "gal-registry init has not ended here. The next one removes everything in this folder.\n"
)

// making is a folder in which Init makes a registry.
type making struct {
	dir  string
	lock *filelock.Lock
}

// beginIn makes a folder ready for Init: it is empty, but for the file that says so.
func beginIn(ctx context.Context, dir string) (*making, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	left, err := leftIn(dir)
	if err != nil {
		return nil, err
	}
	fresh := len(left) == 0
	file := filepath.Join(dir, unfinished)
	if fresh {
		if err := atomicfile.Create(file, []byte(unfinishedText), 0o600); err != nil {
			return nil, err
		}
	}
	// Whoever ends removes the file: to make it anew, or to wait, would take what is whole for what was left.
	try, over := context.WithCancel(ctx)
	over()
	lock, err := filelock.Acquire(try, file, filelock.Options{There: true})
	if err != nil {
		return nil, fault.New(fault.Manifest, "registry-unfinished", "another gal-registry init makes a registry in %s", dir)
	}
	m := &making{dir, lock}
	if err := m.clear(fresh); err != nil {
		lock.Release()
		return nil, err
	}
	return m, nil
}

// leftIn lists what a folder has in which a registry can be made: nothing, or what an Init has left.
func leftIn(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	strange := slices.ContainsFunc(names, func(name string) bool {
		return !slices.Contains([]string{unfinished, PublicDir, UploadsDir, RepoDir, RootKeysDir, "keys", "state", "tokens.toml"}, strings.TrimPrefix(name, atomicfile.TempPrefix))
	})
	alone := len(names) == 1 && names[0] == unfinished
	if strange || len(names) > 0 && !isUnfinished(dir) && !(alone && isTorn(dir)) {
		return nil, notEmpty(dir)
	}
	return names, nil
}

// isUnfinished reports whether an Init has begun in a folder, and not ended.
func isUnfinished(dir string) bool {
	text, err := atomicfile.Read(filepath.Join(dir, unfinished), int64(len(unfinishedText)))
	return err == nil && string(text) == unfinishedText
}

// isTorn reports whether the file is one that the disk did not get all of.
func isTorn(dir string) bool {
	text, err := atomicfile.Read(filepath.Join(dir, unfinished), int64(len(unfinishedText)))
	return err == nil && strings.HasPrefix(unfinishedText, strings.TrimRight(string(text), "\x00"))
}

// sign has the file say what it is, where it is torn. Its lock stays.
func (m *making) sign() error {
	if isUnfinished(m.dir) {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(m.dir, unfinished), os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(unfinishedText)
	return errors.Join(err, f.Sync(), f.Close())
}

func notEmpty(dir string) error {
	f := fault.New(fault.Manifest, "not-empty", "%s is not empty; a registry is made in a new folder", dir)
	if _, err := os.Stat(filepath.Join(dir, RepoDir)); err == nil {
		f = f.WithHelp("gal-registry token add %s NAME   (where it is a registry: another token)", dir)
	}
	return f
}

// clear removes what another Init has left, once the disk has the file that says so. Beside a file that is fresh there is
// nothing: another was faster.
func (m *making) clear(fresh bool) error {
	_ = atomicfile.SyncDir(filepath.Dir(filepath.Clean(m.dir))) // we may not be allowed to read it
	left, err := leftIn(m.dir)
	if err != nil {
		return err
	}
	if fresh && len(left) > 1 {
		return errors.Join(notEmpty(m.dir), os.Remove(filepath.Join(m.dir, unfinished)))
	}
	if err := errors.Join(m.sign(), atomicfile.SyncDir(m.dir)); err != nil {
		return err
	}
	for _, name := range left {
		if name != unfinished {
			err = errors.Join(err, os.RemoveAll(filepath.Join(m.dir, name)))
		}
	}
	return errors.Join(err, atomicfile.SyncDir(m.dir))
}

// end says, once the disk has everything, that there is a registry.
func (m *making) end() error {
	if err := atomicfile.SyncDir(m.dir); err != nil {
		return err
	}
	file := filepath.Join(m.dir, unfinished)
	if err := os.Remove(file); err != nil {
		m.lock.Release() // what is open cannot be removed everywhere
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return atomicfile.SyncDir(m.dir)
}

// checkMade refuses a folder in which Init has not ended.
func checkMade(dir string) error {
	if !isUnfinished(dir) {
		return nil
	}
	return fault.New(fault.NotFound, "registry-unfinished", "%s holds a registry that is not finished: gal-registry init runs, or was cut off", dir).
		WithHelp("gal-registry init %s   (with the same flags; it begins anew)", dir)
}
