package keyless_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	helper "github.com/geeknik/gal-pkg/internal/keyless"
	"github.com/geeknik/gal-pkg/internal/keyless/server"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/keyless"
	"github.com/geeknik/gal-pkg/sign/keyless/keylesstest"
)

// TestMain lets this test binary be the program, where its environment says so.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_PROGRAM") == "" {
		os.Exit(m.Run())
	}
	if err := server.Serve(context.Background(), os.Stdin, os.Stdout, os.Getenv, time.Now); err != nil {
		os.Exit(1)
	}
}

func program(t *testing.T) *helper.Helper {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("BE_THE_PROGRAM", "yes")
	return &helper.Helper{Path: self}
}

func claim() sign.Claim {
	return sign.Claim{
		Registry: "packages.example.org", Path: "index/ma/il/mailbox", Event: sign.Yank, Subject: "mailbox", Version: "1.1.0",
		LineDigest: strings.Repeat("cd", 32),
	}
}

// TestRoundTrip: what the program signs it verifies, many at a time, with the same errors as in one program.
func TestRoundTrip(t *testing.T) {
	i := keylesstest.New(t)
	t.Setenv("SIGSTORE_ID_TOKEN", i.Token("https://ci.test/ada", "127.0.0.1"))
	h := program(t)
	root := i.TrustedRoot()
	ada := sign.Identity{Issuer: i.URL, Subject: "https://ci.test/ada"}
	bundle, who, err := h.Sign(t.Context(), root, claim(), helper.Signer{Identities: []sign.Identity{ada}})
	if err != nil || who != ada {
		t.Fatalf("%v, %v", who, err)
	}
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			identities := []sign.Identity{who}
			if n%2 == 1 {
				identities[0].Subject += "x"
			}
			err, want := h.Verify(root, bundle, claim(), identities), keyless.Verify(root, bundle, claim(), identities)
			if (err == nil) != (n%2 == 0) || (err == nil) != (want == nil) {
				t.Errorf("%d: %v, %v", n, err, want)
			}
			if err != nil && (err.Error() != want.Error() || !fault.IsCode(err, "identity-refused") || len(fault.Of(err).Facts) != len(fault.Of(want).Facts)) {
				t.Errorf("%d: %v, %v", n, err, want)
			}
		})
	}
	all.Wait()
	if err := h.Verify(root, nil, claim(), []sign.Identity{who}); !fault.IsCode(err, "bundle-invalid") {
		t.Errorf("no bundle is no signature: %v", err) // and not a question to sign
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

func TestNotThere(t *testing.T) {
	h := &helper.Helper{Path: filepath.Join(t.TempDir(), "gal-keyless")}
	if err := h.Verify(nil, []byte("{}"), claim(), nil); !fault.IsCode(err, "keyless-missing") {
		t.Errorf("%v", err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := new(helper.Helper).Verify(nil, []byte("{}"), claim(), nil); !fault.IsCode(err, "keyless-missing") {
		t.Errorf("beside this program: %v", err)
	}
}

// TestCancelled: whoever waits for a signature can stop waiting.
func TestCancelled(t *testing.T) {
	i := keylesstest.New(t)
	t.Setenv("SIGSTORE_ID_TOKEN", i.Token("https://ci.test/ada", "127.0.0.1"))
	ctx, cancel := context.WithCancel(t.Context())
	i.Before = func(*http.Request) { cancel(); <-t.Context().Done() }
	h := program(t)
	ada := []sign.Identity{{Issuer: i.URL, Subject: "https://ci.test/ada"}}
	if _, _, err := h.Sign(ctx, i.TrustedRoot(), claim(), helper.Signer{Identities: ada}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestCancelledBefore: who has stopped waiting before the question signs nothing, and can ask again.
func TestCancelledBefore(t *testing.T) {
	i := keylesstest.New(t)
	t.Setenv("SIGSTORE_ID_TOKEN", i.Token("https://ci.test/ada", "127.0.0.1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := program(t)
	if _, _, err := h.Sign(ctx, i.TrustedRoot(), claim(), helper.Signer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	_ = h.Close() // it may have been ended
	if len(i.Requests) > 0 {
		t.Errorf("asked for %v", i.Requests)
	}
}

// TestNotTheirs: who is none of the publisher's identities is told before a certificate or a log has anything of them.
func TestNotTheirs(t *testing.T) {
	i := keylesstest.New(t)
	h := program(t)
	as := helper.Signer{Token: i.Token("https://ci.test/eve", "127.0.0.1"), Identities: []sign.Identity{{Issuer: i.URL, Subject: "https://ci.test/ada"}}}
	if _, _, err := h.Sign(t.Context(), i.TrustedRoot(), claim(), as); !fault.IsCode(err, "identity-unknown") {
		t.Errorf("%v", err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if len(i.Requests) > 0 {
		t.Errorf("asked for %v", i.Requests)
	}
}

// TestDry: whether something could be signed is found out without signing it.
func TestDry(t *testing.T) {
	i := keylesstest.New(t)
	good, other := i.Token("https://ci.test/ada", "127.0.0.1"), i.Token("https://ci.test/eve", "127.0.0.1")
	login := &helper.Login{Way: helper.WayDevice, Issuer: i.URL}
	for _, row := range []struct {
		story, ambient, code string
		root                 []byte
		as                   helper.Signer
	}{
		{"a job", good, "", i.TrustedRoot(), helper.Signer{}},
		{"a token that is brought", "", "", i.TrustedRoot(), helper.Signer{Token: good}},
		{"a job that is another", other, "identity-unknown", i.TrustedRoot(), helper.Signer{}},
		{"a job that is another, where somebody could log in", other, "identity-unknown", i.TrustedRoot(), helper.Signer{Login: login}},
		{"a token of another", "", "identity-unknown", i.TrustedRoot(), helper.Signer{Token: other}},
		{"a token for another authority", "", "token-refused", i.TrustedRoot(), helper.Signer{Token: i.Token("https://ci.test/ada", "sigstore")}},
		{"no token", "", "token-refused", i.TrustedRoot(), helper.Signer{Token: "x"}},
		{"somebody who would log in", "", "", i.TrustedRoot(), helper.Signer{Login: login}},
		{"somebody who would not log in as the job", other, "", i.TrustedRoot(), helper.Signer{Login: &helper.Login{Way: helper.WayDevice, Only: true, Issuer: i.URL}}},
		{"somebody who would log in nowhere", "", "no-issuer", i.TrustedRoot(), helper.Signer{Login: &helper.Login{Way: helper.WayDevice}}},
		{"nobody", "", "no-identity", i.TrustedRoot(), helper.Signer{}},
		{"a registry that takes none", good, "keyless-untrusted", nil, helper.Signer{}},
	} {
		t.Setenv("SIGSTORE_ID_TOKEN", row.ambient)
		h := program(t)
		row.as.Dry, row.as.Identities = true, []sign.Identity{{Issuer: i.URL, Subject: "https://ci.test/ada"}}
		bundle, _, err := h.Sign(t.Context(), row.root, claim(), row.as)
		if row.code == "" && err != nil || row.code != "" && !fault.IsCode(err, row.code) || bundle != nil {
			t.Errorf("%s: %q, %v", row.story, bundle, err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(i.Requests) > 0 {
		t.Errorf("asked for %v", i.Requests)
	}
}
