package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
)

type ownerCmd struct {
	List      ownerListCmd      `cmd:"" help:"List the owners of a package."`
	Add       ownerAddCmd       `cmd:"" help:"Make publishers owners of a package."`
	Remove    ownerRemoveCmd    `cmd:"" aliases:"rm" help:"Take publishers from the owners of a package."`
	Transfer  ownerTransferCmd  `cmd:"" help:"Hand a package over to one publisher."`
	Threshold ownerThresholdCmd `cmd:"" help:"Change how many owners must sign together."`
}

type ownerListCmd struct {
	Package string `arg:"" name:"package" help:"The package."`
}

func (ownerListCmd) Help() string {
	return `Lists who may speak for a package, after the signatures that this rests on were verified, with the number of their live
keys. Each owner may publish, yank and deprecate alone; changing the owners, and closing the package, takes the signatures
of as many owners as the threshold says.

EXAMPLES
  gal-pkg owner list mailbox
  gal-pkg owner list mailbox --format json`
}

// ownersResult is the document of owner list.
type ownersResult struct {
	Name      string        `json:"name"`
	Registry  string        `json:"registry"`
	Threshold int64         `json:"threshold"`
	Closed    bool          `json:"closed"`
	Owners    []ownerResult `json:"owners"` // sorted
}

type ownerResult struct {
	ID       string `json:"id"`
	Contact  string `json:"contact"`
	LiveKeys int    `json:"live-keys"`
}

func (c *ownerListCmd) Run(a *app) error {
	if err := manifest.CheckName(c.Package); err != nil {
		return err
	}
	r, err := a.registry()
	if err != nil {
		return err
	}
	p, err := desk.Package(a.ctx, r, c.Package)
	if err != nil {
		return project.WithSimilar(a.ctx, r, c.Package, err)
	}
	result := ownersResult{Name: p.Name, Registry: r.ID(), Threshold: p.Threshold, Closed: p.Tombstone != nil}
	for _, id := range slices.Sorted(slices.Values(p.Owners)) {
		owner, keys, err := desk.Publisher(a.ctx, r, id)
		if err != nil {
			return err
		}
		o := ownerResult{ID: id, Contact: owner.Contact}
		for _, k := range keys {
			if k.Revoked == nil {
				o.LiveKeys++
			}
		}
		result.Owners = append(result.Owners, o)
	}
	return a.Result("owner-list", result, func(w io.Writer) { writeOwners(w, result) })
}

