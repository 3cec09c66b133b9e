package remote

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
)

func TestLocate(t *testing.T) {
	dir := t.TempDir()
	whole, tree := filepath.Join(dir, "whole"), filepath.Join(dir, "tree")
	for _, file := range []string{filepath.Join(whole, "public", index.ConfigPath), filepath.Join(tree, index.ConfigPath)} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bundle := filepath.Join(dir, "bundle")
	if err := os.WriteFile(bundle, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(whole, "public")
	for _, row := range []struct {
		address string
		want    Location
	}{
		{tree, Location{tree, KindDir, tree, tree}},
		{bundle, Location{bundle, KindTar, "tar+file://" + bundle + "!", ""}},
		{"file://" + bundle, Location{bundle, KindTar, "tar+file://" + bundle + "!", ""}},
		{dir + "/absent.tar", Location{dir + "/absent.tar", KindTar, "tar+file://" + dir + "/absent.tar!", ""}},
		{"file://" + tree, Location{tree, KindDir, tree, tree}},
		// The folder of a whole registry has its tree in public/, and git-url and upload beside it.
		{"file://" + whole, Location{public, KindDir, public, whole}},
		{"https://Packages.Example.com/", Location{"https://packages.example.com", KindStatic, "https://packages.example.com", "https://packages.example.com"}},
		{"git+https://h.example/x/index.git", Location{"git+https://h.example/x/index.git", KindGit, "https://h.example/x", "https://h.example/x"}},
		{"git+ssh://git@h.example/x/index.git", Location{"git+ssh://git@h.example/x/index.git", KindGit, "", "git+ssh://git@h.example/x"}},
		{"git+file://" + whole + "/index.git", Location{"git+file://" + whole + "/index.git", KindGit, public, whole}},
	} {
		if got, err := Locate(row.address); err != nil || got != row.want {
			t.Errorf("%s is\n%+v (%v), want\n%+v", row.address, got, err, row.want)
		}
	}
	for _, address := range []string{"", "packages", "ftp://h.example/x", "ext::sh -c x", "https://user:secret@h.example", "git+https://t0ken@h.example/x", "file:relative", "git://h.example/x", "-x"} {
		if got, err := Locate(address); fault.KindOf(err) != fault.Usage {
			t.Errorf("%q is %+v (%v)", address, got, err)
		}
	}
}

func TestResolve(t *testing.T) {
	static := Location{"https://h.example", KindStatic, "https://h.example", "https://h.example"}
	folder := Location{"/r/public", KindDir, "/r/public", "/r"}
	for _, row := range []struct {
		at          Location
		place, want string
	}{
		{static, "uploads", "https://h.example/uploads"},
		{static, "https://up.example/x", "https://up.example/x"},
		{static, "", ""},
		{folder, "uploads", "/r/uploads"},
		{folder, "/elsewhere", "/elsewhere"},
	} {
		if got := row.at.Resolve(row.place); got != row.want {
			t.Errorf("%q at %s is %q, want %q", row.place, row.at.URL, got, row.want)
		}
	}
	if got := static.GitURL(&index.Config{GitURL: "index.git"}); got != "git+https://h.example/index.git" {
		t.Errorf("the repository of a static registry is %q", got)
	}
}

// unsigned is how a registry is trusted that has a configuration and nothing else.
var unsigned = index.Trust{Signatures: index.SignaturesOff}

// Which registry a package is in is decided once, by its name and nothing else.
func TestFor(t *testing.T) {
	first, second := newTree(t, "first.example"), newTree(t, "second.example")
	open := func(override string) *Set {
		s := New(Options{
			Specs: map[string]Spec{
				"first":  {Name: "first", URL: first, Trust: unsigned},
				"second": {Name: "second", URL: second, Trust: unsigned, Patterns: []string{"company/*"}},
			},
			Default: "first", Override: override, CacheDir: t.TempDir(), StateDir: t.TempDir(),
		})
		t.Cleanup(func() { s.Close(context.Background()) })
		return s
	}
	for _, row := range []struct{ override, name, named, want string }{
		{"", "mailbox", "", "first.example"},
		{"", "mailbox", "second", "second.example"},
		{"", "company/wire", "", "second.example"},
		{"", "company/wire", "first", "first.example"}, // what gal.toml says goes before a pattern
		{second, "mailbox", "", "second.example"},
	} {
		r, err := open(row.override).For(t.Context(), row.name, row.named)
		if err != nil || r.ID() != row.want {
			t.Errorf("%+v: %v", row, err)
		}
	}
	if _, err := open("").For(t.Context(), "mailbox", "secnd"); !fault.IsCode(err, "registry-not-found") {
		t.Errorf("a registry that is not configured: %v", err)
	}
	if r, err := open("").ByID(t.Context(), "first.example"); err != nil || r.ID() != "first.example" {
		t.Errorf("by id: %v", err)
	}
	if _, err := open("").ByID(t.Context(), "third.example"); err == nil {
		t.Error("an id that nobody has was found")
	}
}

// The id that an address was first seen with stays: another registry at the same place is refused.
func TestPin(t *testing.T) {
	tree, state := newTree(t, "first.example"), t.TempDir()
	open := func() error {
		s := New(Options{Specs: map[string]Spec{"r": {Name: "r", URL: tree, Trust: unsigned}}, Default: "r", CacheDir: t.TempDir(), StateDir: state})
		defer s.Close(t.Context())
		_, err := s.Open(t.Context(), "r")
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	writeConfig(t, tree, "other.example")
	if err := open(); !fault.IsCode(err, "registry-changed") || fault.KindOf(err) != fault.Integrity {
		t.Errorf("another registry at the same address: %v", err)
	}
	s := New(Options{StateDir: state, CacheDir: t.TempDir()})
	if err := s.Forget(tree, ""); err != nil {
		t.Fatal(err)
	}
	if err := open(); err != nil {
		t.Errorf("once it was forgotten: %v", err)
	}
}

// newTree makes a published tree with nothing but its configuration.
func newTree(t *testing.T, id string) string {
	dir := t.TempDir()
	writeConfig(t, dir, id)
	return dir
}

func writeConfig(t *testing.T, dir, id string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, index.ConfigPath), []byte("id = \""+id+"\"\nformat = 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
