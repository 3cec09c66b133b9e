package manifest

import (
	"net/url"
	"strings"

	"github.com/geeknik/gal-pkg/version"
)

// DependencySpec is what one entry of a dependency table asks for. The name in the table is the name in code; it is
// the package's own unless Package says otherwise.
//
// A parsed one has DefaultFeatures set unless the entry says no; who builds one by hand sets it.
type DependencySpec struct {
	Requirement     version.Requirement `json:"version,omitzero"`   // zero where only a path or git is given
	Features        []string            `json:"features,omitempty"` // as written
	DefaultFeatures bool                `json:"default-features"`
	Optional        bool                `json:"optional,omitempty"`
	Registry        string              `json:"registry,omitempty"` // the user's name for it, or its id; "" by rule
	Package         string              `json:"package,omitempty"`  // the real name of a renamed package
	Path            string              `json:"path,omitempty"`     // relative to the manifest's folder, forward slashes
	Git             string              `json:"git,omitempty"`      // URL; at most one of Tag, Branch, Rev goes with it
	Tag             string              `json:"tag,omitempty"`
	Branch          string              `json:"branch,omitempty"`
	Rev             string              `json:"rev,omitempty"`
	Workspace       bool                `json:"workspace,omitempty"` // the entry of the same name in [workspace.dependencies]
}

// Name returns the name of the package that the entry asks for under an alias.
func (s DependencySpec) Name(alias string) string {
	if s.Package != "" {
		return s.Package
	}
	return alias
}

// Table returns the dependencies of one table, named as in gal.toml: "dependencies", "dev-dependencies" or
// "build-dependencies"; nil for another name.
func (m *Manifest) Table(name string) map[string]DependencySpec {
	switch name {
	case "dependencies":
		return m.Dependencies
	case "dev-dependencies":
		return m.DevDependencies
	case "build-dependencies":
		return m.BuildDependencies
	}
	return nil
}

// dependencies reads one table of dependencies. Two spellings of one name are an error.
func (r *reader) dependencies(e *entry) map[string]DependencySpec {
	specs := map[string]DependencySpec{}
	n := r.table(e)
	if n == nil {
		return specs
	}
	seen := map[string]string{}
	for _, d := range n.entries {
		if other := seen[Fold(d.name)]; other != "" {
			r.fail("duplicate-key", d.key, "%s and %s are one name; remove one", quote(other), quote(d.name))
			continue
		}
		seen[Fold(d.name)] = d.name
		if !Builtin(d.name) && !r.name("bad-name", d.name, d.key) {
			continue
		}
		spec := r.dependency(d)
		if spec.Optional && Fold(e.name) == "dev-dependencies" {
			r.fail("bad-dependency", d.node.at, "a dev-dependency cannot be optional")
		}
		specs[d.name] = spec
	}
	return specs
}

// dependency reads one entry: a requirement or a table.
func (r *reader) dependency(e *entry) DependencySpec {
	spec := DependencySpec{DefaultFeatures: true}
	switch e.node.kind {
	case stringKind:
		spec.Requirement = r.requirement(e)
		return spec
	case tableKind:
	default:
		r.fail("wrong-type", e.node.at, "%s must be a requirement as in \"^1.2\" or a table, not %s", quote(e.name), e.node.kind)
		return spec
	}
	f := r.fields(e.node, "a dependency", "version", "features", "default-features", "optional", "registry", "package",
		"path", "git", "tag", "branch", "rev", "workspace")
	spec.Requirement = r.requirement(f["version"])
	spec.Features = r.featureNames(f["features"])
	if on := r.flag(f["default-features"]); on != nil {
		spec.DefaultFeatures = *on
	}
	spec.Optional = r.on(f["optional"])
	spec.Workspace = r.on(f["workspace"])
	if spec.Registry = r.text(f["registry"]); spec.Registry != "" && !goodRegistry(spec.Registry) {
		r.fail("bad-registry", f["registry"].node.at, "%s is not the name of a registry", quote(spec.Registry))
	}
	if spec.Package = r.text(f["package"]); spec.Package != "" {
		r.name("bad-name", spec.Package, f["package"].node.at)
	}
	spec.Path = r.path(f["path"], false)
	r.git(&spec, f)
	r.checkDependency(e, f)
	return spec
}

func (r *reader) featureNames(e *entry) []string {
	names, at := r.texts(e)
	for i, name := range names {
		if !goodFeature(name) {
			r.fail("bad-feature", at[i], "%s is not a feature's name; a feature of a dependency of it cannot be reached from here", quote(name))
		}
	}
	return names
}

