// Package keyless makes and verifies signatures of identities: by a key that lives for one signature, and that a
// certificate authority (Fulcio) binds for some minutes to whoever an OpenID Connect issuer says has asked. There is no
// key to keep or to lose. A publisher says with an add-identity line which identities, by exact issuer and subject, speak
// for it.
//
// A signature is a Sigstore bundle v0.3 of at most 64 KiB ([sign.OpenCertified] has its form). It is verified without a
// network, by sigstore-go, against a trusted root: the JSON file of that name which the registry's metadata vouches for,
// and which names the certificate authority, the logs and the time stamp authority. What must hold:
//
//   - the payload is the statement of the claim, byte for byte, and the signature is that of the certificate's key;
//   - the certificate leads to an authority of the root, was good at every time that the bundle proves, and has the stamp
//     of one of the root's certificate transparency logs (an SCT);
//   - one of the root's transparency logs has the signature, by an inclusion proof or an inclusion promise;
//   - a time stamp authority, or that log, says when it was made;
//   - issuer and subject of the certificate are those of one of the identities that are asked for.
//
// A bundle by a key does not serve as one by an identity, nor does that of another Sigstore instance.
//
// This package is heavy: what it needs takes milliseconds to start, even where it is never used. Programs that start often
// leave it to one that they start only when there is such a signature.
package keyless

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// maxRoot is the greatest length of a trusted root, in bytes.
const maxRoot = 1 << 20

// maxIdentities bounds how many identities a signature may be held against.
const maxIdentities = 256

// Verify returns nil where the bundle is a signature on c by one of the identities, under a trusted root. It asks nobody,
// and not the clock: a certificate that has expired since is as good as it was.
//
// Errors: fault.Integrity "bundle-invalid", "identity-refused" for a good signature by somebody else, "keyless-untrusted"
// for a root that names no certificate authority; those of [sign.OpenCertified].
func Verify(trustedRoot, data []byte, c sign.Claim, identities []sign.Identity) error {
	signature, err := sign.OpenCertified(data, c)
	if err != nil {
		return err
	}
	trusted, err := openRoot(trustedRoot)
	if err != nil {
		return err
	}
	if err := verifyBundle(trusted, data, signature, c, identities); err != nil {
		return refused(err, c, identities)
	}
	return nil
}

func openRoot(data []byte) (*root.TrustedRoot, error) {
	if len(data) > maxRoot {
		return nil, untrusted(fmt.Errorf("it is longer than %d bytes", maxRoot))
	}
	trusted, err := root.NewTrustedRootFromJSON(data)
	switch {
	case err != nil:
		return nil, untrusted(err)
	case len(trusted.FulcioCertificateAuthorities()) == 0:
		return nil, untrusted(errors.New("it names no certificate authority"))
	}
	return trusted, nil
}

func untrusted(err error) error {
	return fault.New(fault.Integrity, "keyless-untrusted", "the registry takes no signatures of identities").
		WithFact("its trusted root: %v", err)
}

func verifyBundle(trusted *root.TrustedRoot, data []byte, signature sign.Certified, c sign.Claim, identities []sign.Identity) error {
	var b bundle.Bundle
	if err := b.UnmarshalJSON(data); err != nil {
		return err
	}
	if err := same(&b, signature); err != nil {
		return err
	}
	verifier, err := verify.NewVerifier(trusted,
		verify.WithSignedCertificateTimestamps(1), verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1))
	if err != nil {
		return err
	}
	policy, err := policyOf(c, identities)
	if err != nil {
		return err
	}
	_, err = verifier.Verify(&b, policy)
	return err
}

// same holds that both readers of the bundle have read the same signature: what one takes for the certificate, the other
// might not, where a member is there twice or in another spelling.
func same(b *bundle.Bundle, signature sign.Certified) error {
	content, err := b.VerificationContent()
	if err != nil {
		return err
	}
	envelope, err := b.Envelope()
	if err != nil {
		return err
	}
	certificate := content.Certificate()
	if certificate == nil || !bytes.Equal(certificate.Raw, signature.Certificate) ||
		base64.StdEncoding.EncodeToString(envelope.Signature()) != signature.Signature {
		return errors.New("its form is ambiguous")
	}
	return nil
}

// policyOf asks for the line's digest among the subjects, and for one of the identities, exactly.
func policyOf(c sign.Claim, identities []sign.Identity) (verify.PolicyBuilder, error) {
	digest, err := hex.DecodeString(c.LineDigest)
	if err != nil {
		return verify.PolicyBuilder{}, err
	}
	if len(identities) == 0 || len(identities) > maxIdentities {
		return verify.PolicyBuilder{}, fmt.Errorf("%d identities are not 1 to %d", len(identities), maxIdentities)
	}
	var wanted []verify.PolicyOption
	for _, i := range identities {
		if i.Issuer == "" || i.Subject == "" {
			return verify.PolicyBuilder{}, errors.New("an identity has no issuer or no subject")
		}
		identity, err := verify.NewShortCertificateIdentity(i.Issuer, "", i.Subject, "")
		if err != nil {
			return verify.PolicyBuilder{}, err
		}
		wanted = append(wanted, verify.WithCertificateIdentity(identity))
	}
	return verify.NewPolicy(verify.WithArtifactDigest("sha256", digest), wanted...), nil
}

func refused(err error, c sign.Claim, identities []sign.Identity) error {
	code, message := "bundle-invalid", "SECURITY: the keyless signature on %s of `%s` is not valid"
	var other *verify.ErrNoMatchingCertificateIdentity
	if errors.As(err, &other) {
		code, message = "identity-refused", "SECURITY: %s of `%s` is signed by another identity than its publisher's"
	}
	f := fault.New(fault.Integrity, code, message, c.Event, c.Subject)
	for _, i := range identities {
		f.WithFact("expected %s", i)
	}
	return f.WithFact("line     sha256:%s", c.LineDigest).WithFact("%s", strings.ToValidUTF8(err.Error(), "?"))
}
