package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/resolve"
)

// choosing are the flags that say which part of the lock a build uses.
type choosing struct {
	Profile           string   `placeholder:"NAME" help:"Build profile; release is installed without development dependencies."`
	Features          []string `sep:"," placeholder:"F,..." help:"Features to turn on."`
	AllFeatures       bool     `help:"Turn every feature on."`
	NoDefaultFeatures bool     `help:"Leave the default features off."`
	NoDev             bool     `help:"Leave development dependencies out."`
}

func (c choosing) choice() project.Choice {
	return project.Choice{Profile: c.Profile, Features: c.Features, AllFeatures: c.AllFeatures, NoDefaultFeatures: c.NoDefaultFeatures, NoDev: c.NoDev}
}

type installCmd struct {
	choosing
	LinkMode string `placeholder:"MODE" help:"How packages get into .gal/packages, for this time: auto, symlink, hardlink, copy, or on Windows junction. Else store.link-mode says."`
	DryRun   bool   `short:"n" help:"Say what would change, and change nothing."`
}

func (installCmd) Help() string {
	return `Chooses versions where gal.lock does not settle them, verifies signatures and checksums, and links every
package into .gal/packages. gal.lock changes only when everything has worked.

EXAMPLES
  gal-pkg install                     # after a checkout
  gal-pkg install --locked            # in CI: fail if gal.lock would change
  gal-pkg install --profile release   # without development dependencies
  gal-pkg install --registry file:///mnt/mirror   # from a mirror; checksums still come from gal.lock`
}

func (c *installCmd) Run(a *app) error {
	a.links = cmp.Or(install.LinkMode(c.LinkMode), a.links)
	if err := a.links.Check(); err != nil {
		return err
	}
	words, store, err := a.stampWords(c.choice())
	if err != nil {
		return err
	}
	if file, err := a.manifestFile(); err == nil && !c.DryRun && project.IsInstalledIn(file, store, words...) {
		return c.finished(a)
	}
	p, err := a.project()
	if err != nil {
		return err
	}
	if stamp, err := p.Stamp(words...); err == nil && !c.DryRun && stamp.Fresh(p.Dir, store) {
		return c.finished(a)
	}
	fetching, err := a.fetching()
	if err != nil {
		return err
	}
	if !c.DryRun {
		if fetching.Ahead, err = project.NewAhead(a.ctx, fetching, a.g.Offline); err != nil {
			return err
		}
		defer fetching.Ahead.Stop()
	}
	plan, err := a.plan(p, project.Locking{Ahead: fetching.Ahead})
	if err != nil {
		return a.adviseOffline(err, p, fetching.Cache)
	}
	if c.DryRun {
		return a.preview(plan, c.choice(), fetching, "install")
	}
	return a.install(plan, c.choice(), fetching, "install")
}

// adviseOffline tells whoever cannot reach a registry that it is not needed, where an install without it would work:
// everything in gal.lock is in the cache, and what registries say of it is remembered.
func (a *app) adviseOffline(err error, p *project.Project, store *cache.Cache) error {
	f := fault.Of(err)
	if f == nil || f.Kind != fault.Network || a.g.Offline {
		return err
	}
	if there, all := p.Cached(store); there == all && all > 0 && a.plansOffline(p) {
		f.WithHelp("gal-pkg install --offline     # everything in gal.lock is in the cache")
	}
	return err
}

// plansOffline reports whether versions can be chosen without a network. It says nothing that has been said before.
func (a *app) plansOffline(p *project.Project) bool {
	changed := false
	err := a.withoutNetwork(func() error {
		offline, err := a.registries()
		if err != nil {
			return err
		}
		plan, err := p.Plan(a.ctx, offline, project.Locking{Now: a.now(), Clock: a.now})
		changed = err == nil && p.Changed(plan.Lock)
		return err
	})
	return err == nil && !changed
}

func (c *installCmd) finished(a *app) error {
	a.Status("Finished", "everything is installed")
	return a.Result("install", freshResult{Fresh: true, Changes: []project.Change{}}, nil)
}

// stampWords is everything beside the project's own files that an installation follows from, and the folder with the trees
// that it links to.
func (a *app) stampWords(c project.Choice) (words []string, store string, err error) {
	words, err = a.lockWords()
	if err != nil {
		return nil, "", err
	}
	dirs, err := a.dirs()
	words = append(append(words, c.Words()...), "cache", dirs.Cache, cache.Generation(dirs.Cache), "links", string(a.links))
	return words, cache.StoreDir(dirs.Cache), err
}

// lockWords is everything beside the project's own files that a lock follows from: the program, where its packages are
// found, and how far that is trusted. This run of the system is part of it, which whoever wrote the project cannot know: a
// stamp that came with it counts for nothing.
func (a *app) lockWords() ([]string, error) {
	set, err := a.registries()
	if err != nil {
		return nil, err
	}
	return []string{"program", programVersion, "registry", set.Default(), set.Address(set.Default()), "trust", set.TrustDigest(), "boot", cache.Boot()}, nil
}

// plan chooses versions and says what changes; with --locked a change is an error.
func (a *app) plan(p *project.Project, o project.Locking) (*project.Plan, error) {
	set, err := a.registries()
	if err != nil {
		return nil, err
	}
	o.Now, o.Clock = a.now(), a.now
	plan, err := p.Plan(a.ctx, set, o)
	if kind := fault.KindOf(err); a.g.Locked && (kind == fault.NoSolution || kind == fault.NotFound) {
		// The question is whether gal.lock fits; that no other one would is not the answer.
		if stale := p.StaleLock(); stale != nil {
			return nil, stale
		}
	}
	if err != nil {
		return nil, err
	}
	for _, w := range plan.Warnings {
		a.Warn("%s", w)
	}
	if a.g.Locked && p.Changed(plan.Lock) {
		return nil, plan.Stale()
	}
	a.Status("Resolved", "%s", plan.Summary())
	a.changes(plan)
	return plan, nil
}

