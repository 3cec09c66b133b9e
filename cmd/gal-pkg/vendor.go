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
	if err := p.WriteLock(plan.Lock); err != nil {
		return err
	}
	for _, v := range done {
		a.Status("Vendored", "%s of %s in %s (%s)", cmdline.Plural(v.Packages, "package"), v.Registry, a.relative(v.Folder), cmdline.Size(v.Bytes))
	}
	left := orEmpty(plan.Unvendored())
	if len(left) > 0 {
		a.Warn("not vendored, because they are in git repositories: %s", strings.Join(left, ", "))
	}
	return a.Result("vendor", vendorResult{done, left}, func(w io.Writer) { writeVendored(w, done) })
}

// writeVendored says how to build from the trees: with a flag where it is one, else as registries.toml has them.
func writeVendored(w io.Writer, done []project.Vendored) {
	if len(done) == 1 {
		fmt.Fprintf(w, "gal-pkg install --offline --registry file://%s\n", filepath.ToSlash(done[0].Folder))
		return
	}
	for i, v := range done {
		if i == 0 {
			fmt.Fprintln(w, "# in registries.toml of who builds from here, in place of the registries themselves")
		}
		fmt.Fprintf(w, "[registries.vendor-%d]\nurl = %q\nid = %q\n", i+1, "file://"+filepath.ToSlash(v.Folder), v.Registry)
	}
}
