package publish_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/fetch/archive"
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
	for _, tt := range []struct {
		name string
		do   func(top string)
		want string
	}{
		{"all is committed", func(string) {}, ""},
		{"a packed file is changed", func(top string) { edit(t, top, "one/src/lib.gal") }, "src/lib.gal"},
		{"it is staged", func(top string) { edit(t, top, "one/src/lib.gal"); git(top, "add", ".") }, "src/lib.gal"},
		{"one that is not packed is changed", func(top string) { edit(t, top, "one/notes.txt") }, ""},
		{"a packed file is new", func(top string) { put(top, "one/src/new name.gal") }, "src/new name.gal"},
		{"one is new that is not packed", func(top string) { put(top, "one/other.txt") }, ""},
		{"a file is deleted", func(top string) { _ = os.Remove(filepath.Join(top, "one", "src", "lib.gal")) }, "src/lib.gal"},
		{"another package is changed", func(top string) { edit(t, top, "two/src/lib.gal") }, ""},
		{"what it inherits from is changed", func(top string) { edit(t, top, "gal.toml") }, "../gal.toml"},
		{"it is ignored", func(top string) { put(top, "one/src/made.gal") }, ""},
		{"there is no repository", func(top string) {
			_ = os.RemoveAll(filepath.Join(top, ".git"))
			edit(t, top, "one/src/lib.gal")
		}, ""},
		{"the repository is broken", func(top string) { _ = os.Remove(filepath.Join(top, ".git", "HEAD")) }, "fatal"},
	} {
		top := t.TempDir()
		git(top, "init", "-q", ".")
		for _, name := range []string{"gal.toml", "one/gal.toml", "one/src/lib.gal", "one/notes.txt", "two/src/lib.gal"} {
			put(top, name)
		}
		if err := os.WriteFile(filepath.Join(top, ".gitignore"), []byte("made.gal\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		git(top, "add", ".")
		git(top, "commit", "-qm", "all")
		tt.do(top)
		packed := []archive.Entry{{Path: "gal.toml"}, {Path: "src/lib.gal"}, {Path: "src/new name.gal"}, {Path: "src/made.gal"}}
		err := publish.Uncommitted(context.Background(), filepath.Join(top, "one"), packed, filepath.Join(top, "gal.toml"))
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v %v", tt.name, err, fault.Of(err).Facts)
			}
			continue
		}
		if !fault.IsCode(err, "uncommitted") || fault.KindOf(err) != fault.Negative || len(fault.Of(err).Facts) != 1 || !strings.HasPrefix(fault.Of(err).Facts[0], tt.want) {
			t.Errorf("%s: got %v %+v, want %s", tt.name, err, fault.Of(err), tt.want)
		}
	}
}

func edit(t *testing.T, top, name string) {
	if err := os.WriteFile(filepath.Join(top, filepath.FromSlash(name)), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
}
