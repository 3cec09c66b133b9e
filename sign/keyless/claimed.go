package keyless

import (
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// CheckToken holds, before anything is signed, that a token is for a certificate authority, and that what the authority
// certifies of its bearer can be one of the identities. Which issuer and subject that is follows from the token, for all that
// Sigstore's authorities certify in one way only:
//
//   - the issuer is the token's own, or the one that it names as where the login was handed on to;
//   - of a job on GitHub, the URL of its workflow; of one on GitLab, that of its configuration; of a person, the address; else
//     a subject that is a URI as it is.
//
// What another kind of token becomes is the authority's to say, and [CheckIdentity] holds it afterwards.
//
// Errors: fault.Auth "token-refused", "identity-unknown".
func CheckToken(authority, token string, identities []sign.Identity) error {
	c, err := readToken(token)
	if err != nil {
		return err
	}
	if err := c.checkAudience(authority); err != nil {
		return err
	}
	if slices.ContainsFunc(identities, c.canBe) {
		return nil
	}
	return unknownIdentity(sign.Identity{Issuer: c.Issuer, Subject: c.name()})
}

// CheckIdentity holds that an identity is one of those who may sign.
//
// Errors: fault.Auth "identity-unknown".
func CheckIdentity(who sign.Identity, identities []sign.Identity) error {
	if slices.Contains(identities, who) {
		return nil
	}
	return unknownIdentity(who)
}

func unknownIdentity(who sign.Identity) error {
	return fault.New(fault.Auth, "identity-unknown", "this identity is not one of the publisher's").
		WithFact("subject  %s", who.Subject).WithFact("issuer   %s", who.Issuer).
		WithHelp("gal-pkg keys add-identity --issuer %s --subject %s", who.Issuer, who.Subject)
}

func (c tokenClaims) checkAudience(authority string) error {
	if want := Audience(authority); c.audience() != want {
		return fault.New(fault.Auth, "token-refused", "the identity token is not for the registry's certificate authority").
			WithFact("audience  %q", c.audience()).WithFact("wanted    %q  (%s)", want, authority)
	}
	return nil
}

// canBe reports whether the bearer may be certified as an identity.
func (c tokenClaims) canBe(i sign.Identity) bool {
	workflow, email := text(c.Workflow), text(c.Email)
	federated, _ := c.Federated.(map[string]any)
	switch {
	case i.Issuer != c.Issuer && i.Issuer != text(federated["connector_id"]):
		return false
	case workflow != "":
		return strings.HasSuffix(i.Subject, "/"+workflow) // on any GitHub
	case text(c.Config) != "", email != "", strings.Contains(c.Subject, "://"):
		return i.Subject == c.name() || i.Subject == c.Subject || strings.HasPrefix(i.Subject, c.Subject+"!") // a name and its host
	}
	return true
}

// name is the subject that the bearer is certified as, as far as that is known.
func (c tokenClaims) name() string {
	switch workflow, config, email := text(c.Workflow), text(c.Config), text(c.Email); {
	case workflow != "":
		return "https://github.com/" + workflow
	case config != "":
		return "https://" + config
	case email != "":
		return email
	}
	return c.Subject
}

func text(claim any) string {
	s, _ := claim.(string)
	return s
}
