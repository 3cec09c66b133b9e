package main

import (
	"net/url"
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
)

type keysAddIdentityCmd struct {
	signing
	proposing
	Issuer  string `required:"" placeholder:"URL" help:"Who vouches for it, such as https://gitlab.com."`
	Subject string `required:"" placeholder:"URI" help:"Who it is, exactly: of a workflow on GitHub, its file and ref; of a person, the address."`
}

func (keysAddIdentityCmd) Help() string {
	return `Proposes a line, signed with your key, after which a job, or a person, with this identity publishes for you with publish
--sign-keyless. Issuer and subject are compared as they are: a workflow on another branch is somebody else. An identity speaks for your
packages, and never for who you are: keys and identities are added and ended with a key alone. Keys list has them, too.

EXAMPLES
  gal-pkg keys add-identity --issuer https://token.actions.githubusercontent.com \
      --subject https://github.com/ada/mailbox/.github/workflows/release.yml@refs/heads/main
  gal-pkg keys add-identity --issuer https://accounts.example.org --subject ada@example.org`
}

func (c *keysAddIdentityCmd) Run(a *app) error {
	// It is compared as it is, so one that is no address would be in the registry for ever, and never match.
	if u, err := url.Parse(c.Issuer); err != nil || u.Scheme == "" || u.Host == "" {
		return fault.New(fault.Usage, "usage", "--issuer is %q; it is an address, such as https://gitlab.com", c.Issuer)
	}
	return a.changeIdentity(c.signing, c.proposing, sign.Identity{Issuer: c.Issuer, Subject: c.Subject}, true)
}

type keysRemoveIdentityCmd struct {
	signing
	proposing
	Issuer  string `required:"" placeholder:"URL" help:"As it was added."`
	Subject string `required:"" placeholder:"URI" help:"As it was added."`
}

func (keysRemoveIdentityCmd) Help() string {
	return `Proposes the end of an identity: nothing that it signs after the merge counts. What it signed before stays good.

EXAMPLES
  gal-pkg keys remove-identity --issuer https://gitlab.com \
      --subject https://gitlab.com/ada/mailbox//.gitlab-ci.yml@refs/heads/main`
}

func (c *keysRemoveIdentityCmd) Run(a *app) error {
	return a.changeIdentity(c.signing, c.proposing, sign.Identity{Issuer: c.Issuer, Subject: c.Subject}, false)
}

// changeIdentity proposes that an identity comes or goes; where it has already, there is nothing to do.
func (a *app) changeIdentity(s signing, flags proposing, who sign.Identity, wanted bool) error {
	if err := a.onlineUnless(flags.Output != ""); err != nil {
		return err
	}
	me, err := a.identity(s)
	if err != nil {
		return err
	}
	switch there := slices.Contains(liveIdentities(me.publisher), who); {
	case there && wanted:
		return a.nothingToDo(me.registry, "the identity is one of %s already", me.author.ID)
	case !there && !wanted:
		return a.nothingToDo(me.registry, "%s has no such identity", me.author.ID)
	}
	change := publish.Author.AddIdentity
	if !wanted {
		change = publish.Author.RemoveIdentity
	}
	line, err := change(me.author, me.registry.ID(), me.publisher.Head(), who)
	if err != nil {
		return badLine(err)
	}
	return a.bring(&proposal{registry: me.registry, author: me.author, lines: []*index.Line{line}, flags: flags})
}

// identityResult is an identity of a publisher, in the document of keys list.
type identityResult struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	Added   int64  `json:"added"`   // log index
	Removed *int64 `json:"removed"` // log index
}

func describeIdentity(i index.Identity) identityResult {
	r := identityResult{Issuer: i.Issuer, Subject: i.Subject, Added: i.Added}
	if i.IsRemoved() {
		r.Removed = &i.Removed
	}
	return r
}
