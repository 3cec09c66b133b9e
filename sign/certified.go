package sign

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// MaxBundle is the greatest length of the bundle of a keyless signature, in bytes.
const MaxBundle = 64 << 10

// Identity is who somebody is to an OpenID Connect issuer: https://token.actions.githubusercontent.com and
// https://github.com/ada/mailbox/.github/workflows/release.yml@refs/heads/main. Both are compared as they are, byte for byte.
type Identity struct{ Issuer, Subject string }

func (i Identity) String() string { return i.Subject + " of " + i.Issuer }

// Certified is a keyless signature: by a key that lived for one signature, and that a certificate binds to an identity.
type Certified struct {
	Certificate []byte // DER
	Signature   string // base64 of ASN.1 DER
}

// certifiedJSON is what a keyless signature is read from; who verifies the certificate reads the rest.
type certifiedJSON struct {
	MediaType            string `json:"mediaType"`
	VerificationMaterial struct {
		Certificate struct {
			RawBytes []byte `json:"rawBytes"`
		} `json:"certificate"`
	} `json:"verificationMaterial"`
	DSSEEnvelope *envelopeJSON `json:"dsseEnvelope"`
}

// OpenCertified reads the signature on c from a Sigstore bundle v0.3 of at most [MaxBundle] bytes, whose payload must be
// that of c byte for byte, and verifies it with the key of the certificate. Whose certificate that is, and whether it was
// ever valid, it does not ask: that is package keyless's.
//
// Errors: those of [Claim.Check]; fault.Integrity "bundle-invalid".
func OpenCertified(bundle []byte, c Claim) (Certified, error) {
	if err := c.Check(); err != nil {
		return Certified{}, err
	}
	s, err := openCertified(bundle, c)
	if err != nil {
		return Certified{}, fault.New(fault.Integrity, "bundle-invalid", "the bundle does not hold a keyless signature on %s", c.describe()).
			WithFact("%v", err)
	}
	return s, nil
}

func openCertified(bundle []byte, c Claim) (s Certified, err error) {
	if len(bundle) > MaxBundle {
		return s, fmt.Errorf("it is longer than %d bytes", MaxBundle)
	}
	if err := checkTwins(bundle); err != nil {
		return s, err
	}
	var b certifiedJSON
	if err := json.Unmarshal(bundle, &b); err != nil {
		return s, err
	}
	e := b.DSSEEnvelope
	switch {
	case b.MediaType != BundleMediaType:
		return s, fmt.Errorf("its media type is %.100q", b.MediaType)
	case e == nil || len(e.Signatures) != 1:
		return s, fmt.Errorf("it has no envelope with one signature")
	case e.PayloadType != PayloadType || !bytes.Equal(e.Payload, c.Payload()):
		return s, fmt.Errorf("it is about something else")
	case len(b.VerificationMaterial.Certificate.RawBytes) == 0:
		return s, fmt.Errorf("it has no certificate")
	}
	s = Certified{b.VerificationMaterial.Certificate.RawBytes, e.Signatures[0].Sig}
	return s, s.verify(c)
}

// verify checks the signature alone.
func (s Certified) verify(c Claim) error {
	certificate, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		return err
	}
	public, err := publicKeyOf(certificate.PublicKey)
	if err != nil {
		return err
	}
	key, err := public.ecdsa()
	if err != nil {
		return err
	}
	der, err := decodeSignature(s.Signature)
	if err != nil {
		return err
	}
	if digest := sha256.Sum256(c.PAE()); !ecdsa.VerifyASN1(key, digest[:], der) {
		return fmt.Errorf("its signature is not that of its certificate's key")
	}
	return nil
}
