package install

import (
	"errors"
	"io/fs"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// block is what a file takes at least, and of what it takes a multiple, on most disks.
const block = 4096

// room fails where the disk of the project has less room than the copies will take that are not there, before the first is
// made. It is no promise: others write to the disk as well.
func (l *linker) room() error {
	if l.looked {
		return nil
	}
	l.looked = true
	for name, tree := range l.trees {
		if info, err := l.root.Lstat(name); err == nil && info.IsDir() {
			continue
		}
		err := eachFile(tree, func(_ string, d fs.DirEntry) error {
			info, err := d.Info()
			if err == nil && !d.IsDir() {
				l.needed += (info.Size() + block - 1) / block * block
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if free, ok := cache.FreeSpace(l.root.Name()); ok && l.needed > free {
		return l.full(free).WithFact("nothing was copied")
	}
	return nil
}

// full is the error where so many bytes are free.
func (l *linker) full(free int64) *fault.Error {
	f := fault.New(fault.Manifest, "disk-full", "not enough space for the packages in %s", l.root.Name())
	if l.needed > 0 {
		f.WithFact("needed %d bytes", l.needed)
	}
	return f.WithFact("free   %d bytes", free).WithHelp("gal-pkg install --link-mode symlink     # links into the cache take next to nothing")
}

// added is a copy that was begun, and the link that had its name.
type added struct {
	name    string
	target  string // "" where there was none
	symlink bool   // else it is a junction
}

// retreat removes what this run has added where the disk was found full after all, so that there is as much room as before.
// Links that copies have replaced are made again.
func (l *linker) retreat(err error) error {
	if !atomicfile.IsNoSpace(err) {
		return err
	}
	var failed []error
	for _, a := range l.added {
		failed = append(failed, l.takeBack(a))
	}
	free, _ := cache.FreeSpace(l.root.Name())
	f := l.full(free).Because(errors.Join(append(failed, err)...))
	if len(l.added) > 0 {
		f.WithFact("what was copied has been removed again")
	}
	return f
}

func (l *linker) takeBack(a added) error {
	if info, err := l.root.Lstat(a.name); err != nil || !info.IsDir() {
		return nil // it did not get its name
	}
	err := l.root.RemoveAll(a.name)
	switch {
	case err != nil || a.target == "":
		return err
	case a.symlink:
		return l.root.Symlink(a.target, a.name)
	}
	return l.junction(a.name, a.target)
}
