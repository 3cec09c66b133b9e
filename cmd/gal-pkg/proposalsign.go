package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
)

type proposalSignCmd struct {
	signing
	File string `arg:"" name:"file" help:"The proposal file; it is written anew."`
}

func (proposalSignCmd) Help() string {
	return `Adds your signature to the lines of a proposal that need one: a change of owners or the end of a package that you own
together with others, or a new key that this machine has the private part of. What the lines would do is shown, and asked
for, before anything is signed. The file is then for the next owner, or is handed in by whoever can: the order does not
matter, and no server is needed.

With --offline, or where the registry cannot be reached, nothing but the file itself is looked at.

EXAMPLES
  gal-pkg proposal sign mailbox-owners-0123abcd.proposal
  gal-pkg proposal sign ada-add-key-89abcdef.proposal --sign laptop.pem --yes --offline`
}

func (c *proposalSignCmd) Run(a *app) error {
	path, f, err := a.loadProposal(c.File)
	if err != nil {
		return err
	}
	u, err := a.unfinished(filepath.Dir(path), f)
	if err != nil {
		return err
	}
	author, err := a.author(c.signing)
	if err != nil {
		return err
	}
	mine, err := u.lines(a, author)
	if err != nil {
		return err
	}
	a.Say("in %s:", f.Registry)
	for _, i := range mine {
		a.Say("  %s\n    proposed by %s", desk.Words(f.Lines[i]), f.Lines[i].By)
	}
	if err := a.confirm(fmt.Sprintf("Sign this as %s?", author.ID), "--yes"); err != nil {
		return err
	}
	for _, i := range mine {
		if f.Lines[i], err = author.Cosign(f.Registry, f.Lines[i]); err != nil {
			return err
		}
	}
	return c.write(a, u, path)
}

// lines are the places of those lines that the author's signature is good for.
func (u *unfinished) lines(a *app, author publish.Author) ([]int, error) {
	var mine []int
	for i, l := range u.file.Lines {
		good := false
		switch b := l.Body.(type) {
		case *index.AddKey:
			key, err := sign.ParsePublicKey(b.Key)
			good = err == nil && key == author.Key.Public() && l.Subject == author.ID
		case *index.Owners, *index.Tombstone:
			p, err := u.state(a, l.Subject)
			if err != nil {
				return nil, err
			}
			good = l.By != author.ID && (p == nil || slices.Contains(p.Owners, author.ID))
		}
		if good {
			mine = append(mine, i)
		}
	}
	if len(mine) == 0 {
		return nil, fault.New(fault.Negative, "nothing-to-sign", "no line of the proposal needs a signature of %s", author.ID).
			WithHelp("gal-pkg proposal show FILE")
	}
	if u.registry == nil {
		return mine, nil
	}
	for _, i := range mine {
		if u.file.Lines[i].Event == index.EventAddKey {
			return mine, nil // the key that signs is not one of the publisher yet
		}
	}
	_, _, err := desk.Speaker(a.ctx, u.registry, author)
	return mine, err
}

func (c *proposalSignCmd) write(a *app, u *unfinished, path string) error {
	missing, err := u.missing(a)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(path, u.file.Bytes(), 0o644); err != nil {
		return fault.New(fault.Manifest, "not-writable", "%s cannot be written", path).Because(err)
	}
	a.Status("Signed", "%s", a.relative(path))
	if u.registry != nil {
		a.next(missing, c.File)
	}
	result := newProposalResult(u.file.Lines, missing)
	result.Registry, result.State, result.File = u.file.Registry, "written", path
	if missing > 0 {
		result.State = "unfinished"
	}
	return a.Result("proposal-sign", result, nil)
}
