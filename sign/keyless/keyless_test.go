package keyless_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/keyless"
	"github.com/geeknik/gal-pkg/sign/keyless/keylesstest"
)

const workflow = "https://github.com/ada/mailbox/.github/workflows/release.yml@refs/heads/main"

func claim() sign.Claim {
	return sign.Claim{
		Registry: "packages.example.org", Path: "index/ma/il/mailbox", Event: sign.Publish, Subject: "mailbox", Version: "1.1.0",
		Archive: "mailbox-1.1.0.tar.zst", ArchiveDigest: strings.Repeat("ab", 32), LineDigest: strings.Repeat("cd", 32),
	}
}

// signed makes a signature of the workflow.
func signed(t *testing.T, i *keylesstest.Instance) (*keyless.Signed, error) {
	t.Helper()
	return keyless.Sign(t.Context(), &http.Client{}, i.TrustedRoot(), claim(), i.Token(workflow, "127.0.0.1"), time.Now())
}

func mustSign(t *testing.T, i *keylesstest.Instance) *keyless.Signed {
	t.Helper()
	s, err := signed(t, i)
	if err != nil {
		t.Fatalf("%v %q", err, fault.Of(err))
	}
	return s
}

// TestVerify: one good signature, and what must not pass for one.
func TestVerify(t *testing.T) {
	i, other := keylesstest.New(t), keylesstest.New(t)
	s := mustSign(t, i)
	root, me := i.TrustedRoot(), sign.Identity{Issuer: i.URL, Subject: workflow}
	if s.Identity != me {
		t.Errorf("identity %v, want %v", s.Identity, me)
	}
	if len(s.Bundle) > sign.MaxBundle/4 {
		t.Errorf("a bundle of %d bytes", len(s.Bundle))
	}
	elsewhere := mustSign(t, other).Bundle
	for _, test := range []struct {
		story string
		want  string // code, "" for success
		root  []byte
		data  []byte
		claim sign.Claim
		who   []sign.Identity
	}{
		{"the identity that signed", "", root, s.Bundle, claim(), []sign.Identity{me}},
		{"one of several", "", root, s.Bundle, claim(), []sign.Identity{{Issuer: me.Issuer, Subject: "x"}, me}},
		{"another subject", "identity-refused", root, s.Bundle, claim(), []sign.Identity{{Issuer: me.Issuer, Subject: workflow + "x"}}},
		{"a subject that is a pattern", "identity-refused", root, s.Bundle, claim(), []sign.Identity{{Issuer: me.Issuer, Subject: ".*"}}},
		{"another issuer", "identity-refused", root, s.Bundle, claim(), []sign.Identity{{Issuer: "https://accounts.example.org", Subject: workflow}}},
		{"issuer and subject of two identities", "identity-refused", root, s.Bundle, claim(),
			[]sign.Identity{{Issuer: me.Issuer, Subject: "x"}, {Issuer: "https://x", Subject: workflow}}},
		{"nobody", "bundle-invalid", root, s.Bundle, claim(), nil},
		{"an identity without an issuer", "bundle-invalid", root, s.Bundle, claim(), []sign.Identity{{Subject: workflow}}},
		{"another line", "bundle-invalid", root, s.Bundle, with(func(c *sign.Claim) { c.LineDigest = strings.Repeat("ef", 32) }), []sign.Identity{me}},
		{"another registry", "bundle-invalid", root, s.Bundle, with(func(c *sign.Claim) { c.Registry = "other.example.org" }), []sign.Identity{me}},
		{"another Sigstore instance", "bundle-invalid", root, elsewhere, claim(), []sign.Identity{{Issuer: other.URL, Subject: workflow}}},
		{"a root without a certificate authority", "keyless-untrusted", drop(t, root, "certificateAuthorities"), s.Bundle, claim(), []sign.Identity{me}},
		{"a root without certificate transparency", "bundle-invalid", drop(t, root, "ctlogs"), s.Bundle, claim(), []sign.Identity{me}},
		{"a root without a log", "bundle-invalid", drop(t, root, "tlogs"), s.Bundle, claim(), []sign.Identity{me}},
		{"a root without time stamps", "bundle-invalid", drop(t, root, "timestampAuthorities"), s.Bundle, claim(), []sign.Identity{me}},
		{"no root", "keyless-untrusted", nil, s.Bundle, claim(), []sign.Identity{me}},
		{"the signature of another moment", "bundle-invalid", root, mix(t, s.Bundle, mustSign(t, i).Bundle, "dsseEnvelope"), claim(), []sign.Identity{me}},
		{"the place of another signature in the log", "bundle-invalid", root,
			mixMaterial(t, s.Bundle, mustSign(t, i).Bundle, "tlogEntries"), claim(), []sign.Identity{me}},
		{"the time of another signature", "bundle-invalid", root,
			mixMaterial(t, s.Bundle, mustSign(t, i).Bundle, "timestampVerificationData"), claim(), []sign.Identity{me}},
		{"no place in the log", "bundle-invalid", root, mixMaterial(t, s.Bundle, []byte(`{"verificationMaterial":{}}`), "tlogEntries"), claim(), []sign.Identity{me}},
		{"no time", "bundle-invalid", root, mixMaterial(t, s.Bundle, []byte(`{"verificationMaterial":{}}`), "timestampVerificationData"), claim(), []sign.Identity{me}},
		{"a bundle of an old form", "bundle-invalid", root, bytes.Replace(s.Bundle, []byte("v0.3"), []byte("v0.2"), 1), claim(), []sign.Identity{me}},
		{"a bundle that is too long", "bundle-invalid", root, append(bytes.Clone(s.Bundle), bytes.Repeat([]byte(" "), sign.MaxBundle)...), claim(), []sign.Identity{me}},
		{"something behind the bundle", "bundle-invalid", root, append(bytes.Clone(s.Bundle), '{'), claim(), []sign.Identity{me}},
		{"nothing", "bundle-invalid", root, nil, claim(), []sign.Identity{me}},
		{"an empty object", "bundle-invalid", root, []byte("{}"), claim(), []sign.Identity{me}},
		{"a bundle by a key", "bundle-invalid", root, byKey(t), claim(), []sign.Identity{me}},
	} {
		err := keyless.Verify(test.root, test.data, test.claim, test.who)
		code := ""
		if f := fault.Of(err); f != nil {
			code = f.Code
		} else if err != nil {
			code = err.Error()
		}
		if code != test.want {
			t.Errorf("%s: %q, want %q: %v", test.story, code, test.want, err)
		}
	}
}

