package sign

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/translog"
)

const (
	maxBundle        = 1 << 20
	maxBundleEntries = 8
	maxSubjects      = 256
	statementType    = "https://in-toto.io/Statement/v1"
)

// Attested is what a bundle has been found to say of an artifact.
type Attested struct {
	PredicateType string // of the statement; "" where the artifact itself was signed
	Logged        bool   // the signature stands in a log of the trusted root
	Log           string // origin of that log
	Index         int64  // place in it
}

// VerifyBundle verifies the Sigstore bundle v0.3 of an artifact that is known by its sha256, without a network and without
// a clock. It knows just what [Bundle] writes, and what `cosign sign-blob` and `cosign attest-blob` write with a key: one
// signature by an ECDSA P-256 key, on the artifact or on an in-toto statement that names it; and entries of a log of kind
// hashedrekord 0.0.2, each with its proof of inclusion. Certificates and timestamps are for package keyless.
//
// A trustedRoot that is not nil asks for a log: there must be an entry, and every one must be this signature's, included
// under a checkpoint that a log of that trusted root has signed. Without one the entries are not looked at, and Logged is
// false. JSON is read strictly: no member that is unknown, is there twice, or differs in letter case.
//
// Errors: fault.Integrity "signature-missing" for an empty bundle, or one without a signature; "bundle-malformed",
// "bundle-unsupported"; "bundle-key" where it names another key; "signature-invalid"; "bundle-mismatch" where it is of
// another artifact; "not-logged", "checkpoint-invalid", "trusted-root-invalid".
func VerifyBundle(data []byte, pub PublicKey, artifact [sha256.Size]byte, trustedRoot []byte) (*Attested, error) {
	b, err := parseBundle(data)
	if err != nil {
		return nil, err
	}
	if hint := b.VerificationMaterial.PublicKey.Hint; hint != "" && hint != pub.Hint() {
		return nil, fault.New(fault.Integrity, "bundle-key", "SECURITY: the bundle was signed by another key").
			WithFact("expected  %s", pub.Hint()).WithFact("actual    %s", hint)
	}
	found := &Attested{}
	signed, signature, err := b.signed(found, artifact)
	if err != nil {
		return nil, err
	}
	if err := verifyDigest(pub, signed, signature); err != nil {
		return nil, err
	}
	if trustedRoot != nil {
		err = b.checkLogged(found, pub, signed, signature, trustedRoot)
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// readBundle is what may stand in a bundle that is read: more than what is written.
type readBundle struct {
	MediaType            string        `json:"mediaType"`
	VerificationMaterial readMaterial  `json:"verificationMaterial"`
	DSSEEnvelope         *envelopeJSON `json:"dsseEnvelope"`
	MessageSignature     *messageJSON  `json:"messageSignature"`
}

type readMaterial struct {
	PublicKey                 *hintJSON       `json:"publicKey"`
	Certificate               json.RawMessage `json:"certificate"`
	X509CertificateChain      json.RawMessage `json:"x509CertificateChain"`
	TlogEntries               []tlogEntryJSON `json:"tlogEntries"`
	TimestampVerificationData json.RawMessage `json:"timestampVerificationData"`
}

type messageJSON struct {
	MessageDigest struct {
		Algorithm string `json:"algorithm"`
		Digest    []byte `json:"digest"`
	} `json:"messageDigest"`
	Signature string `json:"signature"`
}

func malformedBundle(format string, args ...any) error {
	return fault.New(fault.Integrity, "bundle-malformed", "SECURITY: the bundle is not a Sigstore bundle v0.3").WithFact(format, args...)
}

func unsignedBundle() error {
	return fault.New(fault.Integrity, "signature-missing", "SECURITY: the bundle holds no signature")
}

func parseBundle(data []byte) (*readBundle, error) {
	switch text := string(bytes.TrimSpace(data)); {
	case len(data) > maxBundle:
		return nil, malformedBundle("it is longer than %d bytes", maxBundle)
	case text == "" || text == "{}":
		return nil, unsignedBundle()
	}
	if err := checkMembers(data); err != nil {
		return nil, malformedBundle("%v", err)
	}
	var b readBundle
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		return nil, malformedBundle("%v", err)
	}
	m := b.VerificationMaterial
	switch {
	case b.MediaType != BundleMediaType:
		return nil, fault.New(fault.Integrity, "bundle-unsupported", "the bundle is of another format").
			WithFact("expected  %s", BundleMediaType).WithFact("actual    %q", b.MediaType)
	case m.Certificate != nil || m.X509CertificateChain != nil:
		return nil, fault.New(fault.Integrity, "bundle-unsupported", "the bundle was signed with a certificate, and not with a key")
	case m.PublicKey == nil:
		return nil, malformedBundle("it names no key")
	case b.DSSEEnvelope == nil && b.MessageSignature == nil:
		return nil, unsignedBundle()
	case b.DSSEEnvelope != nil && b.MessageSignature != nil:
		return nil, malformedBundle("it has two signatures")
	case len(m.TlogEntries) > maxBundleEntries:
		return nil, malformedBundle("it has more than %d entries of logs", maxBundleEntries)
	}
	return &b, nil
}

// signed returns the digest of what was signed, and the signature: the artifact itself, or a statement that names it.
func (b *readBundle) signed(into *Attested, artifact [sha256.Size]byte) (digest [sha256.Size]byte, signature string, err error) {
	if m := b.MessageSignature; m != nil {
		if d := m.MessageDigest; d.Algorithm != "SHA2_256" || !bytes.Equal(d.Digest, artifact[:]) {
			return digest, "", mismatchedBundle(artifact, fmt.Sprintf("%s %x", d.Algorithm, d.Digest))
		}
		if m.Signature == "" {
			return digest, "", unsignedBundle()
		}
		return artifact, m.Signature, nil
	}
	e := b.DSSEEnvelope
	switch {
	case len(e.Signatures) == 0 || e.Signatures[0].Sig == "":
		return digest, "", unsignedBundle()
	case len(e.Signatures) > 1:
		return digest, "", malformedBundle("its envelope has %d signatures, not 1", len(e.Signatures))
	case e.PayloadType != PayloadType:
		return digest, "", malformedBundle("its payload is of type %q", e.PayloadType)
	}
	if into.PredicateType, err = checkStatement(e.Payload, artifact); err != nil {
		return digest, "", err
	}
	return sha256.Sum256(encodePAE(e.PayloadType, e.Payload)), e.Signatures[0].Sig, nil
}

// checkStatement holds that a statement names the artifact, by its digest. The names of subjects are not compared: who
// renames a file does not change what it is.
func checkStatement(payload []byte, artifact [sha256.Size]byte) (predicateType string, err error) {
	if err := checkTwins(payload); err != nil {
		return "", malformedBundle("its statement: %v", err)
	}
	var s struct {
		Type    string `json:"_type"`
		Subject []struct {
			Name   string            `json:"name"`
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		PredicateType string `json:"predicateType"`
	}
	if err := json.Unmarshal(payload, &s); err != nil {
		return "", malformedBundle("its statement: %v", err)
	}
	if s.Type != statementType || len(s.Subject) > maxSubjects {
		return "", malformedBundle("its statement is of type %q, with %d subjects", s.Type, len(s.Subject))
	}
	var names []string
	for _, subject := range s.Subject {
		if subject.Digest["sha256"] == hex.EncodeToString(artifact[:]) && subject.Name != lineSubject {
			return s.PredicateType, nil
		}
		names = append(names, subject.Name+" "+subject.Digest["sha256"])
	}
	return "", mismatchedBundle(artifact, strings.Join(names, ", "))
}

// lineSubject is the subject of our statements that is no artifact.
const lineSubject = "line"

func mismatchedBundle(artifact [sha256.Size]byte, actual string) error {
	return fault.New(fault.Integrity, "bundle-mismatch", "SECURITY: the bundle is of another artifact").
		WithFact("artifact  %x", artifact).WithFact("bundle    %s", actual)
}

// verifyDigest is [Verify] for what is known by its digest.
func verifyDigest(pub PublicKey, digest [sha256.Size]byte, signature string) error {
	key, err := pub.ecdsa()
	if err != nil {
		return err
	}
	der, err := decodeSignature(signature)
	if err == nil && !ecdsa.VerifyASN1(key, digest[:], der) {
		err = fmt.Errorf("it does not verify")
	}
	if err != nil {
		return fault.New(fault.Integrity, "signature-invalid", "SECURITY: the signature in the bundle is not valid").
			WithFact("key  %s", pub.Hint()).WithFact("%v", err)
	}
	return nil
}

// checkLogged holds that every entry is of this signature and stands in its log.
func (b *readBundle) checkLogged(into *Attested, pub PublicKey, signed [sha256.Size]byte, signature string, trustedRoot []byte) error {
	entries := b.VerificationMaterial.TlogEntries
	if len(entries) == 0 {
		return unlogged("it has no entry of a log")
	}
	verifier := `"publicKey":{"rawBytes":"` + pub.String() + `"}`
	body := fmt.Appendf(nil, leafTemplate, base64.StdEncoding.EncodeToString(signed[:]), signature, verifier)
	for _, e := range entries {
		// An entry that is true of another signature is how bundles were forged: CVE-2026-22703, CVE-2022-36056.
		if e.KindVersion != (kindJSON{Kind: "hashedrekord", Version: "0.0.2"}) || !bytes.Equal(e.CanonicalizedBody, body) {
			return unlogged("its entry %q of a log is of another signature", e.LogIndex)
		}
		origin, _, _ := strings.Cut(e.InclusionProof.Checkpoint.Envelope, "\n")
		logs, err := ParseTrustedRoot(trustedRoot, origin)
		if err != nil {
			return err
		}
		if into.Index, err = e.check(origin, logs, body); err != nil {
			return err
		}
		into.Logged, into.Log = true, origin
	}
	return nil
}

func unlogged(format string, args ...any) error {
	return fault.New(fault.Integrity, "not-logged", "SECURITY: the bundle does not show that its signature is in a log").WithFact(format, args...)
}

// check verifies the entry's checkpoint and proof, and returns its place.
func (e tlogEntryJSON) check(origin string, logs []TrustedLog, body []byte) (int64, error) {
	p := e.InclusionProof
	var keys []translog.Verifier
	for _, l := range logs {
		if id := l.Key.ID(); bytes.Equal(id[:], e.LogID.KeyID) {
			keys = append(keys, l.Key)
		}
	}
	if len(keys) == 0 {
		return 0, unlogged("the trusted root has no log with the id %x", e.LogID.KeyID)
	}
	checkpoint, err := translog.OpenCheckpoint([]byte(p.Checkpoint.Envelope), origin, keys...)
	if err != nil {
		return 0, err
	}
	index, err := strconv.ParseInt(p.LogIndex, 10, 64)
	if err != nil || e.LogIndex != p.LogIndex || strconv.FormatInt(index, 10) != p.LogIndex {
		return 0, unlogged("its places %q and %q", e.LogIndex, p.LogIndex)
	}
	if p.TreeSize != strconv.FormatInt(checkpoint.Size, 10) || !bytes.Equal(p.RootHash, checkpoint.Root[:]) {
		return 0, unlogged("its proof is for size %q, root %x, and its checkpoint is another", p.TreeSize, p.RootHash)
	}
	proof := translog.Proof{Index: index, Size: checkpoint.Size, Root: checkpoint.Root}
	for _, h := range p.Hashes {
		if len(h) != sha256.Size {
			return 0, unlogged("a hash of its proof has %d bytes", len(h))
		}
		proof.Hashes = append(proof.Hashes, translog.Hash(h))
	}
	return index, proof.Check(checkpoint, translog.HashLeaf(body))
}
