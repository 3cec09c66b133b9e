package translog_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/translog"
	"golang.org/x/mod/sumdb/note"
)

func TestLogKeyRoundTrip(t *testing.T) {
	// Many keys, because their base64 may or may not have a plus, which is also the separator.
	for i := range 200 {
		key := keyOf(t, fmt.Sprint(i), origin)
		back, err := translog.ParsePrivateKey(key.Marshal())
		if err != nil || back.Verifier() != key.Verifier() {
			t.Fatalf("key %d: %v", i, err)
		}
		v, err := translog.ParseVerifier(key.Verifier().String())
		if err != nil || v != key.Verifier() {
			t.Fatalf("verifier %d: %v", i, err)
		}
		v, err = translog.ParseVerifierSPKI(origin, key.Verifier().SPKI())
		if err != nil || v != key.Verifier() {
			t.Fatalf("SPKI %d: %v", i, err)
		}
	}
}

func TestVerifierEncodings(t *testing.T) {
	v := keyOf(t, "encodings", origin).Verifier()
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(v.String(), "+", 3)[2])
	if err != nil {
		t.Fatal(err)
	}
	public := ed25519.PublicKey(raw[1:])
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil || !bytes.Equal(der, v.SPKI()) {
		t.Errorf("SPKI %x, want %x", v.SPKI(), der)
	}
	theirs, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil || theirs != v.String() {
		t.Errorf("%s, note says %s", v, theirs)
	}
	if want := sha256.Sum256(append([]byte(origin+"\n\x01"), public...)); v.ID() != want {
		t.Errorf("ID %x, want %x", v.ID(), want)
	}
}

func TestVerifiersRefused(t *testing.T) {
	good := keyOf(t, "good", origin).Verifier()
	for _, bad := range []string{
		"", "x", good.String() + "\n", " " + good.String(), strings.Replace(good.String(), "packages", "PACKAGES", 1),
		strings.Replace(good.String(), "+", "+0", 1), "a b+00000000+AAAA", good.String() + "=",
	} {
		if _, err := translog.ParseVerifier(bad); !fault.IsCode(err, "log-key-refused") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range [][]byte{nil, good.SPKI()[1:], append(good.SPKI(), 0)} {
		if _, err := translog.ParseVerifierSPKI(origin, bad); !fault.IsCode(err, "log-key-refused") {
			t.Errorf("%x: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "ab", "Upper.example", "a/b/c", "a+b", "a b c", strings.Repeat("a", 65), "host:80"} {
		if _, err := translog.GenerateKey(rand.Reader, bad); !fault.IsCode(err, "log-key-refused") {
			t.Errorf("origin %q: %v", bad, err)
		}
	}
}

// With a public key of small order, this signature is valid for one message in eight at least, and nobody has the
// private key.
func TestSmallOrderKeys(t *testing.T) {
	identity := append([]byte{1}, make([]byte, 31)...)
	forged := append(bytes.Clone(identity), make([]byte, 32)...)
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		key, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		forgeries := 0
		for i := range 400 {
			if ed25519.Verify(key, fmt.Appendf(nil, "message %d", i), forged) {
				forgeries++
			}
		}
		if forgeries == 0 {
			t.Errorf("%s: nothing was forged, why refuse it", text)
		}
		for _, sign := range []byte{0, 0x80} {
			key[31] |= sign
			if _, err := translog.NewVerifier(origin, key); !fault.IsCode(err, "log-key-refused") {
				t.Errorf("%x: %v", key, err)
			}
		}
	}
}

func TestLogKeyFile(t *testing.T) {
	path, key := filepath.Join(t.TempDir(), "log.key"), keyOf(t, "file", origin)
	if err := translog.WriteKeyFile(path, key); err != nil {
		t.Fatal(err)
	}
	if back, err := translog.LoadKeyFile(path); err != nil || back.Verifier() != key.Verifier() {
		t.Errorf("loading: %v", err)
	}
	public, err := os.ReadFile(path + ".pub")
	if err != nil || string(public) != key.Verifier().String()+"\n" {
		t.Errorf("public half %q, %v", public, err)
	}
	if err := translog.WriteKeyFile(path, key); !fault.IsCode(err, "key-exists") {
		t.Errorf("writing again: %v", err)
	}
	if _, err := translog.LoadKeyFile(path + ".pub"); !fault.IsCode(err, "key-unsafe") {
		t.Errorf("a file open to others: %v", err)
	}
}

func TestLogKeysRefused(t *testing.T) {
	good := string(keyOf(t, "refused", origin).Marshal())
	secret := strings.SplitN(good, "+", 5)[4][:20]
	for what, bad := range map[string]string{
		"empty": "", "two lines": good + good, "another hash": strings.Replace(good, "org+", "org+0", 1),
		"another origin": strings.Replace(good, "packages", "packaged", 1), "no algorithm": good[:len(good)-10],
		"public": keyOf(t, "refused", origin).Verifier().String(),
	} {
		_, err := translog.ParsePrivateKey([]byte(bad))
		if !fault.IsCode(err, "key-invalid") {
			t.Errorf("%s: %v", what, err)
		} else if strings.Contains(fmt.Sprintf("%+v", *fault.Of(err)), secret) {
			t.Errorf("%s: the error quotes the key", what)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(verb, keyOf(t, "refused", origin)); strings.Contains(out, secret) {
			t.Errorf("%s prints the key: %s", verb, out)
		}
	}
}
