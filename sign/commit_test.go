package sign_test

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// signedCommit makes a repository in dir with one commit signed by key, and returns the commit.
func signedCommit(t *testing.T, dir string, key *sign.PrivateKey) *object.Commit {
	t.Helper()
	repo, err := git.PlainInit(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repo.Worktree()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Add("file"); err != nil {
		t.Fatal(err)
	}
	author := &object.Signature{Name: "Alice", Email: "alice@example.com", When: time.Unix(1_770_000_000, 0).UTC()}
	hash, err := tree.Commit("publish http-client 1.4.0\n\nwith a body\n", &git.CommitOptions{Author: author, Signer: key.CommitSigner(rand.Reader)})
	if err != nil {
		t.Fatal(err)
	}
	commit, err := repo.CommitObject(hash)
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// unsigned returns the bytes that the signature of a commit is over.
func unsigned(t *testing.T, c *object.Commit) []byte {
	t.Helper()
	o := &plumbing.MemoryObject{}
	if err := c.EncodeWithoutSignature(o); err != nil {
		t.Fatal(err)
	}
	r, err := o.Reader()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGitVerifiesCommit(t *testing.T) {
	gitProgram, dir, key := tool(t, "git"), t.TempDir(), keyOf(t, "committer")
	tool(t, "ssh-keygen") // which git runs
	commit := signedCommit(t, dir, key)
	verify := func(signers ...sign.AllowedSigner) (string, error) {
		data, err := sign.FormatAllowedSigners(signers)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "allowed")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return run(t, dir, gitProgram, "-c", "gpg.ssh.allowedSignersFile="+file, "verify-commit", commit.Hash.String())
	}
	other := sign.AllowedSigner{Principal: "bob", Key: keyOf(t, "other").Public()}
	out, err := verify(sign.AllowedSigner{Principal: "alice@example.com", Key: key.Public()}, other)
	if err != nil || !strings.Contains(out, `Good "git" signature for alice@example.com`) {
		t.Errorf("git verify-commit: %v, %s", err, out)
	}
	if out, err := verify(other); err == nil {
		t.Errorf("git verify-commit accepts a key that the file does not have: %s", out)
	}
	if out, err := run(t, dir, gitProgram, "fsck", "--strict"); err != nil || strings.Contains(out, "error") {
		t.Errorf("git fsck: %v, %s", err, out)
	}
}

func TestVerifyCommit(t *testing.T) {
	key := keyOf(t, "committer")
	commit := signedCommit(t, t.TempDir(), key)
	payload := unsigned(t, commit)
	s, err := sign.ParseCommitSignature([]byte(commit.PGPSignature))
	if err != nil {
		t.Fatal(err)
	}
	if s.ClaimedKey() != key.Public() {
		t.Error("the signature names another key")
	}
	if err := s.Verify(key.Public(), bytes.NewReader(payload)); err != nil {
		t.Error(err)
	}
	if err := s.Verify(keyOf(t, "other").Public(), bytes.NewReader(payload)); !fault.IsCode(err, "commit-signature-invalid") {
		t.Errorf("another key: %v", err)
	}
	if err := (sign.CommitSignature{}).Verify(sign.PublicKey{}, bytes.NewReader(payload)); err == nil {
		t.Error("no signature by no key is accepted")
	}
	for i := range payload {
		payload[i] ^= 1
		if err := s.Verify(key.Public(), bytes.NewReader(payload)); !fault.IsCode(err, "commit-signature-invalid") {
			t.Errorf("byte %d of the commit flipped: %v", i, err)
		}
		payload[i] ^= 1
	}
}

func TestSSHKeygenSignatureIsRead(t *testing.T) {
	keygen, dir, key := tool(t, "ssh-keygen"), t.TempDir(), keyOf(t, "openssh")
	text, err := key.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("tree 0\n\nmessage\n")
	for name, data := range map[string][]byte{"key": text, "key.pub": []byte(key.Public().AuthorizedKey() + "\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeSignature := func(namespace, hash string) []byte {
		file := filepath.Join(dir, namespace+hash)
		if err := os.WriteFile(file, message, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := run(t, dir, keygen, "-Y", "sign", "-f", "key", "-n", namespace, "-O", "hashalg="+hash, file); err != nil {
			t.Fatalf("ssh-keygen: %v, %s", err, out)
		}
		armored, err := os.ReadFile(file + ".sig")
		if err != nil {
			t.Fatal(err)
		}
		return armored
	}
	for _, hash := range []string{"sha512", "sha256"} {
		s, err := sign.ParseCommitSignature(makeSignature("git", hash))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(key.Public(), bytes.NewReader(message)); err != nil {
			t.Errorf("%s: %v", hash, err)
		}
	}
	if _, err := sign.ParseCommitSignature(makeSignature("file", "sha512")); !fault.IsCode(err, "commit-signature-invalid") {
		t.Errorf("namespace file: %v", err)
	}
}

func TestCommitSignaturesRefused(t *testing.T) {
	message := []byte("tree 0\n\nmessage\n")
	key := keyOf(t, "armored")
	good, err := key.CommitSigner(nil).Sign(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	again, err := key.CommitSigner(nil).Sign(bytes.NewReader(message))
	if err != nil || !bytes.Equal(good, again) {
		t.Errorf("without randomness, two signatures differ: %v", err)
	}
	block, _ := pem.Decode(good)
	for what, bad := range map[string]string{
		"empty":         "",
		"twice":         string(good) + string(good),
		"text before":   "x" + string(good),
		"text behind":   string(good) + "x",
		"another type":  strings.ReplaceAll(string(good), "SSH SIGNATURE", "PGP SIGNATURE"),
		"headers":       strings.Replace(string(good), "SIGNATURE-----\n", "SIGNATURE-----\nA: b\n\n", 1),
		"long":          string(good) + strings.Repeat("\n", 5000),
		"no magic":      string(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: block.Bytes[6:]})),
		"trailing byte": string(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: append(block.Bytes, 0)})),
	} {
		if _, err := sign.ParseCommitSignature([]byte(bad)); !fault.IsCode(err, "commit-signature-invalid") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range block.Bytes {
		flipped := bytes.Clone(block.Bytes)
		flipped[i] ^= 1
		s, err := sign.ParseCommitSignature(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: flipped}))
		if err == nil && s.Verify(key.Public(), bytes.NewReader(message)) == nil {
			t.Errorf("byte %d flipped: accepted", i)
		}
	}
}

