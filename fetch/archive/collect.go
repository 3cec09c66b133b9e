package archive

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// ManifestName is the file that makes a folder a package. It is always packed.
const ManifestName = "gal.toml"

// CollectOptions rule which files are packed, as [package] include and exclude do. Both are patterns as in a .gitignore
// at the top of the package.
type CollectOptions struct {
	Include []string // where there is one, only what these patterns match is packed, and no .gitignore is asked
	Exclude []string // what these match is not packed
	Name    string   // of the package in the names of its archives, so that those of earlier runs are left out; "" keeps them
	Output  string   // the folder that this run writes into; "" for none
}

// Problem is one thing about the files of a package that its author should know.
type Problem struct {
	Path    string // below the package folder; "" for the package as a whole
	Code    string // symlink, special-file, bad-path, bad-pattern, private-key, secret, nested-package, output, archive-too-large
	Message string
	Fatal   bool // the package cannot be packed
}

// String writes the problem as one line.
func (p Problem) String() string {
	if p.Path == "" {
		return p.Message
	}
	return p.Path + ": " + p.Message
}

func (p Problem) fault() error {
	return fault.New(fault.Manifest, p.Code, "the package cannot be packed: %s", p.Message)
}

// Collect returns the files of the package in dir that its archive holds, sorted by path, each with its content, so that
// what is scanned is what is packed. A file is left out where
//
//   - it is in .git, .gal or a folder of another package (one with a gal.toml), or in target at the top;
//   - it is a recording (*.chaos, *.gal-replay, *.trace);
//   - it is in a copy of a registry, as gal-pkg vendor makes, or is what editors and other tools leave behind (node_modules,
//     *.swp, .DS_Store and the like), and no pattern of include names it;
//   - it was written by an earlier run, as [CollectOptions] Name tells: an archive of the package, and proposals and bundles
//     beside one, and no pattern of include names it;
//   - it is in the folder Output, and that is not the package itself;
//   - a .gitignore says so, those of the folders above up to the repository's included;
//   - the options say so.
//
// [Secrets], links and special files are fatal problems; links are never followed. All problems are returned, sorted by path; err is for a
// disk that cannot be read.
func Collect(dir string, o CollectOptions) ([]File, []Problem, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	c := &collector{root: root, named: namedBy(o.Include), name: o.Name}
	if info, err := os.Stat(o.Output); err == nil { // one that cannot be written is told of when it is
		c.output = info
	}
	c.include = c.patterns("include", o.Include)
	c.exclude = c.patterns("exclude", o.Exclude)
	if len(o.Include) == 0 {
		if c.ignore, err = outerIgnores(dir); err != nil {
			return nil, nil, err
		}
	}
	if err := c.folder(".", c.ignore); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(c.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	c.problems = append(c.problems, Check(c.files)...)
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return c.files, c.problems, nil
}

type collector struct {
	root             *os.Root
	include, exclude *ignoreList
	named            names       // by include, one by one
	name             string      // in the names of its archives
	output           fs.FileInfo // nil where there is no such folder
	ignore           *ignoreList
	files            []File
	problems         []Problem
	bytes            int64
}

func (c *collector) problem(p, code string, fatal bool, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: p, Code: code, Message: fmt.Sprintf(format, args...), Fatal: fatal})
}

func (c *collector) patterns(key string, lines []string) *ignoreList {
	list := &ignoreList{}
	for _, line := range lines {
		if err := list.add(line, ""); err != nil {
			c.problem(ManifestName, "bad-pattern", true, "%s pattern %q: %v", key, line, err)
		}
	}
	return list
}

