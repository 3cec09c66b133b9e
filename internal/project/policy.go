package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
	"github.com/geeknik/gal-pkg/version"
)

// The table [security] of the project's root manifest is obeyed wherever versions are chosen or installed. It only tightens:
// what registries.toml requires is required whatever a project says, and no dependency, member of a workspace or variable of
// the environment has a say.
//
//	require_signatures  every registry is read as if verify_signatures were true, and nothing comes from git
//	min_release_age     younger versions are not chosen, and one that gal.lock has all the same is refused
//	allowed_licenses    a package under another licence is refused; the licence is what its signed line says
//
// The other keys need a scanner or advisories; what they ask for and does not happen is said.

// requireSignatures makes the registries as strict as the project asks.
func (p *Project) requireSignatures(set *remote.Set) {
	if p.requiresSignatures() {
		set.RequireSignatures(p.rule("require_signatures"))
	}
}

func (p *Project) requiresSignatures() bool {
	required := p.root.Security.RequireSignatures
	return required != nil && *required
}

// rule names a key of [security] and its place, for messages.
func (p *Project) rule(key string) string {
	line, _ := p.root.Where("security", key)
	return fmt.Sprintf("%s:%d, [security] %s", manifest.FileName, line, key)
}

// agedBefore is the moment before which a version must have been published; zero where its age is of no matter.
func (p *Project) agedBefore(now time.Time) time.Time {
	if age := p.root.Security.MinReleaseAge; age > 0 {
		return now.Add(-age).UTC().Truncate(time.Second)
	}
	return time.Time{}
}

// OldEnough reports whether the project lets a version be chosen that was published then.
func (p *Project) OldEnough(published, now time.Time) bool {
	limit := p.agedBefore(now)
	return limit.IsZero() || !published.IsZero() && !published.After(limit)
}

// Newest is the newest release that is old enough for the project; where none is, the newest of all: whoever then chooses it
// is told why it cannot be.
func (p *Project) Newest(pkg *index.Package, now time.Time) *index.Release {
	if p.agedBefore(now).IsZero() {
		return pkg.Newest()
	}
	return cmp.Or(pkg.NewestOf(func(r *index.Release) bool { return p.OldEnough(r.At, now) }), pkg.Newest())
}

// withhold has the resolver leave out what is too young, over and above what exclude-newer does.
func (p *Project) withhold(o *resolve.Options, now time.Time) {
	limit := p.agedBefore(now)
	if limit.IsZero() {
		return
	}
	o.ExcludeNewer = earlier(o.ExcludeNewer, limit)
	for name, cutoff := range o.ExcludeNewerFor {
		o.ExcludeNewerFor[name] = earlier(cutoff, limit)
	}
}

// noteAge says, where there is no solution, that young versions were left out.
func (p *Project) noteAge(err error, now time.Time) {
	var none *resolve.NoSolution
	if limit := p.agedBefore(now); !limit.IsZero() && errors.As(err, &none) {
		none.Notes = append(none.Notes, fmt.Sprintf("what was published after %s is left out by %s = %q", limit.Format(time.RFC3339),
			p.rule("min_release_age"), manifest.Duration(p.root.Security.MinReleaseAge)))
	}
}

// earlier is the first of two moments, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// obey holds what was chosen against the policy.
func (p *Plan) obey(ctx context.Context, now time.Time) error {
	for _, check := range []func(context.Context, time.Time) error{p.checkSources, p.checkAges, p.checkLicenses} {
		if err := check(ctx, now); err != nil {
			return err
		}
	}
	if text := p.Project.unenforced(); text != "" {
		p.Warnings = append(p.Warnings, text)
	}
	return nil
}

// checkSources refuses packages that nobody signs.
func (p *Plan) checkSources(context.Context, time.Time) error {
	if !p.Project.requiresSignatures() {
		return nil
	}
	f := fault.New(fault.Integrity, "unsigned-source", "signatures are required, and there are packages from git repositories, which nobody signs")
	for _, pkg := range p.Solution.Packages {
		if strings.HasPrefix(pkg.ID.Source, "git+") {
			f.WithFact("%s %s  %s", pkg.ID.Name, pkg.Version, pkg.ID.Source)
		}
	}
	if len(f.Facts) == 0 {
		return nil
	}
	return f.WithFact("required by %s", p.Project.rule("require_signatures")).
		WithHelp("take it from a registry, or from a folder of your own, in gal.toml")
}

// checkAges refuses what gal.lock, or --precise, has chosen before it is old enough.
func (p *Plan) checkAges(ctx context.Context, now time.Time) error {
	if p.Project.agedBefore(now).IsZero() {
		return nil
	}
	f := fault.New(fault.Negative, "release-too-young", "the project waits until a version has been published for %s, and gal.lock would have younger ones",
		manifest.Duration(p.Project.root.Security.MinReleaseAge))
	for _, pkg := range p.Solution.Packages {
		if !strings.HasPrefix(pkg.ID.Source, "registry+") {
			continue
		}
		published, err := p.source.published(ctx, pkg)
		if err != nil {
			return err
		}
		if !p.Project.OldEnough(published, now) {
			f.WithFact("%s %s  published %s", pkg.ID.Name, pkg.Version, published.UTC().Format(time.RFC3339)).
				WithHelp("gal-pkg update %s", pkg.ID.Name)
		}
	}
	if len(f.Facts) == 0 {
		return nil
	}
	return f.WithFact("required by %s", p.Project.rule("min_release_age"))
}

