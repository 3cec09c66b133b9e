package gitrepo_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
	"github.com/geeknik/gal-pkg/internal/needs"
)

func TestCommitIsGits(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a": "1"})
	info := gittest.Info("subject\n\nbody\n\nPublisher: ada\n")
	info.CommitterName, info.CommitterEmail = "Bot", "bot@example.org"
	h, err := repo.Commit(t.Context(), []gitrepo.Hash{first}, edits("a=2"), info)
	if err != nil {
		t.Fatal(err)
	}
	got := gittest.Run(t, repo.Dir(), "log", "-1", "--format=%an|%ae|%at|%cn|%ce|%s|%P|%(trailers:key=Publisher,valueonly)", h.String())
	if want := "Ada|ada@example.org|1700000000|Bot|bot@example.org|subject|" + first.String() + "|ada\n"; got != want {
		t.Errorf("git reads %q", got)
	}
	c, err := repo.ReadCommit(h)
	if err != nil || c.Author.Name != "Ada" || c.Committer.Email != "bot@example.org" || !c.Author.When.Equal(info.When) ||
		c.Message != info.Message || len(c.Parents) != 1 || c.Parents[0] != first || len(c.Signature) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if again, err := repo.Commit(t.Context(), []gitrepo.Hash{first}, edits("a=2"), info); again != h || err != nil {
		t.Errorf("the same commit again is %s, %v", again, err)
	}
	gittest.Fsck(t, repo.Dir())
}

func TestCommitRefuses(t *testing.T) {
	repo, _ := gittest.Repo(t, "main", nil)
	for name, change := range map[string]func(*gitrepo.CommitInfo){
		"no name":        func(i *gitrepo.CommitInfo) { i.AuthorName = "" },
		"line in name":   func(i *gitrepo.CommitInfo) { i.AuthorName = "a\nparent b" },
		"angle in email": func(i *gitrepo.CommitInfo) { i.AuthorEmail = "a>b" },
		"half a person":  func(i *gitrepo.CommitInfo) { i.CommitterName = "Bot" },
		"no time":        func(i *gitrepo.CommitInfo) { i.When = time.Time{} },
		"no message":     func(i *gitrepo.CommitInfo) { i.Message = "\n" },
		"NUL in message": func(i *gitrepo.CommitInfo) { i.Message = "a\x00b" },
		"signer is angry": func(i *gitrepo.CommitInfo) {
			i.Signer = signerFunc(func([]byte) ([]byte, error) { return nil, io.EOF })
		},
	} {
		info := gittest.Info("x")
		change(&info)
		if h, err := repo.Commit(t.Context(), nil, nil, info); err == nil {
			t.Errorf("%s: accepted as %s", name, h)
		}
	}
}

type signerFunc func([]byte) ([]byte, error)

func (f signerFunc) Sign(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return f(data)
}

// TestSignature: git verifies what ssh-keygen has signed, and Signed and Signature are that message and signature.
func TestSignature(t *testing.T) {
	needs.Program(t, "ssh-keygen", "openssh-client")
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	run := func(stdin string, args ...string) []byte {
		cmd := exec.Command("ssh-keygen", args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("ssh-keygen %v: %v", args, err)
		}
		return out
	}
	run("", "-q", "-t", "ed25519", "-N", "", "-f", key)
	var signed, signature []byte
	info := gittest.Info("signed")
	info.Signer = signerFunc(func(data []byte) ([]byte, error) {
		signed = data
		signature = run(string(data), "-Y", "sign", "-n", "git", "-f", key)
		return signature, nil
	})
	repo, _ := gittest.Repo(t, "main", nil)
	h, err := repo.Commit(t.Context(), nil, edits("a=1"), info)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	allowed := filepath.Join(dir, "allowed")
	if err := os.WriteFile(allowed, append([]byte("ada@example.org "), public...), 0o600); err != nil {
		t.Fatal(err)
	}
	gittest.Run(t, repo.Dir(), "-c", "gpg.ssh.allowedSignersFile="+allowed, "verify-commit", h.String())
	c, err := repo.ReadCommit(h)
	if err != nil || string(c.Signed) != string(signed) || string(c.Signature) != string(signature) {
		t.Errorf("%v\nsigned %q\n  read %q\nsignature %q\n  read %q", err, signed, c.Signed, signature, c.Signature)
	}
}

