package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/keyless"
	"github.com/geeknik/gal-pkg/tools/audit"
	"github.com/geeknik/gal-pkg/tools/site"
)

type verifyCmd struct {
	Dir  string `arg:"" placeholder:"DIR" help:"A registry's folder, or that of a published tree: a mirror."`
	Full bool   `help:"Read everything: every file, line, signature and leaf of the log."`
	Root string `placeholder:"FINGERPRINT" help:"Begin with this root of trust, and no other."`
}

func (verifyCmd) Help() string {
	return `Looks at a published tree as a client does who has never seen it. Without --full that is its metadata, from the first
root of trust to the checkpoint of its log. With --full every file is held against the lists, every line is folded, every
signature verified, and the log is replayed: each line has its leaf, and each leaf its line.

Give --root what the operator said by another way than the host; else the first root of the tree is believed.
Exit code 7: something is not what it must be. Exit code 1: the metadata has expired.

EXAMPLES
  gal-registry verify ./registry
  gal-registry verify --full ./registry
  gal-registry verify --full /srv/mirror --root sha256:1f0c... --format json`
}

// verified is the result in JSON. Without --full the report has no more than what its metadata says.
type verified struct {
	audit.Report
	Full           bool      `json:"full"`
	Expires        time.Time `json:"expires"`
	Seconds        float64   `json:"seconds"`
	LinesPerSecond float64   `json:"lines-per-second,omitempty"`
}

func (c *verifyCmd) Run(a *app) error {
	dir := treeIn(c.Dir)
	transport, err := index.OpenDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "no-registry", "%s holds no registry", c.Dir)
	}
	if err != nil {
		return err
	}
	defer transport.Close()
	begin := a.now()
	o, err := audit.Open(a.ctx, transport, index.Options{Root: c.Root, Now: begin, VerifyBundle: keyless.Verify})
	if err != nil && a.namesAnother(transport, pinned{Root: c.Root}) {
		return err
	}
	if err != nil {
		return c.forOperators(err, dir)
	}
	v := verified{Full: c.Full}
	if err := c.check(a, o, dir, &v); err != nil {
		return c.forOperators(err, dir)
	}
	v.Seconds = a.now().Sub(begin).Seconds()
	if v.Seconds > 0 {
		v.LinesPerSecond = float64(v.Lines) / v.Seconds
	}
	bad := v.verdict(begin)
	if !v.Sound() {
		bad.WithHelp("%s", c.mending(dir))
	}
	return v.tell(a, bad)
}

// forOperators gives an error about the tree the advice for whoever runs it; its own is for whoever reads it. Where there is
// no metadata, there is nothing to mend.
func (c *verifyCmd) forOperators(err error, dir string) error {
	f := fault.Of(err)
	if f == nil || f.Kind != fault.Integrity || f.Code == "registry-unsigned" {
		return err
	}
	f.Help = []string{c.mending(dir)}
	return err
}

// mending is how the tree is written anew.
func (c *verifyCmd) mending(dir string) string {
	if dir == c.Dir {
		return "gal-registry mirror SRC NEWDIR     # makes another copy"
	}
	return fmt.Sprintf("rm %s && gal-registry build %s     # writes %s/ anew from the repository", filepath.Join(c.Dir, "state", "public"), c.Dir, site.PublicDir)
}

// tell prints what was found and returns the verdict, of which everything has been said then.
func (v *verified) tell(a *app, bad *fault.Error) error {
	if bad == nil {
		return a.Result("verify", v, v.write)
	}
	var err error
	if a.JSON {
		err = a.Document("verify", false, v)
	} else {
		err = a.Result("verify", v, v.write)
	}
	if err != nil {
		return err
	}
	a.Tell(bad)
	return fault.New(bad.Kind, bad.Code, "%s", bad.Message).Because(errQuiet)
}

// namesAnother reports whether a tree holds together, and only is not that of the registry which the flags name: then they are
// mistyped, or it is the tree of somebody else. Nothing in it is damaged.
func (a *app) namesAnother(t index.Transport, by pinned) bool {
	opens := func(p pinned) bool {
		_, err := audit.Open(a.ctx, t, index.Options{Pin: p.ID, Root: p.Root, Now: a.now(), VerifyBundle: keyless.Verify})
		return err == nil
	}
	return !opens(by) && opens(pinned{})
}

// treeIn returns the folder of the published tree in a registry's folder, or the folder itself.
func treeIn(dir string) string {
	public := filepath.Join(dir, site.PublicDir)
	if _, err := os.Stat(filepath.Join(public, index.ConfigPath)); err == nil {
		return public
	}
	return dir
}

func (c *verifyCmd) check(a *app, o audit.Options, dir string, v *verified) error {
	current, ok := o.Snapshot.Currency()
	if !ok {
		return fault.New(fault.Integrity, "registry-unsigned", "the registry has no signed metadata, so there is nothing to hold its files against").
			WithHelp("gal-registry build %s", c.Dir)
	}
	v.Expires = current.Expires
	if !c.Full {
		log, err := audit.OpenLog(a.ctx, o.Snapshot, o.Metadata)
		if log != nil {
			v.Leaves, v.Checkpoint = log.Checkpoint.Size, log.Checkpoint.Root.String()
		}
		v.Registry, v.Root, v.Findings = o.Snapshot.Config().ID, current.Root, []audit.Finding{}
		return err
	}
	var err error
	if o.Paths, err = audit.ListDir(os.DirFS(dir)); err != nil {
		return err
	}
	report, err := audit.Full(a.ctx, o)
	if err == nil {
		v.Report = *report
	}
	return err
}

func (v *verified) write(w io.Writer) {
	fmt.Fprintf(w, "registry %s\nroot %s\nmetadata good until %s\n", v.Registry, v.Root, v.Expires.Format(time.RFC3339))
	if v.Checkpoint != "" {
		fmt.Fprintf(w, "log size %d, root %s\n", v.Leaves, v.Checkpoint)
	}
	if !v.Full {
		fmt.Fprintln(w, "not looked at: files, lines, signatures, leaves (--full does)")
		return
	}
	fmt.Fprintln(w, v.Summary())
	fmt.Fprintf(w, "%.1f s, %.0f lines a second\n", v.Seconds, v.LinesPerSecond)
	for _, f := range v.Findings {
		fmt.Fprintf(w, "%s %s: %s\n", f.Code, f.File, cmdline.Printable(f.Message))
	}
	if v.More > 0 {
		fmt.Fprintf(w, "and %d more\n", v.More)
	}
}

// verdict is nil where everything is right.
func (v *verified) verdict(now time.Time) *fault.Error {
	switch {
	case !v.Sound():
		places := cmdline.Plural(len(v.Findings)+int(v.More), "place")
		return fault.New(fault.Integrity, "registry-unsound", "SECURITY: the registry is not what its metadata and its log say, in %s", places)
	case now.After(v.Expires):
		return fault.New(fault.Negative, "registry-expired", "the registry's metadata has expired; clients refuse it").
			WithHelp("gal-registry refresh DIR")
	}
	return nil
}
