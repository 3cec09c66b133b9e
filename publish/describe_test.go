package publish_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/version"
)

const described = `[package]
name = "mailbox"
version = "1.2.3"
description = "Bounded mailboxes."
license = "MIT"
edition = "2024"
gal-version = "1.1"
keywords = ["queue"]
repository = "https://example.org/mailbox"

[dependencies]
gal_std = "1"
letters = { version = "^1.2", features = ["fast"], default-features = false, optional = true }
post = { version = "2", package = "post-office" }
company = { version = "1", registry = "work" }

[build-dependencies]
schema-gen = "0.3"

[dev-dependencies]
assert-kit = "1"

[features]
default = []
quick = ["dep:letters"]
`

func parse(t *testing.T, text string) *manifest.Manifest {
	t.Helper()
	m, err := manifest.Parse("gal.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func describe(t *testing.T, text string) *index.Publish {
	t.Helper()
	p, err := publish.Describe(parse(t, text), func(name string) (string, error) { return name + ".example.org", nil })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDescribe(t *testing.T) {
	p := describe(t, described)
	var got []string
	for _, d := range p.Dependencies {
		got = append(got, strings.Join([]string{d.Kind, d.Name, d.Real(), d.Requirement.String(), d.Registry}, " "))
	}
	// The toolchain's own packages are never in a line, and neither is what only the author's tests need.
	want := " company company 1 work.example.org\n letters letters ^1.2 \n post post-office 2 \nbuild schema-gen schema-gen 0.3 "
	if strings.Join(got, "\n") != want {
		t.Errorf("dependencies\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	if l := p.Dependencies[1]; !l.NoDefault || !l.Optional || len(l.Features) != 1 {
		t.Errorf("%+v", l)
	}
	if p.GalVersion != "1.1.0" && p.GalVersion != "1.1" || len(p.Features) != 2 || p.About.Repository != "https://example.org/mailbox" {
		t.Errorf("%+v", p)
	}
	_, err := publish.Describe(parse(t, described), func(string) (string, error) { return "", errors.New("no such registry") })
	if err == nil || !strings.Contains(err.Error(), "dependency company: no such registry") {
		t.Errorf("%v", err)
	}
}

// TestCompare: a line agrees with the manifest that it was made from, and with no other.
func TestCompare(t *testing.T) {
	m := parse(t, described)
	if difference := publish.Compare(m, describe(t, described)); difference != "" {
		t.Errorf("with its own manifest: %s", difference)
	}
	for name, change := range map[string]func(*index.Publish){
		"version":              func(p *index.Publish) { p.Version = version.MustParse("1.2.4") },
		"license":              func(p *index.Publish) { p.License = "Apache-2.0" },
		"gal-version":          func(p *index.Publish) { p.GalVersion = "" },
		"description":          func(p *index.Publish) { p.About.Description = "Another." },
		"features":             func(p *index.Publish) { delete(p.Features, "quick") },
		"5 dependencies":       func(p *index.Publish) { p.Dependencies = append(p.Dependencies, p.Dependencies[0]) },
		"3 dependencies":       func(p *index.Publish) { p.Dependencies = p.Dependencies[1:] },
		"dependency company":   func(p *index.Publish) { p.Dependencies[0].Registry = "" },
		"dependency letters":   func(p *index.Publish) { p.Dependencies[1].Optional = false },
		"dependency post":      func(p *index.Publish) { p.Dependencies[2].Package = "postoffice" },
		"dependency schema-ge": func(p *index.Publish) { p.Dependencies[3].Requirement = p.Dependencies[2].Requirement },
	} {
		p := describe(t, described)
		change(p)
		if difference := publish.Compare(m, p); !strings.HasPrefix(difference, name) {
			t.Errorf("%s: %q", name, difference)
		}
	}
}
