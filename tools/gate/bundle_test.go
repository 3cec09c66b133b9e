package gate_test

import (
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/gate"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// keyless proposes mailbox 1.1.0, signed by an identity of ada's, and the file of the bundle.
func (w *world) keyless() (lines, bundle []gate.Change) {
	who := sign.Identity{Issuer: "https://issuer.example", Subject: "https://ci.example/ada"}
	state, err := w.ledger.Publisher("ada")
	if err != nil {
		w.Fatal(err)
	}
	w.have(sitetest.Line(w)(w.ada.AddIdentity(sitetest.ID, state.Head(), who)))
	d := w.draft("mailbox", "1.1.0", "")
	w.uploads[index.Digest(d.Archive.Digest)] = d.Archive.Bytes
	job := publish.Author{ID: "ada", Now: sitetest.Now}
	l, data, err := job.PublishKeyless(sitetest.ID, w.state("mailbox"), d, func(c sign.Claim) ([]byte, error) { return []byte(c.LineDigest), nil })
	if err != nil {
		w.Fatal(err)
	}
	return w.propose(l), []gate.Change{{Path: index.BundlePath(l.Sig.Bundle), Regular: true, New: data}}
}

// TestBundles: a signature by an identity comes with its bundle, and a bundle with its line.
func TestBundles(t *testing.T) {
	for _, test := range []struct {
		story, want string // as in TestJudge, with the first findings of their checks and the folders that they are about
		change      func(lines, bundle []gate.Change) []gate.Change
	}{
		{"a job publishes", "pass", func(l, b []gate.Change) []gate.Change { return append(l, b...) }},
		{"the bundle is written before the line", "pass", func(l, b []gate.Change) []gate.Change { return append(b, l...) }},
		{"the bundle is left out", "fail G50 index", func(l, _ []gate.Change) []gate.Change { return l }},
		{"the bundle is of another line", "fail G01 bundles", func(l, b []gate.Change) []gate.Change {
			data := []byte("of another line")
			return append(l, gate.Change{Path: index.BundlePath(index.DigestOf(data)), Regular: true, New: data})
		}},
		{"a bundle is not what its name says", "fail G50 bundles", func(l, b []gate.Change) []gate.Change {
			b[0].New = []byte("something else")
			return append(l, b...)
		}},
		{"a bundle is long", "fail G50 bundles", func(l, b []gate.Change) []gate.Change {
			b[0].New = []byte(strings.Repeat("x", sign.MaxBundle+1))
			b[0].Path = index.BundlePath(index.DigestOf(b[0].New))
			return append(l, b...)
		}},
		{"a bundle that was there is another", "fail G02 bundles", func(l, b []gate.Change) []gate.Change {
			b[0].Old = []byte("{}")
			return append(l, b...)
		}},
		{"a bundle is taken away", "fail G02 bundles", func(l, b []gate.Change) []gate.Change {
			b[0].Old, b[0].New = b[0].New, nil
			return append(l, b...)
		}},
		{"a bundle is a link", "fail G05 bundles", func(l, b []gate.Change) []gate.Change {
			b[0].Regular = false
			return append(l, b...)
		}},
		{"a bundle stands elsewhere", "fail G01 bundle ", func(l, b []gate.Change) []gate.Change {
			b[0].Path = strings.Replace(b[0].Path, "bundles/", "bundle/", 1)
			return append(l, b...)
		}},
		{"somebody fills the registry with bundles", "fail G01 bundles", func(l, b []gate.Change) []gate.Change {
			data := []byte("junk")
			return append(append(l, b...), gate.Change{Path: index.BundlePath(index.DigestOf(data)), Regular: true, New: data})
		}},
	} {
		w := newWorld(t)
		w.ledger.Bundles.Verify = func(_, bundle []byte, c sign.Claim, _ []sign.Identity) error {
			if string(bundle) != c.LineDigest {
				return fault.New(fault.Integrity, "bundle-invalid", "of another line")
			}
			return nil
		}
		report, _ := w.judge(test.change(w.keyless()))
		got := string(report.Verdict)
		seen := map[string]bool{}
		for _, f := range report.Findings {
			if folder, _, _ := strings.Cut(f.Path, "/"); !seen[f.ID] {
				got += " " + f.ID + " " + folder
			}
			seen[f.ID] = true
		}
		if !strings.HasPrefix(got+" ", test.want) {
			t.Errorf("%s: %s, want %s: %+v", test.story, got, test.want, report.Findings)
		}
	}
}

// TestNoAuthority: a registry whose trusted root names no certificate authority says so, and what to do instead.
func TestNoAuthority(t *testing.T) {
	w := newWorld(t)
	lines, bundle := w.keyless()
	report, _ := w.judge(append(lines, bundle...))
	f := report.Findings[len(report.Findings)-1]
	if report.Verdict != gate.Fail || f.ID != "G50" || f.Message != "the registry takes no signatures of identities" || !strings.Contains(f.Fix, "gal-pkg publish --sign FILE") {
		t.Errorf("%+v", report.Findings)
	}
}