func writeOwners(w io.Writer, r ownersResult) {
	fmt.Fprintf(w, "%s in %s: %d of %s must sign changes of owners\n", r.Name, r.Registry, r.Threshold, cmdline.Plural(len(r.Owners), "owner"))
	if r.Closed {
		fmt.Fprintln(w, "CLOSED: nothing is published any more")
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range r.Owners {
		fmt.Fprintln(table, strings.TrimRight(fmt.Sprintf("%s\t%s live\t%s", o.ID, cmdline.Plural(o.LiveKeys, "key"), o.Contact), "\t "))
	}
	table.Flush() // into memory, which does not fail
}

// owning are the flags of commands that change owners.
type owning struct {
	signing
	proposing
	Reason string `placeholder:"TEXT" help:"Why; everybody can read it."`
}

// change proposes other owners; threshold 0 keeps the one that is.
func (o owning) change(a *app, name string, threshold int, next func(s *standing) ([]string, error)) error {
	if err := a.onlineUnless(o.Output != ""); err != nil {
		return err
	}
	s, err := a.standing(o.signing, name)
	if err != nil {
		return err
	}
	owners, err := next(s)
	if err != nil {
		return err
	}
	if threshold == 0 {
		threshold = int(s.pkg.Threshold)
	}
	owners = slices.Compact(slices.Sorted(slices.Values(owners)))
	if slices.Equal(owners, slices.Sorted(slices.Values(s.pkg.Owners))) && int64(threshold) == s.pkg.Threshold {
		return a.nothingToDo(s.registry, "the owners of %s are %s already", name, strings.Join(owners, ", "))
	}
	if err := o.check(a, s, owners, threshold); err != nil {
		return err
	}
	line, err := s.author.Owners(s.registry.ID(), s.pkg, owners, threshold, o.Reason)
	if err != nil {
		return badLine(err)
	}
	a.Status("Owners", "of %s: %s; %d must sign", name, strings.Join(owners, ", "), threshold)
	a.Note("open proposals to publish %s have to be made anew after this", name)
	return a.bring(&proposal{
		registry: s.registry, author: s.author, lines: []*index.Line{line}, flags: o.proposing, missing: publish.Missing(s.pkg, line),
	})
}

// check holds that the owners are publishers and can come to the threshold, and that who gives the package away means it.
func (o owning) check(a *app, s *standing, owners []string, threshold int) error {
	if threshold < 1 || threshold > len(owners) {
		return fault.New(fault.Usage, "bad-threshold", "%d of %s cannot sign", threshold, cmdline.Plural(len(owners), "owner")).
			WithFact("owners: %s", strings.Join(owners, ", ")).WithHelp("pass --threshold N, from 1 to %d", len(owners))
	}
	for _, id := range owners {
		p, _, err := desk.Publisher(a.ctx, s.registry, id)
		if err != nil {
			return err
		}
		if !p.Exists() {
			return desk.Unregistered(s.registry, id).WithHelp("gal-pkg publish --as %s      # a first publish registers them", id)
		}
	}
	if slices.Contains(owners, s.author.ID) {
		return nil
	}
	return a.confirm(fmt.Sprintf("You, %s, will not own %s any more. Go on?", s.author.ID, s.pkg.Name), "--yes")
}

type ownerAddCmd struct {
	owning
	Package   string   `arg:"" name:"package" help:"The package."`
	IDs       []string `arg:"" name:"id" help:"Publishers to make owners."`
	Threshold int      `placeholder:"N" help:"How many owners must sign the next change of owners (default: as now)."`
}

func (ownerAddCmd) Help() string {
	return `Proposes a line that gives a package further owners. Each of them may then publish, yank and deprecate alone. They must
be publishers of the registry already. Where the threshold of the package asks for more signatures than yours, the proposal
is written into a file for the others: see gal-pkg proposal sign.

EXAMPLES
  gal-pkg owner add mailbox bob
  gal-pkg owner add mailbox bob cleo --threshold 2 --reason "we share the work"`
}

func (c *ownerAddCmd) Run(a *app) error {
	return c.change(a, c.Package, c.Threshold, func(s *standing) ([]string, error) {
		return append(slices.Clone(s.pkg.Owners), c.IDs...), nil
	})
}

type ownerRemoveCmd struct {
	owning
	Package   string   `arg:"" name:"package" help:"The package."`
	IDs       []string `arg:"" name:"id" help:"Owners to take away."`
	Threshold int      `placeholder:"N" help:"How many owners must sign the next change of owners (default: as now)."`
}

func (ownerRemoveCmd) Help() string {
	return `Proposes a line that takes owners away from a package. What they published stays. One owner must be left, and no fewer
than the threshold: pass --threshold to lower it.

EXAMPLES
  gal-pkg owner remove mailbox bob
  gal-pkg owner remove mailbox ada --yes      # leave it to the others`
}

func (c *ownerRemoveCmd) Run(a *app) error {
	return c.change(a, c.Package, c.Threshold, func(s *standing) ([]string, error) {
		left := slices.Clone(s.pkg.Owners)
		for _, id := range c.IDs {
			if !slices.Contains(s.pkg.Owners, id) {
				return nil, fault.New(fault.NotFound, "no-such-owner", "%s does not own %s", id, s.pkg.Name).
					WithFact("owners: %s", strings.Join(s.pkg.Owners, ", "))
			}
			left = slices.DeleteFunc(left, func(o string) bool { return o == id })
		}
		if len(left) == 0 {
			return nil, fault.New(fault.Usage, "no-owner-left", "%s would be left without an owner", s.pkg.Name).
				WithHelp("gal-pkg owner transfer %s ID", s.pkg.Name).WithHelp("gal-pkg tombstone %s      # closes it for ever", s.pkg.Name)
		}
		return left, nil
	})
}

type ownerTransferCmd struct {
	owning
	Package string `arg:"" name:"package" help:"The package."`
	ID      string `arg:"" name:"id" help:"The publisher who is to own it alone."`
}

func (ownerTransferCmd) Help() string {
	return `Proposes a line that makes one publisher the only owner of a package, with a threshold of one. You cannot take it back:
the new owner can give it back.

EXAMPLES
  gal-pkg owner transfer mailbox bob --yes --reason "bob goes on with it"`
}

func (c *ownerTransferCmd) Run(a *app) error {
	return c.change(a, c.Package, 1, func(*standing) ([]string, error) { return []string{c.ID}, nil })
}

type ownerThresholdCmd struct {
	owning
	Package string `arg:"" name:"package" help:"The package."`
	N       int    `arg:"" name:"n" help:"How many owners must sign."`
}

func (ownerThresholdCmd) Help() string {
	return `Proposes a line that changes how many owners must sign together to change the owners or to close the package. The
change itself takes as many signatures as the threshold that is in force.

EXAMPLES
  gal-pkg owner threshold mailbox 2`
}

func (c *ownerThresholdCmd) Run(a *app) error {
	if c.N < 1 {
		return fault.New(fault.Usage, "bad-threshold", "a threshold is at least 1").WithHelp("gal-pkg owner threshold --help")
	}
	return c.change(a, c.Package, c.N, func(s *standing) ([]string, error) { return s.pkg.Owners, nil })
}
