package server

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"golang.org/x/oauth2"

	helper "github.com/geeknik/gal-pkg/internal/keyless"
)

// device has a person type a code on another device, and asks the issuer until that has happened: RFC 8628. There is no
// redirect that somebody could catch, and PKCE is in it all the same; issuers that do not know it leave it out.
func (l login) device(ctx context.Context, config oauth2.Config) (*oauth2.Token, error) {
	if config.Endpoint.DeviceAuthURL == "" {
		return nil, errors.New("it has no flow for devices without a browser; try --login browser")
	}
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	verifier := oauth2.GenerateVerifier()
	begun, err := config.DeviceAuth(ctx, oauth2.S256ChallengeOption(verifier))
	if err != nil {
		return nil, err
	}
	page := cmp.Or(begun.VerificationURIComplete, begun.VerificationURI)
	if err := l.checkPage(page); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(begun.UserCode, func(r rune) bool { return r < ' ' || r > '~' }) || begun.UserCode == "" || len(begun.UserCode) > 64 {
		return nil, errors.New("it has no code that could be typed")
	}
	if err := l.prompt(helper.Prompt{Way: helper.WayDevice, URL: page, Code: begun.UserCode}); err != nil {
		return nil, err
	}
	begun.Interval = min(max(begun.Interval, 0), 60)
	return config.DeviceAccessToken(ctx, begun, oauth2.VerifierOption(verifier))
}
