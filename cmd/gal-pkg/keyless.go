package main

import (
	"cmp"
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
)

// proposeKeyless signs the version as the identity that the environment has for this job, and hands it in.
func (c *publishCmd) proposeKeyless(a *app, pkg *index.Package, draft *publish.Draft, next *proposal) error {
	if err := c.checkKeyless(); err != nil {
		return err
	}
	config, err := a.config()
	if err != nil {
		return err
	}
	id := cmp.Or(c.As, config.Values().Publisher)
	if id == "" {
		return fault.New(fault.Usage, "no-publisher", "who publishes is not known").WithHelp("gal-pkg publish --sign-keyless --as ID")
	}
	r := next.registry
	publisher, _, err := desk.Publisher(a.ctx, r, id)
	if err != nil {
		return err
	}
	if !publisher.Exists() {
		return desk.Unregistered(r, id).WithHelp("gal-pkg publish --sign FILE      # a first publish, with a key, registers you")
	}
	bundles, err := r.Snapshot.Bundles(a.ctx)
	if err != nil {
		return err
	}
	next.author = publish.Author{ID: id, Now: a.now()} // without a key: the registry commits in its own name
	line, bundle, err := next.author.PublishKeyless(r.ID(), pkg, draft, func(claim sign.Claim) ([]byte, error) {
		bundle, who, err := a.set.Keyless().Sign(a.ctx, bundles.Root, claim)
		if err != nil {
			return nil, err
		}
		a.Status("Signed", "as %s", who)
		return bundle, checkIdentity(publisher, who)
	})
	if err != nil {
		return err
	}
	next.lines = []*index.Line{line}
	next.desk.Bundles = map[index.Digest][]byte{line.Sig.Bundle: bundle}
	return a.bring(next)
}

// checkKeyless refuses flags that do not go with an identity.
func (c *publishCmd) checkKeyless() error {
	switch {
	case c.Sign != "" || c.PassphraseFile != "":
		return fault.New(fault.Usage, "usage", "--sign-keyless signs without a key").WithHelp("gal-pkg publish --help")
	case c.Output != "":
		return fault.New(fault.Usage, "usage", "--output does not go with --sign-keyless: the job that signs hands the proposal in").
			WithHelp("gal-pkg publish --help")
	}
	return nil
}

// checkIdentity holds that an identity is one of the publisher's, and live.
func checkIdentity(p *index.Publisher, who sign.Identity) error {
	live := func(i index.Identity) bool {
		return i.Issuer == who.Issuer && i.Subject == who.Subject && !i.IsRemoved()
	}
	if slices.ContainsFunc(p.Identities, live) {
		return nil
	}
	return fault.New(fault.Auth, "identity-unknown", "the identity of this job is not one of publisher %s", p.ID).
		WithFact("subject  %s", who.Subject).WithFact("issuer   %s", who.Issuer).
		WithHelp("gal-pkg keys add-identity --issuer %s --subject %s", who.Issuer, who.Subject)
}
