package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// TestDamagedTree: verify tells an operator, not a reader, what helps, and that does help.
func TestDamagedTree(t *testing.T) {
	r := sitetest.New(t)
	ada := sitetest.Author(t, "ada")
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	r.Merge("pass")
	for _, test := range []struct {
		path   string
		mended bool // by any build
	}{{tuf.TimestampPath, true}, {index.ConfigPath, false}} {
		name := r.Path(site.PublicDir, filepath.FromSlash(test.path))
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, stderr, code := call(t, "verify", "--full", r.Path())
		if code != 7 || strings.Contains(stderr, "gal-pkg") || !strings.Contains(stderr, "rm "+r.Path("state", "public")+" && gal-registry build "+r.Path()) {
			t.Errorf("%s: verify: exit code %d\n%s", test.path, code, stderr)
		}
		if !test.mended {
			if err := os.Remove(r.Path("state", "public")); err != nil {
				t.Fatal(err)
			}
		}
		if _, stderr, code := call(t, "build", r.Path()); code != 0 {
			t.Errorf("%s: build: exit code %d\n%s", test.path, code, stderr)
		}
		if _, stderr, code := call(t, "verify", "--full", r.Path()); code != 0 {
			t.Errorf("%s: verify after the build: exit code %d\n%s", test.path, code, stderr)
		}
	}
}

// TestMistypedFlags: a tree that holds together is not to be mended because of a flag that names another registry.
func TestMistypedFlags(t *testing.T) {
	r, dir := sitetest.New(t), filepath.Join(t.TempDir(), "mirror")
	ada := sitetest.Author(t, "ada")
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	r.Merge("pass")
	if _, stderr, code := call(t, "mirror", r.Dir, dir); code != 0 {
		t.Fatal(stderr)
	}
	verified := filepath.Join(dir, ".mirror", "trust", "verified")
	if _, err := os.Stat(verified); err != nil {
		t.Fatal(err)
	}
	other := "sha256:" + strings.Repeat("0", 64)
	for _, args := range []string{"verify REG --root " + other, "verify --full DIR --root " + other, "mirror check DIR --root " + other, "mirror check DIR --id other.example"} {
		line := strings.NewReplacer("REG", r.Dir, "DIR", dir).Replace(args)
		_, stderr, code := call(t, strings.Fields(line)...)
		if code != 7 || !strings.Contains(stderr, "SECURITY") || strings.Contains(stderr, "rm ") || strings.Contains(stderr, "gal-registry mirror") || strings.Contains(stderr, "gal-registry build") {
			t.Errorf("%s: exit code %d\n%s", args, code, stderr)
		}
		if _, err := os.Stat(verified); err != nil {
			t.Errorf("%s: what was verified is not believed any more: %v", args, err)
		}
	}
	if _, stderr, code := call(t, "verify", dir); code != 0 {
		t.Error(stderr)
	}
	if err := os.Remove(filepath.Join(dir, filepath.FromSlash(tuf.TimestampPath))); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := call(t, "verify", dir); code != 7 || !strings.Contains(stderr, "error[registry-unsigned]") || !strings.Contains(stderr, "help: gal-registry build") {
		t.Errorf("without metadata: exit code %d\n%s", code, stderr)
	}
}
