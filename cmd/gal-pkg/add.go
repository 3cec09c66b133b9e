package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

type addCmd struct {
	Packages          []string `arg:"" name:"package" help:"NAME or NAME@REQUIREMENT."`
	Dev               bool     `xor:"table" help:"Add to [dev-dependencies]."`
	Build             bool     `xor:"table" help:"Add to [build-dependencies]."`
	Requirement       string   `name:"version" placeholder:"REQ" help:"Requirement, as after @."`
	Features          []string `sep:"," placeholder:"F,..." help:"Features to turn on."`
	NoDefaultFeatures bool     `xor:"defaults" help:"Leave the default features off."`
	DefaultFeatures   bool     `xor:"defaults" help:"Turn the default features of a dependency that is there on again."`
	Optional          bool     `xor:"optional" help:"Use it only where a feature asks for it."`
	NoOptional        bool     `xor:"optional" help:"Use a dependency that is there always again."`
	Rename            string   `placeholder:"NAME" help:"What the package is called here."`
	Path              string   `xor:"source" placeholder:"DIR" help:"Take it from a folder, relative to the one you are in."`
	Git               string   `xor:"source" placeholder:"URL" help:"Take it from a git repository."`
	Tag               string   `xor:"ref" placeholder:"TAG" help:"Tag of the repository."`
	Branch            string   `xor:"ref" placeholder:"BRANCH" help:"Branch of the repository; gal.lock keeps its commit."`
	Rev               string   `xor:"ref" placeholder:"COMMIT" help:"Commit of the repository."`
	Exact             bool     `xor:"form" help:"Write =VERSION."`
	Tilde             bool     `xor:"form" help:"Write ~VERSION."`
	DryRun            bool     `short:"n" help:"Say what would change, and write nothing."`
	NoInstall         bool     `help:"Lock, but install nothing."`

	registry string // of --registry, where it is configured: gal.toml will name it
}

func (addCmd) Help() string {
	return `Without a requirement the newest release is taken, and what is compatible with it. gal.toml keeps its comments and
its order; it is written, with gal.lock, once everything is downloaded and verified.

Of a dependency that is there, only what is asked for changes: without a requirement it keeps its own, and features are added
to those that it has.

EXAMPLES
  gal-pkg add mailbox                              # the newest release
  gal-pkg add mailbox@^1.2.0
  gal-pkg add assert-kit@^2.0 --dev
  gal-pkg add chaos-kit@0.5 --features scheduling,experimental
  gal-pkg add chaos-kit --features jitter          # one feature more
  gal-pkg add local-dep --path ../local-dep
  gal-pkg add wire --git https://git.example.org/ada/wire --tag v1.2.0`
}

func (c *addCmd) Run(a *app) error {
	p, err := a.onePackage()
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if err := c.takeRegistry(a); err != nil {
		return err
	}
	edit, err := manifest.Open(p.Text())
	if err != nil {
		return err
	}
	own, err := manifest.Parse(p.Path(p.Current), p.Text()) // as it is written: Current has what it inherits in it
	if err != nil {
		return err
	}
	for _, argument := range c.Packages {
		if err := c.add(a, p, own, edit, argument); err != nil {
			return err
		}
	}
	if !c.NoInstall {
		return a.apply(p, edit, c.DryRun, "add")
	}
	next, err := p.WithManifest(edit.Bytes())
	if err != nil {
		return err
	}
	plan, err := a.plan(next, project.Locking{})
	if err != nil {
		return err
	}
	if !c.DryRun {
		if err := next.Write(a.ctx, plan.Lock, a.events()); err != nil {
			return err
		}
	}
	return a.planned(plan, "add")
}

// check refuses flags that do not go together.
func (c *addCmd) check() error {
	if len(c.Packages) > 1 && (c.Rename != "" || c.Path != "" || c.Requirement != "") {
		return fault.New(fault.Usage, "usage", "--rename, --path and --version go with one package")
	}
	if len(c.Packages) > 1 && c.Git != "" {
		return fault.New(fault.Usage, "usage", "--git goes with one package")
	}
	if c.Git == "" && (c.Tag != "" || c.Branch != "" || c.Rev != "") {
		return fault.New(fault.Usage, "usage", "--tag, --branch and --rev go with --git URL")
	}
	return nil
}

