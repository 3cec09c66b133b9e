// Package install makes a project's dependencies visible to the compiler: one link a package into the store, and a file
// that says which package is where.
//
//	PROJECT/.gal/packages/<key>-<version>    a link to the package's read-only tree in the cache, or a folder with its
//	                                         files (see [LinkMode]); with -<hex8>, the first digits of its digest,
//	                                         where two sources share name and version
//	PROJECT/.gal/packages.json               {"v":1,"packages":[{"id","folder","features","imports":{name:folder}}]}
//	PROJECT/.gal/state                       the stamp by which the next run sees that there is nothing to do
//
// packages.json lists the root first, then the others sorted by id. Folders are relative to PROJECT, with forward slashes,
// and "." is the project itself. It is written before links are removed and after they are made, so what it says is there
// at every moment. A package that is not in it is not part of the build, whatever lies in the folder.
package install

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// Places in a project, with forward slashes.
const (
	Dir         = ".gal"
	PackagesDir = ".gal/packages"
	ListFile    = ".gal/packages.json"
	StateFile   = ".gal/state"
)

// LinkMode says how a package gets into a project.
type LinkMode string

// The zero LinkMode is Auto. All but Auto are an error where the system, or a file system, refuses them.
const (
	Auto     LinkMode = "auto"     // the first of the others, in this order, that is possible here
	Symlink  LinkMode = "symlink"  // a symbolic link to the tree
	Junction LinkMode = "junction" // a mount point that leads to the tree; on Windows alone, where it needs no privilege
	Hardlink LinkMode = "hardlink" // a folder whose files are those of the tree: what is written into one changes the cache as well
	Copy     LinkMode = "copy"     // a folder with files of its own, which may be written to
)

// modes are those of this system: Auto, and then what it tries, in this order.
func modes() []LinkMode {
	if runtime.GOOS == "windows" {
		return []LinkMode{Auto, Symlink, Junction, Hardlink, Copy}
	}
	return []LinkMode{Auto, Symlink, Hardlink, Copy}
}

// ways are what a mode stands for, in the order in which they are tried.
func (m LinkMode) ways() []LinkMode {
	if m == "" || m == Auto {
		return modes()[1:]
	}
	return []LinkMode{m}
}

// Check reports whether this system has such a mode: the error is of kind usage, with code bad-link-mode.
func (m LinkMode) Check() error {
	if m == "" || slices.Contains(modes(), m) {
		return nil
	}
	var words []string
	for _, mode := range modes() {
		words = append(words, string(mode))
	}
	last := len(words) - 1
	use := strings.Join(words[:last], ", ") + " or " + words[last]
	if m == Junction {
		return fault.New(fault.Usage, "bad-link-mode", "only Windows has junctions; use %s", use)
	}
	return fault.New(fault.Usage, "bad-link-mode", "%q is no way to link; use %s", m, use)
}

// Installed is one package of a build.
type Installed struct {
	ID       string // unique in the build; imports refer to it
	Name     string
	Key      string // path key of the name
	Version  version.Version
	Digest   string            // of the archive; "" for the root, members and path dependencies
	Tree     string            // its tree in the cache; "" where it stays in Folder
	Folder   string            // where it is without a tree, relative to the project; "." is the root
	Features []string          // sorted
	Imports  map[string]string // name in code -> ID of the package that it means
	Root     bool              // the package that is built
}

// Options shape a Link. The zero value links where it can.
type Options struct {
	Mode LinkMode
}

// Report is what a Link changed.
type Report struct {
	Linked  []string   // folders that were made or replaced, sorted
	Removed []string   // folders that are no longer wanted, sorted
	Ways    []LinkMode // how packages are there now, each way once; Auto may need several
}

// Link puts the packages into the project and removes those that are no longer wanted. Nothing outside of PROJECT/.gal is
// touched; where .gal or packages is a link itself, the error is of kind manifest, as it is where the disk is full (code
// disk-full; copies that were made until then are removed again, or are the links that they were), may not be written to, or
// refuses the links of the mode (link-not-possible). What is in place already stays as it is.
func Link(project string, pkgs []Installed, o Options) (Report, error) {
	report, err := link(project, pkgs, o)
	switch {
	case err == nil || fault.Of(err) != nil:
		return report, err
	case atomicfile.IsNoSpace(err):
		return report, fault.New(fault.Manifest, "disk-full", "the disk of the project %s is full", project).Because(err)
	}
	return report, fault.New(fault.Manifest, "not-writable", "the project %s cannot be written to", project).Because(err)
}