func TestHostileCommitsAreRefused(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a": "1"})
	c, err := repo.ReadCommit(first)
	if err != nil {
		t.Fatal(err)
	}
	tree, who := "tree "+c.Tree.String()+"\n", "author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n"
	rows := map[string]bool{
		tree + who + "\nx": true,
		tree + who + "encoding latin1\nx-new a\n b\n\nx": true,
		tree + who + "gpgsig a\n b\nx-new c\n d\n\nx":    true,
		tree + who + "x":                                                       false, // the headers do not end
		who + tree + "\nx":                                                     false,
		tree + tree + who + "\nx":                                              false,
		tree + "parent xyz\n" + who + "\nx":                                    false,
		strings.ToUpper(tree) + who + "\nx":                                    false,
		tree + "author A <a@b> 1 +0000\n\nx":                                   false,
		tree + strings.ReplaceAll(who, " 1 ", " one ") + "\nx":                 false,
		tree + who + "gpgsig a\ngpgsig b\n\nx":                                 false, // which one would be checked?
		tree + strings.Repeat("parent "+first.String()+"\n", 65) + who + "\nx": false,
	}
	for text, ok := range rows {
		id := gittest.Input(t, repo.Dir(), text, "hash-object", "-w", "-t", "commit", "--literally", "--stdin")
		h, err := gitrepo.ParseHash(id)
		if err != nil {
			t.Fatal(err)
		}
		c, err := repo.ReadCommit(h)
		if (err == nil) != ok || !ok && fault.KindOf(err) != fault.Integrity {
			t.Errorf("%q: %v", text, err)
		}
		if ok && strings.Contains(text, "gpgsig") && (string(c.Signature) != "a\nb\n" || strings.Contains(string(c.Signed), " b\n") || !strings.Contains(string(c.Signed), "x-new c\n d\n\nx")) {
			t.Errorf("%q: signature %q of %q", text, c.Signature, c.Signed)
		}
	}
}

func TestHistory(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"n": "0"})
	line := []gitrepo.Hash{first}
	for i := range 5 {
		line = append(line, gittest.Commit(t, repo, "main", map[string]string{"n": fmt.Sprint(i + 1), fmt.Sprintf("d/%d", i): "x"}))
	}
	side, err := repo.Commit(t.Context(), line[1:2], edits("n=side"), gittest.Info("x"))
	if err != nil {
		t.Fatal(err)
	}
	merge, err := repo.Commit(t.Context(), []gitrepo.Hash{line[5], side}, nil, gittest.Info("merge"))
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		a, b gitrepo.Hash
		want bool
	}{{first, first, true}, {first, line[5], true}, {line[5], first, false}, {side, line[5], false}, {side, merge, true}, {line[1], side, true}, {line[2], side, false}}
	for _, row := range rows {
		if got, err := repo.IsAncestor(t.Context(), row.a, row.b); got != row.want || err != nil {
			t.Errorf("%s before %s: %v, %v", row.a, row.b, got, err)
		}
	}
	logs := []struct {
		from, to gitrepo.Hash
		n        int
		err      error
	}{{line[5], line[2], 3, nil}, {line[5], gitrepo.Hash{}, 6, nil}, {first, first, 0, nil}, {side, line[2], 3, gitrepo.ErrUnrelated}, {merge, first, 6, nil}}
	for _, row := range logs {
		n := 0
		err := repo.Log(t.Context(), row.from, row.to, func(gitrepo.Commit) error { n++; return nil })
		if n != row.n || !errors.Is(err, row.err) {
			t.Errorf("%s..%s: %d, %v", row.to, row.from, n, err)
		}
	}
	n := 0
	if err := repo.Log(t.Context(), line[5], first, func(gitrepo.Commit) error { n++; return fs.SkipAll }); n != 1 || err != nil {
		t.Errorf("ended early: %d, %v", n, err)
	}
	hashes, err := repo.NewObjects(t.Context(), line[2], line[5])
	want := strings.Fields(gittest.Run(t, repo.Dir(), "rev-list", "--objects", "--no-object-names", line[2].String()+".."+line[5].String()))
	if err != nil || len(want) == 0 || len(hashes) < len(want) {
		t.Errorf("%v\n%v\ngit has %v", err, hashes, want)
	}
	have := fmt.Sprint(hashes)
	for _, id := range want {
		if !strings.Contains(have, id) {
			t.Errorf("%s is not among the new objects", id)
		}
	}
}
