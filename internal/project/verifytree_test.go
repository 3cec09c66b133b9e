package project

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/fetch/archive"
)

func TestCompareTree(t *testing.T) {
	entries := []archive.Entry{
		{Path: "gal.toml", Size: 3, SHA256: sha256.Sum256([]byte("abc"))},
		{Path: "src/lib.gal", Size: 2, SHA256: sha256.Sum256([]byte("fn"))},
	}
	write := func(name, text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name   string
		change func(t *testing.T, dir string)
		want   string // part of the error, "" for none
	}{
		{"as it was packed", func(*testing.T, string) {}, ""},
		{"another byte", write("gal.toml", "abd"), `"gal.toml" was altered`},
		{"a byte more", write("gal.toml", "abcd"), `"gal.toml" was altered`},
		{"a byte less", write("gal.toml", "ab"), `"gal.toml" was altered`},
		{"a file more", write("src/more.gal", ""), `"src/more.gal" is not of its archive`},
		{"a file less", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "src", "lib.gal")) }, `"src/lib.gal" is missing`},
		{"a link", func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, "gal.toml"))
			if err := os.Symlink("src/lib.gal", filepath.Join(dir, "gal.toml")); err != nil {
				t.Skip(err)
			}
		}, `"gal.toml" is not of its archive`},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "src"), 0o755); err != nil {
				t.Fatal(err)
			}
			write("gal.toml", "abc")(t, dir)
			write("src/lib.gal", "fn")(t, dir)
			test.change(t, dir)
			err := compareTree(dir, entries)
			if got := message(err); (test.want == "") != (err == nil) || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
