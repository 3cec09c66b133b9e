package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
)

type publishCmd struct {
	signing
	proposing
	identified

	Contact string  `placeholder:"TEXT" help:"With a first publish: how the registry reaches you."`
	Status  bool    `xor:"way" help:"Say what the registry has of this version, and propose nothing."`
	Cancel  bool    `xor:"way" help:"Take back what you have proposed for this version, with whatever content."`
	Reason  *string `placeholder:"TEXT" help:"With --cancel: why."`

	AllowDirty bool `help:"Publish although files are not committed to the git repository that the package is in."`
}

func (publishCmd) Help() string {
	return `Checks and packs the package, signs its line, uploads the archive and proposes the line to the registry as a branch
with one signed commit. The registry's gate runs here first, with the same answer. Running it again is safe: a version that
is published already, with the same content, is success. A proposal is no release yet: the gate merges it, or a person has to
agree. --wait waits for that, and exits with 1 when the time is over first. What gal-pkg package leaves out or refuses, publish
does too. In a git repository, every file that is packed must be committed, but for files that git ignores and that [package]
include names one by one.

EXAMPLES
  gal-pkg publish --dry-run                  # everything but the writing
  gal-pkg publish                            # to the default registry
  gal-pkg publish --registry company         # to another one
  gal-pkg publish --sign ./my-key.pem --as ada
  gal-pkg publish --sign-keyless             # as a job, or a person, that keys add-identity has named
  gal-pkg publish --sign-keyless --login device        # log in with a code, in a browser on any machine
  gal-pkg publish --allow-dirty              # with files that git has not committed
  gal-pkg publish --wait 10m                 # until the registry has answered
  gal-pkg publish --status                   # is it released? exit code 1: not yet
  gal-pkg publish --cancel --reason "the tests were missing"
  gal-pkg publish --output out --offline     # sign here, hand in elsewhere: gal-pkg proposal submit FILE`
}

// publishResult is the document of publish and yank.
type publishResult struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	submitted
	Checksum string `json:"checksum,omitempty"`
	Size     int64  `json:"size,omitempty"`
}

func (c *publishCmd) Run(a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := c.online(a); err != nil {
		return err
	}
	p, err := a.onePackage()
	if err != nil {
		return err
	}
	r, err := a.registry()
	if err != nil {
		return err
	}
	if c.Cancel {
		return c.cancel(a, r, p.Current.Manifest.Package)
	}
	output := ""
	if c.Output != "" {
		if output, err = a.path(c.Output); err != nil {
			return err
		}
	}
	draft, err := a.draft(filepath.Dir(p.Path(p.Current)), output, p.Root(), r)
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
	if err := c.committed(a, draft); err != nil {
		return err
	}
	return c.propose(a, r, pkg, draft)
}

// check refuses flags that do not go together, and a reason that is none.
func (c *publishCmd) check() error {
	problem := c.contradiction(c.signing)
	switch {
	case c.Reason != nil && !c.Cancel:
		problem = "--reason goes with --cancel"
	case c.Cancel && (c.SignKeyless || c.Wait != 0 || c.Contact != "" || c.AllowDirty):
		problem = "--cancel takes back with the key that signed, and does not wait: no --sign-keyless, --wait, --contact or --allow-dirty goes with it"
	}
	switch {
	case problem == "" && c.Reason != nil:
		return publish.CheckReason(*c.Reason)
	case problem == "":
		return nil
	}
	return fault.New(fault.Usage, "usage", "%s", problem).WithHelp("gal-pkg publish --help")
}

// online is the error of what cannot be done with --offline.
func (c *publishCmd) online(a *app) error {
	switch {
	case c.Cancel:
		return a.online(takingBack)
	case c.Status:
		return a.online(lookingUp)
	}
	return a.onlineUnless(c.Output != "")
}

// committed refuses what is in no commit, where the package is in a git repository: nobody could find its source. A machine
// without git can publish, and a dry run tells everything else too where git does not answer.
func (c *publishCmd) committed(a *app, draft *publish.Draft) error {
	if c.AllowDirty || c.Status {
		return nil
	}
	err := publish.Uncommitted(a.ctx, draft.Sources)
	if !fault.IsCode(err, "git-missing") && !(c.DryRun && fault.IsCode(err, "git-refused")) {
		return err
	}
	said := fault.Of(err)
	a.Warn("%s", said.Message)
	for _, line := range slices.Concat(said.Facts, said.Help) {
		a.Note("%s", line)
	}
	return nil
}

