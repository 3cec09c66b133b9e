package sign_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// logged is one signed claim in a small log, and all that others need to check it.
type logged struct {
	key       *sign.PrivateKey
	claim     sign.Claim
	signature string
	entry     *sign.LogEntry
	root      []byte // trusted root
}

func newLogged(t *testing.T, claim sign.Claim) logged {
	t.Helper()
	l := logged{key: keyOf(t, "logged"), claim: claim}
	var err error
	if l.signature, err = l.key.Sign(rand.Reader, claim); err != nil {
		t.Fatal(err)
	}
	leaf, err := sign.LeafBody(l.key.Public(), claim.PAE(), l.signature)
	if err != nil {
		t.Fatal(err)
	}
	logKey, err := translog.GenerateKey(rand.Reader, claim.Registry)
	if err != nil {
		t.Fatal(err)
	}
	update := growLog(t, claim.Registry, [][]byte{[]byte("one"), []byte("two"), leaf, []byte("four"), []byte("five")})
	proof, err := translog.Open(files(update.Files), update.Checkpoint).Prove(2)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := update.Checkpoint.Sign(logKey)
	if err != nil {
		t.Fatal(err)
	}
	l.entry = &sign.LogEntry{Log: logKey.Verifier(), Checkpoint: signed, Proof: proof}
	l.root, err = sign.FormatTrustedRoot([]sign.TrustedLog{{Key: logKey.Verifier(), Start: time.Unix(1_700_000_000, 0)}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func growLog(t *testing.T, origin string, leaves [][]byte) translog.Update {
	t.Helper()
	update, err := translog.Open(files(nil), translog.EmptyCheckpoint(origin)).Append(leaves)
	if err != nil {
		t.Fatal(err)
	}
	return update
}

// files is a log in memory.
type files map[string][]byte

func (f files) Read(path string) ([]byte, error) {
	data, ok := f[path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, os.ErrNotExist)
	}
	return data, nil
}

func TestBundleIsStrictProtobufJSON(t *testing.T) {
	l := newLogged(t, vectorClaim())
	for _, entry := range []*sign.LogEntry{nil, l.entry} {
		data, err := sign.Bundle(l.claim, l.key.Public(), l.signature, entry)
		if err != nil {
			t.Fatal(err)
		}
		var b protobundle.Bundle
		if err := protojson.Unmarshal(data, &b); err != nil { // refuses unknown members
			t.Fatalf("%v in %s", err, data)
		}
		if got := b.GetVerificationMaterial().GetPublicKey().GetHint(); got != l.key.Public().Hint() {
			t.Errorf("hint %q", got)
		}
		if e := b.GetDsseEnvelope(); string(e.GetPayload()) != string(l.claim.Payload()) || len(e.GetSignatures()) != 1 ||
			base64.StdEncoding.EncodeToString(e.GetSignatures()[0].GetSig()) != l.signature {
			t.Errorf("envelope %v", e)
		}
		if entry == nil {
			continue
		}
		e := b.GetVerificationMaterial().GetTlogEntries()[0]
		if e.GetLogIndex() != 2 || e.GetInclusionProof().GetTreeSize() != 5 || len(e.GetInclusionProof().GetHashes()) != 3 ||
			e.GetInclusionProof().GetCheckpoint().GetEnvelope() != string(l.entry.Checkpoint) {
			t.Errorf("entry %v", e)
		}
	}
	var root prototrustroot.TrustedRoot
	if err := protojson.Unmarshal(l.root, &root); err != nil {
		t.Fatalf("%v in %s", err, l.root)
	}
}

// No bundle is made that does not verify.
func TestBundleRefuses(t *testing.T) {
	l := newLogged(t, vectorClaim())
	stranger := newLogged(t, vectorClaim())
	for what, row := range map[string]struct {
		spoil func(l *logged)
		code  string
	}{
		"signature of another key":   {func(l *logged) { l.key = keyOf(t, "other") }, "signature-invalid"},
		"signature of another claim": {func(l *logged) { l.claim.LineDigest = digestB }, "signature-invalid"},
		"no signature":               {func(l *logged) { l.signature = "" }, "signature-missing"},
		"entry of another signature": {func(l *logged) { l.entry = stranger.entry }, "not-logged"},
		"key of another log":         {func(l *logged) { l.entry.Log = stranger.entry.Log }, "checkpoint-invalid"},
		"checkpoint of another log":  {func(l *logged) { l.entry.Checkpoint = stranger.entry.Checkpoint }, "checkpoint-invalid"},
		"no checkpoint":              {func(l *logged) { l.entry.Checkpoint = nil }, "checkpoint-invalid"},
		"index one off":              {func(l *logged) { l.entry.Proof.Index++ }, "not-logged"},
		"size one off":               {func(l *logged) { l.entry.Proof.Size++ }, "not-logged"},
		"root of something else":     {func(l *logged) { l.entry.Proof.Root[0] ^= 1 }, "not-logged"},
		"proof with a flipped bit":   {func(l *logged) { l.entry.Proof.Hashes[1][5] ^= 1 }, "not-logged"},
		"proof with a hash too many": {func(l *logged) { l.entry.Proof.Hashes = append(l.entry.Proof.Hashes, translog.Hash{}) }, "not-logged"},
		"proof with a hash too few":  {func(l *logged) { l.entry.Proof.Hashes = l.entry.Proof.Hashes[:2] }, "not-logged"},
		"checkpoint of another size": {func(l *logged) {
			l.entry.Checkpoint = bytes.Replace(l.entry.Checkpoint, []byte("\n5\n"), []byte("\n6\n"), 1)
		}, "checkpoint-invalid"},
		"checkpoint of other origin": {func(l *logged) {
			l.entry.Checkpoint = bytes.Replace(l.entry.Checkpoint, []byte("packages."), []byte("packaget."), 1)
		}, "checkpoint-invalid"},
	} {
		spoiled := l
		entry := *l.entry
		entry.Proof.Hashes = append([]translog.Hash{}, entry.Proof.Hashes...)
		spoiled.entry = &entry
		row.spoil(&spoiled)
		_, err := sign.Bundle(spoiled.claim, spoiled.key.Public(), spoiled.signature, spoiled.entry)
		if !fault.IsCode(err, row.code) {
			t.Errorf("%s: %v, want %s", what, err, row.code)
		}
	}
}