// folder collects below one folder, "." for the top. ignore holds the patterns of the folders above.
func (c *collector) folder(name string, ignore *ignoreList) error {
	entries, err := fs.ReadDir(c.root.FS(), name)
	if err != nil {
		return err
	}
	if ignore != nil {
		if ignore, err = ignore.with(c.root, name); err != nil {
			return err
		}
	}
	written := c.hasArchive(entries)
	for _, e := range entries {
		p := path.Join(name, e.Name())
		if neverPacked(p, e) || c.leftOut(p, e.IsDir(), ignore) || c.unwanted(p, e, written) {
			continue
		}
		if err := c.entry(p, e, ignore); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) entry(p string, e fs.DirEntry, ignore *ignoreList) error {
	switch {
	case e.IsDir() && c.isOutput(e):
		return c.leaveOutput(p)
	case e.IsDir():
		if _, err := c.root.Lstat(path.Join(p, ManifestName)); err == nil {
			c.problem(p, "nested-package", false, "is a package of its own and is left out")
			return nil
		}
		return c.folder(p, ignore)
	case e.Type()&fs.ModeSymlink != 0:
		if c.wanted(p) {
			c.problem(p, "symlink", true, "is a symbolic link; archives hold only files")
		}
		return nil
	case !e.Type().IsRegular():
		if c.wanted(p) {
			c.problem(p, "special-file", true, "is no regular file")
		}
		return nil
	case c.wanted(p):
		return c.file(p)
	}
	return nil
}

// leftOut reports whether patterns keep p out; a folder that is out is not entered, as in git.
func (c *collector) leftOut(p string, isDir bool, ignore *ignoreList) bool {
	if p == ManifestName {
		return false
	}
	return c.exclude.match(p, isDir) == matchOut || ignore.match(p, isDir) == matchOut
}

// wanted reports whether the include patterns, where there are any, take a file: itself or a folder above it.
func (c *collector) wanted(p string) bool {
	if len(c.include.patterns) == 0 || p == ManifestName {
		return true
	}
	taken := c.include.match(p, false)
	for up := parent(p); taken == matchNone && up != ""; up = parent(up) {
		taken = c.include.match(up, true)
	}
	return taken == matchOut
}

// neverPacked are tools' own folders, build output and what was recorded while running.
func neverPacked(p string, e fs.DirEntry) bool {
	name := e.Name()
	if isControlFolder(name) || e.IsDir() && p == "target" {
		return true
	}
	if e.IsDir() {
		return false
	}
	switch path.Ext(name) {
	case ".chaos", ".gal-replay", ".trace":
		return true
	}
	return false
}

// unwanted reports what nobody means to publish unless include names it: litter, copies of registries, and what was written
// here when the package was packed before.
func (c *collector) unwanted(p string, e fs.DirEntry, written bool) bool {
	if !litter(e.Name(), e.IsDir()) && !(e.IsDir() && c.isRegistry(p)) && !(written && !e.IsDir() && c.isWritten(e.Name())) {
		return false
	}
	return !c.named.into(p)
}

// isRegistry reports whether a folder is a tree that packages are installed from.
func (c *collector) isRegistry(p string) bool {
	for _, name := range []string{"registry.toml", "packages"} {
		if _, err := c.root.Lstat(path.Join(p, name)); err != nil {
			return false
		}
	}
	return true
}

func (c *collector) file(p string) error {
	f, err := c.root.Open(filepath.FromSlash(p))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		c.problem(p, "special-file", true, "is no regular file")
		return nil
	}
	if c.bytes += info.Size(); c.bytes > MaxUnpacked || len(c.files) > MaxFiles {
		c.problem("", CodeTooBig, true, "more than %d bytes or %d files; see [package] exclude", MaxUnpacked, MaxFiles)
		return fault.New(fault.Manifest, CodeTooBig, "the package has more than %d bytes or %d files", MaxUnpacked, MaxFiles).
			WithHelp("leave files out with [package] exclude in %s", ManifestName)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return fmt.Errorf("%s changed while it was read: %w", p, err)
	}
	packed := File{Path: p, Executable: info.Mode()&0o111 != 0, Data: data}
	if problem, ok := secret(packed, c.named); ok {
		c.problems = append(c.problems, problem)
		return nil
	}
	c.files = append(c.files, packed)
	return nil
}
