// Package publish takes a package from a directory to a pull request on a registry: it checks, packs, describes and signs,
// uploads the archive, and pushes a branch with the signed lines.
//
// The order is what keeps a registry whole: the archive is in its place before the line that names it is proposed, and a
// proposal is one commit that only appends lines. A publish that is cut off anywhere leaves an archive that nobody names,
// which the registry forgets after a while.
package publish

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// Level says whether a problem stops a publish.
type Level string

const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
)

// Problem is something that is wrong with a package.
type Problem struct {
	Level   Level  `json:"level"`
	Code    string `json:"code"`
	Where   string `json:"where,omitempty"` // file, with line and column where they are known
	Message string `json:"message"`
}

func (p Problem) String() string {
	where := ""
	if p.Where != "" {
		where = p.Where + ": "
	}
	return fmt.Sprintf("%s%s[%s]: %s", where, p.Level, p.Code, p.Message)
}

// Draft is a package that is ready to be signed, or the list of what keeps it from that.
type Draft struct {
	Name     string
	Publish  *index.Publish
	Archive  *archive.Archive
	Problems []Problem
	Files    []string // paths of what is packed, sorted; set whatever the problems are
	Sources  Sources  // what it is made from
}

// Options shape a draft.
type Options struct {
	// Registry turns the name that a manifest has for another registry into its id.
	Registry func(name string) (string, error)
	// Target is the user's name of the registry that the draft is for: `publish = ["name"]` in the manifest may forbid it.
	Target string
	// Workspace is the manifest of the workspace that the package inherits from; nil where it is in none.
	Workspace *manifest.Manifest
	// Output is the folder that is written into, which is not packed where it lies in the package; "" for none.
	Output string
}

// Prepare checks and packs the package in a directory. It reports every problem it finds; the draft can be published
// when [Draft.Err] is nil. It writes nothing.
func Prepare(dir string, o Options) (*Draft, error) {
	m, err := manifest.Load(filepath.Join(dir, manifest.FileName))
	if err != nil {
		return nil, err
	}
	if m.Package == nil {
		return nil, fault.New(fault.Manifest, "no-package", "%s has no [package]: a workspace is published member by member", m.Path).
			WithHelp("gal-pkg publish -p MEMBER")
	}
	full := m
	if m.Inherits() && o.Workspace != nil {
		if full, err = m.Inherit(o.Workspace); err != nil {
			return nil, err
		}
	}
	d := &Draft{Name: m.Package.Name, Sources: Sources{Dir: dir, Include: full.Package.Include, Output: o.Output}}
	if full != m {
		d.Sources.Others = []string{o.Workspace.Path}
	}
	d.checkManifest(full, o)
	files, problems, err := archive.Collect(dir, archive.CollectOptions{
		Include: full.Package.Include, Exclude: full.Package.Exclude, Name: manifest.Key(d.Name), Output: o.Output,
	})
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		level := LevelWarning
		if p.Fatal {
			level = LevelError
		}
		d.add(level, p.Code, p.Path, "%s", p.Message)
	}
	for _, f := range files {
		d.Files = append(d.Files, f.Path)
	}
	d.Sources.Files = d.Files
	d.checkLayout(files)
	return d, d.pack(m, files, o)
}

func (d *Draft) add(level Level, code, where, format string, args ...any) {
	d.Problems = append(d.Problems, Problem{level, code, where, fmt.Sprintf(format, args...)})
}

// Err is nil where nothing stops the draft; otherwise it lists everything that does.
func (d *Draft) Err() error {
	err := fault.New(fault.Negative, "not-publishable", "%s cannot be published as it is", d.Name)
	for _, p := range d.Problems {
		if p.Level == LevelError {
			err.WithFact("%s", p)
		}
	}
	if len(err.Facts) == 0 {
		return nil
	}
	return err
}

