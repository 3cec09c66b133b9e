package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"golang.org/x/crypto/ssh"
)

// maxPublicKeyText bounds what ParsePublicKey looks at. A P-256 key is 124 characters of base64, 178 of PEM.
const maxPublicKeyText = 4 << 10

// pointSize is the length of an uncompressed P-256 point, with which every SPKI that we accept ends.
const pointSize = 65

// PublicKey is an ECDSA P-256 public key that was checked: its point is on the curve, and its encoding is the one
// canonical encoding, so that equal keys have equal hints. Compare keys with ==. The zero value is no key and verifies
// nothing.
type PublicKey struct {
	spki string // SubjectPublicKeyInfo, DER, 91 bytes
	hint string // of it: lines name keys by nothing else
}

// ParsePublicKey reads a key from base64 of its SPKI, as lines and configuration have it, or from one PEM block
// `PUBLIC KEY`, as FILE.pub has it. Anything but ECDSA P-256 in canonical DER is refused: other curves and algorithms,
// points off the curve, compressed points, explicit curve parameters, trailing bytes.
//
// Errors: fault.Integrity "key-refused".
func ParsePublicKey(text string) (PublicKey, error) {
	if len(text) > maxPublicKeyText {
		return PublicKey{}, refusedKey("it is longer than %d bytes", maxPublicKeyText)
	}
	if strings.HasPrefix(text, "-----BEGIN ") {
		_, der, err := decodePEM([]byte(text), string(cryptoutils.PublicKeyPEMType))
		if err != nil {
			return PublicKey{}, refusedKey("%v", err)
		}
		return ParseSPKI(der)
	}
	der, err := decodeBase64(text)
	if err != nil {
		return PublicKey{}, refusedKey("%v", err)
	}
	return ParseSPKI(der)
}

// ParseSPKI reads a key from its SubjectPublicKeyInfo in DER, under the rules of [ParsePublicKey].
func ParseSPKI(der []byte) (PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return PublicKey{}, refusedKey("it is not a public key in SPKI form, or its point is not on its curve")
	}
	key, err := publicKeyOf(parsed)
	if err == nil && key.spki != string(der) {
		return PublicKey{}, refusedKey("its encoding is not canonical")
	}
	return key, err
}

func publicKeyOf(key crypto.PublicKey) (PublicKey, error) {
	pub, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return PublicKey{}, refusedKey("it is a %T", key)
	}
	if pub.Curve != elliptic.P256() {
		return PublicKey{}, refusedKey("its curve is %s", pub.Curve.Params().Name)
	}
	canonical, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return PublicKey{}, refusedKey("its point is not on the curve")
	}
	return PublicKey{spki: string(canonical), hint: hintOf(canonical)}, nil
}

func refusedKey(reason string, args ...any) error {
	return fault.New(fault.Integrity, "key-refused", "the public key is refused; only ECDSA P-256 is accepted").
		WithFact(reason, args...)
}

// IsZero reports whether p is no key.
func (p PublicKey) IsZero() bool { return p.spki == "" }

// SPKI returns the SubjectPublicKeyInfo in DER.
func (p PublicKey) SPKI() []byte { return []byte(p.spki) }

// String returns base64 of the SPKI: how lines and configuration write a key.
func (p PublicKey) String() string { return base64.StdEncoding.EncodeToString([]byte(p.spki)) }

// PEM returns the key as one PEM block `PUBLIC KEY`, which openssl and cosign read.
func (p PublicKey) PEM() []byte {
	return cryptoutils.PEMEncode(cryptoutils.PublicKeyPEMType, []byte(p.spki))
}

// Hint returns the name of the key in signatures: base64 of sha256 of the SPKI. It is the hint that cosign writes.
//
//	openssl pkey -pubin -in FILE.pub -outform DER | sha256sum | xxd -r -p | base64
func (p PublicKey) Hint() string {
	if p.IsZero() {
		return hintOf(nil) // that of no key, and not "": a signature may well name ""
	}
	return p.hint
}

func hintOf(spki []byte) string {
	sum := sha256.Sum256(spki)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// SSHFingerprint returns the `SHA256:...` that `ssh-keygen -l` prints. It is a hash of the SSH wire form, thus another
// one than Hint.
func (p PublicKey) SSHFingerprint() string {
	wire, err := p.ssh()
	if err != nil {
		return ""
	}
	return ssh.FingerprintSHA256(wire)
}

// AuthorizedKey returns the key as OpenSSH writes it: `ecdsa-sha2-nistp256 AAAA...`, without comment or line end; "" for
// no key.
func (p PublicKey) AuthorizedKey() string {
	wire, err := p.ssh()
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(wire)), "\n")
}

func (p PublicKey) ssh() (ssh.PublicKey, error) {
	pub, err := p.ecdsa()
	if err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(pub)
}

func (p PublicKey) ecdsa() (*ecdsa.PublicKey, error) {
	if p.IsZero() {
		return nil, refusedKey("there is no key")
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), []byte(p.spki[len(p.spki)-pointSize:]))
}

// decodePEM returns type and content of the one block that text consists of, which must be of one of the types. Its
// errors quote nothing of text, which may be a private key.
func decodePEM(text []byte, types ...string) (string, []byte, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return "", nil, errors.New("it is not PEM")
	case len(bytes.TrimSpace(rest)) > 0:
		return "", nil, errors.New("something follows its PEM block")
	case !slices.Contains(types, block.Type):
		return "", nil, errors.New("its PEM block is not of type " + strings.Join(types, ", "))
	case !bytes.HasPrefix(text, []byte("-----BEGIN "+block.Type+"-----")):
		return "", nil, errors.New("something precedes its PEM block")
	case len(block.Headers) > 0:
		return "", nil, errors.New("its PEM block has headers")
	}
	return block.Type, block.Bytes, nil
}

// decodeBase64 is strict: standard alphabet, full padding, no line ends, zero trailing bits. Go's own decoder skips line
// ends even in strict mode, which would give one value many spellings.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("its base64 has a line end")
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(data) == 0 {
		return nil, errors.New("it is not base64")
	}
	return data, nil
}
