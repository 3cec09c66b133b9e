package sign_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

func passphrase(text string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(text), nil }
}

// mustNotAsk is the passphrase of a key that is not encrypted.
func mustNotAsk(t *testing.T) func() ([]byte, error) {
	return func() ([]byte, error) {
		t.Error("asked for the passphrase of a key that is not encrypted")
		return nil, nil
	}
}

func TestGenerate(t *testing.T) {
	if a, b := keyOf(t, "one"), keyOf(t, "one"); a.Public() != b.Public() {
		t.Error("the same randomness gives two keys")
	}
	if a, b := keyOf(t, "one"), keyOf(t, "two"); a.Public() == b.Public() {
		t.Error("other randomness gives the same key")
	}
	if _, err := sign.Generate(rand.Reader); err != nil {
		t.Error(err)
	}
	if _, err := sign.Generate(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("31 bytes of randomness gave a key")
	}
	for _, stuck := range []byte{0x00, 0xff} { // 0, and a number beyond the order of the group
		if _, err := sign.Generate(stuckReader(stuck)); err == nil {
			t.Errorf("a source stuck at %#x gave a key", stuck)
		}
	}
	// One bad draw is skipped.
	scalar := append(bytes.Repeat([]byte{0xff}, 32), bytes.Repeat([]byte{0x07}, 32)...)
	if _, err := sign.Generate(bytes.NewReader(scalar)); err != nil {
		t.Error(err)
	}
}

type stuckReader byte

func (r stuckReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

func TestMarshalRoundTrip(t *testing.T) {
	key := keyOf(t, "round trip")
	plain, err := key.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	back, err := sign.ParsePrivateKey(plain, mustNotAsk(t))
	if err != nil || back.Public() != key.Public() {
		t.Fatalf("plain: %v", err)
	}
	sealed, err := key.Marshal([]byte("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	back, err = sign.ParsePrivateKey(sealed, passphrase("open sesame"))
	if err != nil || back.Public() != key.Public() {
		t.Fatalf("encrypted: %v", err)
	}
	legacy := bytes.ReplaceAll(sealed, []byte("SIGSTORE"), []byte("COSIGN"))
	if _, err := sign.ParsePrivateKey(legacy, passphrase("open sesame")); err != nil {
		t.Errorf("cosign's older name: %v", err)
	}
	for _, wrong := range []string{"open sesam", ""} {
		if _, err := sign.ParsePrivateKey(sealed, passphrase(wrong)); !fault.IsCode(err, "passphrase-wrong") {
			t.Errorf("passphrase %q: %v", wrong, err)
		}
	}
	noAnswer := func() ([]byte, error) { return nil, nil }
	if _, err := sign.ParsePrivateKey(sealed, noAnswer); !fault.IsCode(err, "passphrase-wrong") {
		t.Errorf("nil for a passphrase: %v", err)
	}
	if _, err := sign.ParsePrivateKey(sealed, nil); !fault.IsCode(err, "passphrase-required") {
		t.Errorf("no passphrase: %v", err)
	}
	refused := errors.New("no terminal")
	if _, err := sign.ParsePrivateKey(sealed, func() ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("passphrase that cannot be asked: %v", err)
	}
	if _, err := key.Marshal([]byte{}); !fault.IsCode(err, "passphrase-empty") {
		t.Errorf("empty passphrase: %v", err)
	}
}

// pkcs8PEM wraps any key that this package must not take.
func pkcs8PEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestPrivateKeysRefused(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good, err := keyOf(t, "refused").Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.TrimSpace(strings.Split(string(good), "-----")[2])
	huge := `{"kdf":{"name":"scrypt","params":{"N":1073741824,"r":64,"p":64},"salt":"AAAA"},"cipher":{"name":"nacl/secretbox","nonce":"AAAA"},"ciphertext":"AAAA"}`
	for what, text := range map[string]string{
		"empty":               "",
		"no PEM":              body,
		"P-384":               pkcs8PEM(t, p384),
		"Ed25519":             pkcs8PEM(t, edwards),
		"RSA":                 pkcs8PEM(t, rsaKey),
		"public key":          string(keyOf(t, "refused").Public().PEM()),
		"text before":         "my key\n" + string(good),
		"two keys":            string(good) + string(good),
		"text behind":         string(good) + body,
		"headers":             strings.Replace(string(good), "KEY-----\n", "KEY-----\nDEK-Info: AES-256-CBC,00\n\n", 1),
		"SEC 1":               strings.ReplaceAll(string(good), "PRIVATE KEY", "EC PRIVATE KEY"),
		"encrypted PKCS#8":    strings.ReplaceAll(string(good), "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
		"truncated":           strings.Replace(string(good), body[:8], "", 1),
		"too long":            string(good) + strings.Repeat("\n", 20<<10),
		"scrypt of 64 GiB":    string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: []byte(huge)})),
		"encrypted plaintext": strings.ReplaceAll(string(good), "PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY"),
	} {
		_, err := sign.ParsePrivateKey([]byte(text), passphrase("x"))
		if fault.KindOf(err) != fault.Auth {
			t.Errorf("%s: error %v", what, err)
			continue
		}
		if e := fault.Of(err); strings.Contains(fmt.Sprintf("%+v %s", *e, err), body[:8]) {
			t.Errorf("%s: the error quotes the key: %+v", what, e)
		}
	}
}

func TestKeyPrintsNothing(t *testing.T) {
	key := keyOf(t, "printed")
	d := key.Signer().(*ecdsa.PrivateKey)
	raw, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		out := fmt.Sprintf(verb, key)
		for _, secret := range []string{fmt.Sprintf("%x", raw), fmt.Sprintf("%d", raw), fmt.Sprintf("%v", raw)} {
			if strings.Contains(out, strings.Trim(secret, "[]")) || len(out) > 200 {
				t.Errorf("%s prints %s", verb, out)
			}
		}
	}
}
