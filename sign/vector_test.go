package sign_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/sign"
)

// keyOf makes a key that is the same in every run.
func keyOf(t testing.TB, seed string) *sign.PrivateKey {
	t.Helper()
	scalar := sha256.Sum256([]byte(seed))
	k, err := sign.Generate(bytes.NewReader(scalar[:]))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func hexDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// vectorClaim is the claim of the worked vector in the package comment.
func vectorClaim() sign.Claim {
	return sign.Claim{
		Registry:      "packages.gal-lang.org",
		Path:          "index/ht/tp/http-client",
		Event:         sign.Publish,
		Subject:       "http-client",
		Version:       "1.4.0",
		Archive:       "http-client-1.4.0.tar.zst",
		ArchiveDigest: "e4d909c290d0fb1ca068ffaddf22cbd0e4d909c290d0fb1ca068ffaddf22cbd0",
		LineDigest:    "a0cbc62d05a6413d1a7de32f7623cf157c99e0b77aa62e7585cb6f5cc691557d",
	}
}

// documentedVector returns the seven values of the worked vector in the order in which the package comment gives them.
func documentedVector(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("sign.go")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(source), "// # A worked vector\n")
	section, _, _ = strings.Cut(section, "// # Commits\n")
	var values []string
	for line := range strings.Lines(section) {
		if value, ok := strings.CutPrefix(line, "//\t"); ok {
			values = append(values, strings.TrimSuffix(value, "\n"))
		}
	}
	if len(values) != 7 {
		t.Fatalf("the package comment has %d values, want 7", len(values))
	}
	return values
}

func TestWorkedVector(t *testing.T) {
	v := documentedVector(t)
	spki, hint, line, lineDigest, payload, paeDigest, signature := v[0], v[1], v[2], v[3], v[4], v[5], v[6]
	claim, key := vectorClaim(), keyOf(t, "gal-pkg worked vector")

	cut := strings.LastIndex(line, `,"sig":`)
	for _, row := range []struct{ what, got, want string }{
		{"SPKI", key.Public().String(), spki},
		{"hint", key.Public().Hint(), hint},
		{"digest of the line", hexDigest([]byte(line[:cut] + "}")), lineDigest},
		{"digest in the claim", claim.LineDigest, lineDigest},
		{"key in the line", line[cut:], `,"sig":{"key":"` + hint + `","value":"` + signature + `"}}`},
		{"payload", string(claim.Payload()), payload},
		{"digest of the PAE", hexDigest(claim.PAE()), paeDigest},
		{"PAE", string(claim.PAE()), "DSSEv1 28 application/vnd.in-toto+json 465 " + payload},
	} {
		if row.got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.what, row.got, row.want)
		}
	}

	public, err := sign.ParsePublicKey(spki)
	if err != nil {
		t.Fatal(err)
	}
	if err := sign.Verify(public, claim, signature); err != nil {
		t.Error(err)
	}
	again, err := key.Sign(nil, claim)
	if err != nil || again != signature {
		t.Errorf("signing again by RFC 6979: %s, %v", again, err)
	}
}
