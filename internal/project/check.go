package project

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
)

// Finding is one thing that a check has to say.
type Finding struct {
	Level   string   `json:"level"` // manifest.LevelError or manifest.LevelWarning
	Code    string   `json:"code"`
	Path    string   `json:"path"` // absolute; "" for the package as a whole
	Line    int      `json:"line"` // 0 where the file as a whole is meant
	Column  int      `json:"column"`
	Message string   `json:"message"`
	Help    string   `json:"help,omitempty"`
	Excerpt []string `json:"-"`
}

// CheckOptions shape a check. Registry is required: it turns the name of a configured registry into its id.
type CheckOptions struct {
	Strict   bool // warnings are errors
	Registry func(name string) (string, error)
}

// Check looks for mistakes in the project of a manifest: the manifests of all members, what a publish would refuse, and
// whether gal.lock still fits. It asks nothing of the network. The error is for what keeps it from looking: no file, no
// rights.
func Check(file string, o CheckOptions) ([]Finding, error) {
	findings, err := check(file, o)
	if err != nil {
		return nil, err
	}
	if o.Strict {
		for i := range findings {
			findings[i].Level = manifest.LevelError
		}
	}
	return findings, nil
}

func check(file string, o CheckOptions) ([]Finding, error) {
	p, err := OpenFile(file)
	if findings, ok := fromProblems(filepath.Dir(file), err); ok {
		return findings, nil
	}
	if err != nil {
		return nil, err
	}
	var findings []Finding
	if text := p.HalfWritten(); text != "" {
		findings = append(findings, Finding{Level: manifest.LevelWarning, Code: "half-written", Path: filepath.Join(p.Dir, manifest.FileName), Message: text, Help: finishEdits})
	}
	for _, m := range p.Members {
		findings = append(findings, fromManifest(m.Manifest.Warnings)...)
		list, err := p.publishable(m, o)
		if err != nil {
			return nil, err
		}
		findings = append(findings, list...)
		findings = append(findings, p.pathDependencies(m)...)
	}
	if p.root != p.Members[0].Manifest && p.root.Package == nil {
		findings = append(findings, fromManifest(p.root.Warnings)...)
	}
	return append(append(findings, p.checkPolicy()...), p.CheckLock()...), nil
}

// fromProblems turns the error of a file that does not parse into findings. A lock file's path is relative to dir.
func fromProblems(dir string, err error) ([]Finding, bool) {
	var problems manifest.Problems
	if !errors.As(err, &problems) {
		return nil, false
	}
	findings := fromManifest(problems)
	for i, f := range findings {
		if f.Path != "" && !filepath.IsAbs(f.Path) {
			findings[i].Path = filepath.Join(dir, f.Path)
		}
	}
	return findings, true
}

func fromManifest(problems manifest.Problems) []Finding {
	var findings []Finding
	for _, p := range problems {
		findings = append(findings, Finding{p.Level, p.Code, p.Path, p.Line, p.Column, p.Message, p.Help, p.Excerpt()})
	}
	return findings
}

// onlyForOthers reports whether a problem stops a publish and nothing else.
func onlyForOthers(code string) bool {
	return slices.Contains([]string{"version", "description", "license", "path-dependency", "git-dependency", "wildcard"}, code)
}

