package translog_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/translog"
	"golang.org/x/mod/sumdb/note"
)

// keyOf makes a log key that is the same in every run.
func keyOf(t testing.TB, seed, origin string) *translog.PrivateKey {
	t.Helper()
	scalar := sha256.Sum256([]byte(seed))
	key, err := translog.GenerateKey(bytes.NewReader(scalar[:]), origin)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signed(t testing.TB, c translog.Checkpoint, keys ...*translog.PrivateKey) []byte {
	t.Helper()
	data, err := c.Sign(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func someCheckpoint() translog.Checkpoint {
	return translog.Checkpoint{Origin: origin, Size: 3, Root: translog.Hash(rootOf([][]byte{[]byte("one"), []byte("two"), []byte("three")}))}
}

// The checkpoint and the key in the package comment are real.
func TestDocumentedCheckpoint(t *testing.T) {
	source, err := os.ReadFile("translog.go")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("//\t", "", "//\n", "\n").Replace(string(source))
	key := keyOf(t, "gal-pkg worked vector", origin)
	for what, want := range map[string]string{"checkpoint": string(signed(t, someCheckpoint(), key)), "key": key.Verifier().String() + "\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the package comment has not this %s:\n%s", what, want)
		}
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	key, next := keyOf(t, "now", origin), keyOf(t, "next", origin)
	for _, c := range []translog.Checkpoint{translog.EmptyCheckpoint(origin), someCheckpoint(), {Origin: origin, Size: translog.MaxSize}} {
		data := signed(t, c, key)
		got, err := translog.OpenCheckpoint(data, origin, key.Verifier())
		if err != nil || got != c {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
		if !bytes.Equal(data, signed(t, c, key)) {
			t.Error("signed twice, two results")
		}
		// While the key changes, holders of either accept.
		both := signed(t, c, key, next)
		for _, k := range []*translog.PrivateKey{key, next} {
			if got, err := translog.OpenCheckpoint(both, origin, k.Verifier()); err != nil || got != c {
				t.Errorf("two signatures, one known key: %v", err)
			}
		}
		if _, err := translog.OpenCheckpoint(both, origin, next.Verifier(), key.Verifier()); err != nil {
			t.Errorf("two signatures, two known keys: %v", err)
		}
	}
}

// Any reader of signed notes reads ours.
func TestCheckpointIsSignedNote(t *testing.T) {
	key := keyOf(t, "now", origin)
	v, err := note.NewVerifier(key.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(signed(t, someCheckpoint(), key), note.VerifierList(v))
	if err != nil || !strings.HasPrefix(n.Text, origin+"\n3\n") {
		t.Errorf("%v, %v", n, err)
	}
}

// noteOf signs any text with the key, as a log would that writes it wrongly.
func noteOf(t *testing.T, key *translog.PrivateKey, text string) []byte {
	t.Helper()
	signer, err := note.NewSigner(strings.TrimSpace(string(key.Marshal())))
	if err != nil {
		t.Fatal(err)
	}
	data, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCheckpointsRefused(t *testing.T) {
	key, other := keyOf(t, "now", origin), keyOf(t, "other", origin)
	good := signed(t, someCheckpoint(), key)
	root := someCheckpoint().Root.String()
	text := func(origin, size, root string) []byte { return noteOf(t, key, origin+"\n"+size+"\n"+root+"\n") }
	if _, err := translog.OpenCheckpoint(text(origin, "3", root), origin, key.Verifier()); err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string][]byte{
		"empty":             {},
		"not signed":        []byte(origin + "\n3\n" + root + "\n"),
		"signed by another": signed(t, someCheckpoint(), other),
		"size edited":       bytes.Replace(good, []byte("\n3\n"), []byte("\n4\n"), 1),
		"origin edited":     bytes.Replace(good, []byte("packages"), []byte("packaged"), 1),
		"cut":               good[:len(good)-2],
		"too long":          append(bytes.Clone(good), bytes.Repeat([]byte("— a.b AAAAAAAAAA==\n"), 2000)...),
		"text behind":       append(bytes.Clone(good), "x\n"...),
		"wrong origin":      text("other.example", "3", root),
		"origin with path":  text(origin+"/log", "3", root),
		"leading zero":      text(origin, "03", root),
		"plus sign":         text(origin, "+3", root),
		"negative":          text(origin, "-3", root),
		"no number":         text(origin, "three", root),
		"beyond all logs":   text(origin, "1099511627777", root),
		"overflow":          text(origin, "18446744073709551619", root),
		"short root":        text(origin, "3", "AAAA"),
		"loose base64":      text(origin, "3", root[:42]+"B="),
		"no root":           text(origin, "3", ""),
		"extension":         text(origin, "3", root+"\nextension"),
		"two lines":         noteOf(t, key, origin+"\n3\n"),
		"empty, with root":  text(origin, "0", root),
	} {
		if _, err := translog.OpenCheckpoint(bad, origin, key.Verifier()); !fault.IsCode(err, "checkpoint-invalid") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range good {
		flipped := bytes.Clone(good)
		flipped[i] ^= 1
		if c, err := translog.OpenCheckpoint(flipped, origin, key.Verifier()); err == nil {
			t.Errorf("byte %d flipped: %+v", i, c)
		}
	}
	if _, err := translog.OpenCheckpoint(good, origin); err == nil {
		t.Error("accepted without any key")
	}
	if _, err := translog.OpenCheckpoint(good, origin, keyOf(t, "now", "other.example").Verifier()); err == nil {
		t.Error("accepted with a key for another log")
	}
	// One good and one bad signature, both by known keys: somebody forged one of them.
	half := bytes.Replace(signed(t, someCheckpoint(), key, other), good[bytes.LastIndexByte(good[:len(good)-1], '\n'):], signatureOf(t, key), 1)
	if _, err := translog.OpenCheckpoint(half, origin, key.Verifier(), other.Verifier()); !fault.IsCode(err, "checkpoint-invalid") {
		t.Errorf("one of two signatures is bad: %v", err)
	}
}

// signatureOf returns a signature line of the key, over something else, behind a line end.
func signatureOf(t *testing.T, key *translog.PrivateKey) []byte {
	t.Helper()
	data := signed(t, translog.EmptyCheckpoint(origin), key)
	return data[bytes.LastIndexByte(data[:len(data)-1], '\n'):]
}

func TestSignRefuses(t *testing.T) {
	key := keyOf(t, "now", origin)
	negative, strange, rootless := someCheckpoint(), someCheckpoint(), someCheckpoint()
	negative.Size, strange.Origin, rootless.Size = -1, "a b", 0
	for what, c := range map[string]translog.Checkpoint{"negative": negative, "origin": strange, "empty with root": rootless, "other log": translog.EmptyCheckpoint("other.example")} {
		if _, err := c.Sign(key); err == nil {
			t.Errorf("%s: signed", what)
		}
	}
	if _, err := someCheckpoint().Sign(); err == nil {
		t.Error("signed without key")
	}
}

// What is accepted comes back as the same text when signed again.
func FuzzOpenCheckpoint(f *testing.F) {
	key := keyOf(f, "now", origin)
	f.Add(int64(3), []byte("root"), []byte(""))
	f.Add(int64(0), []byte{}, []byte("\nextension"))
	f.Fuzz(func(t *testing.T, size int64, root, edit []byte) {
		c := translog.Checkpoint{Origin: origin, Size: size, Root: sha256.Sum256(root)}
		if size == 0 {
			c = translog.EmptyCheckpoint(origin)
		}
		data, err := c.Sign(key)
		if err != nil {
			if size >= 0 && size <= translog.MaxSize {
				t.Errorf("size %d: %v", size, err)
			}
			return
		}
		if got, err := translog.OpenCheckpoint(data, origin, key.Verifier()); err != nil || got != c {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
		edited := append(bytes.Clone(edit), data...)
		if _, err := translog.OpenCheckpoint(edited, origin, key.Verifier()); err == nil && len(edit) > 0 {
			t.Errorf("accepted with %q before it", edit)
		}
	})
}