// add writes one dependency into the edited manifest; own is what that was.
func (c *addCmd) add(a *app, p *project.Project, own *manifest.Manifest, edit *manifest.Edit, argument string) error {
	name, requirement, err := c.split(argument)
	if err != nil {
		return err
	}
	alias, table := cmp.Or(c.Rename, name), tableOf(c.Dev, c.Build)
	old, there := entryOf(own, table, alias)
	full, _ := entryOf(p.Current.Manifest, table, alias)
	path, err := c.pathFrom(a, p.Path(p.Current))
	if err != nil {
		return err
	}
	spec, settled := c.spec(path, name, requirement), false
	if there {
		a.Debug("%12s %s was %q", "", alias, old.Requirement)
		if c.Rename == "" {
			spec.Package = old.Package // the name is the entry's, as `remove` takes it
		}
		spec, settled = c.over(old, alias, spec)
	}
	if requirement.IsZero() && c.Path != "" {
		c.leaveOut(a, p, &spec, alias)
	}
	if err := c.fits(spec, full, alias); err != nil {
		return err
	}
	if spec.Path+spec.Git == "" && !spec.Workspace {
		if err := c.choose(a, p, &spec, name, settled); err != nil {
			return err
		}
	}
	before := edit.Bytes()
	if err := edit.AddDependency(table, alias, spec); err != nil {
		return err
	}
	what := fmt.Sprintf("%s %q", alias, spec.Requirement)
	if place := cmp.Or(spec.Path, spec.Git); place != "" {
		what = alias + " from " + place
	} else if spec.Workspace {
		what = alias + " of the workspace"
	}
	switch {
	case !there:
		a.Status("Adding", "%s to %s%s", what, table, a.elsewhere(p))
	case bytes.Equal(before, edit.Bytes()):
		a.Status("Unchanged", "%s in %s%s", what, table, a.elsewhere(p))
	default:
		a.Status("Updating", "%s in %s%s", what, table, a.elsewhere(p))
	}
	return nil
}

// split reads NAME or NAME@REQUIREMENT.
func (c *addCmd) split(argument string) (name string, r version.Requirement, err error) {
	name, text, given := strings.Cut(argument, "@")
	if err := manifest.CheckName(name); err != nil {
		return "", r, err
	}
	if given && c.Requirement != "" && text != c.Requirement {
		return "", r, fault.New(fault.Usage, "usage", "%s and --version %s say different things", argument, c.Requirement)
	}
	if !given {
		text = c.Requirement
	}
	if text == "" && !given {
		return name, r, nil
	}
	if r, err = version.ParseRequirement(text); err != nil {
		return "", r, fault.New(fault.Usage, "bad-requirement", "%v", err)
	}
	if c.Exact || c.Tilde {
		return "", r, fault.New(fault.Usage, "usage", "the requirement `%s` of %s is given in full; --exact and --tilde write one for the newest release", r, name).
			WithHelp("gal-pkg add %s@%s%s", name, shellWord(r.String()), c.tableFlag())
	}
	return name, r, nil
}

// choose finds the registry and the version that a dependency begins with, and checks its features; typed is its name on the
// command line. One that is settled keeps its requirement, whatever the registry has for it.
func (c *addCmd) choose(a *app, p *project.Project, spec *manifest.DependencySpec, typed string, settled bool) error {
	set, err := a.registries()
	if err != nil {
		return err
	}
	if c.registry != "" {
		spec.Registry = c.registry
	}
	return set.Finding(a.ctx, func() error { return c.chooseIn(a, p, set, spec, typed, settled) })
}

func (c *addCmd) chooseIn(a *app, p *project.Project, set *remote.Set, spec *manifest.DependencySpec, typed string, settled bool) error {
	name := spec.Name(typed)
	r, err := set.For(a.ctx, name, spec.Registry)
	if err != nil {
		return err
	}
	pkg, err := r.Snapshot.Package(a.ctx, name)
	if err != nil {
		return project.WithSimilar(a.ctx, r, name, err)
	}
	release := p.Newest(pkg, a.now())
	if !spec.Requirement.IsZero() {
		release = pkg.HighestOf(func(r *index.Release) bool { return spec.Requirement.Matches(r.Version) })
	}
	if release == nil && settled {
		return nil // the lock may have one that is yanked
	}
	if release == nil {
		err := noVersion(pkg, spec.Requirement)
		if newest := pkg.Newest(); newest != nil {
			err.WithHelp("gal-pkg add %s@%s", typed, newest.Version)
		}
		return err
	}
	if spec.Requirement.IsZero() {
		spec.Requirement = c.form(release.Version)
	}
	a.advise(r, pkg)
	return c.checkFeatures(a, release, typed, spec)
}

