package sign_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// attested is an archive with its bundle, and what verifies it.
type attested struct {
	logged
	archive [sha256.Size]byte
	bundle  []byte
}

func newAttested(t *testing.T) attested {
	t.Helper()
	archive := []byte("an archive\n")
	claim := vectorClaim()
	claim.ArchiveDigest = hexDigest(archive)
	a := attested{logged: newLogged(t, claim), archive: sha256.Sum256(archive)}
	var err error
	if a.bundle, err = sign.Bundle(a.claim, a.key.Public(), a.signature, a.entry); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestVerifyBundle(t *testing.T) {
	a := newAttested(t)
	found, err := sign.VerifyBundle(a.bundle, a.key.Public(), a.archive, a.root)
	if err != nil || !found.Logged || found.Index != 2 || found.Log != a.claim.Registry || found.PredicateType != a.claim.PredicateType() {
		t.Fatalf("%+v, %v", found, err)
	}
	found, err = sign.VerifyBundle(a.bundle, a.key.Public(), a.archive, nil)
	if err != nil || found.Logged {
		t.Fatalf("without a trusted root: %+v, %v", found, err)
	}
}

// TestMatrixBundles is rows 3, 4, 6, 8 and 9 of the attacks in docs/security.md.
func TestMatrixBundles(t *testing.T) {
	a, stranger := newAttested(t), newAttested(t)
	bare, err := sign.Bundle(a.claim, a.key.Public(), a.signature, nil)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(old, text string) []byte {
		t.Helper()
		if !bytes.Contains(a.bundle, []byte(old)) {
			t.Fatalf("the bundle has no %q: %s", old, a.bundle)
		}
		return bytes.ReplaceAll(a.bundle, []byte(old), []byte(text))
	}
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	other := keyOf(t, "other")
	forged, err := other.Sign(rand.Reader, a.claim)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := string(a.entry.Checkpoint)
	line := func(text string) string { return strings.ReplaceAll(text, "\n", `\n`) }
	root := base64.StdEncoding.EncodeToString(a.entry.Proof.Root[:])
	leaf, err := sign.LeafBody(a.key.Public(), a.claim.PAE(), a.signature)
	if err != nil {
		t.Fatal(err)
	}
	strangers, err := sign.LeafBody(a.key.Public(), stranger.claim.PAE(), stranger.signature)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		what   string
		bundle []byte
		root   []byte
		code   string
	}{
		{"4: empty", nil, a.root, "signature-missing"},
		{"4: an empty object", []byte("{}\n"), a.root, "signature-missing"},
		{"4: a signature of nothing", edit(a.signature, ""), a.root, "signature-missing"},
		{"4: no envelope", []byte(`{"mediaType":"` + sign.BundleMediaType + `","verificationMaterial":{"publicKey":{}}}`), a.root, "signature-missing"},
		{"6: the hint of the key, the signature of another", edit(a.signature, forged), nil, "signature-invalid"},
		{"6: the hint of another key", edit(a.key.Public().Hint(), other.Public().Hint()), a.root, "bundle-key"},
		{"8: an entry of another signature", edit(base64.StdEncoding.EncodeToString(leaf), base64.StdEncoding.EncodeToString(strangers)), a.root, "not-logged"},
		{"8: no entry", bare, a.root, "not-logged"},
		{"9: a hash of the proof flipped", edit(base64.StdEncoding.EncodeToString(a.entry.Proof.Hashes[1][:]), encoded(strings.Repeat("x", 32))), a.root, "not-logged"},
		{"9: one place less", edit(`"logIndex":"2"`, `"logIndex":"1"`), a.root, "not-logged"},
		{"9: one place more", edit(`"logIndex":"2"`, `"logIndex":"3"`), a.root, "not-logged"},
		{"9: a place beyond", edit(`"logIndex":"2"`, `"logIndex":"9223372036854775807"`), a.root, "not-logged"},
		{"9: a place that is none", edit(`"logIndex":"2"`, `"logIndex":"+2"`), a.root, "not-logged"},
		{"9: the size of the tree edited", edit(`"treeSize":"5"`, `"treeSize":"6"`), a.root, "not-logged"},
		{"9: the root edited", edit(`"rootHash":"`+root, `"rootHash":"`+encoded(strings.Repeat("r", 32))), a.root, "not-logged"},
		{"9: a checkpoint of another size", edit(line(checkpoint), line(strings.Replace(checkpoint, "\n5\n", "\n6\n", 1))), a.root, "checkpoint-invalid"},
		{"9: another origin", edit(line(checkpoint), line(strings.Replace(checkpoint, a.claim.Registry, "other.example", 1))), a.root, "trusted-root-invalid"},
		{"9: the log of a stranger", a.bundle, stranger.root, "not-logged"},
		{"9: a kind of entry that we do not know", edit(`"version":"0.0.2"`, `"version":"0.0.1"`), a.root, "not-logged"},
		{"20: a member twice", edit(`"payloadType":`, `"payloadType":"x","payloadType":`), a.root, "bundle-malformed"},
		{"20: a member in another case", edit(`"payloadType":`, `"PayloadType":`), a.root, "bundle-malformed"},
		{"20: a member that nobody knows", edit(`"payloadType":`, `"payloadKind":"x","payloadType":`), a.root, "bundle-malformed"},
		{"20: something behind", append(bytes.Clone(a.bundle), "{}"...), a.root, "bundle-malformed"},
		{"20: nested deeply", []byte(strings.Repeat(`{"envelope":`, 1000)), a.root, "bundle-malformed"},
		{"21: longer than any", bytes.Repeat([]byte(" "), 1<<20+1), a.root, "bundle-malformed"},
		{"a certificate", edit(`"publicKey":{"hint":"`+a.key.Public().Hint()+`"}`, `"certificate":{"rawBytes":""}`), a.root, "bundle-unsupported"},
		{"another format", edit("v0.3+json", "v0.4+json"), a.root, "bundle-unsupported"},
		{"another type of payload", edit(sign.PayloadType, "text/plain"), a.root, "bundle-malformed"},
	} {
		if found, err := sign.VerifyBundle(row.bundle, a.key.Public(), a.archive, row.root); !fault.IsCode(err, row.code) || found != nil {
			t.Errorf("%s: %+v, %v; want %s", row.what, found, err, row.code)
		}
	}
	if _, err := sign.VerifyBundle(a.bundle, a.key.Public(), sha256.Sum256([]byte("another archive")), a.root); !fault.IsCode(err, "bundle-mismatch") {
		t.Errorf("3: of another archive: %v", err)
	}
	if _, err := sign.VerifyBundle(a.bundle, other.Public(), a.archive, a.root); !fault.IsCode(err, "bundle-key") {
		t.Errorf("6: another key: %v", err)
	}
	if _, err := sign.VerifyBundle(a.bundle, sign.PublicKey{}, a.archive, a.root); err == nil {
		t.Error("no key at all verifies it")
	}
	// The line's digest is a subject too, but a line is no archive.
	var digest [sha256.Size]byte
	copy(digest[:], unhex(t, a.claim.LineDigest))
	if _, err := sign.VerifyBundle(a.bundle, a.key.Public(), digest, a.root); !fault.IsCode(err, "bundle-mismatch") {
		t.Errorf("the line for an archive: %v", err)
	}
}

