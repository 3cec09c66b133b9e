package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/project"
)

type vendorCmd struct {
	Dir string `arg:"" optional:"" default:"vendor" help:"The folder to fill (default: vendor)."`
}

func (vendorCmd) Help() string {
	return `Puts the packages in gal.lock into a folder, from which the project builds without a network: for each registry a tree of
the same form as the registry itself, with the locked packages alone, the lines of the index that name them, and all the
signatures that vouch for them. What is there already is replaced; what was put there is read back and verified first.
Prints how to build from it. Dependencies from git are not among them. A folder may be older than what its machine has seen
of the registry since: then versions that were yanked meanwhile are told of, and one whose key was given up as compromised
is refused.

EXAMPLES
  gal-pkg vendor
  gal-pkg vendor third-party --locked
  gal-pkg install --offline --registry file://$PWD/vendor/packages.example`
}

// vendorResult is the document of vendor.
type vendorResult struct {
	Registries []project.Vendored `json:"registries"`
	Left       []string           `json:"left"` // packages that are not among them
}

func (c *vendorCmd) Run(a *app) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	dir := c.Dir
	if !filepath.IsAbs(dir) {
		here, err := a.dir()
		if err != nil {
			return err
		}
		dir = filepath.Join(here, dir)
	}
	fetching, err := a.fetching()
	if err != nil {
		return err
	}
	plan, err := a.plan(p, project.Locking{})
	if err != nil {
		return err
	}
	release, err := fetching.Hold(a.ctx)
	if err != nil {
		return err
	}
	defer release()
	done, err := plan.Vendor(a.ctx, dir, fetching, a.now())
	if err != nil {
		return err
	}
	if err := p.Write(a.ctx, plan.Lock, fetching.Events); err != nil {
		return err
	}
	if err := fetching.Shared.Settle(a.ctx, fetching.Events); err != nil {
		return err
	}
	for _, v := range done {
		a.Status("Vendored", "%s of %s in %s (%s)", cmdline.Plural(v.Packages, "package"), v.Registry, a.relative(v.Folder), cmdline.Size(v.Bytes))
	}
	left := orEmpty(plan.Unvendored())
	if len(left) > 0 {
		a.Warn("not vendored, because they are in git repositories: %s", strings.Join(left, ", "))
	}
	return a.Result("vendor", vendorResult{done, left}, func(w io.Writer) { writeVendored(w, done, plan.NamesRegistries()) })
}

// writeVendored says how to build from the trees: with a flag, where that stands in for all that is vendored; else with what
// registries.toml is to have. Named is whether the project calls registries by their names.
func writeVendored(w io.Writer, done []project.Vendored, named bool) {
	if len(done) == 1 && done[0].Default && len(done[0].Claims) == 0 && !named {
		fmt.Fprintf(w, "gal-pkg install --offline --registry %s\n", shellWord(folderURL(done[0])))
		return
	}
	if len(done) == 0 {
		return
	}
	names := make([]string, len(done))
	fmt.Fprintln(w, "# in registries.toml of who builds from here, in place of the registries themselves; then: gal-pkg install --offline")
	for i, v := range done {
		if names[i] = v.Name; names[i] == "" {
			names[i] = fmt.Sprintf("vendor-%d", i+1)
		}
		if v.Default {
			fmt.Fprintf(w, "default_registry = %q\n", names[i])
		}
	}
	for i, v := range done {
		fmt.Fprintf(w, "\n[registries.%s]\nurl = %q\nid = %q\n", names[i], folderURL(v), v.Registry)
		if v.Root != "" {
			fmt.Fprintf(w, "root = %q\n", v.Root)
		}
		if len(v.Claims) > 0 {
			fmt.Fprintf(w, "packages = [\"%s\"]\n", strings.Join(v.Claims, `", "`))
		}
	}
}

func folderURL(v project.Vendored) string { return "file://" + filepath.ToSlash(v.Folder) }
