package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
)

type verifyCmd struct {
	Artifact        string `arg:"" optional:"" placeholder:"FILE|sha256:HEX" help:"With --bundle: what it must be of."`
	Bundle          string `placeholder:"FILE" help:"Verify the Sigstore bundle of an artifact, without a network."`
	Key             string `placeholder:"FILE" help:"With --bundle: the public key that must have signed."`
	TrustedRoot     string `placeholder:"FILE" help:"With --bundle: the Sigstore trusted root; the signature must be in one of its logs."`
	Full            bool   `help:"Replay the registry's whole log against its whole index."`
	Checkpoint      string `placeholder:"FILE" help:"Compare the registry's log with a checkpoint that somebody else has seen."`
	PrintCheckpoint bool   `help:"Print the checkpoint that the registry shows here, for somebody else to compare."`
}

func (verifyCmd) Help() string {
	return `Checks everything about the project's packages again, and believes nothing that an earlier run found out: every
line of the index and its signatures, the checksums in gal.lock, the archives in the cache, the unpacked files, and the
links in .gal. With --offline the index is the one that was last seen. Packages in use that were yanked or deprecated are
warned of. What is damaged is mended by the next gal-pkg install.

With --bundle it verifies one artifact instead: the bundle that stands beside an archive, or one that cosign made with a
key. With --full, --checkpoint or --print-checkpoint it is about a registry: the default one, or that of --registry. Two
people who compare checkpoints find out whether the registry's host shows both of them the same.

Exit code 7: something is not what it must be. Exit code 3: here a package would come from another registry than gal.lock
has it from. Exit code 1: something is not there to be checked, or gal.lock is stale.

EXAMPLES
  gal-pkg verify
  gal-pkg verify --offline --format json
  gal-pkg verify --bundle retry-1.0.0.tar.zst.sigstore.json --key ada.pub --trusted-root trusted_root.json retry-1.0.0.tar.zst
  gal-pkg verify --registry company --full
  gal-pkg verify --print-checkpoint > mine.checkpoint
  gal-pkg verify --checkpoint theirs.checkpoint`
}

// check refuses flags that ask for different things.
func (c *verifyCmd) check() error {
	bundle := c.Bundle != ""
	questions := 0
	for _, asked := range []bool{bundle, c.Full, c.Checkpoint != "", c.PrintCheckpoint} {
		if asked {
			questions++
		}
	}
	problem := ""
	switch {
	case questions > 1:
		problem = "--bundle, --full, --checkpoint and --print-checkpoint are different questions; ask one"
	case bundle && (c.Key == "" || c.Artifact == ""):
		problem = "--bundle needs --key and the artifact: a file, or its sha256:HEX"
	case !bundle && (c.Key != "" || c.TrustedRoot != "" || c.Artifact != ""):
		problem = "an artifact, --key and --trusted-root go with --bundle"
	default:
		return nil
	}
	return fault.New(fault.Usage, "usage", "%s", problem).WithHelp("gal-pkg verify --help")
}

func (c *verifyCmd) Run(a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	switch {
	case c.Bundle != "":
		return c.verifyBundle(a)
	case c.Full:
		return c.verifyRegistry(a)
	case c.Checkpoint != "" || c.PrintCheckpoint:
		return c.verifyLog(a)
	}
	return c.verifyProject(a)
}

// verifyProject checks the packages of the project.
func (c *verifyCmd) verifyProject(a *app) error {
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
	for _, recovered := range v.Recovered {
		a.Warn("%s", recovered)
	}
	for _, y := range v.Yanked {
		a.Warn("%s", y)
	}
	for _, d := range v.Deprecated {
		a.Warn("%s", d)
	}
	bad := judgeProject(v, p.MendLock())
	if bad == nil {
		a.Status("Verified", "%s", summary(v))
	}
	return a.verdict("verify", v, func(w io.Writer) { c.write(w, v) }, bad)
}

// judgeProject turns what was found into the error that says so, nil for nothing. Mend is the command that makes a lock fit
// that does not.
func judgeProject(v *project.Verified, mend string) *fault.Error {
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
	case v.Elsewhere != nil:
		return v.Elsewhere
	case stale > 0:
		return fault.New(fault.Negative, "lock-stale", "gal.lock does not match gal.toml").WithHelp("%-20s  # then commit gal.lock", mend)
	case len(v.Unchecked) > 0:
		help := "gal-pkg install"
		if !slices.ContainsFunc(v.Unchecked, func(t project.Trouble) bool { return t.What == "link" }) {
			help = "gal-pkg fetch" // links are there: an install would need no archive
		}
		return fault.New(fault.Negative, "not-verified", "%s not there to be checked", things(len(v.Unchecked))).WithHelp("%s", help)
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
	return fmt.Sprintf("%s: %s, %s, %d in the log, %s, %s in the store, %s%s", cmdline.Plural(v.Packages, "package"), cmdline.Plural(v.Lines, "checksum"),
		cmdline.Plural(v.Signatures, "signature"), v.Logged, cmdline.Plural(v.Archives, "archive"), cmdline.Plural(v.Trees, "tree"), cmdline.Plural(v.Linked, "link"), unused)
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
