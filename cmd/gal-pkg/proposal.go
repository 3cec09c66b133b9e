package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/gate"
)

type proposalCmd struct {
	List   proposalListCmd   `cmd:"" help:"List the open proposals of a registry."`
	Show   proposalShowCmd   `cmd:"" help:"Say what a proposal file is about."`
	Sign   proposalSignCmd   `cmd:"" help:"Add your signature to a proposal file."`
	Submit proposalSubmitCmd `cmd:"" help:"Hand a proposal file in."`
}

type proposalListCmd struct {
	Subject string `arg:"" optional:"" name:"name" help:"A package or a publisher; all of them where it is left out."`
}

func (proposalListCmd) Help() string {
	return `Lists the proposals that a registry has neither merged nor closed, with what its gate says of each.

EXAMPLES
  gal-pkg proposal list
  gal-pkg proposal list mailbox --format json`
}

// openProposal is a proposal in the document of proposal list.
type openProposal struct {
	Branch  string       `json:"branch"`
	Verdict string       `json:"verdict"` // "" where the gate has not judged it yet
	Gate    *gate.Report `json:"gate,omitempty"`
}

func (c *proposalListCmd) Run(a *app) error {
	if err := a.online(lookingUp); err != nil {
		return err
	}
	r, err := a.registry()
	if err != nil {
		return err
	}
	d, err := a.desk(r)
	if err != nil {
		return err
	}
	defer d.Close()
	branches, err := d.Branches(a.ctx, c.Subject)
	if err != nil {
		return err
	}
	list := []openProposal{}
	for _, p := range branches {
		o := openProposal{Branch: p.Branch}
		outcome, err := desk.AnswerTo(a.ctx, r, p.Branch, p.Commit)
		if err != nil {
			return err
		}
		if outcome != nil {
			o.Verdict, o.Gate = string(outcome.Report.Verdict), outcome.Report
		}
		list = append(list, o)
	}
	if len(list) == 0 {
		a.Say("no open proposals")
	}
	return a.Result("proposal-list", map[string]any{"registry": r.ID(), "proposals": list}, func(w io.Writer) {
		for _, o := range list {
			writeOpen(w, o)
		}
	})
}

func writeOpen(w io.Writer, o openProposal) {
	fmt.Fprintf(w, "%-7s %s\n", cmp.Or(o.Verdict, "open"), o.Branch)
	if o.Gate == nil {
		return
	}
	for _, l := range o.Gate.Lines {
		fmt.Fprintf(w, "        %s\n", strings.Join(strings.Fields(l.Event+" "+l.Subject+" "+l.Version+" by "+l.By), " "))
	}
	for _, f := range o.Gate.Findings {
		fmt.Fprintf(w, "        %s %s: %s\n", f.ID, f.Verdict, f.Message)
	}
}

// loadProposal reads a proposal file.
func (a *app) loadProposal(file string) (string, *publish.File, error) {
	path, err := a.path(file)
	if err != nil {
		return "", nil, err
	}
	f, err := publish.LoadFile(path)
	return path, f, err
}

// registryOf opens the registry that a proposal is for.
func (a *app) registryOf(f *publish.File) (*remote.Registry, error) {
	r, err := a.registry()
	if err == nil && r.ID() != f.Registry {
		return nil, fault.New(fault.Usage, "other-registry", "the proposal is for registry %s, not for %s", f.Registry, r.ID()).
			WithHelp("pass --registry NAME; gal-pkg registry list shows which one has the id %s", f.Registry)
	}
	return r, err
}

// unfinished is a proposal file beside what the registry has now.
type unfinished struct {
	file     *publish.File
	registry *remote.Registry          // nil where it could not be asked
	packages map[string]*index.Package // verified
}

// unfinished looks a proposal, which is in a folder, up in its registry. Where that cannot be asked, what the file says is
// all that is known.
func (a *app) unfinished(dir string, f *publish.File) (*unfinished, error) {
	u := &unfinished{file: f, packages: map[string]*index.Package{}}
	var bundles map[index.Digest][]byte
	r, err := a.registryOf(f)
	if err == nil {
		u.registry = r
		bundles, err = f.Bundles(dir)
	}
	if err == nil {
		err = desk.CheckUnfinished(a.ctx, r, desk.Unfinished{
			Lines: f.Lines, Bundles: bundles, State: func(name string) (*index.Package, error) { return u.state(a, name) },
		}, a.now())
	}
	if fault.KindOf(err) == fault.Network {
		u.registry = nil
		a.Warn("the registry could not be asked, so nobody has checked what this builds on and who signed it: %v", err)
		return u, nil
	}
	return u, err
}

// state is a package in the registry; nil where it could not be asked.
func (u *unfinished) state(a *app, name string) (*index.Package, error) {
	if p, ok := u.packages[name]; ok || u.registry == nil {
		return p, nil
	}
	p, err := desk.Package(a.ctx, u.registry, name)
	u.packages[name] = p
	return p, err
}

// missing is how many signatures the proposal needs. Without the registry, only those of new keys are known to miss.
func (u *unfinished) missing(a *app) (int, error) {
	n := 0
	for _, l := range u.file.Lines {
		var p *index.Package
		if l.Event == index.EventOwners || l.Event == index.EventTombstone {
			var err error
			if p, err = u.state(a, l.Subject); err != nil {
				return 0, err
			}
		}
		n += publish.Missing(p, l)
		if u.registry != nil {
			official, err := desk.MissingOfficial(a.ctx, u.registry, l)
			if err != nil {
				return 0, err
			}
			n += official
		}
	}
	return n, nil
}

type proposalShowCmd struct {
	File string `arg:"" name:"file" help:"The proposal file."`
}

func (proposalShowCmd) Help() string {
	return `Says what the lines of a proposal file would do, who has signed them, and how many signatures are missing, and checks
those that are there against the registry.

EXAMPLES
  gal-pkg proposal show mailbox-owners-0123abcd.proposal`
}

func (c *proposalShowCmd) Run(a *app) error {
	path, f, err := a.loadProposal(c.File)
	if err != nil {
		return err
	}
	u, err := a.unfinished(filepath.Dir(path), f)
	if err != nil {
		return err
	}
	result := newProposalResult(f.Lines, 0)
	if result.Missing, err = u.missing(a); err != nil {
		return err
	}
	result.Registry, result.State, result.File = f.Registry, "written", c.File
	if result.Missing > 0 {
		result.State = "unfinished"
	}
	return a.Result("proposal-show", result, func(w io.Writer) { writeProposal(w, result) })
}

func writeProposal(w io.Writer, r *proposalResult) {
	fmt.Fprintf(w, "for %s: %s, %s missing\n", r.Registry, cmdline.Plural(len(r.Lines), "line"), cmdline.Plural(r.Missing, "signature"))
	for _, l := range r.Lines {
		fmt.Fprintf(w, "  %s\n    signed by %s; good until %s\n", l.Says, strings.Join(l.By, ", "), l.Until)
	}
}
