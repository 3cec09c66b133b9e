package sign

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/internal/fault"
	"golang.org/x/crypto/ssh"
)

// The SSH signature format: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig
const (
	sshMagic     = "SSHSIG"
	sshVersion   = 1
	sshNamespace = "git" // git signs and verifies in no other
	sshPEMType   = "SSH SIGNATURE"

	maxSSHSignature = 4 << 10
)

// sshEnvelope is the signature file, after the magic, in SSH wire encoding.
type sshEnvelope struct {
	Version   uint32
	PublicKey string
	Namespace string
	Reserved  string
	HashAlg   string
	Signature string
}

// sshSigned is what is signed, after the magic, in SSH wire encoding.
type sshSigned struct {
	Namespace string
	Reserved  string
	HashAlg   string
	Hash      string
}

// CommitSigner signs git commits with a publisher's key. It implements the Signer interface of go-git.
type CommitSigner struct {
	key    *PrivateKey
	random io.Reader
}

// CommitSigner returns a signer of commits; random is as in [PrivateKey.Sign].
func (k *PrivateKey) CommitSigner(random io.Reader) *CommitSigner {
	return &CommitSigner{key: k, random: random}
}

// Sign reads the bytes of a commit without its signature, to the end, and returns the armored SSH signature that belongs
// in its gpgsig header: namespace git, SHA-512.
func (s *CommitSigner) Sign(commit io.Reader) ([]byte, error) {
	signer, err := ssh.NewSignerFromSigner(s.key.key)
	if err != nil {
		return nil, fmt.Errorf("signing a commit: %w", err)
	}
	signed, err := sshSignedBytes("sha512", commit)
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign(s.random, signed)
	if err != nil {
		return nil, fmt.Errorf("signing a commit: %w", err)
	}
	body := ssh.Marshal(sshEnvelope{
		Version:   sshVersion,
		PublicKey: string(signer.PublicKey().Marshal()),
		Namespace: sshNamespace,
		HashAlg:   "sha512",
		Signature: string(ssh.Marshal(signature)),
	})
	return pem.EncodeToMemory(&pem.Block{Type: sshPEMType, Bytes: append([]byte(sshMagic), body...)}), nil
}

func sshSignedBytes(algorithm string, message io.Reader) ([]byte, error) {
	var h hash.Hash
	switch algorithm {
	case "sha512":
		h = sha512.New()
	case "sha256":
		h = sha256.New()
	default:
		return nil, fmt.Errorf("hash algorithm %q", algorithm)
	}
	if _, err := io.Copy(h, message); err != nil {
		return nil, fmt.Errorf("reading a commit: %w", err)
	}
	body := ssh.Marshal(sshSigned{Namespace: sshNamespace, HashAlg: algorithm, Hash: string(h.Sum(nil))})
	return append([]byte(sshMagic), body...), nil
}

// CommitSignature is a parsed SSH signature on a commit. Nothing of it is verified yet.
type CommitSignature struct {
	claimed   PublicKey
	algorithm string
	signature *ssh.Signature
}

// ParseCommitSignature reads the armored signature of a commit: the value of its gpgsig header, at most 4 KiB. It must be
// of namespace git, by an ECDSA P-256 key, over SHA-512 or SHA-256.
//
// Errors: fault.Integrity "commit-signature-invalid".
func ParseCommitSignature(armored []byte) (CommitSignature, error) {
	sig, err := parseCommitSignature(armored)
	if err != nil {
		return CommitSignature{}, fault.New(fault.Integrity, "commit-signature-invalid",
			"the signature of the commit cannot be read").WithFact("%v", err)
	}
	return sig, nil
}

func parseCommitSignature(armored []byte) (CommitSignature, error) {
	if len(armored) > maxSSHSignature {
		return CommitSignature{}, fmt.Errorf("it is longer than %d bytes", maxSSHSignature)
	}
	_, data, err := decodePEM(armored, sshPEMType)
	if err != nil {
		return CommitSignature{}, err
	}
	body, ok := bytes.CutPrefix(data, []byte(sshMagic))
	if !ok {
		return CommitSignature{}, fmt.Errorf("it does not begin with %s", sshMagic)
	}
	var envelope sshEnvelope
	if err := ssh.Unmarshal(body, &envelope); err != nil {
		return CommitSignature{}, fmt.Errorf("its fields are malformed")
	}
	return envelope.check()
}

