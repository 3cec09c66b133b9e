package project

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// compareTree reports the first difference between a folder and the entries of an archive: a file that is missing, added,
// altered, or no regular file.
func compareTree(dir string, entries []archive.Entry) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	want := map[string]archive.Entry{}
	for _, e := range entries {
		want[e.Path] = e
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return nil
		}
		e, ok := want[name]
		if !ok || !d.Type().IsRegular() {
			return fmt.Errorf("%q is not of its archive", name)
		}
		delete(want, name)
		return compareFile(root, name, e)
	})
	if err != nil || len(want) == 0 {
		return err
	}
	var missing []string
	for name := range want {
		missing = append(missing, name)
	}
	return fmt.Errorf("%q is missing", slices.Min(missing))
}

func compareFile(root *os.Root, name string, e archive.Entry) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, e.Size+1))
	if err != nil {
		return err
	}
	if n != e.Size || [32]byte(h.Sum(nil)) != e.SHA256 {
		return fmt.Errorf("%q was altered", name)
	}
	return nil
}

// maxList bounds .gal/packages.json.
const maxList = 64 << 20

// installedList is .gal/packages.json.
type installedList struct {
	V        int `json:"v"`
	Packages []struct {
		ID      string            `json:"id"`
		Folder  string            `json:"folder"`
		Imports map[string]string `json:"imports"`
	} `json:"packages"`
}

// links holds .gal/packages.json against gal.lock, and what it says against the disk.
func (v *verifier) links() error {
	data, err := atomicfile.Read(filepath.Join(v.project.Dir, filepath.FromSlash(install.ListFile)), maxList)
	if errors.Is(err, fs.ErrNotExist) {
		if v.Packages > 0 {
			v.unchecked(manifest.LockedPackage{}, "link", "nothing is installed here: there is no %s", install.ListFile)
		}
		return nil
	}
	if dir := filepath.Join(v.project.Dir, install.Dir); err != nil && !isFolder(dir) {
		return fault.New(fault.Manifest, "bad-project", "%s is no folder of its own", dir).WithHelp("remove it and run gal-pkg install")
	}
	if err != nil {
		return err
	}
	var list installedList
	if err := json.Unmarshal(data, &list); err != nil || list.V != 1 {
		v.wrong(manifest.LockedPackage{}, "link", "%s is not what gal-pkg writes", install.ListFile)
		return nil
	}
	byID, byFolder := map[string]manifest.LockedPackage{}, map[string]string{}
	for _, l := range v.project.Lock.Packages {
		byID[l.Ref().String()] = v.withDigest(l)
	}
	for _, p := range list.Packages {
		byFolder[p.Folder] = p.ID
	}
	v.excuseUnused(byFolder)
	x := v.project.Lock.Index()
	for _, p := range list.Packages {
		l, ok := byID[p.ID]
		if !ok {
			v.otherLock(manifest.LockedPackage{}, "%s has %q, which gal.lock has not", install.ListFile, p.ID)
			continue
		}
		err := v.link(l, p.Folder)
		if errors.Is(err, errNothingToCompare) {
			v.unchecked(l, "link", "%v", err)
			continue
		}
		if err != nil {
			v.wrong(l, "link", "%v", err)
			continue
		}
		if name, ok := strayImport(x, l, p.Imports, byFolder); ok {
			v.otherLock(l, "%s imports %q from a folder that gal.lock does not give it", install.ListFile, name)
			continue
		}
		v.Linked++
	}
	return nil
}

// otherLock tells of an installation for another gal.lock. Beside manifests that gal.lock does not fit either, that is no sign
// that somebody altered it.
func (v *verifier) otherLock(l manifest.LockedPackage, format string, args ...any) {
	if v.Stale {
		v.unchecked(l, "link", format, args...)
	} else {
		v.wrong(l, "link", format, args...)
	}
}

// excuseUnused takes back that an archive is missing where the package is not installed: a build without an optional or
// development dependency never fetched it, and its line has been verified all the same.
func (v *verifier) excuseUnused(installed map[string]string) {
	ids := map[string]bool{}
	for _, id := range installed {
		ids[id] = true
	}
	absent := map[string]bool{} // "name version" of packages that are not installed
	for _, l := range v.project.Lock.Packages {
		if !ids[l.Ref().String()] {
			absent[l.Name+" "+l.Version.String()] = true
		}
	}
	v.Unchecked = slices.DeleteFunc(v.Unchecked, func(t Trouble) bool {
		unused := t.What == "archive" && absent[t.Package+" "+t.Version]
		if unused {
			v.Unused++
		}
		return unused
	})
}

// strayImport returns the first import that does not lead to a package on which gal.lock lets l depend.
func strayImport(x *manifest.LockIndex, l manifest.LockedPackage, imports, byFolder map[string]string) (string, bool) {
	allowed := map[string]bool{}
	for _, ref := range l.Dependencies {
		if to, err := x.Resolve(ref); err == nil {
			allowed[to.Ref().String()] = true
		}
	}
	var stray []string
	for name, folder := range imports {
		if !allowed[byFolder[folder]] {
			stray = append(stray, name)
		}
	}
	if len(stray) == 0 {
		return "", false
	}
	return slices.Min(stray), true
}

var errNothingToCompare = errors.New("there is no archive to compare it with")

// link checks that the folder of an installed package is the one that its entry in gal.lock stands for.
func (v *verifier) link(l manifest.LockedPackage, folder string) error {
	if l.Source.Kind == manifest.PathSource {
		if path.Clean(folder) != path.Clean(l.Source.Location) {
			return fmt.Errorf("%s has it in %q instead of %q", install.ListFile, folder, l.Source.Location)
		}
		return nil
	}
	if name, ok := strings.CutPrefix(folder, install.PackagesDir+"/"); !ok || strings.Contains(name, "/") {
		return fmt.Errorf("%s has it in %q, which is not below %s", install.ListFile, folder, install.PackagesDir)
	}
	place := filepath.Join(v.project.Dir, filepath.FromSlash(folder))
	if _, err := os.Lstat(place); err != nil {
		return fmt.Errorf("%s is not there", folder)
	}
	tree, err := v.store.TreePath(itemOf(l))
	if err != nil {
		return err
	}
	if target, err := os.Readlink(place); err == nil {
		if filepath.Clean(target) != filepath.Clean(tree) {
			return fmt.Errorf("%s links to %s instead of %s", folder, target, tree)
		}
		if !v.store.HasTree(itemOf(l)) {
			return fmt.Errorf("%s links to %s, which is not there", folder, tree)
		}
		return nil
	}
	entries, ok := v.entries[l.Checksum]
	if !ok {
		return fmt.Errorf("%s is a folder, and %w", folder, errNothingToCompare)
	}
	if err := compareTree(place, entries); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	return nil
}
