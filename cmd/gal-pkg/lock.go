package main

import (
	"fmt"
	"io"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
)

type lockCmd struct {
	Check      bool   `help:"Fail if gal.lock would change, and write nothing."`
	Upgrade    bool   `help:"Choose every version anew."`
	Resolve    bool   `help:"Mend a gal.lock with merge conflict markers: keep what both sides have."`
	Explain    string `placeholder:"PACKAGE" help:"Say why a package is at its version."`
	Resolution string `enum:"highest,lowest,lowest-direct" default:"highest" help:"Which versions to try first: highest, lowest, lowest-direct."`
	DryRun     bool   `short:"n" help:"Say what would change, and write nothing."`
}

func (lockCmd) Help() string {
	return `Chooses versions for gal.toml and writes gal.lock; downloads nothing. Versions that are locked stay where they
still fit.

EXAMPLES
  gal-pkg lock                      # after gal.toml was edited by hand
  gal-pkg lock --check              # exit 1 if gal.lock is not up to date
  gal-pkg lock --upgrade            # as if there were no gal.lock
  gal-pkg lock --resolve            # after a merge conflict in gal.lock
  gal-pkg lock --explain mailbox    # why this version and not a newer one`
}

var resolutions = map[string]resolve.Resolution{"highest": resolve.Highest, "lowest": resolve.Lowest, "lowest-direct": resolve.LowestDirect}

// lockResult is the document of lock.
type lockResult struct {
	Packages int              `json:"packages"`
	Changed  bool             `json:"changed"`
	Changes  []project.Change `json:"changes"`
}

func (c *lockCmd) Run(a *app) error {
	words, err := a.lockWords()
	if err != nil {
		return err
	}
	keep := cache.Boot() != "-" && !c.Upgrade && c.Resolution == "highest" && c.Explain == ""
	if file, err := a.manifestFile(); keep && err == nil {
		if packages, fresh := project.LockIsFreshIn(file, words...); fresh {
			return c.finished(a, packages)
		}
	}
	p, err := a.lockProject(c.Resolve)
	if err != nil {
		return err
	}
	if c.Explain != "" {
		return c.explain(a, p)
	}
	if keep && p.LockIsFresh(words...) {
		return c.finished(a, len(p.Lock.Packages))
	}
	a.g.Locked = a.g.Locked || c.Check
	plan, err := a.plan(p, project.Locking{Unlock: resolve.Unlock{All: c.Upgrade}, Resolution: resolutions[c.Resolution]})
	if err != nil {
		return err
	}
	if !c.DryRun && !c.Check {
		if err := p.Write(a.ctx, plan.Lock, a.events()); err != nil {
			return err
		}
		if err := p.WithLock(plan.Lock).RecordLock(words...); err != nil {
			a.Debug("%v", err) // the next lock only takes longer
		}
	}
	return a.Result("lock", lockResult{len(plan.Lock.Packages), p.Changed(plan.Lock), orEmpty(plan.Changes)}, nil)
}

func (c *lockCmd) finished(a *app, packages int) error {
	a.Status("Finished", "gal.lock is up to date")
	return a.Result("lock", lockResult{packages, false, []project.Change{}}, nil)
}

// lockProject opens the project; with mend a lock that a merge has torn is joined first.
func (a *app) lockProject(mend bool) (*project.Project, error) {
	p, err := a.project()
	if !fault.IsCode(err, "lock-conflict") || !mend {
		return p, err
	}
	file, err := a.manifestFile()
	if err != nil {
		return nil, err
	}
	return project.OpenTorn(file)
}

func (c *lockCmd) explain(a *app, p *project.Project) error {
	if err := manifest.CheckName(c.Explain); err != nil {
		return err
	}
	set, err := a.registries()
	if err != nil {
		return err
	}
	list, err := p.Explain(a.ctx, set, project.Locking{Now: a.now(), Clock: a.now}, c.Explain)
	if err != nil {
		return err
	}
	return a.Result("explain", explainResult(list), func(w io.Writer) {
		for _, e := range list {
			fmt.Fprintf(w, "%s %s\n", e.ID.Name, e.Version)
			for _, by := range e.RequiredBy {
				fmt.Fprintf(w, "  required by %s\n", by)
			}
			for _, s := range e.Newer {
				fmt.Fprintf(w, "  not %s: %s\n", s.Version, s.Reason)
			}
			if e.Proof != nil {
				fmt.Fprintln(w, cmdline.Indent("  ", e.Proof.Text()))
			}
			if len(e.Newer) == 0 {
				fmt.Fprintln(w, "  it is the newest version")
			}
		}
	})
}

type explained struct {
	Name       string              `json:"name"`
	Version    string              `json:"version"`
	RequiredBy []string            `json:"required-by"`
	Newer      []skipped           `json:"newer"`
	Proof      *resolve.NoSolution `json:"proof,omitempty"`
}

type skipped struct {
	Version string `json:"version"`
	Reason  string `json:"reason"`
}

func explainResult(list []resolve.Explanation) any {
	result := struct {
		Packages []explained `json:"packages"`
	}{[]explained{}}
	for _, e := range list {
		x := explained{Name: e.ID.Name, Version: e.Version.String(), RequiredBy: orEmpty(e.RequiredBy), Newer: []skipped{}, Proof: e.Proof}
		for _, s := range e.Newer {
			x.Newer = append(x.Newer, skipped{s.Version.String(), s.Reason})
		}
		result.Packages = append(result.Packages, x)
	}
	return result
}
