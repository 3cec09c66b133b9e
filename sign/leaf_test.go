package sign_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

func TestLeafBody(t *testing.T) {
	key, claim := keyOf(t, "leaf"), vectorClaim()
	signature, err := key.Sign(nil, claim)
	if err != nil {
		t.Fatal(err)
	}
	body, err := sign.LeafBody(key.Public(), claim.PAE(), signature)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(claim.PAE())
	want := `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"` +
		base64.StdEncoding.EncodeToString(digest[:]) + `"},"signature":{"content":"` + signature +
		`","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"` + key.Public().String() + `"}}}}}}`
	if string(body) != want {
		t.Errorf("\n got %s\nwant %s", body, want)
	}
	mustBeCanonical(t, body)
	for what, bad := range map[string]string{"nothing": "", "a quote": `"`, "a line end": signature + "\n"} {
		if _, err := sign.LeafBody(key.Public(), claim.PAE(), bad); !fault.IsCode(err, "signature-invalid") {
			t.Errorf("signature with %s: %v", what, err)
		}
	}
	if _, err := sign.LeafBody(sign.PublicKey{}, claim.PAE(), signature); !fault.IsCode(err, "key-refused") {
		t.Errorf("no key: %v", err)
	}
}

// mustBeCanonical compares with what encoding/json makes of the same value: it sorts members and adds no blanks, which
// for ASCII text without numbers is RFC 8785.
func mustBeCanonical(t *testing.T, body []byte) {
	t.Helper()
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatal(err)
	}
	canonical, err := json.Marshal(value)
	if err != nil || !bytes.Equal(canonical, body) {
		t.Errorf("not canonical: %s, %v", body, err)
	}
}

func TestCertificateLeafBody(t *testing.T) {
	key, claim := keyOf(t, "certificate"), vectorClaim()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1_900_000_000, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Signer().Public(), key.Signer())
	if err != nil {
		t.Fatal(err)
	}
	signature, err := key.Sign(nil, claim)
	if err != nil {
		t.Fatal(err)
	}
	body, err := sign.CertificateLeafBody(der, claim.PAE(), signature)
	if err != nil {
		t.Fatal(err)
	}
	want := `"verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","x509Certificate":{"rawBytes":"` + base64.StdEncoding.EncodeToString(der) + `"}}`
	if !strings.Contains(string(body), want) {
		t.Errorf("got %s", body)
	}
	mustBeCanonical(t, body)
	if _, err := sign.CertificateLeafBody(der[1:], claim.PAE(), signature); !fault.IsCode(err, "key-refused") {
		t.Errorf("no certificate: %v", err)
	}
}
