package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/sign/keyless"
	"github.com/geeknik/gal-pkg/tools/mirror"
)

type mirrorCmd struct {
	Update mirrorUpdateCmd `cmd:"" default:"withargs" help:"Copy a registry, or the part that lock files need, into a folder."`
	Check  mirrorCheckCmd  `cmd:"" help:"Verify all that a mirror or a bundle holds, without a network."`
	Bundle mirrorBundleCmd `cmd:"" help:"Write a mirror as one tar, which is read in place."`
	Import mirrorImportCmd `cmd:"" help:"Bring a mirror up to what a bundle holds."`
}

func (mirrorCmd) Help() string {
	return `Keeps a verified copy of a registry, for other sites and behind air gaps. gal-registry mirror SRC DIR is short for
gal-registry mirror update SRC DIR.

EXAMPLES
  gal-registry mirror https://packages.example.org /srv/mirror
  gal-registry mirror https://packages.example.org part --lock gal.lock
  gal-registry mirror bundle part part.tar
  gal-registry mirror check part.tar`
}

// pinned are the flags that say which registry is meant.
type pinned struct {
	ID   string `name:"id" placeholder:"ID" help:"The id that the registry must say."`
	Root string `placeholder:"sha256:HEX" help:"The fingerprint of its root of trust, as its operator tells it."`
}

type mirrorUpdateCmd struct {
	Source        string   `arg:"" name:"src" help:"The registry's address: https://..., git+https://..., file:///..., a folder or a bundle."`
	Dir           string   `arg:"" placeholder:"DIR" help:"The mirror: a folder that does not exist yet, is empty, or is a mirror."`
	Lock          []string `sep:"none" placeholder:"FILE" help:"Copy only what this gal.lock needs; may be repeated."`
	Prune         bool     `help:"Remove at once what the mirror does not need, also what readers of its former state do."`
	AllowInsecure bool     `help:"Allow plain http beyond this machine."`
	pinned
}

func (mirrorUpdateCmd) Help() string {
	return `Copies metadata, index, log, archives and their bundles, and verifies all of it as gal-pkg does, from the root of trust
that was seen first. Run it again to bring the mirror up to date: what is there with its digest is not fetched again, and a
run that was cut off goes on where it was. The mirror can be read all the time. What is not needed any more goes after seven
days.

With --lock the mirror holds the packages of lock files alone: their locked archives, and all that the index says of them.

EXAMPLES
  gal-registry mirror https://packages.example.org /srv/mirror --root sha256:5f3c...
  gal-registry mirror https://packages.example.org part --lock a/gal.lock --lock b/gal.lock`
}

func (c *mirrorUpdateCmd) Run(a *app) (err error) {
	o := mirror.Options{Scope: mirror.Scope{Whole: len(c.Lock) == 0}, ID: c.ID, Root: c.Root, Prune: c.Prune, Now: a.now(), Say: a.Say, VerifyBundle: keyless.Verify}
	for _, path := range c.Lock {
		lock, err := manifest.LoadLock(path)
		if err != nil {
			return err
		}
		o.Scope.Locks = append(o.Scope.Locks, lock)
	}
	source, done, err := openSource(c.Source, c.AllowInsecure)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	return a.mirrored("mirror-update", c.Dir, source, o)
}

// mirrored brings a mirror up to date and tells what that took.
func (a *app) mirrored(command, dir string, source mirror.Source, o mirror.Options) error {
	report, err := mirror.Update(a.ctx, source, dir, o)
	if err != nil {
		return err
	}
	return a.Result(command, report, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s and %s, root %s\n", report.Registry, cmdline.Plural(report.Packages, "package"), cmdline.Plural(report.Archives, "archive"), report.Root)
		fmt.Fprintf(w, "fetched %s (%s), wrote %s, removed %d, %d leave later\n", cmdline.Plural(report.Fetched, "archive"), cmdline.Size(report.Bytes),
			cmdline.Plural(report.Changed, "other file"), report.Removed, report.Leaving)
		fmt.Fprintf(w, "%s\n", age(report.Expires, o.Now))
	})
}

// age says until when the metadata of a copy is good.
func age(expires, now time.Time) string {
	if days := int(now.Sub(expires).Hours() / 24); now.After(expires) {
		return fmt.Sprintf("metadata expired %s, %s ago: later releases, yanks and revoked keys are not known here", expires.UTC().Format(time.RFC3339), cmdline.Plural(days, "day"))
	}
	return "metadata is good until " + expires.UTC().Format(time.RFC3339)
}

// openSource opens the place that a mirror is made from.
func openSource(address string, insecure bool) (s mirror.Source, done func() error, err error) {
	if abs, err := filepath.Abs(address); err == nil {
		if _, err := os.Stat(abs); err == nil {
			address = abs
		}
	}
	at, err := remote.Locate(address)
	if err != nil {
		return s, nil, err
	}
	s = mirror.Source{Name: web.Redact(address), Tree: at.Tree}
	if s.Client, err = web.New(web.Options{UserAgent: "gal-registry/" + programVersion, AllowInsecure: func(string) bool { return insecure }}); err != nil {
		return s, nil, err
	}
	tmp, err := os.MkdirTemp("", "gal-mirror-")
	if err != nil {
		return s, nil, err
	}
	switch at.Kind {
	case remote.KindStatic:
		s.Transport, err = index.NewStatic(s.Client, at.URL, tmp, false)
	case remote.KindGit:
		s.Transport, err = index.OpenGit(tmp, gitindex.Options{URL: at.URL, HTTP: s.Client.HTTP(), AllowInsecure: insecure}, index.GitOptions{})
	default:
		var c mirror.Copy
		if c, err = mirror.OpenCopy(at.URL); err == nil {
			s.Transport, s.Client = c, nil
			s.Paths, err = c.Paths()
		}
	}
	done = func() error {
		if s.Transport != nil {
			err = s.Transport.Close()
		}
		return errors.Join(err, os.RemoveAll(tmp))
	}
	if err != nil {
		return s, nil, errors.Join(err, os.RemoveAll(tmp))
	}
	return s, done, nil
}

