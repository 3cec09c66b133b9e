package main

import (
	"fmt"
	"io"
	"os"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/tools/audit"
)

// audited opens a registry so that everything in it is verified again. What is current of it, and its log, are held against
// what this user has seen before, and then kept.
func (a *app) audited() (r *remote.Registry, standing index.StandingFile, o audit.Options, err error) {
	if r, err = a.registry(); err != nil {
		return r, standing, o, err
	}
	if o.Snapshot, err = r.Anew(a.ctx); err != nil {
		return r, standing, o, err
	}
	if _, ok := o.Snapshot.Currency(); !ok {
		return r, standing, o, fault.New(fault.Integrity, "registry-unsigned", "the registry has no signed metadata, or verify_signatures = false: there is nothing to hold it against")
	}
	if err = o.Snapshot.CheckLog(a.ctx, nil); err != nil {
		return r, standing, o, err
	}
	standing = r.Standing()
	kept, err := standing.Load()
	o.Metadata = kept.Metadata
	return r, standing, o, err
}

// verifyRegistry replays the log of a registry against its index.
func (c *verifyCmd) verifyRegistry(a *app) error {
	r, _, o, err := a.audited()
	if err != nil {
		return err
	}
	if r.Location.Kind == remote.KindDir {
		if o.Paths, err = audit.ListDir(os.DirFS(r.Location.Tree)); err != nil {
			return err
		}
	}
	report, err := audit.Full(a.ctx, o)
	if err != nil {
		return err
	}
	var bad *fault.Error
	switch {
	case !report.Sound():
		places := cmdline.Plural(len(report.Findings)+int(report.More), "place")
		bad = fault.New(fault.Integrity, "registry-unsound", "SECURITY: the registry is not what its metadata and its log say, in %s", places).
			WithHelp("tell the registry's operators; keep a copy of what it shows")
	case report.Unnamed > 0:
		bad = fault.New(fault.Negative, "not-verified", "%s of the registry could not be found by name, so the log could not be replayed to its end", cmdline.Plural(int(report.Unnamed), "file")).
			WithFact("all that was found is right").
			WithHelp("gal-registry verify --full DIR     # on a copy of the registry's whole tree")
	default:
		a.Status("Verified", "registry %s: %s", report.Registry, report.Summary())
	}
	return a.verdict("verify", report, func(w io.Writer) {
		for _, f := range report.Findings {
			fmt.Fprintf(w, "%s %s: %s\n", f.Code, f.File, cmdline.Printable(f.Message))
		}
		if report.More > 0 {
			fmt.Fprintf(w, "and %d more\n", report.More)
		}
	}, bad)
}

// logView is the result of --checkpoint and --print-checkpoint in JSON.
type logView struct {
	Registry   string `json:"registry"`
	Size       int64  `json:"size"`
	Root       string `json:"root"`
	Checkpoint string `json:"checkpoint"`
	OtherSize  *int64 `json:"other-size,omitempty"`
	OtherRoot  string `json:"other-root,omitempty"`
}

// verifyLog prints the checkpoint that the registry shows, or compares it with another one.
func (c *verifyCmd) verifyLog(a *app) error {
	r, standing, o, err := a.audited()
	if err != nil {
		return err
	}
	log, err := audit.OpenLog(a.ctx, o.Snapshot, o.Metadata)
	if err != nil {
		return err
	}
	if log == nil {
		return fault.New(fault.Negative, "log-empty", "registry %s has published nothing, so it has no checkpoint", r.ID())
	}
	view := logView{Registry: r.ID(), Size: log.Checkpoint.Size, Root: log.Checkpoint.Root.String(), Checkpoint: string(log.Bytes)}
	if c.PrintCheckpoint {
		return a.Result("verify", view, cmdline.Text(view.Checkpoint))
	}
	other, err := a.readTrustFile(c.Checkpoint)
	if err != nil {
		return err
	}
	theirs, err := log.Compare(a.ctx, other)
	if err != nil {
		return testify(err, standing, log.Bytes, other)
	}
	view.OtherSize, view.OtherRoot = &theirs.Size, theirs.Root.String()
	a.Status("Verified", "the log of registry %s: its %d leaves here and the %d there are of one history", r.ID(), view.Size, theirs.Size)
	return a.Result("verify", view, nil)
}

// testify keeps both checkpoints of a log that shows two histories.
func testify(err error, standing index.StandingFile, mine, theirs []byte) error {
	f := fault.Of(err)
	if f == nil || f.Code != "log-forked" && f.Code != "log-inconsistent" && f.Code != "log-incomplete" {
		return err
	}
	for _, kept := range []struct {
		name string
		data []byte
	}{{"forked-log.mine", mine}, {"forked-log.theirs", theirs}} {
		path, err := standing.Testify(kept.name, kept.data)
		if err != nil {
			return err
		}
		f.WithFact("kept   %s", path)
	}
	return f
}
