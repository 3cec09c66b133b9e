package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
)

type verifyCmd struct{}

func (verifyCmd) Help() string {
	return `Checks everything about the project's packages again, and believes nothing that an earlier run found out: every
line of the index and its signatures, the checksums in gal.lock, the archives in the cache, the unpacked files, and the
links in .gal. With --offline the index is the one that was last seen.

Exit code 7: something is not what it must be. Exit code 1: something is not there to be checked, or gal.lock is stale.

EXAMPLES
  gal-pkg verify
  gal-pkg verify --offline --format json`
}

func (c *verifyCmd) Run(a *app) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	set, err := a.registries()
	if err != nil {
		return err
	}
	dirs, err := a.dirs()
	if err != nil {
		return err
	}
	store, err := cache.NewCache(dirs.Cache, fetch.Events{})
	if err != nil {
		return err
	}
	v, err := p.Verify(a.ctx, set, store)
	if err != nil {
		return err
	}
	for _, id := range v.Unsigned {
		a.Warn("signatures of registry %s are not checked: verify_signatures = false", id)
	}
	bad := c.judge(v)
	if bad == nil {
		a.Status("Verified", "%s", summary(v))
	}
	return a.verdict("verify", v, func(w io.Writer) { c.write(w, v) }, bad)
}

// judge turns what was found into the error that says so, nil for nothing.
func (c *verifyCmd) judge(v *project.Verified) *fault.Error {
	stale := 0
	for _, t := range v.Mismatches {
		if t.Package == "" && t.What == "lock" {
			stale++
		}
	}
	switch {
	case len(v.Mismatches) > stale:
		places := cmdline.Plural(len(v.Mismatches)-stale, "place")
		return fault.New(fault.Integrity, "verify-mismatch", "SECURITY: verification failed in %s", places).
			WithHelp("gal-pkg install        # heals the cache and the links; it never accepts another checksum")
	case stale > 0:
		return fault.New(fault.Negative, "lock-stale", "gal.lock does not match gal.toml").WithHelp("gal-pkg lock          # then commit gal.lock")
	case len(v.Unchecked) > 0:
		return fault.New(fault.Negative, "not-verified", "%s not there to be checked", things(len(v.Unchecked))).WithHelp("gal-pkg install")
	}
	return nil
}

func things(n int) string {
	if n == 1 {
		return "1 thing is"
	}
	return fmt.Sprintf("%d things are", n)
}

// summary says in a line what was found right, and nothing that was not looked at.
func summary(v *project.Verified) string {
	if v.Packages == 0 {
		return "nothing: gal.lock takes no package from a registry"
	}
	unused := ""
	if v.Unused > 0 {
		unused = fmt.Sprintf(" (%d not used by this build, and not fetched)", v.Unused)
	}
	return fmt.Sprintf("%s: %s, %s, %s, %s in the store, %s%s", cmdline.Plural(v.Packages, "package"), cmdline.Plural(v.Lines, "checksum"),
		cmdline.Plural(v.Signatures, "signature"), cmdline.Plural(v.Archives, "archive"), cmdline.Plural(v.Trees, "tree"), cmdline.Plural(v.Linked, "link"), unused)
}

func (c *verifyCmd) write(w io.Writer, v *project.Verified) {
	for _, list := range [][]project.Trouble{v.Mismatches, v.Unchecked} {
		for _, t := range list {
			fmt.Fprintf(w, "%s: %s\n", strings.TrimSpace(strings.TrimSpace(t.Package+" "+t.Version)+" "+t.What), t.Message)
			for _, fact := range t.Facts {
				fmt.Fprintln(w, cmdline.Indent("   ", fact))
			}
		}
	}
}
