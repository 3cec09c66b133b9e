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