// changes lists what a plan does to the lock, and what it leaves behind newer versions.
func (a *app) changes(plan *project.Plan) {
	for _, c := range plan.Changes {
		a.Status(c.Verb(), "%s", c)
	}
	if len(plan.Changes) == 0 {
		return
	}
	for _, h := range plan.Solution.Held {
		if slices.ContainsFunc(plan.Changes, func(c project.Change) bool { return c.Name == h.ID.Name && c.To == h.Version.String() }) {
			a.Status("Held back", "%s v%s (v%s exists; %s)", h.ID.Name, h.Version, h.Newest, h.Reason)
		}
	}
}

// installResult is the document of install, add, remove and update; with --dry-run, of what they would do.
type installResult struct {
	DryRun       bool                `json:"dry_run,omitempty"`
	Packages     int                 `json:"packages"`
	Downloaded   int                 `json:"downloaded"`
	Bytes        int64               `json:"bytes"`
	Linked       int                 `json:"linked,omitempty"` // of a dry run: packages that are not in place
	Signatures   int                 `json:"signatures"`
	Changes      []project.Change    `json:"changes"`      // to gal.lock
	Requirements []project.Rewritten `json:"requirements"` // what changes in gal.toml
	Yanked       []project.Yanked    `json:"yanked"`
}

// freshResult is the document of an install that had nothing to do: it has asked nobody, and says nothing of signatures and
// of what is yanked.
type freshResult struct {
	Fresh      bool             `json:"fresh"` // always true
	Downloaded int              `json:"downloaded"`
	Bytes      int64            `json:"bytes"`
	Changes    []project.Change `json:"changes"`
}

// install carries a plan out and says what it did.
func (a *app) install(plan *project.Plan, choice project.Choice, fetching project.Fetching, command string) error {
	fetching.Words = func() ([]string, string, error) { return a.stampWords(choice) }
	done, err := plan.Install(a.ctx, choice, fetching)
	if err != nil {
		return err
	}
	count := dependencies(done.Packages)
	if done.Downloaded > 0 {
		a.Status("Downloaded", "%s (%s)", cmdline.Plural(done.Downloaded, "package"), a.amount(done.Bytes))
	}
	a.Status("Verified", "%s, %s", cmdline.Plural(done.Hashed, "checksum"), cmdline.Plural(done.Signed, "signature"))
	a.Status("Installed", "%s in .gal/packages%s", cmdline.Plural(count, "package"), inOtherWays(done.Links.Ways))
	if done.Unstamped != nil {
		a.Debug("%v", fmt.Errorf("writing .gal/state: %w", done.Unstamped))
	}
	if err := fetching.Shared.Settle(a.ctx, fetching.Events); err != nil {
		return err
	}
	rewritten, err := plan.Project.Rewritten()
	if err != nil {
		return err
	}
	return a.Result(command, installResult{
		Packages: count, Downloaded: done.Downloaded, Bytes: done.Bytes, Signatures: done.Signed,
		Changes: orEmpty(plan.Changes), Requirements: orEmpty(rewritten), Yanked: orEmpty(done.Yanked),
	}, func(io.Writer) {})
}

// dependencies counts what is not of the project itself.
func dependencies(selected []resolve.Selected) int {
	count := 0
	for _, s := range selected {
		if !s.Root {
			count++
		}
	}
	return count
}

// inOtherWays says how packages got into a project, where not all are symbolic links.
func inOtherWays(ways []install.LinkMode) string {
	var words []string
	for _, way := range ways {
		words = append(words, map[install.LinkMode]string{install.Symlink: "symbolic links", install.Junction: "junctions",
			install.Hardlink: "hard links", install.Copy: "copies"}[way])
	}
	if len(ways) == 0 || slices.Equal(ways, []install.LinkMode{install.Symlink}) {
		return ""
	}
	return " as " + strings.Join(words, " and ")
}

// preview is the result of a command that is only to say what it would do.
func (a *app) preview(plan *project.Plan, choice project.Choice, fetching project.Fetching, command string) error {
	would, err := plan.Preview(a.ctx, choice, fetching.Cache)
	if err != nil {
		return err
	}
	if missing := would.Download; missing > 0 && a.g.Offline {
		return fault.New(fault.Network, "offline-miss", "%d of %d packages are not in the cache", missing, dependencies(would.Packages)).
			WithHelp("gal-pkg fetch    # once, without --offline")
	}
	if would.Download > 0 {
		a.Status("Would fetch", "%s (%s)", cmdline.Plural(would.Download, "package"), cmdline.Size(would.Bytes))
	}
	if would.Link > 0 {
		a.Status("Would link", "%s into .gal/packages", cmdline.Plural(would.Link, "package"))
	}
	rewritten, err := plan.Project.Rewritten()
	if err != nil {
		return err
	}
	return a.Result(command, installResult{
		DryRun: true, Packages: dependencies(would.Packages), Downloaded: would.Download, Bytes: would.Bytes, Linked: would.Link,
		Changes: orEmpty(plan.Changes), Requirements: orEmpty(rewritten), Yanked: orEmpty(would.Yanked),
	}, nil)
}

// planned is the result of a command that has only chosen.
func (a *app) planned(plan *project.Plan, command string) error {
	rewritten, err := plan.Project.Rewritten()
	if err != nil {
		return err
	}
	return a.Result(command, installResult{DryRun: true, Changes: orEmpty(plan.Changes), Requirements: orEmpty(rewritten), Yanked: []project.Yanked{}}, nil)
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