type mirrorCheckCmd struct {
	Path string `arg:"" placeholder:"DIR|FILE.tar" help:"A mirror, any published tree, or a bundle."`
	pinned
}

func (mirrorCheckCmd) Help() string {
	return `Reads everything that is there, as somebody who has never seen the registry and has no network: metadata from the root of
trust on, every file of the index, every signature that a release rests on, its place in the log, every archive. Says what
is damaged, and what is missing of that which the copy is to hold. Exit code 7 for damage, 1 for what is missing.

EXAMPLES
  gal-registry mirror check /srv/mirror
  gal-registry mirror check part.tar --root sha256:5f3c... --format json`
}

func (c *mirrorCheckCmd) Run(a *app) (err error) {
	opened, err := mirror.OpenCopy(c.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	report, err := mirror.Check(a.ctx, opened, mirror.CheckOptions{ID: c.ID, Root: c.Root, Now: a.now(), VerifyBundle: keyless.Verify})
	if fault.KindOf(err) == fault.Integrity && !fault.IsCode(err, "registry-unsigned") && !a.namesAnother(opened, c.pinned) {
		return c.mend(fault.Of(err))
	}
	if err != nil {
		return err
	}
	if err := a.Result("mirror-check", report, func(w io.Writer) { writeChecked(w, report, a.now()) }); err != nil {
		return err
	}
	switch {
	case len(report.Damaged) > 0:
		return c.mend(fault.New(fault.Integrity, "mirror-damaged", "SECURITY: %s of the copy are not what they must be", cmdline.Plural(len(report.Damaged), "file")))
	case len(report.Missing) > 0:
		return negative()
	}
	return nil
}

// mend sees to it that the next run looks at every file, and says what helps.
func (c *mirrorCheckCmd) mend(bad *fault.Error) error {
	is, err := mirror.Distrust(c.Path)
	switch {
	case err != nil:
		return bad.WithFact("the next run would not look at them again: %v", err).
			WithFact("so check it again as somebody who may write there").WithHelp("gal-registry mirror check %s", c.Path)
	case is:
		return bad.WithHelp("gal-registry mirror SRC %s     # fetches them again", c.Path)
	}
	return bad.WithFact("it is no mirror, which a further run would mend").WithHelp("gal-registry mirror SRC NEWDIR     # makes another copy")
}

func writeChecked(w io.Writer, r *mirror.Checked, now time.Time) {
	holds := "a part of"
	if r.Whole {
		holds = "all of"
	}
	fmt.Fprintf(w, "%s %s: %s and %s (%s), root %s\n", holds, r.Registry, cmdline.Plural(r.Packages, "package"), cmdline.Plural(r.Archives, "archive"), cmdline.Size(r.Bytes), r.Root)
	fmt.Fprintln(w, age(r.Expires, now))
	for _, d := range r.Damaged {
		fmt.Fprintf(w, "damaged  %s: %s\n", d.Path, cmdline.Printable(d.What))
	}
	for _, path := range r.Missing {
		fmt.Fprintf(w, "missing  %s\n", path)
	}
	for _, path := range r.Unlisted {
		fmt.Fprintf(w, "unlisted %s\n", path)
	}
	if r.More > 0 {
		fmt.Fprintf(w, "and %d more\n", r.More)
	}
}

type mirrorBundleCmd struct {
	Dir  string `arg:"" placeholder:"DIR" help:"A mirror, or any published tree."`
	File string `arg:"" placeholder:"FILE.tar" help:"The bundle; one that is there is replaced."`
	pinned
}

func (mirrorBundleCmd) Help() string {
	return `Writes one tar that gal-pkg reads in place, as --registry file:///media/usb/part.tar. The same mirror gives the same bytes.

EXAMPLES
  gal-registry mirror bundle part part.tar`
}

func (c *mirrorBundleCmd) Run(a *app) error {
	done, err := mirror.Bundle(a.ctx, c.Dir, c.File, mirror.CheckOptions{ID: c.ID, Root: c.Root, Now: a.now(), VerifyBundle: keyless.Verify})
	if err != nil {
		return err
	}
	return a.Result("mirror-bundle", done, cmdline.Text(fmt.Sprintf("%s: %s, %s, root %s\n", done.Registry, cmdline.Plural(done.Files, "file"), cmdline.Size(done.Bytes), done.Root)))
}

type mirrorImportCmd struct {
	File string `arg:"" placeholder:"FILE.tar" help:"A bundle."`
	Dir  string `arg:"" placeholder:"DIR" help:"The mirror: a folder that does not exist yet, is empty, or is a mirror."`
	pinned
}

func (mirrorImportCmd) Help() string {
	return `Copies what a bundle holds into a mirror, verified as in any run. A bundle that is older than the mirror is refused, and so is
one that does not have all packages of the mirror. Nothing is removed.

EXAMPLES
  gal-registry mirror import part.tar /srv/mirror --root sha256:5f3c...`
}

func (c *mirrorImportCmd) Run(a *app) (err error) {
	source, done, err := openSource(c.File, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	return a.mirrored("mirror-import", c.Dir, source, mirror.Options{Scope: mirror.Scope{Found: true}, ID: c.ID, Root: c.Root, Now: a.now(), Say: a.Say, VerifyBundle: keyless.Verify})
}
