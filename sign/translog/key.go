package translog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"

	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/internal/keyfile"
	"golang.org/x/mod/sumdb/note"
)

// algEd25519 is the algorithm byte of an Ed25519 key in a signed note.
const algEd25519 = 1

// isOrigin holds the form of registry ids: a host name, because Sigstore's libraries take the origin of a log from the
// host of its URL.
func isOrigin(text string) bool {
	return alphabet.Is(text, 3, 64, alphabet.Lower+alphabet.Digits, alphabet.Lower+alphabet.Digits+".-")
}

// Verifier is the public key of a log, with the origin that it speaks for. Compare verifiers with ==. The zero value is
// no key.
type Verifier struct {
	origin string
	key    [ed25519.PublicKeySize]byte
}

// NewVerifier makes a verifier. The key must be a point of large order: for the others, signatures verify that nobody
// made.
//
// Errors: fault.Integrity "log-key-refused".
func NewVerifier(origin string, key ed25519.PublicKey) (Verifier, error) {
	if !isOrigin(origin) {
		return Verifier{}, refused("its origin is %q", origin)
	}
	if len(key) != ed25519.PublicKeySize {
		return Verifier{}, refused("its length is %d bytes", len(key))
	}
	v := Verifier{origin: origin, key: [ed25519.PublicKeySize]byte(key)}
	if v.hasSmallOrder() {
		return Verifier{}, refused("its point has small order")
	}
	return v, nil
}

// ParseVerifier reads what [Verifier.String] writes.
//
// Errors: fault.Integrity "log-key-refused".
func ParseVerifier(text string) (Verifier, error) {
	if _, err := note.NewVerifier(text); err != nil {
		return Verifier{}, refused("it is not of the form NAME+HASH+KEY")
	}
	parts := strings.SplitN(text, "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return Verifier{}, refused("it is not base64")
	}
	v, err := NewVerifier(parts[0], key[1:])
	if err == nil && v.String() != text {
		return Verifier{}, refused("its encoding is not canonical")
	}
	return v, err
}

// ParseVerifierSPKI makes a verifier from the key's SubjectPublicKeyInfo in DER.
//
// Errors: fault.Integrity "log-key-refused".
func ParseVerifierSPKI(origin string, der []byte) (Verifier, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	key, ok := parsed.(ed25519.PublicKey)
	if err != nil || !ok {
		return Verifier{}, refused("it is not an Ed25519 key in SPKI form")
	}
	v, err := NewVerifier(origin, key)
	if err == nil && !bytes.Equal(v.SPKI(), der) {
		return Verifier{}, refused("its encoding is not canonical")
	}
	return v, err
}

func refused(reason string, args ...any) error {
	return fault.New(fault.Integrity, "log-key-refused", "the key of the log is refused; only Ed25519 is accepted").
		WithFact(reason, args...)
}

// Origin returns the name of the log.
func (v Verifier) Origin() string { return v.origin }

// ID returns the log id that Sigstore bundles carry: sha256 of origin, "\n", 0x01, key.
func (v Verifier) ID() [sha256.Size]byte {
	return sha256.Sum256(append([]byte(v.origin+"\n\x01"), v.key[:]...))
}

// SPKI returns the key's SubjectPublicKeyInfo in DER.
func (v Verifier) SPKI() []byte {
	// The structure of RFC 8410 has no variable part but the key.
	return append([]byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}, v.key[:]...)
}

// String returns the verifier key of a signed note: NAME+HASH+KEY, HASH being the first 4 bytes of ID in hex.
func (v Verifier) String() string {
	id := v.ID()
	return v.origin + "+" + hex.EncodeToString(id[:4]) + "+" +
		base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, v.key[:]...))
}

// hasSmallOrder reports whether the point is one of the eight of order 1, 2, 4 or 8, in any encoding, canonical or not.
// These are the seven y coordinates of them; the top bit is the sign of x.
func (v Verifier) hasSmallOrder() bool {
	y := v.key
	y[31] &= 0x7f
	switch hex.EncodeToString(y[:]) {
	case "0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f":
		return true
	}
	return false
}

// PrivateKey signs the checkpoints of one log. It may be used by several goroutines. It prints as its verifier.
type PrivateKey struct {
	verifier Verifier
	signer   note.Signer
	text     string
}

// GenerateKey makes a key for the log of that origin from random, which must be a cryptographic source such as
// crypto/rand.Reader. The same bytes give the same key.
//
// Errors: fault.Integrity "log-key-refused" for an origin that is not a host name of 3 to 64 characters.
func GenerateKey(random io.Reader, origin string) (*PrivateKey, error) {
	if !isOrigin(origin) {
		return nil, refused("its origin is %q", origin)
	}
	text, _, err := note.GenerateKey(random, origin)
	if err != nil {
		return nil, err
	}
	return ParsePrivateKey([]byte(text + "\n"))
}

// ParsePrivateKey reads what [PrivateKey.Marshal] writes. No error quotes anything of text.
//
// Errors: fault.Auth "key-invalid".
func ParsePrivateKey(text []byte) (*PrivateKey, error) {
	invalid := fault.New(fault.Auth, "key-invalid", "the private key of the log is refused").
		WithFact("it is not of the form PRIVATE+KEY+NAME+HASH+KEY with an Ed25519 key")
	line := strings.TrimSuffix(string(text), "\n")
	signer, err := note.NewSigner(line)
	if err != nil || len(text) > keyfile.MaxSize {
		return nil, invalid
	}
	// NewSigner found five parts: PRIVATE, KEY, name, hash, and base64, which may have a plus of its own.
	seed, err := base64.StdEncoding.DecodeString(strings.SplitN(line, "+", 5)[4])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, invalid
	}
	public, ok := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return nil, invalid
	}
	verifier, err := NewVerifier(signer.Name(), public)
	if err != nil {
		return nil, invalid
	}
	return &PrivateKey{verifier: verifier, signer: signer, text: line + "\n"}, nil
}

// Verifier returns the public half.
func (k *PrivateKey) Verifier() Verifier { return k.verifier }

// Marshal returns the key as one line, not encrypted: PRIVATE+KEY+NAME+HASH+KEY of package note.
func (k *PrivateKey) Marshal() []byte { return []byte(k.text) }

// String returns the verifier, so that a key that is printed by mistake gives nothing away.
func (k *PrivateKey) String() string { return "private key of " + k.verifier.String() }

// GoString is String: it keeps %#v from printing the fields.
func (k *PrivateKey) GoString() string { return k.String() }

// WriteKeyFile writes k to path with mode 0600, and its verifier to path.pub. It replaces no file and follows no link.
//
// Errors: fault.Usage "key-exists", fault.Manifest "key-not-written".
func WriteKeyFile(path string, k *PrivateKey) error {
	return keyfile.Create(path, k.Marshal(), []byte(k.verifier.String()+"\n"))
}

// LoadKeyFile reads a key that WriteKeyFile wrote. The file must be regular, no link, and closed to group and others.
//
// Errors: fault.Auth "key-not-found", "key-unsafe", "key-unreadable", "key-invalid".
func LoadKeyFile(path string) (*PrivateKey, error) {
	text, err := keyfile.Read(path)
	if err != nil {
		return nil, err
	}
	return ParsePrivateKey(text)
}