// TestTampered: no character of what carries the signature can be another. The last of a value are left out: base64 may
// have bits there that mean nothing.
func TestTampered(t *testing.T) {
	i := keylesstest.New(t)
	s := mustSign(t, i)
	text := string(s.Bundle)
	for _, member := range []string{"mediaType", "rawBytes", "payload", "payloadType", "sig", "keyId", "envelope"} {
		from := strings.Index(text, `"`+member+`":`)
		if from < 0 {
			t.Fatalf("no %s in %s", member, text)
		}
		from += strings.Index(text[from:], ":") + 1
		from += strings.Index(text[from:], `"`) + 1
		for at := from; at < from+strings.Index(text[from:], `"`)-4; at++ {
			data := bytes.Clone(s.Bundle)
			if data[at] = 'A'; text[at] == 'A' {
				data[at] = 'B'
			}
			if keyless.Verify(i.TrustedRoot(), data, claim(), []sign.Identity{s.Identity}) == nil {
				t.Errorf("%s with another byte at %d passes: …%s…", member, at-from, data[max(0, at-60):min(len(data), at+60)])
			}
		}
	}
}

func TestValidity(t *testing.T) {
	for _, test := range []struct {
		story string
		spoil func(*keylesstest.Instance)
	}{
		{"the certificate is not good yet", func(i *keylesstest.Instance) { i.Late = time.Hour }},
		{"the certificate is not good any more", func(i *keylesstest.Instance) { i.Late = -20 * time.Minute }},
		{"the certificate was not logged", func(i *keylesstest.Instance) { i.NoStamp = true }},
	} {
		i := keylesstest.New(t)
		test.spoil(i)
		if s, err := signed(t, i); !fault.IsCode(err, "bundle-invalid") {
			t.Errorf("%s: %v, %v", test.story, s, err)
		}
	}
}