func link(project string, pkgs []Installed, o Options) (Report, error) {
	l, err := newLinker(project, o)
	if err != nil {
		return Report{}, err
	}
	defer l.root.Close()
	if err := l.place(pkgs); err != nil {
		return Report{}, err
	}
	list, err := l.list(pkgs)
	if err != nil {
		return Report{}, err
	}
	if err := writeIfChanged(filepath.Join(project, filepath.FromSlash(ListFile)), list); err != nil {
		return Report{}, err
	}
	failpoint.Reach(failpoint.ListWritten)
	if err := l.removeOthers(); err != nil {
		return Report{}, err
	}
	sweep(project)
	slices.Sort(l.report.Linked)
	return l.report, nil
}

// sweep removes what a crash has left of a write that this run had no reason to repeat.
func sweep(project string) {
	for _, name := range []string{manifest.FileName, manifest.LockName, ListFile, StateFile} {
		atomicfile.Sweep(filepath.Join(project, filepath.FromSlash(name)))
	}
}

// folderNames gives every package with a tree its name in packages/.
func folderNames(pkgs []Installed) (map[string]string, error) {
	digests := map[string]string{} // plain name -> digest
	shared := map[string]bool{}
	for _, p := range pkgs {
		if p.Tree == "" {
			continue
		}
		plain := p.plainName()
		if other, ok := digests[plain]; ok && other != p.Digest {
			shared[plain] = true
		}
		digests[plain] = p.Digest
	}
	names := map[string]string{}
	owner := map[string]string{} // final name -> digest
	for _, p := range pkgs {
		if p.Tree == "" {
			continue
		}
		name := p.plainName()
		if shared[name] {
			hex := strings.TrimPrefix(p.Digest, "sha256:")
			name += "-" + hex[:min(8, len(hex))]
		}
		if other, ok := owner[name]; ok && other != p.Digest {
			return nil, fault.New(fault.Integrity, "name-clash", "two packages want the folder %q", name)
		}
		if !filepath.IsLocal(name) || path.Base(name) != name || strings.HasPrefix(name, ".") {
			return nil, fault.New(fault.Usage, "bad-name", "%q cannot be the name of a folder", name)
		}
		owner[name], names[p.ID] = p.Digest, name
	}
	return names, nil
}

func (p Installed) plainName() string { return p.Key + "-" + p.Version.String() }

// listed is one package in packages.json.
type listed struct {
	ID       string            `json:"id"`
	Folder   string            `json:"folder"`
	Features []string          `json:"features"`
	Imports  map[string]string `json:"imports"`
}

// list is the content of packages.json.
func (l *linker) list(pkgs []Installed) ([]byte, error) {
	folders := map[string]string{}
	for _, p := range pkgs {
		if _, twice := folders[p.ID]; twice {
			return nil, fault.New(fault.Internal, "bad-install", "two packages have the id %q", p.ID)
		}
		folders[p.ID] = l.folder(p)
	}
	sorted := slices.SortedFunc(slices.Values(pkgs), func(a, b Installed) int {
		if a.Root != b.Root {
			if a.Root {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.ID, b.ID)
	})
	file := struct {
		V        int      `json:"v"`
		Packages []listed `json:"packages"`
	}{V: 1, Packages: []listed{}}
	for _, p := range sorted {
		e := listed{ID: p.ID, Folder: folders[p.ID], Features: append([]string{}, p.Features...), Imports: map[string]string{}}
		for name, id := range p.Imports {
			folder, ok := folders[id]
			if !ok {
				return nil, fault.New(fault.Internal, "bad-install", "%q imports %q, which is not installed", p.ID, id)
			}
			e.Imports[name] = folder
		}
		file.Packages = append(file.Packages, e)
	}
	data, err := json.Marshal(file)
	return append(data, '\n'), err
}

func (l *linker) folder(p Installed) string {
	if name, ok := l.names[p.ID]; ok {
		return PackagesDir + "/" + name
	}
	return path.Clean(filepath.ToSlash(p.Folder))
}

// writeIfChanged leaves a file alone that has this content: its times are then still true for who watches them.
func writeIfChanged(file string, data []byte) error {
	old, err := atomicfile.Read(file, int64(len(data)))
	if err == nil && string(old) == string(data) {
		return nil
	}
	if info, err := os.Lstat(file); err == nil && !info.Mode().IsRegular() {
		return fault.New(fault.Manifest, "bad-project", "%s is no regular file", file)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return atomicfile.Write(file, data, 0o644)
}
