package index_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/version"
)

var (
	workflow = sign.Identity{Issuer: "https://issuer.example", Subject: "https://ci.example/ada/release.yml@main"}
	other    = sign.Identity{Issuer: "https://issuer.example", Subject: "https://ci.example/ada/nightly.yml@main"}
)

// stands is a bundle for these tests: who signed, and the claim's line. Package keyless makes and verifies real ones; what
// is folded here depends on the answer alone.
func stands(who sign.Identity, c sign.Claim) []byte {
	return fmt.Appendf(nil, "%s %s", who, c.LineDigest)
}

// takeIdentities lets the story's registry verify such bundles.
func (s *story) takeIdentities() (bundles map[index.Digest][]byte) {
	bundles = map[index.Digest][]byte{}
	s.ledger.Bundles = index.Bundles{
		Verify: func(_, bundle []byte, c sign.Claim, identities []sign.Identity) error {
			for _, i := range identities {
				if string(bundle) == string(stands(i, c)) {
					return nil
				}
			}
			return fault.New(fault.Integrity, "identity-refused", "by another identity")
		},
		Read: func(d index.Digest) ([]byte, error) {
			if data, ok := bundles[d]; ok {
				return data, nil
			}
			return nil, fs.ErrNotExist
		},
	}
	return bundles
}

// keyless is a version of mailbox that an identity signs.
func (s *story) keyless(bundles map[index.Digest][]byte, by string, who sign.Identity, v string) *index.Line {
	s.t.Helper()
	author := publish.Author{ID: by, Now: s.now}
	draft := &publish.Draft{Name: "mailbox", Publish: &index.Publish{
		Version: version.MustParse(v), Checksum: index.DigestOf([]byte(v)), Size: 10, Unpacked: 10, License: "MIT"}}
	l, data, err := author.PublishKeyless(registry, s.pkg("mailbox"), draft, func(c sign.Claim) ([]byte, error) { return stands(who, c), nil })
	if err != nil {
		s.t.Fatal(err)
	}
	bundles[l.Sig.Bundle] = data
	return l
}