// TestTokenStaysHere: nothing that fails tells the token, and it goes nowhere but to its authority.
func TestTokenStaysHere(t *testing.T) {
	i := keylesstest.New(t)
	i.Refuse = "no, not for"
	token := i.Token(workflow, "127.0.0.1")
	_, err := keyless.Sign(t.Context(), &http.Client{}, i.TrustedRoot(), claim(), token, time.Now())
	if !fault.IsCode(err, "token-refused") {
		t.Fatalf("%v", err)
	}
	for _, part := range strings.Split(token, ".") {
		if text := strings.Join(append(fault.Of(err).Facts, err.Error()), " "); strings.Contains(text, part) {
			t.Errorf("%q tells the token", text)
		}
	}
	for _, audience := range []string{"sigstore", "", "other.example.org"} {
		i.Requests = nil
		_, err := keyless.Sign(t.Context(), &http.Client{}, i.TrustedRoot(), claim(), i.Token(workflow, audience), time.Now())
		if !fault.IsCode(err, "token-refused") || len(i.Requests) > 0 {
			t.Errorf("a token for %q: %v, %q", audience, err, i.Requests)
		}
	}
	for _, token := range []string{"", "x", "a.b", "a.!.c", "a." + base64.RawURLEncoding.EncodeToString([]byte("{}")) + ".c"} {
		if _, err := keyless.Sign(t.Context(), &http.Client{}, i.TrustedRoot(), claim(), token, time.Now()); !fault.IsCode(err, "token-refused") {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	i := keylesstest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := keyless.Sign(ctx, &http.Client{}, i.TrustedRoot(), claim(), i.Token(workflow, "127.0.0.1"), time.Now()); err == nil {
		t.Error("it signs all the same")
	}
}

func TestAmbient(t *testing.T) {
	i := keylesstest.New(t)
	for _, test := range []struct {
		story, want string // code; "" for a token
		env         map[string]string
	}{
		{"somebody gave one", "", map[string]string{"SIGSTORE_ID_TOKEN": i.Token(workflow, "127.0.0.1") + "\n"}},
		{"GitHub", "", map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": i.URL + "/token?subject=" + workflow, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": keylesstest.RunnerSecret}},
		{"GitHub, another job's secret", "token-refused", map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": i.URL + "/token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "another-secret"}},
		{"GitHub, without permission", "no-identity", map[string]string{"GITHUB_ACTIONS": "true"}},
		{"an address in the open", "token-refused", map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": "http://example.org/", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"}},
		{"a person's machine", "no-identity", nil},
	} {
		token, err := keyless.Ambient(t.Context(), &http.Client{}, func(name string) string { return test.env[name] }, "127.0.0.1")
		if test.want != "" {
			if !fault.IsCode(err, test.want) || token != "" {
				t.Errorf("%s: %q, %v, want %s", test.story, token, err, test.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.story, err)
			continue
		}
		if _, err := keyless.Sign(t.Context(), &http.Client{}, i.TrustedRoot(), claim(), token, time.Now()); err != nil {
			t.Errorf("%s: %v", test.story, err)
		}
	}
}

func TestAudience(t *testing.T) {
	for url, want := range map[string]string{
		"https://fulcio.sigstore.dev": "sigstore", "https://fulcio.sigstage.dev": "fulcio.sigstage.dev",
		"https://fulcio.example.org:8443/x": "fulcio.example.org", "https://evilsigstore.dev": "evilsigstore.dev",
	} {
		if got := keyless.Audience(url); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

func with(change func(*sign.Claim)) sign.Claim {
	c := claim()
	change(&c)
	return c
}

func object(t *testing.T, data []byte) map[string]json.RawMessage {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func text(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// drop takes a member out of an object.
func drop(t *testing.T, data []byte, member string) []byte {
	t.Helper()
	m := object(t, data)
	delete(m, member)
	return text(t, m)
}

// mix puts a member of one object into another.
func mix(t *testing.T, into, from []byte, member string) []byte {
	t.Helper()
	m := object(t, into)
	if delete(m, member); object(t, from)[member] != nil {
		m[member] = object(t, from)[member]
	}
	return text(t, m)
}

func mixMaterial(t *testing.T, into, from []byte, member string) []byte {
	t.Helper()
	m := object(t, into)
	m["verificationMaterial"] = mix(t, m["verificationMaterial"], object(t, from)["verificationMaterial"], member)
	return text(t, m)
}

// byKey is a good bundle of a publisher's key.
func byKey(t *testing.T) []byte {
	t.Helper()
	key, err := sign.Generate(strings.NewReader(strings.Repeat("x", 1<<10)))
	if err != nil {
		t.Fatal(err)
	}
	value, err := key.Sign(nil, claim())
	if err != nil {
		t.Fatal(err)
	}
	data, err := sign.Bundle(claim(), key.Public(), value, nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
