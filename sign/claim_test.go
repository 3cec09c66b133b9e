package sign_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

const (
	digestA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func packageClaim(event, name, path, version string) sign.Claim {
	return sign.Claim{Registry: "r-1.example", Path: path, Event: event, Subject: name, Version: version, LineDigest: digestA}
}

func publishClaim(name, path, version, archive string) sign.Claim {
	c := packageClaim(sign.Publish, name, path, version)
	c.Archive, c.ArchiveDigest = archive, digestB
	return c
}

func TestPayload(t *testing.T) {
	const line = `{"name":"line","digest":{"sha256":"` + digestA + `"}}`
	for _, row := range []struct {
		claim               sign.Claim
		subjects, predicate string
	}{
		{publishClaim("orbit/tele_metry", "index/or/bi/orbit~tele-metry", "1.0.0-rc.1", "orbit~tele-metry-1.0.0-rc.1.tar.zst"),
			`{"name":"orbit~tele-metry-1.0.0-rc.1.tar.zst","digest":{"sha256":"` + digestB + `"}},` + line,
			`"name":"orbit/tele_metry","version":"1.0.0-rc.1"`},
		{publishClaim("a", "index/1/a", "0.0.1", "a-0.0.1.tar.zst"),
			`{"name":"a-0.0.1.tar.zst","digest":{"sha256":"` + digestB + `"}},` + line, `"name":"a","version":"0.0.1"`},
		{packageClaim(sign.Yank, "abc", "index/3/a/abc", "2.0.0"), line, `"name":"abc","version":"2.0.0"`},
		{packageClaim(sign.Unyank, "abc", "index/3/a/abc", "2.0.0"), line, `"name":"abc","version":"2.0.0"`},
		{packageClaim(sign.Deprecate, "abc", "index/3/a/abc", ""), line, `"name":"abc"`},
		{packageClaim(sign.Owners, "abc", "index/3/a/abc", ""), line, `"name":"abc"`},
		{packageClaim(sign.Tombstone, "abc", "index/3/a/abc", ""), line, `"name":"abc"`},
		{packageClaim(sign.Recover, "abc", "index/3/a/abc", ""), line, `"name":"abc"`},
		{packageClaim(sign.Register, "alice", "publishers/al/ic/alice", ""), line, `"id":"alice"`},
		{packageClaim(sign.AddKey, "alice_b", "publishers/al/ic/alice_b", ""), line, `"id":"alice_b"`},
		{packageClaim(sign.RevokeKey, "alice", "publishers/al/ic/alice", ""), line, `"id":"alice"`},
		{packageClaim(sign.AddIdentity, "alice", "publishers/al/ic/alice", ""), line, `"id":"alice"`},
		{packageClaim(sign.RemoveIdentity, "alice", "publishers/al/ic/alice", ""), line, `"id":"alice"`},
	} {
		if err := row.claim.Check(); err != nil {
			t.Errorf("%s: %v %+v", row.claim.Event, err, fault.Of(err).Facts)
		}
		want := `{"_type":"https://in-toto.io/Statement/v1","subject":[` + row.subjects + `],` +
			`"predicateType":"https://gal-lang.org/attestation/` + row.claim.Event + `/v1",` +
			`"predicate":{"registry":"r-1.example","path":"` + row.claim.Path + `",` + row.predicate + `}}`
		if got := string(row.claim.Payload()); got != want {
			t.Errorf("%s:\n got %s\nwant %s", row.claim.Event, got, want)
		}
		if !json.Valid(row.claim.Payload()) {
			t.Errorf("%s: not JSON", row.claim.Event)
		}
	}
}

func TestClaimsRefused(t *testing.T) {
	good := vectorClaim()
	for what, spoil := range map[string]func(c *sign.Claim){
		"nothing":                  func(c *sign.Claim) { *c = sign.Claim{} },
		"registry with quote":      func(c *sign.Claim) { c.Registry = `ab"c` },
		"registry in upper case":   func(c *sign.Claim) { c.Registry = "Example.org" },
		"registry with line end":   func(c *sign.Claim) { c.Registry += "\n" },
		"registry too short":       func(c *sign.Claim) { c.Registry = "ab" },
		"registry too long":        func(c *sign.Claim) { c.Registry = strings.Repeat("a", 65) },
		"unknown event":            func(c *sign.Claim) { c.Event = "adopt" },
		"event with quote":         func(c *sign.Claim) { c.Event = `publish","x":"` },
		"path out of the tree":     func(c *sign.Claim) { c.Path = "index/../ht/tp/http-client" },
		"path with backslash":      func(c *sign.Claim) { c.Path = `index/ht\tp/http-client` },
		"path of another package":  func(c *sign.Claim) { c.Path = "index/ht/tp/http-clienT" },
		"path of a longer package": func(c *sign.Claim) { c.Path = "index/ht/tp/http-client-2" },
		"path of a publisher":      func(c *sign.Claim) { c.Path = "publishers/ht/tp/http-client" },
		"path with double slash":   func(c *sign.Claim) { c.Path = "index/ht//http-client" },
		"path with end slash":      func(c *sign.Claim) { c.Path = "index/ht/tp/http-client/" },
		"path elsewhere":           func(c *sign.Claim) { c.Path = "bundles/ht/tp/http-client" },
		"name with quote":          func(c *sign.Claim) { c.Subject = `http"client` },
		"name with newline":        func(c *sign.Claim) { c.Subject = "http-client\n" },
		"name beyond ASCII":        func(c *sign.Claim) { c.Subject = "http-cl\u0456ent" },
		"name of three parts":      func(c *sign.Claim) { c.Subject = "a/b/c" },
		"no version":               func(c *sign.Claim) { c.Version = "" },
		"version with build":       func(c *sign.Claim) { c.Version = "1.4.0+x" },
		"version with slash":       func(c *sign.Claim) { c.Version = "1.4.0/.." },
		"version too long":         func(c *sign.Claim) { c.Version = "1" + strings.Repeat("0", 64) },
		"archive of other version": func(c *sign.Claim) { c.Archive = "http-client-1.4.1.tar.zst" },
		"archive of other package": func(c *sign.Claim) { c.Archive = "http-clients-1.4.0.tar.zst" },
		"no archive":               func(c *sign.Claim) { c.Archive = "" },
		"no archive digest":        func(c *sign.Claim) { c.ArchiveDigest = "" },
		"archive digest in A-F":    func(c *sign.Claim) { c.ArchiveDigest = strings.ToUpper(digestA) },
		"archive digest, prefix":   func(c *sign.Claim) { c.ArchiveDigest = "sha256:" + digestA },
		"line digest too short":    func(c *sign.Claim) { c.LineDigest = digestA[2:] },
		"line digest, not hex":     func(c *sign.Claim) { c.LineDigest = strings.Repeat("g", 64) },
		"yank with an archive":     func(c *sign.Claim) { c.Event = sign.Yank },
		"owners with a version":    func(c *sign.Claim) { c.Event, c.Archive, c.ArchiveDigest = sign.Owners, "", "" },
		"register in index": func(c *sign.Claim) {
			c.Event, c.Version, c.Archive, c.ArchiveDigest = sign.Register, "", "", ""
		},
		"publisher with a scope": func(c *sign.Claim) {
			*c = packageClaim(sign.Register, "a/b", "publishers/3/a/a~b", "")
		},
	} {
		c := good
		spoil(&c)
		if err := c.Check(); !fault.IsCode(err, "statement-invalid") {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := keyOf(t, "refused").Sign(nil, c); !fault.IsCode(err, "statement-invalid") {
			t.Errorf("%s: signed, %v", what, err)
		}
		if err := sign.Verify(keyOf(t, "refused").Public(), c, "AAAA"); !fault.IsCode(err, "statement-invalid") {
			t.Errorf("%s: verified, %v", what, err)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

// statementJSON reads a statement the way any other tool would.
type statementJSON struct {
	Type    string `json:"_type"`
	Subject []struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	} `json:"subject"`
	PredicateType string            `json:"predicateType"`
	Predicate     map[string]string `json:"predicate"`
}

// claimOf is the inverse of Payload, by way of a JSON parser.
func claimOf(t *testing.T, payload []byte) sign.Claim {
	t.Helper()
	var s statementJSON
	if err := json.Unmarshal(payload, &s); err != nil {
		t.Fatalf("%v in %s", err, payload)
	}
	event := strings.TrimSuffix(strings.TrimPrefix(s.PredicateType, "https://gal-lang.org/attestation/"), "/v1")
	c := sign.Claim{
		Registry: s.Predicate["registry"], Path: s.Predicate["path"], Event: event,
		Subject: s.Predicate["name"] + s.Predicate["id"], Version: s.Predicate["version"],
		LineDigest: s.Subject[len(s.Subject)-1].Digest["sha256"],
	}
	if len(s.Subject) == 2 {
		c.Archive, c.ArchiveDigest = s.Subject[0].Name, s.Subject[0].Digest["sha256"]
	}
	return c
}

// payloadOf is the inverse of PAE.
func payloadOf(t *testing.T, pae []byte) []byte {
	t.Helper()
	rest, ok := strings.CutPrefix(string(pae), "DSSEv1 28 application/vnd.in-toto+json ")
	length, payload, found := strings.Cut(rest, " ")
	n, err := strconv.Atoi(length)
	if !ok || !found || err != nil || n != len(payload) {
		t.Fatalf("PAE %q", pae)
	}
	return []byte(payload)
}

// Every claim that can be signed comes back whole from the bytes that are signed. So the bytes are injective: no
// signature says two things.
func FuzzClaim(f *testing.F) {
	add := func(c sign.Claim) {
		f.Add(c.Registry, c.Path, c.Event, c.Subject, c.Version, c.Archive, c.ArchiveDigest, c.LineDigest)
	}
	add(vectorClaim())
	add(packageClaim(sign.Yank, "abc", "index/3/a/abc", "2.0.0"))
	add(packageClaim(sign.AddKey, "alice_b", "publishers/al/ic/alice_b", ""))
	add(packageClaim(sign.Owners, `a","x":"`, "index/3/a/abc", ""))
	f.Fuzz(func(t *testing.T, registry, path, event, subject, version, archive, archiveDigest, lineDigest string) {
		c := sign.Claim{Registry: registry, Path: path, Event: event, Subject: subject, Version: version,
			Archive: archive, ArchiveDigest: archiveDigest, LineDigest: lineDigest}
		if c.Check() != nil {
			return
		}
		if back := claimOf(t, payloadOf(t, c.PAE())); back != c {
			t.Errorf("%+v came back as %+v", c, back)
		}
	})
}