// form writes the requirement for a version that was chosen.
func (c *addCmd) form(v version.Version) version.Requirement {
	switch {
	case c.Exact:
		return version.Exactly(v)
	case c.Tilde:
		return version.MustParseRequirement("~" + v.String())
	}
	return version.Compatible(v)
}

// noVersion says why nothing can be chosen: no such version, or only yanked ones.
func noVersion(p *index.Package, r version.Requirement) *fault.Error {
	var open, yanked []*index.Release
	for _, release := range p.Releases {
		if release.Yanked() != nil {
			yanked = append(yanked, release)
		} else if release.Offered() {
			open = append(open, release)
		}
	}
	newestFirst := func(a, b *index.Release) int { return b.Version.Compare(a.Version) }
	slices.SortFunc(open, newestFirst)
	slices.SortFunc(yanked, newestFirst)
	var err *fault.Error
	switch {
	case r.IsZero():
		err = fault.New(fault.NotFound, "all-yanked", "every version of `%s` is yanked", p.Name)
	case slices.ContainsFunc(yanked, func(y *index.Release) bool { return r.Matches(y.Version) }):
		err = fault.New(fault.NotFound, "all-yanked", "every version of `%s` that matches `%s` is yanked", p.Name, r)
	default:
		err = fault.New(fault.NotFound, "version-not-found", "`%s` has no version matching `%s`", p.Name, r)
	}
	var newest []string
	for _, release := range open[:min(5, len(open))] {
		newest = append(newest, release.Version.String())
	}
	if len(newest) > 0 {
		err.WithFact("newest: %s", strings.Join(newest, ", "))
	}
	for _, release := range yanked[:min(5, len(yanked))] {
		err.WithFact("yanked: %s (%q)", release.Version, release.Yanked().Reason)
	}
	return err
}

// checkFeatures holds that the package has the features that are asked for, and says which are on.
func (c *addCmd) checkFeatures(a *app, release *index.Release, typed string, spec *manifest.DependencySpec) error {
	features := release.Publish.Features
	var names []string
	for f := range features {
		names = append(names, f)
	}
	for _, d := range release.Publish.Dependencies {
		if d.Optional {
			names = append(names, d.Name)
		}
	}
	slices.Sort(names)
	for _, f := range c.Features {
		if !slices.Contains(names, f) {
			err := fault.New(fault.NotFound, "feature-not-found", "`%s %s` has no feature `%s`", spec.Name(typed), release.Version, f)
			if len(names) > 0 {
				err.WithFact("features: %s", strings.Join(names, ", "))
			}
			for _, similar := range manifest.Suggest(f, names) {
				err.WithHelp("gal-pkg add %s --features %s", typed, similar)
			}
			return err
		}
	}
	var marks []string
	for _, f := range names {
		on := slices.Contains(spec.Features, f) || spec.DefaultFeatures && (f == "default" || slices.Contains(features["default"], f))
		marks = append(marks, map[bool]string{true: "+", false: "-"}[on]+f)
	}
	if len(marks) > 0 {
		a.Say("%12s features: %s", "", strings.Join(marks, " "))
	}
	return nil
}

// advise tells of what a user may want to know before depending on a package.
func (a *app) advise(r *remote.Registry, p *index.Package) {
	if d := p.Deprecated; d != nil {
		text := fmt.Sprintf("%s is deprecated", p.Name)
		if d.Message != "" {
			text += ": " + d.Message
		}
		if d.Replacement != "" {
			text += fmt.Sprintf("; %s replaces it", d.Replacement)
		}
		a.Warn("%s", text)
	}
	if p.Tombstone != nil {
		a.Warn("%s was closed by its owners in %s", p.Name, r.ID())
	}
}
