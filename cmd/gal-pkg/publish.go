package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/gate"
	"github.com/geeknik/gal-pkg/tools/site"
)

type publishCmd struct {
	signing
	DryRun  bool          `short:"n" help:"Do everything but write: check, pack, sign and judge."`
	Contact string        `placeholder:"TEXT" help:"With a first publish: how the registry reaches you."`
	Wait    time.Duration `placeholder:"5m" help:"Wait for the registry's answer."`
}

func (publishCmd) Help() string {
	return `Checks and packs the package, signs its line, uploads the archive and proposes the line to the registry as a branch
with one signed commit. The registry's gate runs here first, with the same answer. Running it again is safe: a version that
is published or proposed already, with the same content, is success.

EXAMPLES
  gal-pkg publish --dry-run                  # everything but the writing
  gal-pkg publish                            # to the default registry
  gal-pkg publish --registry company         # to another one
  gal-pkg publish --sign ./my-key.pem --as ada`
}

// publishResult is the document of publish and yank.
type publishResult struct {
	Name     string       `json:"name"`
	Version  string       `json:"version"`
	Registry string       `json:"registry"`
	State    string       `json:"state"` // published, proposed, merged, waiting or dry-run
	Checksum string       `json:"checksum,omitempty"`
	Size     int64        `json:"size,omitempty"`
	Branch   string       `json:"branch,omitempty"`
	Commit   string       `json:"commit,omitempty"`
	Gate     *gate.Report `json:"gate,omitempty"`

	title string // of the proposal
}

func (c *publishCmd) Run(a *app) error {
	if err := a.online(); err != nil {
		return err
	}
	p, err := a.project()
	if err != nil {
		return err
	}
	r, err := a.registry()
	if err != nil {
		return err
	}
	draft, err := a.draft(filepath.Dir(p.Path(p.Current)), p.Root(), r)
	if err != nil {
		return err
	}
	pkg, err := desk.Known(a.ctx, r, draft.Name)
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.Negative, "name-taken", "the name `%s` is taken: - and _ are the same in a registry", draft.Name).
			WithFact("%s", fault.Of(err).Message).WithHelp("choose another name in gal.toml")
	}
	if err != nil {
		return err
	}
	if pkg != nil {
		if release := pkg.Release(draft.Publish.Version); release != nil {
			return a.alreadyPublished(r, release, draft)
		}
	}
	d, err := a.desk(r)
	if err != nil {
		return err
	}
	defer d.Close()
	if done, err := a.alreadyProposed(d, r, draft); done || err != nil {
		return err
	}
	author, err := a.author(c.signing)
	if err != nil {
		return err
	}
	lines, err := c.lines(a, r, author, pkg, draft)
	if err != nil {
		return err
	}
	result := publishResult{Name: draft.Name, Version: draft.Publish.Version.String(), Registry: r.ID(), Checksum: draft.Archive.Digest, Size: draft.Archive.Size}
	return a.propose(d, r, author, lines, draft.Archive, &result, c.DryRun, c.Wait)
}

// draft checks and packs a package, and says everything that is wrong with it.
func (a *app) draft(dir string, workspace *manifest.Manifest, r *remote.Registry) (*publish.Draft, error) {
	set, err := a.registries()
	if err != nil {
		return nil, err
	}
	draft, err := publish.Prepare(dir, publish.Options{
		Target: r.Spec.Name, Workspace: workspace,
		Registry: func(name string) (string, error) {
			other, err := set.Open(a.ctx, name)
			if err != nil {
				return "", err
			}
			if other.ID() == r.ID() {
				return "", nil
			}
			return other.ID(), nil
		},
	})
	if err != nil {
		return nil, err
	}
	for _, problem := range draft.Problems {
		if problem.Level == publish.LevelWarning {
			a.Warn("%s", strings.TrimPrefix(problem.Where+": "+problem.Message, ": "))
		}
	}
	if err := draft.Err(); err != nil {
		return nil, err
	}
	a.Status("Packaging", "%s %s: %s, %s (%s packed)", draft.Name, draft.Publish.Version,
		cmdline.Plural(len(draft.Archive.Files), "file"), cmdline.Size(draft.Archive.Unpacked), cmdline.Size(draft.Archive.Size))
	a.Debug("%12s %s", "", draft.Archive.Digest)
	return draft, nil
}

// alreadyPublished answers for a version that exists: the same content is success, other content never is.
func (a *app) alreadyPublished(r *remote.Registry, release *index.Release, d *publish.Draft) error {
	result := publishResult{Name: d.Name, Version: d.Publish.Version.String(), Registry: r.ID(), State: "published", Checksum: d.Archive.Digest, Size: d.Archive.Size}
	if release.Publish != nil {
		same, err := desk.SameContent(a.ctx, r, release, d)
		if err != nil {
			return err
		}
		if same {
			a.Status("Finished", "%s %s is published already, with the same content", d.Name, d.Publish.Version)
			return a.Result("publish", result, nil)
		}
	}
	return fault.New(fault.Negative, "version-taken", "%s %s is published already, with other content", d.Name, d.Publish.Version).
		WithFact("published %s", release.Publish.Checksum).WithFact("yours     %s", d.Archive.Digest).
		WithFact("versions are immutable").WithHelp("raise the version in gal.toml")
}

