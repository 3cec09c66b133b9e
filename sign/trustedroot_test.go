package sign_test

import (
	"bytes"
	"crypto/sha256"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
)

func logVerifier(t *testing.T, seed, origin string) translog.Verifier {
	t.Helper()
	scalar := sha256.Sum256([]byte(seed))
	key, err := translog.GenerateKey(bytes.NewReader(scalar[:]), origin)
	if err != nil {
		t.Fatal(err)
	}
	return key.Verifier()
}

func TestTrustedRootRoundTrip(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	logs := []sign.TrustedLog{
		{Key: logVerifier(t, "old", "r.example"), Start: start, End: start.Add(time.Hour)},
		{Key: logVerifier(t, "new", "r.example"), Start: start.Add(time.Minute)},
	}
	other := sign.TrustedLog{Key: logVerifier(t, "other", "other.example"), Start: start}
	data, err := sign.FormatTrustedRoot(append(logs, other))
	if err != nil {
		t.Fatal(err)
	}
	back, err := sign.ParseTrustedRoot(data, "r.example")
	if err != nil || !reflect.DeepEqual(back, logs) {
		t.Errorf("got %v, %v", back, err)
	}
	again, err := sign.FormatTrustedRoot(append(back, other))
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("formatted again: %s, %v", again, err)
	}
}

func TestTrustedRootsRefused(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	key := logVerifier(t, "key", "r.example")
	data, err := sign.FormatTrustedRoot([]sign.TrustedLog{{Key: key, Start: start}})
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	for what, bad := range map[string]string{
		"empty":              "",
		"no object":          "[]",
		"no logs":            "{}",
		"another origin":     strings.Replace(good, "https://r.example", "https://s.example", 1),
		"a path in the URL":  strings.Replace(good, "https://r.example", "https://r.example/log", 1),
		"plain http":         strings.Replace(good, "https://r.example", "http://r.example", 1),
		"another algorithm":  strings.Replace(good, "PKIX_ED25519", "PKIX_ECDSA_P256_SHA_256", 1),
		"another hash":       strings.Replace(good, "SHA2_256", "SHA2_512", 1),
		"a time that is not": strings.Replace(good, "2026-01-02T03:04:05Z", "yesterday", 1),
		"another log id":     strings.Replace(good, `"keyId":"`, `"keyId":"AAAA`, 1),
		"trailing bytes":     good + "{}",
		"too long":           good + strings.Repeat(" ", 1<<20),
	} {
		if bad == good {
			t.Fatalf("%s: nothing was changed", what)
		}
		if _, err := sign.ParseTrustedRoot([]byte(bad), "r.example"); !fault.IsCode(err, "trusted-root-invalid") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, logs := range map[string][]sign.TrustedLog{
		"none":     {},
		"no key":   {{Start: start}},
		"no start": {{Key: key}},
		"reversed": {{Key: key, Start: start, End: start}},
		"too many": make([]sign.TrustedLog, 65),
	} {
		if _, err := sign.FormatTrustedRoot(logs); err == nil {
			t.Errorf("%s: written", what)
		}
	}
}

// TestWithInstance: both roots' logs and authorities are in the joined one, and what was there reads as before.
func TestWithInstance(t *testing.T) {
	key := logVerifier(t, "own", "registry.example")
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	own, err := sign.FormatTrustedRoot([]sign.TrustedLog{{Key: key, Start: start}})
	if err != nil {
		t.Fatal(err)
	}
	const kind = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"`
	joined, err := sign.WithInstance(own, []byte(kind+`, "tlogs":[{"baseUrl":"https://rekor.example"}], "certificateAuthorities":[{"uri":"https://fulcio.example"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	again, err := sign.ParseTrustedRoot(joined, "registry.example")
	if err != nil || len(again) != 1 || again[0].Key != key || !strings.Contains(string(joined), `"certificateAuthorities":[{"uri":"https://fulcio.example"}]`) {
		t.Errorf("%v, %v: %s", again, err, joined)
	}
	for _, bad := range []string{"", "{}", kind + "}", kind + `,"certificateAuthorities":{}}`, `{"mediaType":"x","certificateAuthorities":[{}]}`} {
		if _, err := sign.WithInstance(own, []byte(bad)); !fault.IsCode(err, "trusted-root-invalid") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