// pack puts the manifest as others will read it into the files, and makes the archive and the line's members.
func (d *Draft) pack(m *manifest.Manifest, files []archive.File, o Options) error {
	if d.Err() != nil {
		return nil
	}
	text, changed, err := m.ResolvedForArchive(o.Workspace)
	if err != nil {
		return err
	}
	for i := range files {
		if files[i].Path != manifest.FileName {
			continue
		}
		if changed {
			files = append(files, archive.File{Path: manifest.FileName + ".orig", Data: files[i].Data})
		}
		files[i].Data = text
	}
	packed, err := manifest.Parse(m.Path, text)
	if err != nil {
		return fmt.Errorf("the manifest as packed: %w", err)
	}
	if d.Publish, err = Describe(packed, o.Registry); err != nil {
		d.add(LevelError, "registry", m.Path, "%v", err)
		return nil
	}
	d.Archive, err = archive.Pack(index.ArchivePrefix(d.Name, d.Publish.Version.String()), files)
	if err != nil {
		return err
	}
	d.Publish.Checksum, d.Publish.Size, d.Publish.Unpacked = index.Digest(d.Archive.Digest), d.Archive.Size, d.Archive.Unpacked
	return nil
}

// checkManifest holds what a manifest must say before others see it; what is merely odd while developing is an error here.
func (d *Draft) checkManifest(m *manifest.Manifest, o Options) {
	for _, p := range m.Warnings {
		d.add(LevelError, p.Code, fmt.Sprintf("%s:%d:%d", p.Path, p.Line, p.Column), "%s", p.Message)
	}
	info := m.Package
	if info.Version.Build() != "" {
		d.add(LevelError, "version", m.Path, "version %s has build metadata, which a registry does not keep", info.Version)
	}
	if info.Description == "" {
		d.add(LevelError, "description", m.Path, "description is missing")
	}
	if info.License == "" {
		d.add(LevelError, "license", m.Path, "license is missing: an SPDX expression such as \"MIT\"")
	}
	if info.Publish.Never || len(info.Publish.Registries) > 0 && !slices.Contains(info.Publish.Registries, o.Target) {
		d.add(LevelError, "publish", m.Path, "[package] publish forbids to publish this package to %s", o.Target)
	}
	d.checkDependencies(m, "dependencies", m.Dependencies)
	d.checkDependencies(m, "build-dependencies", m.BuildDependencies)
}

func (d *Draft) checkDependencies(m *manifest.Manifest, table string, specs map[string]manifest.DependencySpec) {
	names := make([]string, 0, len(specs))
	for name := range specs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		spec := specs[name]
		line, column := m.Where(table, name)
		where := fmt.Sprintf("%s:%d:%d", m.Path, line, column)
		switch {
		case manifest.Builtin(name), spec.Workspace:
		case spec.Requirement.IsZero() && spec.Path != "":
			d.add(LevelError, "path-dependency", where, "dependency %s has a path and no version; others do not have your folder", name)
		case spec.Requirement.IsZero() && spec.Git != "":
			d.add(LevelError, "git-dependency", where, "dependency %s comes from git; publish it, or give a version as well", name)
		case spec.Requirement.IsAny():
			d.add(LevelError, "wildcard", where, "dependency %s is open to every version; write a requirement such as \"1.2\"", name)
		case !spec.Requirement.HasUpperBound():
			d.add(LevelWarning, "no-upper-bound", where, "dependency %s = %q also takes versions that will break it", name, spec.Requirement)
		}
	}
}

// checkLayout holds what a package's folder should have.
func (d *Draft) checkLayout(files []archive.File) {
	has := func(match func(path string) bool) bool {
		return slices.ContainsFunc(files, func(f archive.File) bool { return match(f.Path) })
	}
	if !has(func(p string) bool { return p == "src/lib.gal" || p == "src/main.gal" }) {
		d.add(LevelError, "layout", "", "there is neither src/lib.gal nor src/main.gal")
	}
	if !has(func(p string) bool {
		return !strings.Contains(p, "/") && strings.HasPrefix(strings.ToLower(p), "readme")
	}) {
		d.add(LevelWarning, "readme", "", "there is no README")
	}
	if !has(func(p string) bool { return strings.HasPrefix(p, "tests/") }) {
		d.add(LevelWarning, "tests", "", "there are no tests")
	}
}

// WriteArchive writes the draft's archive into a folder, under its name, and returns its path.
func (d *Draft) WriteArchive(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, index.ArchiveName(d.Name, d.Publish.Version.String()))
	return path, atomicfile.Write(path, d.Archive.Bytes, 0o644)
}