// published says when a chosen version was.
func (s *source) published(ctx context.Context, pkg resolve.Package) (time.Time, error) {
	list, err := s.Candidates(ctx, pkg.ID)
	if err != nil {
		return time.Time{}, err
	}
	for _, c := range list {
		if c.Version.Equal(pkg.Version) {
			return c.Published, nil
		}
	}
	return time.Time{}, nil
}

// checkLicenses refuses packages of others whose licence is not among those that the project allows.
func (p *Plan) checkLicenses(ctx context.Context, _ time.Time) error {
	allowed := p.Project.root.Security.AllowedLicenses
	if allowed == nil {
		return nil
	}
	f := fault.New(fault.Negative, "license-not-allowed", "there are packages under licences that the project does not allow")
	for _, pkg := range p.Solution.Packages {
		from, err := manifest.ParseSource(pkg.ID.Source)
		if err != nil {
			return err
		}
		text := ""
		switch from.Kind {
		case manifest.PathSource:
			continue // one's own
		case manifest.GitSource:
			m, err := p.source.gitManifest(ctx, from, pkg.ID.Name)
			if err != nil {
				return err
			}
			text = m.Package.License
		default:
			text = p.artifacts[ref(from, pkg.ID.Name, pkg.Version)].artifact.Publish().License
		}
		if !licensed(text, allowed) {
			f.WithFact("%s %s  %s%s", pkg.ID.Name, pkg.Version, orNone(text), p.neededBy(pkg.ID, pkg.Version))
		}
	}
	if len(f.Facts) == 0 {
		return nil
	}
	return f.WithFact("allowed by %s: %s", p.Project.rule("allowed_licenses"), orNone(strings.Join(allowed, ", ")))
}

func orNone(text string) string {
	if text == "" {
		return "(none)"
	}
	return text
}

// neededBy names a package of the plan that depends on another one.
func (p *Plan) neededBy(id resolve.PackageID, v version.Version) string {
	for _, pkg := range p.Solution.Packages {
		for _, d := range pkg.Dependencies {
			if d.ID == id && d.Version.Equal(v) {
				return fmt.Sprintf(", needed by %s %s", pkg.ID.Name, pkg.Version)
			}
		}
	}
	return ""
}

// unenforced says what the policy asks for and this program cannot do, "" for nothing.
func (p *Project) unenforced() string {
	var keys []string
	for _, key := range unenforcedKeys(p.root.Security) {
		line, _ := p.root.Where("security", key)
		keys = append(keys, fmt.Sprintf("%s (line %d)", key, line))
	}
	if len(keys) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: [security] asks for what is not enforced: %s; %s", manifest.FileName, strings.Join(keys, ", "), whyUnenforced)
}

const whyUnenforced = "this version of gal-pkg has no scanner, and reads no advisories"

// unenforcedKeys are the keys that ask for something. A ceiling that nothing can pass asks for nothing.
func unenforcedKeys(s manifest.Security) (keys []string) {
	levels := manifest.RiskLevels()
	if s.MaxRiskLevel != "" && s.MaxRiskLevel != levels[len(levels)-1] {
		keys = append(keys, "max_risk_level")
	}
	if s.VulnerabilityScan != nil && *s.VulnerabilityScan {
		keys = append(keys, "vulnerability_scan")
	}
	if s.DependencyAudit != nil && *s.DependencyAudit {
		keys = append(keys, "dependency_audit")
	}
	return keys
}

// checkPolicy says which parts of [security] have no effect.
func (p *Project) checkPolicy() []Finding {
	var findings []Finding
	say := func(m *manifest.Manifest, file, code, key, format string, args ...any) {
		f := Finding{Level: manifest.LevelWarning, Code: code, Path: file, Message: fmt.Sprintf(format, args...)}
		f.Line, f.Column = m.Where("security", key)
		findings = append(findings, f)
	}
	root := p.root.Path
	for _, key := range unenforcedKeys(p.root.Security) {
		say(p.root, root, "not-enforced", key, "%s is not enforced: %s", key, whyUnenforced)
	}
	if len(p.root.Security.Ignore) > 0 {
		say(p.root, root, "no-effect", "ignore", "[[security.ignore]] has no effect: no advisory is looked at that it could excuse")
	}
	if required := p.root.Security.RequireSignatures; required != nil && !*required {
		say(p.root, root, "no-effect", "require_signatures", "require_signatures = false has no effect: a project can ask for more than registries.toml, not for less")
	}
	for _, m := range p.Members {
		own := m.Manifest.Path == root
		if !own && !reflect.ValueOf(m.Manifest.Security).IsZero() {
			say(m.Manifest, p.Path(m), "no-effect", "", "[security] has no effect in a member of a workspace; the policy is that of its root")
		}
	}
	return findings
}
