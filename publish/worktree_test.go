package publish_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/needs"
	"github.com/geeknik/gal-pkg/publish"
)

func TestUncommitted(t *testing.T) {
	needs.Program(t, "git", "git")
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	put := func(top, name string) {
		path := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name+"\n"+t.Name()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git := func(top string, args ...string) {
		cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@y"}, args...)...)
		cmd.Dir = top
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	sub := t.TempDir()
	git(sub, "init", "-q", ".")
	put(sub, "a.gal")
	git(sub, "add", ".")
	git(sub, "commit", "-qm", "sub")
	for _, tt := range []struct {
		name string
		do   func(top string)
		want string // the first fact
	}{
		{"all is committed", func(string) {}, ""},
		{"a packed file is changed", func(top string) { edit(t, top, "one/src/lib.gal", "changed") }, "src/lib.gal"},
		{"it is staged", func(top string) { edit(t, top, "one/src/lib.gal", "changed"); git(top, "add", ".") }, "src/lib.gal"},
		{"one that is not packed is changed", func(top string) { edit(t, top, "one/notes.txt", "changed") }, ""},
		{"a packed file is new", func(top string) { put(top, "one/src/new name.gal") }, "src/new name.gal"},
		{"one is new that is not packed", func(top string) { put(top, "one/other.txt") }, ""},
		{"a file is deleted", func(top string) { _ = os.Remove(filepath.Join(top, "one", "src", "lib.gal")) }, "src/lib.gal"},
		{"another package is changed", func(top string) { edit(t, top, "two/src/lib.gal", "changed") }, ""},
		{"what it inherits from is changed", func(top string) { edit(t, top, "gal.toml", "changed") }, "../gal.toml"},
		{"it is ignored", func(top string) { put(top, "one/src/made.gal") }, "src/made.gal (ignored by git)"},
		{"it is ignored on this machine", func(top string) {
			put(top, "one/src/new name.gal")
			edit(t, top, ".git/info/exclude", "new*\n")
		}, "src/new name.gal (ignored by git)"},
		{"it is ignored, and include names it", func(top string) { put(top, "one/src/named.gal") }, ""},
		{"include names it, and it is new", func(top string) {
			put(top, "one/src/named.gal")
			git(top, "rm", "-q", "--cached", ".gitignore")
			_ = os.Remove(filepath.Join(top, ".gitignore"))
		}, "src/named.gal"},
		{"what it inherits from is ignored", func(top string) {
			git(top, "rm", "-q", "--cached", "gal.toml")
			git(top, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "without")
			edit(t, top, ".git/info/exclude", "gal.toml\n")
		}, "../gal.toml (ignored by git)"},
		{"the output is deleted", func(top string) { _ = os.RemoveAll(filepath.Join(top, "one", "out")) }, ""},
		{"a submodule is changed", func(top string) { edit(t, top, "one/src/sub/a.gal", "changed") }, "src/sub/a.gal"},
		{"there is no repository", func(top string) {
			_ = os.RemoveAll(filepath.Join(top, ".git"))
			edit(t, top, "one/src/lib.gal", "changed")
		}, ""},
		{"the repository is broken", func(top string) { _ = os.Remove(filepath.Join(top, ".git", "HEAD")) }, "fatal"},
		{"a hook of another repository runs", func(top string) {
			edit(t, top, "one/src/lib.gal", "changed")
			t.Setenv("GIT_DIR", filepath.Join(top, "none"))
			t.Setenv("GIT_INDEX_FILE", filepath.Join(top, "none"))
		}, "src/lib.gal"},
	} {
		top := t.TempDir()
		git(top, "init", "-q", ".")
		for _, name := range []string{"gal.toml", "one/gal.toml", "one/src/lib.gal", "one/notes.txt", "one/out/old", "two/src/lib.gal"} {
			put(top, name)
		}
		if err := os.WriteFile(filepath.Join(top, ".gitignore"), []byte("made.gal\nnamed.gal\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		git(top, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub, "one/src/sub")
		git(top, "add", ".")
		git(top, "commit", "-qm", "all")
		tt.do(top)
		dir := filepath.Join(top, "one")
		link := filepath.Join(t.TempDir(), "linked")
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		var files []string
		for _, name := range []string{"gal.toml", "src/lib.gal", "src/made.gal", "src/named.gal", "src/new name.gal", "src/sub/a.gal"} {
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
				files = append(files, name)
			}
		}
		for _, at := range []string{dir, link} {
			err := publish.Uncommitted(context.Background(), publish.Sources{
				Dir: at, Files: files, Others: []string{filepath.Join(top, "gal.toml")}, Include: []string{"src", "src/named.gal"}, Output: filepath.Join(at, "out"),
			})
			if tt.want == "" {
				if err != nil {
					t.Errorf("%s, at %s: %v %v", tt.name, at, err, fault.Of(err).Facts)
				}
				continue
			}
			code := "uncommitted"
			if tt.want == "fatal" {
				code = "git-refused"
			}
			if !fault.IsCode(err, code) || fault.KindOf(err) != fault.Negative || len(fault.Of(err).Facts) == 0 || !strings.HasPrefix(fault.Of(err).Facts[0], tt.want) {
				t.Errorf("%s, at %s: got %v %+v, want %s", tt.name, at, err, fault.Of(err), tt.want)
			}
		}
	}
}

func TestUncommittedWithoutGit(t *testing.T) {
	dir := folder(t, ".git/HEAD", "", "gal.toml", "")
	t.Setenv("PATH", t.TempDir())
	if err := publish.Uncommitted(context.Background(), publish.Sources{Dir: dir}); !fault.IsCode(err, "git-missing") {
		t.Errorf("got %v", err)
	}
}

func edit(t *testing.T, top, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(top, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