func TestFormatAllowedSigners(t *testing.T) {
	a, b := keyOf(t, "a").Public(), keyOf(t, "b").Public()
	got, err := sign.FormatAllowedSigners([]sign.AllowedSigner{{"zoe", a}, {"alice@example.com", b}, {"zoe", a}})
	want := `alice@example.com namespaces="git" ` + b.AuthorizedKey() + "\n" + `zoe namespaces="git" ` + a.AuthorizedKey() + "\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", "a b", "a,b", "*", "a?", "!a", `a"b`, "a\nb", "#a", "-a", "\u00e9", strings.Repeat("a", 256)} {
		if _, err := sign.FormatAllowedSigners([]sign.AllowedSigner{{bad, a}}); !fault.IsCode(err, "bad-principal") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := sign.FormatAllowedSigners([]sign.AllowedSigner{{"alice", sign.PublicKey{}}}); err == nil {
		t.Error("a signer without key is accepted")
	}
}

// A signature that parses belongs to exactly one message and one key, and no input stops the parser.
func FuzzParseCommitSignature(f *testing.F) {
	good, err := keyOf(f, "armored").CommitSigner(nil).Sign(strings.NewReader("message"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, armored []byte) {
		s, err := sign.ParseCommitSignature(armored)
		if err != nil {
			return
		}
		if s.ClaimedKey().IsZero() {
			t.Error("accepted without key")
		}
		if s.Verify(s.ClaimedKey(), strings.NewReader("another message")) == nil {
			t.Error("verifies what was never signed")
		}
	})
}
