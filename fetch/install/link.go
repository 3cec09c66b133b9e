package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// linker works in one project. Every path goes through root, so no link in a project leads it elsewhere.
type linker struct {
	project string
	root    *os.Root // of .gal/packages
	mode    LinkMode
	names   map[string]string // package id -> name in packages/
	there   map[string]fs.FileMode
	report  Report
}

func newLinker(project string, o Options) (*linker, error) {
	if err := o.Mode.Check(); err != nil {
		return nil, err
	}
	for _, dir := range []string{Dir, PackagesDir} {
		if err := ownFolder(filepath.Join(project, filepath.FromSlash(dir))); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(filepath.Join(project, filepath.FromSlash(PackagesDir)))
	if err != nil {
		return nil, err
	}
	l := &linker{project: project, root: root, mode: o.Mode, there: map[string]fs.FileMode{}}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		root.Close()
		return nil, err
	}
	for _, e := range entries {
		l.there[e.Name()] = e.Type()
	}
	return l, nil
}

// ownFolder makes a folder, or makes sure that it is one and not a link: a project that somebody else wrote may have a
// .gal that leads to the user's files.
func ownFolder(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Manifest, "bad-project", "%s cannot be made", dir).Because(err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fault.New(fault.Manifest, "bad-project", "%s is no folder of its own", dir).WithHelp("remove it and run the command again")
	}
	return nil
}

// place makes what is missing or leads elsewhere.
func (l *linker) place(pkgs []Installed) (err error) {
	if l.names, err = folderNames(pkgs); err != nil {
		return err
	}
	done := map[string]bool{}
	for _, p := range pkgs {
		name, ok := l.names[p.ID]
		if !ok || done[name] {
			continue
		}
		done[name] = true
		if err := l.placeOne(name, p.Tree); err != nil {
			return fmt.Errorf("installing %s: %w", p.ID, err)
		}
	}
	return nil
}

func (l *linker) placeOne(name, tree string) error {
	if l.mode != Copy {
		if old, err := l.readlink(name); err == nil && old == tree {
			return nil
		}
		err := l.link(name, tree)
		if err == nil || l.mode == Symlink || !noSymlinks(err) {
			return err
		}
		l.mode = Copy // the next ones need not try
	}
	l.report.Copied = true
	if l.there[name] == fs.ModeDir && l.sameTree(name, tree) {
		return nil
	}
	return l.copy(name, tree)
}

func (l *linker) readlink(name string) (string, error) {
	if l.there[name]&fs.ModeSymlink == 0 {
		return "", fs.ErrNotExist
	}
	return l.root.Readlink(name)
}

// noSymlinks reports errors that mean that links cannot be made here at all, as on Windows without the privilege.
func noSymlinks(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || isPrivilege(err)
}

func (l *linker) link(name, tree string) error {
	if err := failpoint.Fail(failpoint.LinkMade, name); err != nil {
		return err
	}
	if l.there[name] == 0 {
		// Nothing was there, and a link is whole when it is there.
		err := l.root.Symlink(tree, name)
		if err == nil {
			failpoint.Reach(failpoint.LinkPlaced)
			l.report.Linked = append(l.report.Linked, name)
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	tmp := atomicfile.TempPrefix + name
	if err := l.root.RemoveAll(tmp); err != nil {
		return err
	}
	if err := l.root.Symlink(tree, tmp); err != nil {
		return err
	}
	failpoint.Reach(failpoint.LinkMade)
	return l.swap(tmp, name)
}

// swap renames tmp to name and removes what was there. A link replaces a link in one step; a folder has to go first.
func (l *linker) swap(tmp, name string) error {
	if l.there[name].IsDir() || l.there[tmp].IsDir() {
		if err := l.remove(name); err != nil {
			return err
		}
	}
	err := l.root.Rename(tmp, name)
	if err != nil && l.there[name] != 0 {
		if err := l.remove(name); err != nil {
			return err
		}
		err = l.root.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, l.root.RemoveAll(tmp))
	}
	failpoint.Reach(failpoint.LinkPlaced)
	l.report.Linked = append(l.report.Linked, name)
	return nil
}

// remove takes an entry away at once and then removes it, never following a link.
func (l *linker) remove(name string) error {
	old := atomicfile.TempPrefix + "old-" + name
	if err := l.root.RemoveAll(old); err != nil {
		return err
	}
	if err := l.root.Rename(name, old); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return l.root.RemoveAll(old)
}

// removeOthers removes whatever no package has: former links, leftovers of a crash.
func (l *linker) removeOthers() error {
	wanted := map[string]bool{}
	for _, name := range l.names {
		wanted[name] = true
	}
	entries, err := fs.ReadDir(l.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if wanted[e.Name()] {
			continue
		}
		if err := l.root.RemoveAll(e.Name()); err != nil {
			return err
		}
		failpoint.Reach(failpoint.LinkRemoved)
		if !strings.HasPrefix(e.Name(), atomicfile.TempPrefix) {
			l.report.Removed = append(l.report.Removed, e.Name())
		}
	}
	return nil
}