// online is the error of what cannot be done with --offline.
func (a *app) online() error {
	if a.g.Offline {
		return fault.New(fault.Network, "offline", "a proposal cannot be made with --offline")
	}
	return nil
}

// desk opens the side of a registry that takes proposals.
func (a *app) desk(r *remote.Registry) (*desk.Desk, error) {
	dirs, err := a.dirs()
	if err != nil {
		return nil, err
	}
	return desk.Open(a.ctx, r, dirs.Cache)
}

// alreadyProposed answers for a version whose proposal is open, with the same content.
func (a *app) alreadyProposed(d *desk.Desk, r *remote.Registry, draft *publish.Draft) (bool, error) {
	same, others, err := d.Pending(a.ctx, draft)
	if err != nil {
		return false, err
	}
	for _, branch := range others {
		a.Warn("another proposal for %s %s is open, with other content: %s; the first to be merged wins", draft.Name, draft.Publish.Version, branch)
	}
	if same == "" {
		return false, nil
	}
	a.Status("Finished", "%s %s is proposed already: %s", draft.Name, draft.Publish.Version, same)
	return true, a.Result("publish", publishResult{
		Name: draft.Name, Version: draft.Publish.Version.String(), Registry: r.ID(), State: "waiting",
		Checksum: draft.Archive.Digest, Size: draft.Archive.Size, Branch: same,
	}, nil)
}

// lines are what is proposed: the registration of a publisher that the registry does not know, and the version.
func (c *publishCmd) lines(a *app, r *remote.Registry, author publish.Author, pkg *index.Package, draft *publish.Draft) ([]*index.Line, error) {
	lines, err := desk.Registration(a.ctx, r, author, c.Contact)
	if err != nil {
		return nil, err
	}
	line, err := author.Publish(r.ID(), pkg, draft)
	return append(lines, line), err
}

// propose judges lines with the registry's own gate and, unless it is a dry run, uploads and pushes them.
func (a *app) propose(d *desk.Desk, r *remote.Registry, author publish.Author, lines []*index.Line, packed *archive.Archive, result *publishResult, dryRun bool, wait time.Duration) error {
	report, err := d.Judge(a.ctx, lines, packed, a.now())
	if err != nil {
		return err
	}
	result.Gate = report
	if report.Verdict == gate.Fail {
		return desk.Refused(report)
	}
	if dryRun {
		result.State = "dry-run"
		a.Status("Finished", "dry run: the gate says %s; nothing was written", report.Verdict)
		return a.Result("publish", result, nil)
	}
	if packed != nil {
		a.Status("Uploading", "%s", index.ArchiveName(result.Name, result.Version))
		if err := d.PutArchive(a.ctx, packed); err != nil {
			return err
		}
	}
	last := lines[len(lines)-1]
	result.title = fmt.Sprintf("%s: %s %s", last.Subject, last.Event, last.Version())
	proposal, err := d.Propose(a.ctx, author, r.ID(), lines, result.title)
	if err != nil {
		return err
	}
	result.State, result.Branch, result.Commit = "proposed", proposal.Branch, proposal.Commit
	a.Status("Proposed", "%s in %s", proposal.Branch, r.ID())
	return a.answered(r, last, result, wait)
}

// answered looks for the registry's answer and, with a duration, waits for it.
func (a *app) answered(r *remote.Registry, line *index.Line, result *publishResult, wait time.Duration) error {
	deadline := a.now().Add(wait)
	for {
		outcome, err := desk.Answer(a.ctx, r, line)
		if err != nil {
			return err
		}
		if outcome != nil {
			return a.outcome(outcome, result)
		}
		if !a.now().Before(deadline) {
			break
		}
		select {
		case <-time.After(2 * time.Second):
		case <-a.ctx.Done():
			return a.ctx.Err()
		}
	}
	a.Note("it is available after the merge; the registry's operator runs gal-registry gate --merge")
	return a.Result("publish", result, func(w io.Writer) { fmt.Fprintln(w, result.Branch) })
}

func (a *app) outcome(o *site.Outcome, result *publishResult) error {
	result.Gate = o.Report
	switch o.Report.Verdict {
	case gate.Fail:
		return desk.Refused(o.Report)
	case gate.Human:
		result.State = "waiting"
		for _, f := range o.Report.Findings {
			a.Note("%s: %s", f.ID, f.Message)
		}
	default:
		result.State, result.Commit = "merged", o.Merged
		a.Status("Merged", "%s", result.title)
	}
	return a.Result("publish", result, func(w io.Writer) { fmt.Fprintln(w, result.Branch) })
}