// publishable is what a publish would say, where it has not been said of the manifest already. What only others need is a
// warning, and nothing at all for a package that is never published.
func (p *Project) publishable(m *Member, o CheckOptions) ([]Finding, error) {
	draft, err := publish.Prepare(filepath.Dir(p.Path(m)), publish.Options{Registry: o.Registry, Workspace: p.root})
	if findings, ok := fromProblems(p.Dir, err); ok {
		return findings, nil
	}
	if err != nil {
		return nil, err
	}
	said := map[string]bool{}
	for _, w := range m.Manifest.Warnings {
		said[fmt.Sprintf("%s:%d:%d", w.Path, w.Line, w.Column)+w.Code] = true
	}
	var findings []Finding
	for _, problem := range draft.Problems {
		f := Finding{Level: string(problem.Level), Code: problem.Code, Message: problem.Message}
		f.Path, f.Line, f.Column = place(problem.Where)
		others := onlyForOthers(f.Code)
		switch {
		case said[problem.Where+f.Code], f.Code == "publish", others && m.Manifest.Package.Publish.Never:
			continue
		case others && f.Level == manifest.LevelError:
			f.Level, f.Message = manifest.LevelWarning, f.Message+" (publish refuses this)"
		}
		if f.Path == "" || !filepath.IsAbs(f.Path) {
			f.Path = filepath.Join(filepath.Dir(p.Path(m)), f.Path)
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// place reads `path:line:column`, or a path alone.
func place(where string) (path string, line, column int) {
	parts := strings.Split(where, ":")
	if n := len(parts); n > 2 {
		if _, err := fmt.Sscanf(parts[n-2]+" "+parts[n-1], "%d %d", &line, &column); err == nil {
			return strings.Join(parts[:n-2], ":"), line, column
		}
	}
	return where, 0, 0
}

// pathDependencies holds that the folders of path dependencies hold the packages that they should.
func (p *Project) pathDependencies(m *Member) []Finding {
	var findings []Finding
	eachDependency(m, func(table, alias string, spec manifest.DependencySpec) {
		if spec.Path == "" {
			return
		}
		file := filepath.Join(p.Dir, filepath.FromSlash(join(m.Rel, spec.Path)), manifest.FileName)
		other, err := manifest.Load(file)
		message := ""
		switch name := spec.Name(alias); {
		case err != nil:
			message = fmt.Sprintf("dependency %s: there is no package in %s", alias, spec.Path)
			if _, bad := fromProblems("", err); bad {
				message = fmt.Sprintf("dependency %s: the manifest in %s has mistakes", alias, spec.Path)
			}
		case other.Package == nil || other.Package.Name != name:
			message = fmt.Sprintf("dependency %s: %s is not the package %s", alias, spec.Path, name)
		case !spec.Requirement.IsZero() && !other.Inherits() && !spec.Requirement.Matches(other.Package.Version):
			message = fmt.Sprintf("dependency %s: %s has version %s, which is not %s", alias, spec.Path, other.Package.Version, spec.Requirement)
		default:
			return
		}
		findings = append(findings, p.at(m, table, alias, "path-dependency", message))
	})
	return findings
}

// at makes an error at the place of a dependency in a member's manifest.
func (p *Project) at(m *Member, table, alias, code, message string) Finding {
	f := Finding{Level: manifest.LevelError, Code: code, Path: p.Path(m), Message: message}
	f.Line, f.Column = m.Manifest.Where(table, alias)
	return f
}

// eachDependency calls fn for the dependencies of a member that are fetched, in the order of tables and names.
func eachDependency(m *Member, fn func(table, alias string, spec manifest.DependencySpec)) {
	for _, k := range kindNames {
		specs := m.Manifest.Table(k.table)
		var names []string
		for alias := range specs {
			names = append(names, alias)
		}
		slices.Sort(names)
		for _, alias := range names {
			if !manifest.Builtin(specs[alias].Name(alias)) {
				fn(k.table, alias, specs[alias])
			}
		}
	}
}

// CheckLock says what in gal.lock no longer fits the manifests, as far as that can be told without a registry. A lock that
// is missing is a warning, where anything is to be locked.
func (p *Project) CheckLock() []Finding {
	if p.Lock == nil {
		return p.withoutLock()
	}
	c := lockCheck{project: p, index: p.Lock.Index(), reached: map[manifest.Ref]bool{}, mend: p.MendLock()}
	for _, m := range p.Members {
		c.member(m)
	}
	for _, l := range p.Lock.Packages {
		if !c.reached[l.Ref()] {
			c.say(Finding{Path: p.LockPath(), Message: fmt.Sprintf("gal.lock has %s %s, which nothing needs", l.Name, l.Version)})
		}
	}
	return c.findings
}

func (p *Project) withoutLock() []Finding {
	needed := false
	for _, m := range p.Members {
		eachDependency(m, func(string, string, manifest.DependencySpec) { needed = true })
	}
	if !needed {
		return nil
	}
	return []Finding{{Level: manifest.LevelWarning, Code: "no-lock", Path: p.LockPath(), Message: "there is no gal.lock", Help: p.MendLock()}}
}

type lockCheck struct {
	project  *Project
	index    *manifest.LockIndex
	reached  map[manifest.Ref]bool
	mend     string // the command that helps
	findings []Finding
}

func (c *lockCheck) say(f Finding) {
	f.Level, f.Code, f.Help = manifest.LevelError, "lock-stale", c.mend
	c.findings = append(c.findings, f)
}

// member compares one of the project's packages with its entry.
func (c *lockCheck) member(m *Member) {
	info := m.Manifest.Package
	var l *manifest.LockedPackage
	for _, other := range c.project.Lock.Find(info.Name) {
		if other.Source == manifest.Local(m.Rel) {
			l = other
		}
	}
	if l == nil {
		c.say(Finding{Path: c.project.LockPath(), Message: fmt.Sprintf("gal.lock has no entry for %s", info.Name)})
		return
	}
	if !l.Version.Equal(info.Version) {
		f := c.project.at(m, "package", "version", "", fmt.Sprintf("%s is %s, gal.lock has %s", info.Name, info.Version, l.Version))
		c.say(f)
	}
	c.reach(l)
	asked := map[int]bool{}
	eachDependency(m, func(table, alias string, spec manifest.DependencySpec) { c.dependency(m, l, table, alias, spec, asked) })
	for i, ref := range l.Dependencies {
		if !asked[i] {
			c.say(Finding{Path: c.project.Path(m), Message: fmt.Sprintf("gal.lock has the dependency %s, gal.toml has not", ref)})
		}
	}
}

// dependency looks for what an entry of a table is locked to.
func (c *lockCheck) dependency(m *Member, l *manifest.LockedPackage, table, alias string, spec manifest.DependencySpec, asked map[int]bool) {
	has := ""
	found := false
	for i, ref := range l.Dependencies {
		to, err := c.index.Resolve(ref)
		if err != nil || manifest.Fold(to.Name) != manifest.Fold(spec.Name(alias)) {
			continue
		}
		if c.fits(alias, spec, *to) {
			asked[i], found = true, true
			continue
		}
		has = to.Version.String()
	}
	if found {
		return
	}
	for i, ref := range l.Dependencies {
		if manifest.Fold(ref.Name) == manifest.Fold(spec.Name(alias)) {
			asked[i] = true // it is told once, here
		}
	}
	wants := spec.Name(alias)
	if !spec.Requirement.IsZero() {
		wants += " " + spec.Requirement.String()
	}
	message := fmt.Sprintf("gal.toml requires %s, gal.lock has no entry", wants)
	if has != "" {
		message = fmt.Sprintf("gal.toml requires %s, gal.lock has %s", wants, has)
	}
	c.say(c.project.at(m, table, alias, "", message))
}

// fits is asksFor that knows of [patch]: a patched package comes from a folder, and may have any version there.
func (c *lockCheck) fits(alias string, spec manifest.DependencySpec, l manifest.LockedPackage) bool {
	if _, patched := c.project.root.Patch[spec.Name(alias)]; patched && l.Source.Kind != manifest.RegistrySource {
		return manifest.Fold(spec.Name(alias)) == manifest.Fold(l.Name)
	}
	return asksFor(alias, spec, l)
}

func (c *lockCheck) reach(l *manifest.LockedPackage) {
	if c.reached[l.Ref()] {
		return
	}
	c.reached[l.Ref()] = true
	for _, ref := range l.Dependencies {
		if to, err := c.index.Resolve(ref); err == nil {
			c.reach(to)
		}
	}
}

// commitLock is the help for a lock that does not fit, with the command that mends it.
const commitLock = "%-20s  # then commit gal.lock"

// Placed is a finding's message after its place in a manifest, such as `desk/gal.toml:8:1`, from the project's folder.
func (p *Project) Placed(f Finding) string {
	switch {
	case f.Path == p.LockPath():
		return f.Message
	case f.Line == 0:
		return fmt.Sprintf("%s: %s", p.rel(f.Path), f.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.rel(f.Path), f.Line, f.Column, f.Message)
}

// StaleLock is the error of a lock that no longer fits, nil for one that does.
func (p *Project) StaleLock() error {
	err := fault.New(fault.Negative, "lock-stale", "gal.lock does not match gal.toml")
	for _, f := range p.CheckLock() {
		if f.Code == "lock-stale" {
			err.WithFact("%s", p.Placed(f))
		}
	}
	if len(err.Facts) == 0 {
		return nil
	}
	return err.WithHelp(commitLock, p.MendLock())
}
