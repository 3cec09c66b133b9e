package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/internal/keyfile"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// legacyCosignPEMType is what cosign called an encrypted key before 2.0; the content is the same.
const legacyCosignPEMType = "ENCRYPTED COSIGN PRIVATE KEY"

// PrivateKey is an ECDSA P-256 key that signs statements and commits. It may be used by several goroutines. It prints as
// its public key's hint.
type PrivateKey struct {
	key    *ecdsa.PrivateKey
	public PublicKey
}

// Generate makes a new key from random, which must be a cryptographic source such as crypto/rand.Reader. The same bytes
// give the same key.
func Generate(random io.Reader) (*PrivateKey, error) {
	// ecdsa.GenerateKey ignores the reader that it is given since Go 1.26. This is its method, rejection sampling
	// (FIPS 186-5 A.2.2): uniform bytes until they are a scalar in [1, n-1], which nearly every try is.
	const tries = 32
	var scalar [32]byte
	for range tries {
		if _, err := io.ReadFull(random, scalar[:]); err != nil {
			return nil, fmt.Errorf("reading randomness for a key: %w", err)
		}
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:]); err == nil {
			return privateKeyOf(key)
		}
	}
	return nil, errors.New("the source of randomness gives no usable key")
}

func privateKeyOf(key *ecdsa.PrivateKey) (*PrivateKey, error) {
	public, err := publicKeyOf(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	return &PrivateKey{key: key, public: public}, nil
}

// Public returns the public half.
func (k *PrivateKey) Public() PublicKey { return k.public }

// Signer returns k for libraries that sign digests themselves, such as those of registry metadata.
func (k *PrivateKey) Signer() crypto.Signer { return k.key }

// String returns the hint of the public key, so that a key that is printed by mistake gives nothing away.
func (k *PrivateKey) String() string { return "private key of " + k.public.Hint() }

// GoString is String: it keeps %#v from printing the fields.
func (k *PrivateKey) GoString() string { return k.String() }

// Marshal returns the key in PEM. With a passphrase: `ENCRYPTED SIGSTORE PRIVATE KEY`, PKCS#8 within scrypt and
// secretbox, as cosign writes and reads it; the encryption draws its salt from crypto/rand. With nil: PKCS#8 in the
// clear, `PRIVATE KEY`, as openssl and ssh-keygen read it. A passphrase that is empty but not nil is refused.
func (k *PrivateKey) Marshal(passphrase []byte) ([]byte, error) {
	if passphrase == nil {
		return cryptoutils.MarshalPrivateKeyToPEM(k.key)
	}
	if len(passphrase) == 0 {
		return nil, fault.New(fault.Usage, "passphrase-empty", "the passphrase is empty").
			WithHelp("gal-pkg keygen --no-passphrase")
	}
	der, err := cryptoutils.MarshalPrivateKeyToEncryptedDER(k.key, cryptoutils.StaticPasswordFunc(passphrase))
	if err != nil {
		return nil, fmt.Errorf("encrypting the key: %w", err)
	}
	return cryptoutils.PEMEncode(cryptoutils.EncryptedSigstorePrivateKeyPEMType, der), nil
}

// ParsePrivateKey reads what Marshal writes, and the older name that cosign gave to it. passphrase is called only for an
// encrypted key, at most once; it may be nil where none can be asked for. The key must be ECDSA P-256. No error quotes
// anything of text.
//
// Errors: fault.Auth "key-invalid", "passphrase-required", "passphrase-wrong", or the error of passphrase.
func ParsePrivateKey(text []byte, passphrase func() ([]byte, error)) (*PrivateKey, error) {
	if len(text) > keyfile.MaxSize {
		return nil, invalidKey("it is longer than %d bytes", keyfile.MaxSize)
	}
	plainType, sealedType := string(cryptoutils.PrivateKeyPEMType), string(cryptoutils.EncryptedSigstorePrivateKeyPEMType)
	found, _, err := decodePEM(text, plainType, sealedType, legacyCosignPEMType)
	if err != nil {
		return nil, invalidKey("%v", err)
	}
	if found == plainType {
		return parsePKCS8PEM(text, nil)
	}
	if passphrase == nil {
		return nil, fault.New(fault.Auth, "passphrase-required", "the key is encrypted, and there is no passphrase")
	}
	secret, err := passphrase()
	if err != nil {
		return nil, err
	}
	if secret == nil {
		secret = []byte{} // nil would make the library below take the ciphertext for a key
	}
	return parsePKCS8PEM(text, cryptoutils.StaticPasswordFunc(secret))
}

// parsePKCS8PEM drops the errors of the parsers: some quote what they could not read.
func parsePKCS8PEM(text []byte, passphrase cryptoutils.PassFunc) (*PrivateKey, error) {
	parsed, err := cryptoutils.UnmarshalPEMToPrivateKey(text, passphrase)
	if err != nil && passphrase != nil {
		return nil, fault.New(fault.Auth, "passphrase-wrong", "the key does not open with this passphrase")
	}
	if err != nil {
		return nil, invalidKey("it is not a PKCS#8 private key")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, invalidKey("it is a %T, not ECDSA P-256", parsed)
	}
	if key.Curve != elliptic.P256() {
		return nil, invalidKey("its curve is %s, not P-256", key.Curve.Params().Name)
	}
	return privateKeyOf(key)
}

func invalidKey(reason string, args ...any) error {
	return fault.New(fault.Auth, "key-invalid", "the private key is refused").WithFact(reason, args...).
		WithHelp("gal-pkg keygen --output FILE")
}

// WriteKeyFile writes k to path, as Marshal makes it, with mode 0600, and its public half to path.pub, as PEM with mode
// 0644. It replaces no file and follows no link at either name.
//
// Errors: fault.Usage "key-exists", "passphrase-empty", fault.Manifest "key-not-written".
func WriteKeyFile(path string, k *PrivateKey, passphrase []byte) error {
	text, err := k.Marshal(passphrase)
	if err != nil {
		return err
	}
	return keyfile.Create(path, text, k.public.PEM())
}

// LoadKeyFile reads a key that WriteKeyFile or cosign wrote; passphrase is as in [ParsePrivateKey]. The file must be
// regular, no link, at most 16 KiB, and closed to group and others (on Windows the last is not checked). No error quotes
// its content.
//
// Errors: fault.Auth "key-not-found", "key-unsafe", "key-unreadable", and those of ParsePrivateKey.
func LoadKeyFile(path string, passphrase func() ([]byte, error)) (*PrivateKey, error) {
	text, err := keyfile.Read(path)
	if err != nil {
		return nil, err
	}
	key, err := ParsePrivateKey(text, passphrase)
	if e := fault.Of(err); e != nil {
		e.WithFact("key file %s", path)
	}
	return key, err
}
