package sign

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// The leaf is the canonical JSON (RFC 8785) of a Rekor v2 entry, kind hashedrekord 0.0.2, whose artifact is the PAE. All
// members are in order and no value needs escaping, so that a template is enough.
const leafTemplate = `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{` +
	`"data":{"algorithm":"SHA2_256","digest":"%s"},` +
	`"signature":{"content":"%s","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256",%s}}}}}`

// LeafBody returns the leaf of the transparency log for a signature by pub over pae ([Claim.PAE]); signature is base64 of
// DER, as the line carries it. It verifies nothing.
//
// Errors: fault.Integrity "key-refused", "signature-invalid" for what is not base64.
func LeafBody(pub PublicKey, pae []byte, signature string) ([]byte, error) {
	if pub.IsZero() {
		return nil, refusedKey("there is no key")
	}
	return leafBody(`"publicKey":{"rawBytes":"`+pub.String()+`"}`, pae, signature)
}

// CertificateLeafBody is LeafBody for a keyless signature: certificate is the DER of the signer's, whose key must be
// ECDSA P-256. It verifies nothing.
//
// Errors: those of LeafBody, "key-refused" also for what is no certificate.
func CertificateLeafBody(certificate, pae []byte, signature string) ([]byte, error) {
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, refusedKey("it is not in an X.509 certificate")
	}
	if _, err := publicKeyOf(parsed.PublicKey); err != nil {
		return nil, err
	}
	raw := base64.StdEncoding.EncodeToString(certificate)
	return leafBody(`"x509Certificate":{"rawBytes":"`+raw+`"}`, pae, signature)
}

func leafBody(verifier string, pae []byte, signature string) ([]byte, error) {
	if _, err := decodeSignature(signature); err != nil {
		return nil, fault.New(fault.Integrity, "signature-invalid", "the signature is refused").WithFact("%v", err)
	}
	digest := sha256.Sum256(pae)
	return fmt.Appendf(nil, leafTemplate, base64.StdEncoding.EncodeToString(digest[:]), signature, verifier), nil
}
