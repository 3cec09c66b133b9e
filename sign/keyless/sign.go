package keyless

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	sigstore "github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// Signed is a signature that was made, and verified.
type Signed struct {
	Bundle   []byte
	Identity sign.Identity // that the certificate is for
}

// Sign signs c as the identity of an OpenID Connect token, with a key that it makes and forgets: the certificate authority,
// the log and the time stamp authority are those that the trusted root names for now. The token goes to that authority
// alone, over client, which is what all requests are made with; it is in no error.
//
// A token is worth what its audience is: who gets one for `sigstore` can sign in other registries with it. So one is given
// away only where its audience is what [Audience] says of the authority.
//
// Errors: fault.Auth "token-refused", "no-identity"; fault.Network "keyless-unreachable"; those of [Verify].
func Sign(ctx context.Context, client *http.Client, trustedRoot []byte, c sign.Claim, token string, now time.Time) (*Signed, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	s, err := servicesOf(trustedRoot, c.Registry, now)
	if err != nil {
		return nil, err
	}
	claimed, err := readToken(token)
	if err != nil {
		return nil, err
	}
	if err := claimed.checkAudience(s.authority); err != nil {
		return nil, err
	}
	data, err := s.sign(ctx, client, c, token)
	if err != nil {
		return nil, unreachable(err, token)
	}
	identity, err := IdentityOf(data, c)
	if err != nil {
		return nil, err
	}
	return &Signed{data, identity}, Verify(trustedRoot, data, c, []sign.Identity{identity})
}

// sign asks for the certificate, the stamp and the place in the log.
func (s services) sign(ctx context.Context, client *http.Client, c sign.Claim, token string) ([]byte, error) {
	key, err := sigstore.NewEphemeralKeypair(nil) // ECDSA P-256
	if err != nil {
		return nil, err
	}
	only := func(base string) *http.Client { return confine(ctx, client, base) }
	o := sigstore.BundleOptions{
		Context:                    ctx,
		CertificateProvider:        sigstore.NewFulcio(&sigstore.FulcioOptions{BaseURL: s.authority, Transport: only(s.authority).Transport}),
		CertificateProviderOptions: &sigstore.CertificateProviderOptions{IDToken: token},
		TransparencyLogs: []sigstore.Transparency{sigstore.NewRekor(&sigstore.RekorOptions{
			BaseURL: s.log, Version: 2, ClientV2: rekor{only(s.log), s.log},
		})},
	}
	if s.stamps != "" {
		o.TimestampAuthorities = []*sigstore.TimestampAuthority{
			sigstore.NewTimestampAuthority(&sigstore.TimestampAuthorityOptions{URL: s.stamps, Transport: only(s.stamps).Transport}),
		}
	}
	bundle, err := sigstore.Bundle(&sigstore.DSSEData{Data: c.Payload(), PayloadType: sign.PayloadType}, key, o)
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(bundle)
}

// confined sends requests that end with a context, and only to where they were meant to go: a redirect is not followed,
// least of all with a token.
type confined struct {
	ctx  context.Context // of the one signature that this is made for
	next http.RoundTripper
	base string
}

// confine returns a client whose requests are [confined].
func confine(ctx context.Context, client *http.Client, base string) *http.Client {
	limited := *client
	limited.Transport = &confined{ctx, client.Transport, base}
	limited.CheckRedirect = func(*http.Request, []*http.Request) error { return errors.New("it leads elsewhere") }
	return &limited
}

func (t *confined) RoundTrip(r *http.Request) (*http.Response, error) {
	base, err := url.Parse(t.base)
	if err != nil || r.URL.Scheme != base.Scheme || r.URL.Host != base.Host {
		return nil, fmt.Errorf("%s leads elsewhere", t.base)
	}
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	ctx, cancel := context.WithCancel(r.Context()) // the client's own limit holds as well
	context.AfterFunc(t.ctx, cancel)
	return next.RoundTrip(r.WithContext(ctx))
}

// unreachable is the error of a service. Its answer may repeat what it was sent.
func unreachable(err error, token string) error {
	text := err.Error()
	for _, part := range append(strings.Split(token, "."), token) {
		if len(part) > 8 {
			text = strings.ReplaceAll(text, part, "…")
		}
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "") + "…"
	}
	kind, code := fault.Network, "keyless-unreachable"
	if strings.Contains(text, "Fulcio returned 4") {
		kind, code = fault.Auth, "token-refused"
	}
	return fault.New(kind, code, "the registry's Sigstore instance does not sign").WithFact("%s", strings.TrimSpace(text))
}