// propose signs the version and hands it in, or writes it where it is to be handed in from.
func (c *publishCmd) propose(a *app, r *remote.Registry, pkg *index.Package, draft *publish.Draft) error {
	result := publishResult{
		Name: draft.Name, Version: draft.Publish.Version.String(), Checksum: draft.Archive.Digest, Size: draft.Archive.Size,
	}
	next := &proposal{registry: r, archives: []*archive.Archive{draft.Archive}, flags: c.proposing, document: &result, said: &result.submitted}
	if !a.g.Offline {
		d, err := a.desk(r)
		if err != nil {
			return err
		}
		defer d.Close()
		if done, err := c.alreadyProposed(a, d, next, draft); done || err != nil {
			return err
		}
		next.desk = d
	}
	if c.SignKeyless {
		return c.proposeKeyless(a, pkg, draft, next)
	}
	var err error
	if next.author, err = a.author(c.signing); err != nil {
		return err
	}
	if next.lines, err = c.lines(a, r, next.author, pkg, draft); err != nil {
		return err
	}
	return a.bring(next)
}

// draft checks and packs a package, but for what is in the folder of the output, and says everything that is wrong with it.
func (a *app) draft(dir, output string, workspace *manifest.Manifest, r *remote.Registry) (*publish.Draft, error) {
	set, err := a.registries()
	if err != nil {
		return nil, err
	}
	draft, err := publish.Prepare(dir, publish.Options{
		Target: r.Spec.Name, Workspace: workspace, Output: output,
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
	result := publishResult{
		Name: d.Name, Version: d.Publish.Version.String(), Checksum: d.Archive.Digest, Size: d.Archive.Size,
		submitted: submitted{Registry: r.ID(), State: "published"},
	}
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

// What cannot be done with --offline.
const (
	lookingUp  = "what the registry has of a proposal cannot be looked up"
	takingBack = "a proposal cannot be taken back"
	handingIn  = "a proposal cannot be handed in"
)

// online is the error of what cannot be done with --offline, which is said in a few words.
func (a *app) online(what string) error {
	if !a.g.Offline {
		return nil
	}
	return fault.New(fault.Network, "offline", "%s with --offline", what).WithHelp("run it again without --offline or --frozen")
}

// onlineUnless is the error of a proposal that cannot be made with --offline, unless it goes into a file.
func (a *app) onlineUnless(written bool) error {
	if written || !a.g.Offline {
		return nil
	}
	return fault.New(fault.Network, "offline", "a proposal cannot be made with --offline").
		WithHelp("pass --output DIR to sign here, and hand the proposal in from a machine that is online")
}

// desk opens the side of a registry that takes proposals.
func (a *app) desk(r *remote.Registry) (*desk.Desk, error) {
	dirs, err := a.dirs()
	if err != nil {
		return nil, err
	}
	return desk.Open(a.ctx, r, dirs.Cache)
}

// alreadyProposed answers for a version whose proposal is open, with the same content. With --status, it answers in every
// case.
func (c *publishCmd) alreadyProposed(a *app, d *desk.Desk, p *proposal, draft *publish.Draft) (bool, error) {
	open, err := d.OfVersion(a.ctx, draft.Name, draft.Publish.Version)
	if err != nil {
		return false, err
	}
	id, err := a.speaker(c.signing)
	if err != nil && !c.Status {
		return false, err
	}
	about := fmt.Sprintf("%s %s", draft.Name, draft.Publish.Version)
	var own, same *desk.OfVersion
	for _, o := range open {
		switch {
		case o.Checksum != draft.Publish.Checksum:
			a.Warn("another proposal for %s is open, with other content: %s; the first to be merged wins", about, o.Branch)
			continue
		case o.By == id:
			own = &o
		case !c.Status:
			a.Warn("another proposal for %s is open, with this content, by %s: %s; the first to be merged wins", about, o.By, o.Branch)
		}
		same = &o
	}
	if len(open) > 0 && own == nil && !c.Status {
		a.Note("gal-pkg publish --cancel takes back what you have proposed for this version")
	}
	if o := cmp.Or(own, same); o != nil && (own != nil || c.Status) {
		p.said.State, p.said.Branch, p.said.Commit = "waiting", o.Branch, o.Commit
		p.about, p.said.Registry = about, p.registry.ID()
		a.Status("Proposed", "%s already: %s by %s", about, o.Branch, o.By)
		return true, a.answered(p, c.Status)
	}
	if err := c.turnedDown(a, p.registry, draft); err != nil || !c.Status {
		return false, err
	}
	return false, fault.New(fault.Negative, "not-proposed", "%s is neither published in %s nor proposed, with this content", about, p.registry.ID()).
		WithHelp("gal-pkg publish")
}

// turnedDown tells of a no to a proposal of the same publisher with the same content: with --status that is the answer.
func (c *publishCmd) turnedDown(a *app, r *remote.Registry, draft *publish.Draft) error {
	id, err := a.speaker(c.signing)
	if fault.IsCode(err, "no-publisher") {
		return nil // and nobody to whom a registry would have said no
	}
	if err != nil {
		return err
	}
	report, err := desk.AnswerToContent(a.ctx, r, id, draft)
	if err != nil || report == nil {
		return err
	}
	if c.Status {
		return report.Refusal()
	}
	for _, f := range report.Findings {
		a.Note("a proposal with this content was closed before: %s: %s", f.ID, f.Message)
	}
	return nil
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
