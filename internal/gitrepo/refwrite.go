package gitrepo

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// How often and at what distance a lock is tried. Whoever holds one is done within milliseconds, whoever has died with one known
// to be dead after seconds: then it is tried until it is removed.
const (
	lockTries = 100
	lockPause = 10 * time.Millisecond
	lockLimit = 15 * time.Second // of tries for locks of the dead
)

// CompareAndSwap moves a ref from old to new; old as the zero hash means that it must not exist yet. Where it is
// elsewhere the error matches [ErrChanged]. It takes git's own lock, so that other processes, git among them, see the old
// value or the new one. The commit new must be in the repository.
func (r *Repo) CompareAndSwap(name string, old, new Hash) error {
	if err := CheckRefName(name); err != nil {
		return err
	}
	if _, err := r.ReadCommit(new); err != nil {
		return fmt.Errorf("setting ref %q: %w", name, err)
	}
	if err := r.checkRoom(name); err != nil {
		return err
	}
	content := []byte(new.String() + "\n")
	lock, err := r.lock(name, content)
	if err != nil {
		return err
	}
	defer lock.release()
	if err := r.expect(name, old); err != nil {
		return err
	}
	if info, err := os.Stat(r.path(name)); err == nil && info.IsDir() {
		removeEmpty(r.path(name)) // left over from branches below this name
	}
	return lock.commit(content)
}

// Delete removes a ref that points to old; where it is elsewhere, or not there, the error matches [ErrChanged].
func (r *Repo) Delete(name string, old Hash) error {
	if err := CheckRefName(name); err != nil {
		return err
	}
	lock, err := r.lock(name, nil)
	if err != nil {
		return err
	}
	defer lock.release()
	if err := r.expect(name, old); err != nil {
		return err
	}
	// The packed value goes first: the other way round, a reader in between would see the old one come back.
	if err := r.unpackRef(name); err != nil {
		return err
	}
	if err := os.Remove(r.path(name)); err != nil && !isNotExist(err) {
		return err
	}
	lock.release()
	for dir := filepath.Dir(r.path(name)); len(dir) > len(r.path("refs/heads")); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			break
		}
	}
	return nil
}

// expect checks, under the lock, that a ref is at old.
func (r *Repo) expect(name string, old Hash) error {
	now, err := r.Ref(name)
	if err != nil && !isNotExist(err) {
		return err
	}
	if now != old {
		return fmt.Errorf("ref %q is at %s, not at %s: %w", name, now, old, ErrChanged)
	}
	return nil
}

// checkRoom refuses a name that is a folder of another ref, or has another ref as folder.
func (r *Repo) checkRoom(name string) error {
	refs, err := r.Refs("refs/")
	if err != nil {
		return err
	}
	for _, e := range refs {
		if strings.HasPrefix(e.Name, name+"/") || strings.HasPrefix(name, e.Name+"/") {
			return fmt.Errorf("ref %q cannot be beside %q: %w", name, e.Name, ErrChanged)
		}
	}
	return nil
}

// unpackRef takes a ref out of packed-refs, whose lines are kept otherwise.
func (r *Repo) unpackRef(name string) error {
	if _, err := r.packedRef(name); err != nil {
		if isNotExist(err) {
			return nil
		}
		return err
	}
	lock, err := r.lock("packed-refs", nil)
	if err != nil {
		return err
	}
	defer lock.release()
	data, err := os.ReadFile(r.path("packed-refs"))
	if err != nil {
		return err
	}
	var kept strings.Builder
	dropped := false
	for _, line := range lines(data) {
		_, ref, _ := strings.Cut(line, " ")
		if strings.HasPrefix(line, "^") && dropped {
			continue
		}
		dropped = !strings.HasPrefix(line, "#") && ref == name
		if !dropped {
			kept.WriteString(line + "\n")
		}
	}
	return lock.commit([]byte(kept.String()))
}

// refLock is git's lock on a file: the file with ".lock" appended, made exclusively, in which the new content is written. What
// a crash or a power cut has left of one is removed by who needs it next, where that can be told: on a ref, of which git too
// holds the lock for milliseconds alone. What this package has left is known after seconds, what git has left after minutes.
type refLock struct {
	path  string
	file  *os.File // nil after release
	ready bool     // it has its content
}

// tempRef begins the names of files in objects/pack that are to become locks; git prune knows those that begin with tmp_.
const tempRef = "tmp_ref_"

// lock takes the lock of a file, with the new content where that is known already.
func (r *Repo) lock(name string, data []byte) (*refLock, error) {
	path := r.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	var ready *os.File
	if strings.HasPrefix(name, "refs/") {
		ready = newLock(r.path("objects/pack"), data)
	}
	if ready != nil {
		defer os.Remove(ready.Name())
	}
	f, err := r.tryLock(name, ready)
	if ready != nil && f != ready {
		ready.Close()
	}
	if err != nil {
		return nil, err
	}
	return &refLock{path, f, f == ready && len(data) > 0}, nil
}

// placeLock gives a file that is ready the name of a lock, or makes one where that does not work.
func placeLock(ready *os.File, path string) (*os.File, error) {
	if ready != nil {
		err := os.Link(ready.Name(), path)
		if err == nil {
			return ready, nil
		}
		if os.IsExist(err) {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	_ = mark(f) // without one, its age counts alone
	return f, nil
}

func (r *Repo) tryLock(name string, ready *os.File) (*os.File, error) {
	path := r.path(name)
	soon := false
	began := time.Now()
	for try := 0; ; try++ {
		f, err := placeLock(ready, path+".lock")
		if err == nil {
			return f, nil
		}
		if os.IsExist(err) && strings.HasPrefix(name, "refs/") {
			var removed bool
			if removed, soon = removeAbandoned(path + ".lock"); removed {
				continue
			}
		}
		switch {
		case isNotExist(err): // a Delete has removed the folder meanwhile
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return nil, err
			}
		case !os.IsExist(err):
			return nil, err
		}
		if waited := time.Since(began); try >= lockTries && (!soon || waited > lockLimit) {
			return nil, fault.New(fault.Internal, "git-ref-locked", "another process holds the lock of the git ref %q", name).
				WithFact("lock: %s", path+".lock").WithFact("waited %s for it", waited.Round(time.Second)).
				WithHelp("when no git process runs: rm %s", path+".lock").Because(err)
		}
		time.Sleep(lockPause)
	}
}

// commit puts the new content in place and gives the lock up.
func (l *refLock) commit(data []byte) error {
	f := l.file
	defer l.release()
	if !l.ready {
		if _, err := f.Write(data); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := putLock(f, l.path+".lock", l.path); err != nil {
		return err
	}
	l.file = nil
	return syncDir(filepath.Dir(l.path))
}

// release gives the lock up without a change; after commit it does nothing.
func (l *refLock) release() {
	if l.file == nil {
		return
	}
	dropLock(l.file, l.path+".lock")
	l.file = nil
}

// removeEmpty removes a folder that holds nothing but empty folders.
func removeEmpty(dir string) {
	var dirs []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		os.Remove(dirs[i])
	}
}

// syncDir makes a rename survive a power cut, on file systems that can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	d.Sync()
	return nil
}