func (e sshEnvelope) check() (CommitSignature, error) {
	if e.Version != sshVersion || e.Reserved != "" {
		return CommitSignature{}, fmt.Errorf("its version is %d, not %d", e.Version, sshVersion)
	}
	if e.Namespace != sshNamespace {
		return CommitSignature{}, fmt.Errorf("its namespace is %q, not %q", e.Namespace, sshNamespace)
	}
	if e.HashAlg != "sha512" && e.HashAlg != "sha256" {
		return CommitSignature{}, fmt.Errorf("its hash algorithm is %q", e.HashAlg)
	}
	claimed, err := publicKeyFromSSH([]byte(e.PublicKey))
	if err != nil {
		return CommitSignature{}, err
	}
	var signature ssh.Signature
	if err := ssh.Unmarshal([]byte(e.Signature), &signature); err != nil || len(signature.Rest) > 0 {
		return CommitSignature{}, fmt.Errorf("its inner signature is malformed")
	}
	return CommitSignature{claimed: claimed, algorithm: e.HashAlg, signature: &signature}, nil
}

func publicKeyFromSSH(wire []byte) (PublicKey, error) {
	parsed, err := ssh.ParsePublicKey(wire)
	if err != nil || parsed.Type() != ssh.KeyAlgoECDSA256 {
		return PublicKey{}, fmt.Errorf("its key is not of type %s", ssh.KeyAlgoECDSA256)
	}
	holder, ok := parsed.(ssh.CryptoPublicKey)
	if !ok {
		return PublicKey{}, fmt.Errorf("its key is not of type %s", ssh.KeyAlgoECDSA256)
	}
	return publicKeyOf(holder.CryptoPublicKey())
}

// ClaimedKey returns the key that s says it was made with. It only serves to look up whose key that would be; anybody can
// write any key here.
func (s CommitSignature) ClaimedKey() PublicKey { return s.claimed }

// Verify returns nil where s is pub's signature over commit: the bytes of the commit without its signature.
//
// Errors: fault.Integrity "commit-signature-invalid".
func (s CommitSignature) Verify(pub PublicKey, commit io.Reader) error {
	invalid := fault.New(fault.Integrity, "commit-signature-invalid", "SECURITY: the signature of the commit is not valid").
		WithFact("key  %s", pub.SSHFingerprint())
	if s.signature == nil || s.claimed != pub {
		return invalid.WithFact("it names another key")
	}
	signed, err := sshSignedBytes(s.algorithm, commit)
	if err != nil {
		return err
	}
	key, err := pub.ssh()
	if err != nil {
		return err
	}
	if err := key.Verify(signed, s.signature); err != nil {
		return invalid
	}
	return nil
}

// AllowedSigner is one key that git accepts on commits, and the name that it shows for it.
type AllowedSigner struct {
	Principal string // e-mail address or publisher id
	Key       PublicKey
}

// isPrincipal leaves out what the file gives a meaning: blanks, quotes, commas, `*`, `?`, `!`, and a leading `#`.
func isPrincipal(text string) bool {
	const letters = alphabet.Lower + alphabet.Upper + alphabet.Digits + "@"
	return alphabet.Is(text, 1, 255, letters, letters+"._+~/-")
}

// FormatAllowedSigners writes a file for git's gpg.ssh.allowedSignersFile, sorted, one line each, duplicates once:
//
//	PRINCIPAL namespaces="git" ecdsa-sha2-nistp256 AAAA...
//
// Errors: fault.Usage "bad-principal" for a principal that is not of letters, digits and @ . _ + ~ / -, or without key.
func FormatAllowedSigners(signers []AllowedSigner) ([]byte, error) {
	lines := make([]string, 0, len(signers))
	for _, s := range signers {
		if !isPrincipal(s.Principal) || s.Key.IsZero() {
			return nil, fault.New(fault.Usage, "bad-principal", "%q cannot stand in an allowed-signers file", s.Principal)
		}
		lines = append(lines, fmt.Sprintf("%s namespaces=%q %s\n", s.Principal, sshNamespace, s.Key.AuthorizedKey()))
	}
	slices.Sort(lines)
	return []byte(strings.Join(slices.Compact(lines), "")), nil
}
