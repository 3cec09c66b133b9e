package sign_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

func spkiOf(t *testing.T, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// oddKeys returns encodings of keys that must not be taken for P-256 keys.
func oddKeys(t *testing.T) map[string][]byte {
	t.Helper()
	good := keyOf(t, "odd").Public().SPKI()
	point := good[len(good)-65:]
	header := good[:len(good)-65]
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsa512 := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 511), E: 65537}
	off := bytes.Clone(good)
	off[len(off)-1] ^= 1
	hybrid := bytes.Clone(good)
	hybrid[len(header)] = 6 | hybrid[len(good)-1]&1
	compressed := append([]byte{2 | point[64]&1}, point[1:33]...)
	longLength := append([]byte{0x30, 0x81, good[1]}, good[2:]...) // BER: a length in more bytes than it needs
	return map[string][]byte{
		"empty":            {},
		"P-384":            spkiOf(t, &p384.PublicKey),
		"Ed25519":          spkiOf(t, edwards),
		"Ed25519, zero":    spkiOf(t, ed25519.PublicKey(make([]byte, 32))),
		"RSA 2048":         spkiOf(t, &rsaKey.PublicKey),
		"RSA 512":          spkiOf(t, rsa512),
		"off the curve":    off,
		"all zero point":   append(bytes.Clone(header), append([]byte{4}, make([]byte, 64)...)...),
		"infinity":         unhex(t, "3019 3013 06072a8648ce3d0201 06082a8648ce3d030107 030200 00"),
		"compressed point": append(unhex(t, "3039 3013 06072a8648ce3d0201 06082a8648ce3d030107 0322 00"), compressed...),
		"hybrid point":     hybrid,
		"coordinate + p":   append(bytes.Clone(header), append([]byte{4}, bytes.Repeat([]byte{0xff}, 64)...)...),
		"trailing byte":    append(bytes.Clone(good), 0),
		"long length":      longLength,
		"cut":              good[:90],
		"point alone":      point,
	}
}

func TestPublicKeysRefused(t *testing.T) {
	for what, der := range oddKeys(t) {
		if _, err := sign.ParseSPKI(der); !fault.IsCode(err, "key-refused") {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := sign.ParsePublicKey(base64.StdEncoding.EncodeToString(der)); !fault.IsCode(err, "key-refused") {
			t.Errorf("%s in base64: %v", what, err)
		}
	}
}

func TestPublicKeySpellings(t *testing.T) {
	key := keyOf(t, "spelling").Public()
	text, block := key.String(), string(key.PEM())
	for _, good := range []string{text, block, strings.TrimSpace(block), block + "\n"} {
		if got, err := sign.ParsePublicKey(good); err != nil || got != key {
			t.Errorf("%q: %v", good, err)
		}
	}
	trailing := func(s string) string { // sets a bit of the last character that no byte holds
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
		last := strings.TrimRight(s, "=")
		i := strings.IndexByte(alphabet, last[len(last)-1])
		return last[:len(last)-1] + string(alphabet[i|1]) + s[len(last):]
	}
	for _, bad := range []string{
		"", " " + text, text + "\n", text[:60] + "\n" + text[60:], text[:60] + "\r\n" + text[60:], strings.TrimRight(text, "="),
		trailing(text), strings.NewReplacer("+", "-", "/", "_").Replace(text) + "-", text + text, text + "AAAA",
		"x" + block, block + block, block + text, strings.Replace(block, "PUBLIC", "PRIVATE", 2),
		strings.Replace(block, "KEY-----\n", "KEY-----\nA: b\n\n", 1), strings.Repeat("A", 1<<20),
		"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
	} {
		if _, err := sign.ParsePublicKey(bad); !fault.IsCode(err, "key-refused") {
			t.Errorf("%.60q: %v", bad, err)
		}
	}
}

func TestZeroPublicKey(t *testing.T) {
	var zero sign.PublicKey
	signature, err := keyOf(t, "zero").Sign(nil, vectorClaim())
	if err != nil {
		t.Fatal(err)
	}
	if err := sign.Verify(zero, vectorClaim(), signature); !fault.IsCode(err, "key-refused") {
		t.Errorf("verifying with no key: %v", err)
	}
	if !zero.IsZero() || zero.AuthorizedKey() != "" || zero.SSHFingerprint() != "" {
		t.Error("no key has a name")
	}
}

func TestFingerprints(t *testing.T) {
	dir, key := t.TempDir(), keyOf(t, "fingerprint").Public()
	path := filepath.Join(dir, "key.pub")
	if err := os.WriteFile(path, []byte(key.AuthorizedKey()+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, dir, tool(t, "ssh-keygen"), "-l", "-f", path)
	if err != nil || !strings.Contains(out, " "+key.SSHFingerprint()+" ") {
		t.Errorf("ssh-keygen says %s, %v; we say %s", out, err, key.SSHFingerprint())
	}
}

// What ParsePublicKey accepts comes back as the same text, unless it was PEM, and as the same key either way.
func FuzzParsePublicKey(f *testing.F) {
	key := keyOf(f, "fuzz").Public()
	f.Add(key.String())
	f.Add(string(key.PEM()))
	f.Add("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := sign.ParsePublicKey(text)
		if err != nil {
			return
		}
		if !strings.HasPrefix(text, "-----BEGIN ") && key.String() != text {
			t.Errorf("%q came back as %q", text, key.String())
		}
		again, err := sign.ParsePublicKey(string(key.PEM()))
		if err != nil || again != key {
			t.Errorf("through PEM: %v", err)
		}
	})
}

// What ParsePrivateKey accepts in the clear survives Marshal.
func FuzzParsePrivateKey(f *testing.F) {
	plain, err := keyOf(f, "fuzz").Marshal(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := sign.ParsePrivateKey(text, nil)
		if err != nil {
			return
		}
		out, err := key.Marshal(nil)
		if err != nil {
			t.Fatal(err)
		}
		back, err := sign.ParsePrivateKey(out, nil)
		if err != nil || back.Public() != key.Public() {
			t.Errorf("after a round trip: %v", err)
		}
	})
}
