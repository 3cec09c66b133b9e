package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// linker works in one project. What it writes goes through root, so no link in a project leads it elsewhere; where root has
// no call for it, into a folder that was just made through it.
type linker struct {
	project string
	root    *os.Root          // of .gal/packages
	made    bool              // .gal/packages was made just now: nothing is in place
	ways    []LinkMode        // that are left to try, none of them known to be impossible
	names   map[string]string // package id -> name in packages/
	trees   map[string]string // name in packages/ -> tree
	looked  bool              // needed is known
	needed  int64             // bytes of the copies that were missing
	added   []added           // copies where there was no folder before
	report  Report
}

func newLinker(project string, o Options) (*linker, error) {
	if err := o.Mode.Check(); err != nil {
		return nil, err
	}
	made := false
	for _, dir := range []string{Dir, PackagesDir} {
		var err error
		if made, err = ownFolder(filepath.Join(project, filepath.FromSlash(dir))); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(filepath.Join(project, filepath.FromSlash(PackagesDir)))
	if err != nil {
		return nil, err
	}
	return &linker{project: project, root: root, made: made, ways: o.Mode.ways()}, nil
}

// ownFolder makes a folder, or makes sure that it is one and not a link: a project that somebody else wrote may have a
// .gal that leads to the user's files.
func ownFolder(dir string) (made bool, err error) {
	if err = os.Mkdir(dir, 0o755); err == nil {
		return true, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return false, fault.New(fault.Manifest, "bad-project", "%s cannot be made", dir).Because(err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return false, err
	}
	if !info.IsDir() {
		return false, fault.New(fault.Manifest, "bad-project", "%s is no folder of its own", dir).WithHelp("remove it and run the command again")
	}
	return false, nil
}

// place makes what is missing or leads elsewhere.
func (l *linker) place(pkgs []Installed) (err error) {
	if l.names, err = folderNames(pkgs); err != nil {
		return err
	}
	l.trees = map[string]string{}
	for _, p := range pkgs {
		if name, ok := l.names[p.ID]; ok {
			l.trees[name] = p.Tree
		}
	}
	done := map[string]bool{}
	for _, p := range pkgs {
		name, ok := l.names[p.ID]
		if !ok || done[name] {
			continue
		}
		done[name] = true
		if err := l.placeOne(name, p.Tree); err != nil {
			return l.retreat(fmt.Errorf("installing %s: %w", p.ID, err))
		}
	}
	return nil
}

// placeOne tries one way after the other. What is impossible for every package is not tried for the next.
func (l *linker) placeOne(name, tree string) error {
	ways := l.ways
	for i, way := range ways {
		err := l.placeAs(way, name, tree)
		var no *impossible
		if !errors.As(err, &no) {
			if err == nil && !slices.Contains(l.report.Ways, way) {
				l.report.Ways = append(l.report.Ways, way)
			}
			return err
		}
		if i == len(ways)-1 {
			return l.refusal(way, tree, no)
		}
		if no.always {
			l.ways = slices.DeleteFunc(slices.Clone(l.ways), func(w LinkMode) bool { return w == way })
		}
	}
	return nil
}

// placeAs leaves alone what is in place.
func (l *linker) placeAs(way LinkMode, name, tree string) error {
	switch way {
	case Hardlink:
		return l.realFolder(name, tree, true)
	case Copy:
		return l.realFolder(name, tree, false)
	}
	if !l.made && l.leads(name, tree, way) {
		return nil
	}
	if err := failpoint.Fail(failpoint.LinkMade, name); err != nil {
		return refused(err)
	}
	if way == Junction {
		return l.junction(name, tree)
	}
	return l.symlink(name, tree)
}

// leads reports whether a name is a link of that kind to the tree.
func (l *linker) leads(name, tree string, way LinkMode) bool {
	info, err := l.root.Lstat(name)
	if err != nil || (info.Mode().Type() == fs.ModeSymlink) != (way == Symlink) {
		return false
	}
	old, err := l.root.Readlink(name)
	return err == nil && old == tree
}

// symlink makes a link in its place: it is whole when it is there. Only what has the name already needs more.
func (l *linker) symlink(name, tree string) error {
	err := l.root.Symlink(tree, name)
	if err == nil {
		l.placed(name)
	}
	if !errors.Is(err, fs.ErrExist) {
		return refused(err)
	}
	tmp := atomicfile.TempPrefix + name
	if err := l.root.RemoveAll(tmp); err != nil {
		return err
	}
	if err := l.root.Symlink(tree, tmp); err != nil {
		return refused(err)
	}
	return l.swap(tmp, name)
}

// junction makes a folder a junction, and makes sure that it leads to the tree: not every place can be led to.
func (l *linker) junction(name, tree string) error {
	tmp := atomicfile.TempPrefix + name
	if err := l.root.RemoveAll(tmp); err != nil {
		return err
	}
	if err := l.root.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	path := filepath.Join(l.root.Name(), tmp)
	err := refused(makeJunction(path, tree))
	if err == nil {
		if _, nowhere := os.Stat(path); nowhere != nil {
			err = &impossible{nowhere, true}
		}
	}
	if err != nil {
		return errors.Join(err, l.root.RemoveAll(tmp))
	}
	return l.swap(tmp, name)
}

// swap gives what was made as tmp its name, in one step wherever the system can; what had the name goes.
func (l *linker) swap(tmp, name string) error {
	failpoint.Reach(failpoint.LinkMade)
	err := l.root.Rename(tmp, name)
	if err != nil {
		err = exchange(l.root, tmp, name) // a folder takes the place of nothing but an empty one
	}
	if err != nil {
		err = l.replace(tmp, name)
	}
	if err == nil {
		l.placed(name)
	}
	return errors.Join(err, l.root.RemoveAll(tmp))
}

// replace is a swap of two steps: between them nothing has the name.
func (l *linker) replace(tmp, name string) error {
	old := atomicfile.TempPrefix + "old-" + name
	if err := l.root.RemoveAll(old); err != nil {
		return err
	}
	away := l.root.Rename(name, old)
	if away != nil && !errors.Is(away, fs.ErrNotExist) {
		return away
	}
	if err := l.root.Rename(tmp, name); err != nil {
		if away == nil {
			err = errors.Join(err, l.root.Rename(old, name))
		}
		return err
	}
	return l.root.RemoveAll(old)
}

func (l *linker) placed(name string) {
	failpoint.Reach(failpoint.LinkPlaced)
	l.report.Linked = append(l.report.Linked, name)
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
