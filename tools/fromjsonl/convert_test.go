package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/version"
)

// convertText converts lines and returns the registry as clients see it.
func convertText(t *testing.T, text string, o options) (*index.Snapshot, string) {
	t.Helper()
	base := t.TempDir()
	in, dir := filepath.Join(base, "in.jsonl"), filepath.Join(base, "out")
	if err := os.WriteFile(in, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := convert(t.Context(), in, dir, o); err != nil {
		t.Fatal(err)
	}
	return openDir(t, dir), filepath.Join(dir, "public")
}

func openDir(t *testing.T, dir string) *index.Snapshot {
	t.Helper()
	tree, err := index.OpenDir(filepath.Join(dir, "public"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	s, err := index.Open(t.Context(), tree, index.Options{Pin: "fromjsonl"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var plain = options{id: "fromjsonl"}

const sample = `{"name":"mailbox","version":"1.1.0","deps":[],"features":{},"published":1700000100}
{"name":"mailbox","version":"1.0.0","deps":[],"features":{"default":["std"],"std":[]},"yanked":true,"published":1700000000,"links":"box","gal_version":"1.2"}
{"name":"mailbox","version":"2.0.0-rc.1","deps":[]}

{"name":"ada/retry","version":"0.1.0","deps":[` +
	`{"name":"mailbox","req":"^1","kind":"normal","optional":true,"features":["std"],"default_features":false},` +
	`{"name":"absent","req":">=1, <3","kind":"build","optional":false,"features":[],"default_features":true},` +
	`{"name":"assert-kit","req":"*","kind":"dev","optional":false,"features":[],"default_features":true}],` +
	`"features":{"fast":["mailbox/std"],"none":null},"published":1600000000}
`

func TestConvert(t *testing.T) {
	s, public := convertText(t, sample, plain)
	mailbox, err := s.Package(t.Context(), "mailbox")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range mailbox.Releases {
		got = append(got, fmt.Sprint(r.Version, " ", r.At.Format(time.DateOnly), " ", r.Yanked() != nil))
	}
	want := "2.0.0-rc.1 2020-01-01 false, 1.0.0 2023-11-14 true, 1.1.0 2023-11-14 false"
	if strings.Join(got, ", ") != want {
		t.Errorf("mailbox: %v, want %s", got, want)
	}
	first := mailbox.Release(version.MustParse("1.0.0")).Publish
	if first.GalVersion != "1.2.0" || first.Links != "box" || len(first.Features) != 2 {
		t.Errorf("%+v", first)
	}
	retry, err := s.Package(t.Context(), "ada/retry")
	if err != nil {
		t.Fatal(err)
	}
	p := retry.Releases[0].Publish
	if deps := fmt.Sprintf("%+v", p.Dependencies); len(p.Dependencies) != 2 ||
		!strings.Contains(deps, "Name:mailbox Requirement:^1 Kind: Features:[std] NoDefault:true Optional:true") ||
		!strings.Contains(deps, "Name:absent Requirement:>=1, <3 Kind:build Features:[] NoDefault:false Optional:false") {
		t.Errorf("dependencies %s", deps)
	}
	verifyAll(t, s)
	catalogue, err := s.Catalogue(t.Context())
	if err != nil || len(catalogue) != 2 {
		t.Errorf("%+v, %v", catalogue, err)
	}
	if found, _ := filepath.Glob(filepath.Join(public, "log", "checkpoint.6")); len(found) != 1 {
		t.Error("the log does not have six leaves: a registration, four versions and a yank")
	}
}

// verifyAll holds that every version verifies as a client verifies it, each with a checksum of its own.
func verifyAll(t *testing.T, s *index.Snapshot) []index.Artifact {
	t.Helper()
	var wants []index.Want
	checksums := map[index.Digest]bool{}
	for _, name := range []string{"mailbox", "ada/retry"} {
		p, err := s.Package(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Releases {
			wants = append(wants, index.Want{Name: name, Version: r.Version})
			checksums[r.Publish.Checksum] = true
		}
	}
	artifacts, warnings, err := s.Verify(t.Context(), wants)
	if err != nil || len(warnings) > 0 || len(artifacts) != len(wants) || len(checksums) != len(wants) {
		t.Fatalf("%d artifacts, %d checksums, want %d; %v, %v", len(artifacts), len(checksums), len(wants), warnings, err)
	}
	return artifacts
}

func TestGzip(t *testing.T) {
	base := t.TempDir()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(sample))
	z.Close()
	in, dir := filepath.Join(base, "in.jsonl.gz"), filepath.Join(base, "out")
	if err := os.WriteFile(in, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	counted, err := convert(t.Context(), in, dir, plain)
	if err != nil || counted != (counts{2, 4, 1}) {
		t.Errorf("%+v, %v", counted, err)
	}
	verifyAll(t, openDir(t, dir))
}

func TestRefused(t *testing.T) {
	const rest = `,"deps":[],"features":{}}`
	for _, test := range []struct{ text, want string }{
		{`{"name":"a-a","version":"1.0.0","colour":"red"` + rest, `line 1: json: unknown field "colour"`},
		{`{"name":"a-a","version":"1.0.0","deps":[{"name":"b-b","req":"1","os":"linux"}],"features":{}}`, `unknown field "os"`},
		{`{"name":"a-a","version":"1.0.0"` + rest + ` {}`, "line 1: something stands behind"},
		{`{"name":"A","version":"1.0.0"` + rest, "upper-case"},
		{`{"name":"a-a","version":"1.0"` + rest, "line 1 (a-a 1.0): "},
		{`{"name":"a-a","version":"1.0.0+build"` + rest, "build metadata"},
		{`{"name":"a-a","version":"1.0.0","gal_version":"new"` + rest, "gal_version"},
		{`{"name":"a-a","version":"1.0.0","published":999999999999` + rest, "line 1 (a-a 1.0.0): "},
		{`{"name":"a-a","version":"1.0.0","deps":[{"name":"b-b","req":"one"}],"features":{}}`, `dependency "b-b": `},
		{`{"name":"a-a","version":"1.0.0","deps":[{"name":"b-b","req":"1","kind":"peer"}],"features":{}}`, `kind "peer"`},
		{`{"name":"a-a","version":"1.0.0","deps":[{"name":"b-b","req":"1"},{"name":"b-b","req":"2"}],"features":{}}`, "without duplicates"},
		{`{"name":"a-a","version":"1.0.0"` + rest + "\n" + `{"name":"a-a","version":"1.0.0"` + rest, "line 2 (a-a 1.0.0): version 1.0.0 is published already"},
		{`{"name":"a-a","version":"1.0.0"` + rest + "\n" + `{"name":"b-b","version":"1.0.0"` + rest + "\n" + `{"name":"a-a","version":"2.0.0"` + rest, "line 3 (a-a 2.0.0): there were lines of \"a-a\" before"},
		{`{"name":"a-a","version":"1.0.0"` + rest + "\n" + `{"name":"a_a","version":"2.0.0"` + rest, `there were lines of "a-a" before`},
	} {
		base := t.TempDir()
		in := filepath.Join(base, "in.jsonl")
		if err := os.WriteFile(in, []byte(test.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := convert(t.Context(), in, filepath.Join(base, "out"), plain); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\n%v, want %q", test.text, err, test.want)
		}
		if _, err := os.Stat(filepath.Join(base, "out", "public", index.ConfigPath)); err == nil {
			t.Errorf("%s: what is left passes for a registry", test.text)
		}
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := convert(t.Context(), filepath.Join(full, "x"), full, plain); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("into a folder with files: %v", err)
	}
}

// TestManyLines goes through several flushes: every package is whole, and the catalogue knows them all.
func TestManyLines(t *testing.T) {
	if testing.Short() {
		t.Skip("signs 20,000 lines")
	}
	var text strings.Builder
	for i := range 200 {
		for v := range 100 {
			fmt.Fprintf(&text, `{"name":"pkg-%d","version":"1.%d.0","deps":[{"name":"pkg-0","req":"1"}],"published":%d}`+"\n", i, v, 1600000000+v)
		}
	}
	s, _ := convertText(t, text.String(), plain)
	catalogue, err := s.Catalogue(t.Context())
	if err != nil || len(catalogue) != 200 {
		t.Fatalf("%d rows, %v", len(catalogue), err)
	}
	for i := range 200 {
		p, err := s.Package(t.Context(), fmt.Sprintf("pkg-%d", i))
		if err != nil || len(p.Releases) != 100 || len(p.Dead) != 0 {
			t.Fatalf("pkg-%d: %+v, %v", i, p, err)
		}
	}
}

func TestArchives(t *testing.T) {
	base := t.TempDir()
	for name, text := range map[string]string{
		"box/src/lib.gal":  "// mailbox\n",
		"full/src/lib.gal": "// retry\n",
		"full/gal.toml":    "[package]\nname = \"ada/retry\"\nversion = \"0.1.0\"\nlicense = \"MIT\"\ndescription = \"tries again\"\n",
	} {
		path := filepath.Join(base, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := `{"name":"mailbox","version":"1.0.0","deps":[{"name":"assert-kit","req":"1","kind":"dev"},{"name":"retry","req":"0.1","optional":true,"features":["std"],"default_features":false}],"features":{"fast":["retry"]},"gal_version":"1.2","path":"box"}
{"name":"mailbox","version":"1.1.0","deps":[]}
{"name":"ada/retry","version":"0.1.0","deps":[],"path":"full"}
`
	in, dir := filepath.Join(base, "in.jsonl"), filepath.Join(base, "out")
	if err := os.WriteFile(in, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := convert(t.Context(), in, dir, options{id: "fromjsonl", archives: true}); err != nil {
		t.Fatal(err)
	}
	s := openDir(t, dir)
	for _, a := range verifyAll(t, s) {
		path := filepath.Join(dir, "public", filepath.FromSlash(index.ArchivePath(a.Name(), a.Version().String())))
		data, err := os.ReadFile(path)
		if err != nil || index.DigestOf(data) != a.Publish().Checksum || int64(len(data)) != a.Publish().Size {
			t.Errorf("%s: %v, or its digest or size are not those of its line", path, err)
		}
		if _, err := os.Stat(path + sign.BundleSuffix); err != nil {
			t.Error(err)
		}
	}
	m, files := unpacked(t, dir, "mailbox", "1.0.0")
	if files != "gal.toml src/lib.gal" || m.Package.GalVersion.String() != "1.2.0" || len(m.DevDependencies) != 1 ||
		!m.Dependencies["retry"].Optional || m.Dependencies["retry"].DefaultFeatures || len(m.Features["fast"]) != 1 {
		t.Errorf("mailbox 1.0.0: %s, %+v", files, m)
	}
	if _, files := unpacked(t, dir, "mailbox", "1.1.0"); files != "gal.toml" {
		t.Errorf("mailbox 1.1.0: %s", files)
	}
	retry, err := s.Package(t.Context(), "ada/retry")
	if err != nil || retry.Releases[0].Publish.About.Description != "tries again" || retry.Releases[0].Publish.License != "MIT" {
		t.Errorf("ada/retry: %+v, %v", retry, err)
	}
}

// unpacked returns the manifest in an archive and the names of its files.
func unpacked(t *testing.T, dir, name, v string) (*manifest.Manifest, string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "public", filepath.FromSlash(index.ArchivePath(name, v))))
	if err != nil {
		t.Fatal(err)
	}
	files, err := archive.Read(bytes.NewReader(data), index.ArchivePrefix(name, v), archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var m *manifest.Manifest
	for _, f := range files {
		names = append(names, f.Path)
		if f.Path == manifest.FileName {
			if m, err = manifest.Parse(manifest.FileName, f.Data); err != nil {
				t.Fatalf("%v\n%s", err, f.Data)
			}
		}
	}
	return m, strings.Join(names, " ")
}
