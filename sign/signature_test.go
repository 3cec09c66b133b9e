package sign_test

import (
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

func TestSignAndVerify(t *testing.T) {
	key, claim := keyOf(t, "signer"), vectorClaim()
	first, err := key.Sign(rand.Reader, claim)
	if err != nil {
		t.Fatal(err)
	}
	second, err := key.Sign(rand.Reader, claim)
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("two randomised signatures are the same")
	}
	for _, s := range []string{first, second} {
		if err := sign.Verify(key.Public(), claim, s); err != nil {
			t.Error(err)
		}
	}
	if err := sign.Verify(keyOf(t, "other").Public(), claim, first); !fault.IsCode(err, "signature-invalid") {
		t.Errorf("key of another: %v", err)
	}
}

// A signature for one package, version, registry, file, event or content is worth nothing for another.
func TestSignatureIsBound(t *testing.T) {
	key := keyOf(t, "bound")
	signature, err := key.Sign(nil, vectorClaim())
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(c *sign.Claim){
		"registry":       func(c *sign.Claim) { c.Registry = "packages.gal-lang.com" },
		"shard":          func(c *sign.Claim) { c.Path = "index/ht/tt/http-client" },
		"version":        func(c *sign.Claim) { c.Version, c.Archive = "1.4.1", "http-client-1.4.1.tar.zst" },
		"archive digest": func(c *sign.Claim) { c.ArchiveDigest = digestA },
		"line digest":    func(c *sign.Claim) { c.LineDigest = digestA },
		"event":          func(c *sign.Claim) { c.Event, c.Archive, c.ArchiveDigest = sign.Yank, "", "" },
		"spelling":       func(c *sign.Claim) { c.Subject = "http_client" },
		"package": func(c *sign.Claim) {
			c.Subject, c.Path, c.Archive = "http-clienta", "index/ht/tp/http-clienta", "http-clienta-1.4.0.tar.zst"
		},
	} {
		c := vectorClaim()
		change(&c)
		if err := sign.Verify(key.Public(), c, signature); !fault.IsCode(err, "signature-invalid") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

type ecdsaNumbers struct{ R, S *big.Int }

func encodeNumbers(t *testing.T, r, s *big.Int) string {
	t.Helper()
	der, err := asn1.Marshal(ecdsaNumbers{r, s})
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func TestSignaturesRefused(t *testing.T) {
	key, claim := keyOf(t, "refused"), vectorClaim()
	good, err := key.Sign(nil, claim)
	if err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	var n ecdsaNumbers
	if _, err := asn1.Unmarshal(der, &n); err != nil {
		t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString
	order, zero, one := elliptic.P256().Params().N, new(big.Int), big.NewInt(1)
	raw := append(n.R.FillBytes(make([]byte, 32)), n.S.FillBytes(make([]byte, 32))...)
	for what, bad := range map[string]string{
		"trailing byte":       b64(append(append([]byte{}, der...), 0)),
		"cut":                 b64(der[:len(der)-1]),
		"long length":         b64(append([]byte{0x30, 0x81, der[1]}, der[2:]...)),
		"raw numbers":         b64(raw),
		"zero, zero":          encodeNumbers(t, zero, zero),
		"r zero":              encodeNumbers(t, zero, n.S),
		"s zero":              encodeNumbers(t, n.R, zero),
		"one, one":            encodeNumbers(t, one, one),
		"r + order":           encodeNumbers(t, new(big.Int).Add(n.R, order), n.S),
		"s + order":           encodeNumbers(t, n.R, new(big.Int).Add(n.S, order)),
		"s negative":          encodeNumbers(t, n.R, new(big.Int).Neg(n.S)),
		"order, order":        encodeNumbers(t, order, order),
		"line end":            good[:40] + "\n" + good[40:],
		"line end at the end": good + "\n",
		"blank":               " " + good,
		"URL alphabet":        strings.NewReplacer("+", "-", "/", "_").Replace(good) + "-___",
		"no base64":           "!!!!",
		"long":                strings.Repeat("A", 1<<16),
	} {
		if err := sign.Verify(key.Public(), claim, bad); !fault.IsCode(err, "signature-invalid") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := sign.Verify(key.Public(), claim, ""); !fault.IsCode(err, "signature-missing") {
		t.Errorf("no signature: %v", err)
	}
	for i := range der {
		flipped := append([]byte{}, der...)
		flipped[i] ^= 0x40
		if sign.Verify(key.Public(), claim, b64(flipped)) == nil {
			t.Errorf("byte %d flipped: accepted", i)
		}
	}
	// The twin of every ECDSA signature. Verify's comment warns of it; should it ever be refused, that comment is wrong.
	if err := sign.Verify(key.Public(), claim, encodeNumbers(t, n.R, new(big.Int).Sub(order, n.S))); err != nil {
		t.Errorf("twin: %v", err)
	}
}