// FuzzVerifyBundle: whatever is verified without a log is signed by the key, so no altered payload gets through.
func FuzzVerifyBundle(f *testing.F) {
	key := keyOf(f, "fuzz")
	claim := vectorClaim()
	signature, err := key.Sign(rand.Reader, claim)
	if err != nil {
		f.Fatal(err)
	}
	bundle, err := sign.Bundle(claim, key.Public(), signature, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bundle)
	f.Add([]byte(`{"mediaType":"` + sign.BundleMediaType + `","verificationMaterial":{"publicKey":{}},"messageSignature":{"messageDigest":{},"signature":"AA=="}}`))
	payload := base64.StdEncoding.EncodeToString(claim.Payload())
	var archive [sha256.Size]byte
	if raw, err := hex.DecodeString(claim.ArchiveDigest); err == nil {
		copy(archive[:], raw)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := sign.VerifyBundle(data, key.Public(), archive, nil); err == nil && !bytes.Contains(data, []byte(payload[:32])) && !bytes.Contains(data, []byte(`\u`)) {
			t.Errorf("a bundle without what was signed is accepted: %s", data)
		}
	})
}

// TestCosignsBundles verifies what the real program signs.
func TestCosignsBundles(t *testing.T) {
	cosign, dir := tool(t, "cosign"), t.TempDir()
	t.Setenv("COSIGN_PASSWORD", "open sesame")
	key := keyOf(t, "cosigner")
	if err := sign.WriteKeyFile(filepath.Join(dir, "key"), key, []byte("open sesame")); err != nil {
		t.Fatal(err)
	}
	archive := []byte("an archive\n")
	claim := vectorClaim()
	claim.ArchiveDigest = hexDigest(archive)
	for name, data := range map[string][]byte{"archive": archive, "statement": claim.Payload()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"signing-config", "create", "--out", "config"},
		{"sign-blob", "--key", "key", "--signing-config", "config", "--bundle", "blob.json", "-y", "archive"},
		{"attest-blob", "--key", "key", "--signing-config", "config", "--statement", "statement", "--bundle", "statement.json", "-y"},
	} {
		if out, err := run(t, dir, cosign, args...); err != nil {
			t.Fatalf("cosign %v: %v, %s", args, err, out)
		}
	}
	for bundle, predicate := range map[string]string{"blob.json": "", "statement.json": claim.PredicateType()} {
		data, err := os.ReadFile(filepath.Join(dir, bundle))
		if err != nil {
			t.Fatal(err)
		}
		found, err := sign.VerifyBundle(data, key.Public(), sha256.Sum256(archive), nil)
		if err != nil || found.PredicateType != predicate {
			t.Errorf("%s: %+v, %v: %s", bundle, found, err, data)
		}
		if _, err := sign.VerifyBundle(data, key.Public(), sha256.Sum256([]byte("other")), nil); !fault.IsCode(err, "bundle-mismatch") {
			t.Errorf("%s of another archive: %v", bundle, err)
		}
		if _, err := sign.VerifyBundle(data, keyOf(t, "other").Public(), sha256.Sum256(archive), nil); err == nil {
			t.Errorf("%s with another key is accepted", bundle)
		}
	}
}
