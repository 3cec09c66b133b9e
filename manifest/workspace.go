package manifest

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Limits of [workspace].
const (
	MaxMembers      = 1000
	maxPatternDepth = 16
)

// Workspace is the table [workspace] of a root manifest.
type Workspace struct {
	Members      []string                  `json:"members"` // folders, or patterns with * ? [] that match folders
	Exclude      []string                  `json:"exclude,omitempty"`
	Package      *PackageInfo              `json:"package,omitempty"` // what members inherit
	Dependencies map[string]DependencySpec `json:"dependencies,omitempty"`
}

func (r *reader) workspace(e *entry) *Workspace {
	n := r.table(e)
	if n == nil {
		return nil
	}
	f := r.fields(n, "[workspace]", "members", "exclude", "package", "dependencies")
	w := &Workspace{Members: r.patterns(f["members"]), Exclude: r.patterns(f["exclude"])}
	w.Package = r.packageInfo(f["package"], true)
	w.Dependencies = r.dependencies(f["dependencies"])
	if d := f["dependencies"]; d != nil {
		for _, e := range d.node.entries {
			if spec := w.Dependencies[e.name]; spec.Workspace || spec.Optional {
				r.fail("bad-dependency", e.node.at, "an entry of [workspace.dependencies] cannot be optional or inherited")
			}
		}
	}
	return w
}

// patterns reads folders and patterns of folders, cleaned.
func (r *reader) patterns(e *entry) []string {
	list, at := r.texts(e)
	for i, pattern := range list {
		reason := pathReason(pattern, true)
		if _, err := path.Match(pattern, ""); err != nil {
			reason = "is not a pattern"
		}
		if strings.Count(pattern, "/") >= maxPatternDepth {
			reason = "has too many slashes"
		}
		if reason != "" {
			r.fail("bad-path", at[i], "%s holds %s, which %s", e.name, quote(pattern), reason)
		}
		list[i] = path.Clean(pattern)
	}
	return list
}

// Folders returns the folders of the members below root, sorted, with forward slashes: at most [MaxMembers]. A
// pattern takes the folders that hold a manifest; a plain path must hold one. Excluded folders, and what is below
// them, are left out. The error is a [fault.Error] of kind Manifest with code "bad-workspace".
func (w *Workspace) Folders(root fs.FS) ([]string, error) {
	var folders []string
	for _, pattern := range w.Members {
		found, err := fs.Glob(root, pattern)
		if err != nil {
			return nil, fault.New(fault.Manifest, "bad-workspace", "member %s cannot be read", quote(pattern)).Because(err)
		}
		plain := !strings.ContainsAny(pattern, `*?[`)
		if plain {
			found = []string{pattern}
		}
		for _, folder := range found {
			info, err := fs.Stat(root, path.Join(folder, FileName))
			switch {
			case err == nil && info.Mode().IsRegular():
				folders = append(folders, folder)
			case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) && plain:
				return nil, fault.New(fault.Manifest, "bad-workspace", "member %s cannot be read", quote(folder)).Because(err)
			case plain:
				return nil, fault.New(fault.Manifest, "bad-workspace", "workspace member %s has no %s", quote(folder), FileName)
			}
		}
	}
	folders = slices.DeleteFunc(folders, w.excludes)
	slices.Sort(folders)
	folders = slices.Compact(folders)
	if len(folders) > MaxMembers {
		return nil, fault.New(fault.Manifest, "bad-workspace", "the workspace has %d members, at most %d are allowed", len(folders), MaxMembers)
	}
	return folders, nil
}

// excludes reports whether a folder, or one above it, is excluded.
func (w *Workspace) excludes(folder string) bool {
	for _, pattern := range w.Exclude {
		for at := folder; at != "."; at = path.Dir(at) {
			if ok, _ := path.Match(pattern, at); ok {
				return true
			}
		}
	}
	return false
}

// Inherits reports whether m takes something from a workspace's root, so that it is complete only after Inherit.
func (m *Manifest) Inherits() bool {
	if m.Package != nil && len(m.Package.inherited) > 0 {
		return true
	}
	for _, table := range []map[string]DependencySpec{m.Dependencies, m.DevDependencies, m.BuildDependencies} {
		for _, spec := range table {
			if spec.Workspace {
				return true
			}
		}
	}
	return false
}

