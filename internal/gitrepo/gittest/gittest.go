// Package gittest runs the real git for tests: as the judge of what this module writes, and as the maker of repositories
// that it must read.
package gittest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// Info is a commit's info with pinned names and time, so that ids are the same in every run.
func Info(message string) gitrepo.CommitInfo {
	return gitrepo.CommitInfo{AuthorName: "Ada", AuthorEmail: "ada@example.org", When: time.Unix(1_700_000_000, 0), Message: message}
}

// Command prepares git in dir, without the user's configuration, with pinned names and dates.
func Command(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_AUTHOR_DATE=1700000000 +0000",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org", "GIT_COMMITTER_DATE=1700000000 +0000")
	return cmd
}

// Run runs git in dir and returns its output without the last line end; the test ends where git fails.
func Run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	return Input(t, dir, "", args...)
}

// Input is Run with a standard input.
func Input(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := Command(dir, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// Fsck fails the test where git finds anything wrong with a repository, dangling objects aside.
func Fsck(t testing.TB, dir string) {
	t.Helper()
	cmd := Command(dir, "fsck", "--strict", "--full", "--no-dangling", "--no-progress")
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "notice:") {
			t.Errorf("git fsck: %s", line)
		}
	}
	if err != nil {
		t.Errorf("git fsck: %v", err)
	}
}

// Repo makes a bare repository below a temporary folder, with one commit of the files on the branch.
func Repo(t testing.TB, branch string, files map[string]string) (*gitrepo.Repo, gitrepo.Hash) {
	t.Helper()
	repo, err := gitrepo.Init(filepath.Join(t.TempDir(), "repo.git"), branch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return repo, Commit(t, repo, branch, files)
}

// Commit puts a commit with the files on top of a branch.
func Commit(t testing.TB, repo *gitrepo.Repo, branch string, files map[string]string) gitrepo.Hash {
	t.Helper()
	old, err := repo.Ref("refs/heads/" + branch)
	var parents []gitrepo.Hash
	if err == nil {
		parents = []gitrepo.Hash{old}
	}
	var edits []gitrepo.Edit
	for path, text := range files {
		edits = append(edits, gitrepo.Edit{Path: path, Data: []byte(text)})
	}
	h, err := repo.Commit(t.Context(), parents, edits, Info("test"))
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.CompareAndSwap("refs/heads/"+branch, old, h); err != nil {
		t.Fatal(err)
	}
	return h
}