// git reads the keys of a git dependency.
func (r *reader) git(spec *DependencySpec, f fields) {
	if spec.Git = r.text(f["git"]); spec.Git != "" {
		if reason := gitReason(spec.Git); reason != "" {
			r.fail("bad-url", f["git"].node.at, "git = %s %s", quote(spec.Git), reason)
		}
	}
	spec.Tag, spec.Branch = r.ref(f["tag"]), r.ref(f["branch"])
	if spec.Rev = r.text(f["rev"]); spec.Rev != "" && !goodRev(spec.Rev) {
		r.fail("bad-dependency", f["rev"].node.at, "rev = %s must be a commit id of 7 to 64 lower-case hex digits", quote(spec.Rev))
	}
}

// ref reads the name of a branch or a tag.
func (r *reader) ref(e *entry) string {
	s := r.text(e)
	if s != "" && !goodRef(s) {
		r.fail("bad-dependency", e.node.at, "%s = %s is not a name that git allows", e.name, quote(s))
	}
	return s
}

// checkDependency refuses keys that contradict each other.
func (r *reader) checkDependency(e *entry, f fields) {
	refs := 0
	for _, key := range []string{"tag", "branch", "rev"} {
		if f[key] == nil {
			continue
		}
		if refs++; refs > 1 {
			r.fail("bad-dependency", f[key].key, "only one of tag, branch and rev can be given")
		}
		if f["git"] == nil {
			r.fail("bad-dependency", f[key].key, "%s needs git beside it", key)
		}
	}
	switch {
	case f["workspace"] != nil:
		r.checkWorkspaceDependency(f)
	case f["path"] != nil && f["git"] != nil:
		r.fail("bad-dependency", f["git"].key, "%s has both path and git; a dependency has one place", quote(e.name))
	case f["path"] == nil && f["git"] == nil && f["version"] == nil:
		r.fail("bad-dependency", e.node.at, "%s needs a version, a path or a git address", quote(e.name))
	case f["registry"] != nil && f["version"] == nil:
		r.fail("bad-dependency", f["registry"].key, "registry needs a version beside it")
	}
}

func (r *reader) checkWorkspaceDependency(f fields) {
	if w := f["workspace"]; w.node.kind == boolKind && w.node.value == false {
		r.fail("bad-dependency", w.node.at, "workspace = false means nothing; remove it")
	}
	for _, key := range []string{"version", "path", "git", "tag", "branch", "rev", "registry", "package"} {
		if f[key] != nil {
			r.fail("bad-dependency", f[key].key, "%s is given by the workspace; remove one of the two", key)
		}
	}
}

// gitReason says why a git address is refused, "" for a good one: an https, ssh, http, git or file URL, the short
// ssh form, or a relative path.
func gitReason(s string) string {
	switch {
	case strings.HasPrefix(s, "-"):
		return "begins with a hyphen"
	case strings.ContainsFunc(s, func(c rune) bool { return c <= 0x20 || c == 0x7f }):
		return "holds a space or a control character"
	case strings.ContainsAny(s, "#?"):
		return "holds a # or a ?; write tag, branch or rev"
	}
	scheme, _, ok := strings.Cut(s, "://")
	if !ok {
		// Forms like ext::COMMAND make git run a program.
		if strings.Contains(s, "::") {
			return "is not a URL"
		}
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "is not a URL"
	case !strings.Contains(" https ssh http git file git+https git+ssh ", " "+scheme+" "):
		return "must begin with https://, ssh:// or file://"
	case u.User != nil:
		if _, secret := u.User.Password(); secret || scheme == "https" || scheme == "http" {
			return "holds credentials; everybody can read them here"
		}
	}
	return ""
}

// goodRef accepts what `git check-ref-format` accepts, and no option.
func goodRef(s string) bool {
	if strings.HasPrefix(s, "-") || len(s) > 200 || strings.ContainsAny(s, " ~^:?*[\\\x7f") ||
		strings.ContainsFunc(s, func(c rune) bool { return c < 0x20 }) || strings.Contains(s, "..") || strings.Contains(s, "@{") {
		return false
	}
	for _, part := range strings.Split(s, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") || strings.HasSuffix(part, ".") {
			return false
		}
	}
	return true
}

func goodRev(s string) bool {
	return len(s) >= 7 && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// patches reads [patch]: other places for packages that a registry has.
func (r *reader) patches(e *entry) map[string]DependencySpec {
	specs := r.dependencies(e)
	if len(specs) == 0 {
		return specs
	}
	for _, d := range e.node.entries {
		if spec, ok := specs[d.name]; ok && spec.Path == "" && spec.Git == "" {
			r.fail("bad-dependency", d.node.at, "patch %s needs a path or a git address", quote(d.name))
		}
	}
	return specs
}
