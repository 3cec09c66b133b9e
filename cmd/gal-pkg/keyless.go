package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/keyless"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
)

// identified are the flags of a signature without a key.
type identified struct {
	SignKeyless   bool   `help:"Sign without a key, as the identity of this job on GitHub or GitLab, or as whoever logs in."`
	Login         string `enum:"auto,browser,device,job" default:"auto" placeholder:"WAY" help:"How to log in: browser, device (with a code, in any browser), job (not at all); auto looks."`
	OIDCIssuer    string `name:"oidc-issuer" placeholder:"URL" help:"Where to log in."`
	IdentityToken string `placeholder:"FILE" help:"The OpenID Connect token to sign with; - reads standard input."`
}

// proposeKeyless signs the version as an identity, and hands it in.
func (c *publishCmd) proposeKeyless(a *app, pkg *index.Package, draft *publish.Draft, next *proposal) error {
	if a.g.Offline {
		return fault.New(fault.Network, "offline", "a signature without a key cannot be made with --offline: others vouch for who you are").
			WithHelp("gal-pkg publish --sign FILE --output DIR      # with a key")
	}
	id, err := a.speaker(c.signing)
	if err != nil {
		return err
	}
	r := next.registry
	publisher, _, err := desk.Publisher(a.ctx, r, id)
	if err != nil {
		return err
	}
	if !publisher.Exists() {
		return desk.Unregistered(r, id).WithHelp("gal-pkg publish --sign FILE      # a first publish, with a key, registers you")
	}
	live := liveIdentities(publisher)
	if len(live) == 0 { // before anybody logs in, and a log keeps for ever that they signed
		return fault.New(fault.Auth, "identity-unknown", "no identity speaks for publisher %s", id).
			WithHelp("gal-pkg keys add-identity --issuer URL --subject SUBJECT")
	}
	bundles, err := r.Snapshot.Bundles(a.ctx)
	if err != nil {
		return err
	}
	as, err := c.signer(a, live)
	if err != nil {
		return err
	}
	as.Identities, as.Dry, next.desk.Unsigned = live, c.DryRun, c.DryRun
	next.author = publish.Author{ID: id, Now: a.now()} // without a key: the registry commits in its own name
	line, bundle, err := next.author.PublishKeyless(r.ID(), pkg, draft, func(claim sign.Claim) ([]byte, error) {
		bundle, who, err := a.set.Keyless().Sign(a.ctx, bundles.Root, claim, as)
		if err != nil {
			return nil, err
		}
		if as.Dry {
			a.Note("it would be signed as an identity of %s; a dry run does not sign, because the log of such signatures keeps every one", id)
			return []byte("not signed"), nil
		}
		a.Status("Signed", "as %s", who)
		return bundle, nil
	})
	if err != nil {
		return err
	}
	next.lines = []*index.Line{line}
	next.bundles = map[index.Digest][]byte{line.Sig.Bundle: bundle}
	return a.bring(next)
}

// contradiction says which of the flags do not go together, "" for none.
func (c identified) contradiction(s signing) string {
	switch login := c.Login != keyless.WayAuto || c.OIDCIssuer != ""; {
	case !c.SignKeyless && (login || c.IdentityToken != ""):
		return "--login, --oidc-issuer and --identity-token go with --sign-keyless"
	case !c.SignKeyless:
	case s.Sign != "" || s.PassphraseFile != "":
		return "--sign-keyless signs without a key"
	case login && c.IdentityToken != "":
		return "who brings an --identity-token does not log in"
	case c.Login == "job" && c.OIDCIssuer != "":
		return "--oidc-issuer says where to log in, and with --login job nobody does"
	}
	return ""
}

// signer says as whom to sign. Who says where to log in asks for a login, and not for what a job is.
func (c identified) signer(a *app, live []sign.Identity) (keyless.Signer, error) {
	if c.IdentityToken != "" {
		token, err := c.token(a)
		return keyless.Signer{Token: token}, err
	}
	asked := c.Login == keyless.WayBrowser || c.Login == keyless.WayDevice || c.OIDCIssuer != ""
	if !asked && (c.Login != keyless.WayAuto || !a.asks()) {
		return keyless.Signer{}, nil
	}
	login := &keyless.Login{Way: c.Login, Only: asked, Issuer: c.OIDCIssuer}
	for _, i := range live {
		if !slices.Contains(login.Issuers, i.Issuer) {
			login.Issuers = append(login.Issuers, i.Issuer)
		}
	}
	return keyless.Signer{Login: login, Prompt: a.promptLogin}, nil
}

// promptLogin tells where to log in. It is told whatever else is not.
func (a *app) promptLogin(p keyless.Prompt) error {
	words := "log in, in the browser that opens, or at"
	if p.Way == keyless.WayDevice {
		words = fmt.Sprintf("log in, in any browser, with the code %s at", p.Code)
	}
	return a.Demand("%s\n   %s", words, p.URL)
}

// maxToken is the greatest length of an identity token, in bytes.
const maxToken = 64 << 10

// token reads the token that the user brings.
func (c identified) token(a *app) (string, error) {
	var data []byte
	var err error
	if c.IdentityToken == "-" {
		data, err = io.ReadAll(io.LimitReader(a.sys.stdin, maxToken+1))
	} else {
		var path string
		if path, err = a.path(c.IdentityToken); err == nil {
			data, err = atomicfile.Read(path, maxToken)
		}
	}
	if err != nil {
		var cause *os.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return "", fault.New(fault.Usage, "token-unreadable", "the identity token cannot be read").WithFact("file %s", c.IdentityToken).Because(err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" || len(data) > maxToken {
		return "", fault.New(fault.Auth, "token-refused", "what should be an identity token is none").WithFact("file %s", c.IdentityToken)
	}
	return token, nil
}

// liveIdentities are those that may sign for a publisher now.
func liveIdentities(p *index.Publisher) (live []sign.Identity) {
	for _, i := range p.Identities {
		if !i.IsRemoved() {
			live = append(live, sign.Identity{Issuer: i.Issuer, Subject: i.Subject})
		}
	}
	return live
}