// Inherit returns a copy of m with everything filled in that it takes from the workspace whose root manifest is root
// (which may be m itself). Paths are rewritten from the root's folder to m's. What the root does not have is an error,
// [Problems] at the places in m. A member adds features to those of the workspace; its own default-features = true wins
// over the workspace's false.
func (m *Manifest) Inherit(root *Manifest) (*Manifest, error) {
	i := &inheritance{page: m.page, from: m, shared: Workspace{Package: &PackageInfo{}}}
	if root.Workspace != nil {
		i.shared = *root.Workspace
	}
	if i.shared.Package == nil {
		i.shared.Package = &PackageInfo{}
	}
	var err error
	if i.prefix, err = filepath.Rel(filepath.Dir(m.Path), filepath.Dir(root.Path)); err != nil {
		return nil, fault.New(fault.Manifest, "bad-workspace", "%s and %s have no common root", m.Path, root.Path).Because(err)
	}
	full := *m
	full.Package = i.packageInfo(root.Path)
	full.Dependencies = i.dependencies("dependencies", root.Path)
	full.DevDependencies = i.dependencies("dev-dependencies", root.Path)
	full.BuildDependencies = i.dependencies("build-dependencies", root.Path)
	if len(i.problems) > 0 {
		return nil, inOrder(i.problems)
	}
	return &full, nil
}

// inheritance is the work of one Inherit.
type inheritance struct {
	page
	from     *Manifest
	shared   Workspace
	prefix   string // from the member's folder to the root's
	problems Problems
}

func (i *inheritance) missing(table, key, root, what string) {
	at := i.from.spots[strings.ReplaceAll(table, ".", "\x00")+"\x00"+key]
	i.problems = append(i.problems, i.problem(LevelError, "missing-key", at, "%s takes its value from the workspace, and %s has no %s", key, root, what))
}

// path rewrites a path of the root for the member.
func (i *inheritance) path(p string) string {
	if p == "" {
		return ""
	}
	return filepath.ToSlash(filepath.Join(i.prefix, filepath.FromSlash(p)))
}

func (i *inheritance) packageInfo(root string) *PackageInfo {
	if i.from.Package == nil || len(i.from.Package.inherited) == 0 {
		return i.from.Package
	}
	p, shared := *i.from.Package, i.shared.Package
	for _, key := range p.inherited {
		if !p.take(key, shared) {
			i.missing("package", key, root, key+" in [workspace.package]")
		}
		switch key {
		case "license-file":
			p.LicenseFile = i.path(p.LicenseFile)
		case "readme":
			p.Readme = i.path(p.Readme)
		}
	}
	p.inherited = nil
	return &p
}

// texts are the inheritable keys whose values are strings.
func (p *PackageInfo) texts() map[string]*string {
	return map[string]*string{
		"description": &p.Description, "license": &p.License, "license-file": &p.LicenseFile, "repository": &p.Repository,
		"homepage": &p.Homepage, "documentation": &p.Documentation, "readme": &p.Readme, "edition": &p.Edition,
	}
}

// lists are the inheritable keys whose values are lists of strings.
func (p *PackageInfo) lists() map[string]*[]string {
	return map[string]*[]string{
		"authors": &p.Authors, "keywords": &p.Keywords, "categories": &p.Categories, "include": &p.Include, "exclude": &p.Exclude,
	}
}

// take copies one inheritable key from shared, and reports whether there is a value.
func (p *PackageInfo) take(key string, shared *PackageInfo) bool {
	if text := shared.texts()[key]; text != nil {
		*p.texts()[key] = *text
		return *text != ""
	}
	if list := shared.lists()[key]; list != nil {
		*p.lists()[key] = slices.Clone(*list)
		return *list != nil
	}
	switch key {
	case "version":
		p.Version = shared.Version
		return !shared.Version.IsZero()
	case "gal-version":
		p.GalVersion = shared.GalVersion
		return !shared.GalVersion.IsZero()
	default:
		p.Publish = shared.Publish
		return shared.rules
	}
}

func (i *inheritance) dependencies(table, root string) map[string]DependencySpec {
	specs := make(map[string]DependencySpec, len(i.from.Table(table)))
	for name, spec := range i.from.Table(table) {
		specs[name] = spec
		if !spec.Workspace {
			continue
		}
		shared, ok := i.shared.dependency(name)
		if !ok {
			i.missing(table, name, root, "entry of that name in [workspace.dependencies]")
			continue
		}
		specs[name] = i.merge(table, name, spec, shared)
	}
	return specs
}

// dependency finds an entry by its folded name.
func (w Workspace) dependency(name string) (DependencySpec, bool) {
	for other, spec := range w.Dependencies {
		if Fold(other) == Fold(name) {
			// Without a rename, the package's own spelling is the workspace's.
			if spec.Package == "" && other != name {
				spec.Package = other
			}
			return spec, true
		}
	}
	return DependencySpec{}, false
}

// merge puts a member's entry over the workspace's.
func (i *inheritance) merge(table, name string, own, shared DependencySpec) DependencySpec {
	merged := shared
	merged.Path = i.path(shared.Path)
	merged.Optional = own.Optional
	merged.Features = slices.Clone(shared.Features)
	for _, f := range own.Features {
		if !slices.Contains(merged.Features, f) {
			merged.Features = append(merged.Features, f)
		}
	}
	if line, _ := i.from.Where(table+"."+name, "default-features"); line > 0 {
		merged.DefaultFeatures = own.DefaultFeatures || shared.DefaultFeatures
	}
	return merged
}