func (s *story) publisher(id string) *index.Publisher {
	s.t.Helper()
	p, err := s.ledger.Publisher(id)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *story) change(a publish.Author, change func(publish.Author, string, index.Digest, sign.Identity) (*index.Line, error), who sign.Identity) *index.Line {
	s.t.Helper()
	l, err := change(a, registry, s.publisher(a.ID).Head(), who)
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

// TestIdentities: an identity speaks for its publisher's packages from when it is added to when it is removed, and for
// nothing else.
func TestIdentities(t *testing.T) {
	s := newStory(t)
	bundles := s.takeIdentities()
	ada := s.registered("ada")
	s.dead(index.DeadUnknown, s.keyless(bundles, "ada", workflow, "1.0.0"))
	s.dead(index.DeadUnknown, s.keyless(bundles, "eve", workflow, "1.0.0"))
	s.counts(s.change(ada, publish.Author.AddIdentity, workflow))
	s.dead(index.DeadTaken, s.change(ada, publish.Author.AddIdentity, workflow))
	s.dead(index.DeadMissing, s.change(ada, publish.Author.RemoveIdentity, other))
	s.counts(s.keyless(bundles, "ada", workflow, "1.0.0"))
	if p := s.pkg("mailbox"); !p.Exists() || p.Owners[0] != "ada" || !p.Releases[0].Offered() {
		t.Fatalf("%+v", p)
	}

	// Another identity's signature, one without its bundle, and one with another bundle change nothing.
	for _, l := range []*index.Line{s.keyless(bundles, "ada", other, "1.1.0"), s.keyless(map[index.Digest][]byte{}, "ada", workflow, "1.1.0")} {
		if _, _, err := s.ledger.Append(l, s.now); !fault.IsCode(err, "signature-invalid") {
			t.Errorf("%v", err)
		}
	}
	swapped := s.keyless(bundles, "ada", workflow, "1.1.0")
	bundles[swapped.Sig.Bundle] = []byte("another")
	if _, _, err := s.ledger.Append(swapped, s.now); !fault.IsCode(err, "signature-invalid") {
		t.Errorf("%v", err)
	}

	// A publisher's own file is for keys: else a job could make itself at home.
	line := &index.Line{V: index.LineVersion, Event: index.EventAddIdentity, Subject: "ada", By: "ada", After: s.publisher("ada").Head(),
		Until: s.now.Add(publish.DefaultUntil), Body: &index.AddIdentity{Issuer: other.Issuer, Subject: other.Subject}}
	line.Sig.Bundle = index.DigestOf(stands(workflow, line.Claim(registry)))
	s.dead(index.DeadKeyless, line)

	// After its end, what it signed stays and nothing new counts; it can come back.
	s.counts(s.change(ada, publish.Author.RemoveIdentity, workflow))
	s.dead(index.DeadRevoked, s.keyless(bundles, "ada", workflow, "1.1.0"))
	if !s.pkg("mailbox").Releases[0].Offered() {
		t.Error("what was signed before is gone")
	}
	s.counts(s.change(ada, publish.Author.AddIdentity, workflow))
	s.counts(s.keyless(bundles, "ada", workflow, "1.1.0"))
}

// TestNoIdentitiesTaken: a registry that cannot verify them refuses them, in words.
func TestNoIdentitiesTaken(t *testing.T) {
	s := newStory(t)
	ada := s.registered("ada")
	s.counts(s.change(ada, publish.Author.AddIdentity, workflow))
	_, _, err := s.ledger.Append(s.keyless(map[index.Digest][]byte{}, "ada", workflow, "1.0.0"), s.now)
	if !fault.IsCode(err, "keyless-untrusted") || !strings.Contains(err.Error(), "takes no signatures of identities") {
		t.Errorf("%v", err)
	}
	var dead *index.Ineffective
	if errors.As(err, &dead) || s.pkg("mailbox").Exists() {
		t.Error("it counts all the same")
	}
}

// TestBundleThatNobodyCanVerify: a program that is missing says nothing about the line.
func TestBundleThatNobodyCanVerify(t *testing.T) {
	s := newStory(t)
	bundles := s.takeIdentities()
	ada := s.registered("ada")
	s.counts(s.change(ada, publish.Author.AddIdentity, workflow))
	line := s.keyless(bundles, "ada", workflow, "1.0.0")
	s.ledger.Bundles.Verify = func(_, _ []byte, _ sign.Claim, _ []sign.Identity) error {
		return fault.New(fault.NotFound, "keyless-missing", "the program is not installed")
	}
	if _, _, err := s.ledger.Append(line, s.now); !fault.IsCode(err, "keyless-missing") {
		t.Errorf("%v, want keyless-missing", err)
	}
}

// TestThiefsIdentity: an identity that a stolen key has brought is suspect with it.
func TestThiefsIdentity(t *testing.T) {
	s := newStory(t)
	bundles := s.takeIdentities()
	ada := s.registered("ada")
	next := s.author("ada")
	s.counts(s.change(ada, publish.Author.AddIdentity, workflow))
	s.counts(s.keyless(bundles, "ada", workflow, "1.0.0"))
	add, err := ada.AddKey(registry, s.publisher("ada").Head(), next.Key.Public(), next.Key, "")
	if err != nil {
		t.Fatal(err)
	}
	s.counts(add)
	stolen := s.entries[len(s.entries)-1].Log + 1
	s.counts(s.change(ada, publish.Author.AddIdentity, other))
	s.counts(s.keyless(bundles, "ada", other, "1.1.0"))
	revoke, err := ada.RevokeKey(registry, s.publisher("ada").Head(), ada.Key.Public().Hint(), "compromised", &stolen)
	if err != nil {
		t.Fatal(err)
	}
	s.counts(revoke)
	for i, want := range []bool{true, false} {
		if r := s.pkg("mailbox").Releases[i]; r.Offered() != want {
			t.Errorf("%s is offered: %v", r.Version, r.Offered())
		}
	}
	s.dead(index.DeadRevoked, s.change(ada, publish.Author.RemoveIdentity, other))
	s.counts(s.change(next, publish.Author.RemoveIdentity, other))
}

func TestBundlePath(t *testing.T) {
	d := index.DigestOf([]byte("x"))
	path := index.BundlePath(d)
	if got, ok := index.BundleOfPath(path); !ok || got != d {
		t.Errorf("%s: %s, %v", path, got, ok)
	}
	for _, bad := range []string{"", "bundles/", strings.ToUpper(path), path + "x", "x" + path, strings.Replace(path, "/2d/", "/2e/", 1),
		strings.TrimSuffix(path, ".json"), "bundles/2d/x.json"} {
		if _, ok := index.BundleOfPath(bad); ok {
			t.Errorf("%q is taken for a bundle", bad)
		}
	}
}
