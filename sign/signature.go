package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// maxSignatureText bounds the base64 of a signature; one of P-256 has at most 72 bytes of DER, 96 characters.
const maxSignatureText = 96

// Sign signs c with k and returns the signature as a line carries it: base64 of ASN.1 DER.
//
// With a nil random the signature is a function of key and claim (RFC 6979). Otherwise it is randomised; Go's
// crypto/ecdsa then draws from the system's generator, whatever random is.
//
// Errors: those of [Claim.Check].
func (k *PrivateKey) Sign(random io.Reader, c Claim) (string, error) {
	if err := c.Check(); err != nil {
		return "", err
	}
	digest := sha256.Sum256(c.PAE())
	der, err := k.key.Sign(random, digest[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("signing %s of %s: %w", c.Event, c.Subject, err)
	}
	return base64.StdEncoding.EncodeToString(der), nil
}

// Verify returns nil where signature, base64 of ASN.1 DER, is pub's over c. It asks nothing about whether pub may say
// this, or still could when it did.
//
// ECDSA signatures are malleable: who has one can make a second that verifies. So no decision may rest on the bytes of a
// signature; lines are told apart by their digests, which leave the signature out.
//
// Errors: those of [Claim.Check]; fault.Integrity "signature-missing" for "", "signature-invalid".
func Verify(pub PublicKey, c Claim, signature string) error {
	if err := c.Check(); err != nil {
		return err
	}
	if signature == "" {
		return fault.New(fault.Integrity, "signature-missing", "%s is not signed", c.describe())
	}
	key, err := pub.ecdsa()
	if err != nil {
		return err
	}
	der, err := decodeSignature(signature)
	if err != nil {
		return c.invalid(pub).WithFact("%v", err)
	}
	digest := sha256.Sum256(c.PAE())
	// VerifyASN1 refuses what is not DER, numbers outside [1, n-1], and trailing bytes.
	if !ecdsa.VerifyASN1(key, digest[:], der) {
		return c.invalid(pub)
	}
	return nil
}

func decodeSignature(text string) ([]byte, error) {
	if len(text) > maxSignatureText {
		return nil, fmt.Errorf("it is longer than %d characters", maxSignatureText)
	}
	return decodeBase64(text)
}

func (c Claim) describe() string {
	if c.Version != "" {
		return fmt.Sprintf("%s of `%s %s`", c.Event, c.Subject, c.Version)
	}
	return fmt.Sprintf("%s of `%s`", c.Event, c.Subject)
}

func (c Claim) invalid(pub PublicKey) *fault.Error {
	return fault.New(fault.Integrity, "signature-invalid", "SECURITY: the signature on %s is not valid", c.describe()).
		WithFact("key       %s", pub.Hint()).
		WithFact("registry  %s", c.Registry).
		WithFact("file      %s", c.Path).
		WithFact("line      sha256:%s", c.LineDigest)
}
