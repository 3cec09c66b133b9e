package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/geeknik/gal-pkg/internal/fault"
	helper "github.com/geeknik/gal-pkg/internal/keyless"
	"github.com/geeknik/gal-pkg/sign/keyless"
)

// login brings a token from a person: they log in at an OpenID Connect issuer, in a browser here or on another device, and
// nothing that they type there comes through this program.
//
// The client has no secret. What binds the answer to the question is PKCE (RFC 7636), in both flows, and for the browser a
// state and a nonce besides. The token is verified against the issuer's keys before it goes anywhere.
type login struct {
	client   *http.Client
	issuer   string
	audience string // the client's id, for which the token must be
	env      func(string) string
	now      func() time.Time
	prompt   func(helper.Prompt) error
}

// publicIssuer is where people log in to the public Sigstore instance, whose audience is `sigstore`.
const publicIssuer = "https://oauth2.sigstore.dev/auth"

// issuerOf picks where to log in: what the user says; the public instance's own; else the issuer of the publisher's
// identities, if they have one.
func issuerOf(l *helper.Login, audience string) (string, error) {
	switch {
	case l.Issuer != "":
		return l.Issuer, nil
	case audience == "sigstore":
		return publicIssuer, nil
	case len(l.Issuers) == 1:
		return l.Issuers[0], nil
	}
	f := fault.New(fault.Usage, "no-issuer", "where you log in is not known")
	for _, issuer := range l.Issuers {
		f.WithFact("%s", issuer)
	}
	return "", f.WithHelp("gal-pkg publish --sign-keyless --oidc-issuer URL")
}

// token logs in, in the way that is asked for or suits where this runs.
func (l login) token(ctx context.Context, way string) (string, error) {
	if err := keyless.CheckService(l.issuer); err != nil {
		return "", loginFailed(l.issuer, err)
	}
	ctx = oidc.ClientContext(ctx, l.guarded())
	provider, err := oidc.NewProvider(ctx, l.issuer)
	if err != nil {
		return "", loginFailed(l.issuer, err)
	}
	config := oauth2.Config{ClientID: l.audience, Endpoint: provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "email"}}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	if way == helper.WayAuto && config.Endpoint.AuthURL == "" && config.Endpoint.DeviceAuthURL == "" {
		return "", fault.New(fault.Auth, "no-identity", "there is no identity to sign with").
			WithFact("nobody can log in at %s", l.issuer).
			WithHelp("gal-pkg publish --sign-keyless --oidc-issuer URL").WithHelp("gal-pkg publish --sign FILE      # with a key")
	}
	var tokens *oauth2.Token
	nonce := ""
	if way == helper.WayBrowser || way == helper.WayAuto && config.Endpoint.AuthURL != "" && hasBrowser(l.env) {
		tokens, nonce, err = l.browser(ctx, config)
	} else {
		tokens, err = l.device(ctx, config)
	}
	if err != nil {
		return "", loginFailed(l.issuer, err)
	}
	id, err := l.verified(ctx, provider, tokens, nonce)
	if err != nil {
		return "", loginFailed(l.issuer, err)
	}
	return id, nil
}

// verified holds that the issuer gave a token for this very login, to somebody whose address it has verified.
func (l login) verified(ctx context.Context, provider *oidc.Provider, tokens *oauth2.Token, nonce string) (string, error) {
	text, _ := tokens.Extra("id_token").(string)
	if text == "" {
		return "", errors.New("it gave no identity token")
	}
	token, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: l.audience, Now: l.now}).Verify(ctx, text)
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) == 0 {
		return "", errors.New("its token is from another login")
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(tokens.AccessToken); err != nil {
			return "", err
		}
	}
	var who struct {
		Email    string `json:"email"`
		Verified any    `json:"email_verified"` // some say "true"
	}
	if err := token.Claims(&who); err != nil {
		return "", err
	}
	if who.Email != "" && who.Verified != true && who.Verified != "true" {
		return "", fmt.Errorf("it has not verified the address %q", who.Email)
	}
	return text, nil
}

// loginFailed is the error of a login. What the issuer says stands in it as a fact, cut short; codes and tokens do not.
func loginFailed(issuer string, err error) error {
	if fault.Of(err) != nil || errors.Is(err, context.Canceled) {
		return err
	}
	kind, code := fault.Network, "login-failed"
	text := err.Error()
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		text = answer.ErrorCode
		if answer.ErrorDescription != "" {
			text += ": " + answer.ErrorDescription
		}
		if text == "" {
			text = "it answered " + answer.Response.Status
		}
	}
	switch {
	case errors.Is(err, errDenied), answer != nil && answer.ErrorCode == "access_denied":
		kind, code, text = fault.Auth, "login-denied", "the login was refused there"
	case answer != nil && answer.ErrorCode == "expired_token", err == context.DeadlineExceeded: // bare: a request's own is wrapped
		kind, code, text = fault.Cancelled, "login-timeout", "nobody logged in within the time that there was"
	case answer != nil:
		kind, code = fault.Auth, "login-denied"
	}
	if text = strings.ToValidUTF8(text, "?"); len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return fault.New(kind, code, "logging in did not work").WithFact("issuer  %s", issuer).WithFact("%s", text)
}

var errDenied = errors.New("denied")

// maxAnswer is the greatest length of what an issuer answers, in bytes.
const maxAnswer = 1 << 20

// guarded returns the client that issuers are asked with: over https, but for an issuer on this machine, and where they are,
// not where they lead; and no answer is read without end.
func (l login) guarded() *http.Client {
	client := *l.client
	client.Transport = guard{client.Transport, isHere(l.issuer)}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return errors.New("it leads elsewhere") }
	return &client
}

type guard struct {
	next http.RoundTripper
	here bool // the issuer is on this machine
}

func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := keyless.CheckService(r.URL.String()); err != nil {
		return nil, err
	}
	if r.URL.Scheme != "https" && !g.here {
		return nil, fmt.Errorf("%s://%s is not for an issuer elsewhere", r.URL.Scheme, r.URL.Host)
	}
	next := g.next
	if next == nil {
		next = http.DefaultTransport
	}
	answer, err := next.RoundTrip(r)
	if err == nil {
		answer.Body = limited{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

type limited struct {
	io.Reader
	io.Closer
}

// isHere reports whether an address is one of this machine, where nobody is in between.
func isHere(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "http" && keyless.CheckService(address) == nil
}

// checkPage holds that a page that a person is sent to is one that may be: an issuer's answer names it.
func (l login) checkPage(address string) error {
	if keyless.CheckService(address) != nil || !strings.HasPrefix(address, "https://") && !isHere(l.issuer) {
		return fmt.Errorf("it sends you to %.60q, which is no https address", address)
	}
	return nil
}
