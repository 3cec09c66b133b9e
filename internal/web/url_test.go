package web

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
)

func TestCanonical(t *testing.T) {
	for raw, want := range map[string]string{
		"https://h/a/../b": "https://h/b", "https://h/a/%2e%2e/b": "https://h/b", "https://h/a/%2E./b": "https://h/b", "https://h./x": "https://h/x",
		"HTTPS://H.Example:443/X": "https://h.example/X", "http://h:80": "http://h/", "http://h:8080": "http://h:8080/", "https://h:80/": "https://h:80/",
		"https://h": "https://h/", "https://h/a/": "https://h/a/", "https://h//a": "https://h/a", "https://h/../../x": "https://h/x", "https://h/x#y": "https://h/x",
		"https://h/x?a=b": "https://h/x?a=b", "https://h/a%2fb": "https://h/a%2fb", "https://h/%41": "https://h/%41", "https://[::1]:443/": "https://[::1]/",
		"https://[0:0::1]/": "https://[::1]/", "https://h:/x": "https://h/x",
	} {
		got, err := Canonical(raw)
		if got != want || err != nil {
			t.Errorf("%q: %q, want %q (%v)", raw, got, want, err)
		}
	}
	for _, raw := range []string{
		"", "h", "/x", "https://", "https:///x", "ftp://h/", "file:///x", "https://u@h/", "https://u:p@h/", "https:h/x", "https://h/ x", "https://h\\@g/",
		"https://h/\x00", "https://h/\n", "https://\u0433/", "https://h..g/", "https://.h/", "https://h:x/", "https://h%2eg/", "https://" + strings.Repeat("h", 300) + "/",
		"https://h/" + strings.Repeat("x", maxURL), "javascript:alert(1)", "https://h/%zz",
	} {
		if got, err := Canonical(raw); !fault.IsCode(err, "bad-url") {
			t.Errorf("%q became %q: %v", raw, got, err)
		}
	}
}

func TestOrigin(t *testing.T) {
	for raw, want := range map[string]string{"https://H./x": "https://h", "https://h:443": "https://h", "http://h:8080/a/b": "http://h:8080", "http://h:443": "http://h:443"} {
		if got, err := Origin(raw); got != want || err != nil {
			t.Errorf("%q: %q, want %q (%v)", raw, got, want, err)
		}
	}
}

func TestRedact(t *testing.T) {
	for raw, want := range map[string]string{
		"https://h/x": "https://h/x", "https://u:p@h/x": "https://h/x", "https://h/x?token=s": "https://h/x?...", "https://h/x#s": "https://h/x?...",
		"https://u:p@q@h/@x": "https://h/@x", "u:p@h/x": "h/x", "https://h/\x1b[31m": "https://h/?[31m", "https://u:p?a@h/x": "https://h/x", "https://u:p#a@h": "https://h",
	} {
		if got := Redact(raw); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

func TestIsInside(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "10.0.0.1": true, "172.16.0.1": true, "172.32.0.1": false, "192.168.0.1": true, "169.254.169.254": true, "0.1.2.3": true,
		"100.64.0.1": true, "100.128.0.1": false, "224.0.0.1": true, "8.8.8.8": false, "::1": true, "::": true, "fe80::1": true, "fc00::1": true, "ff02::1": true,
		"2606:4700::1": false, "::ffff:10.0.0.1": true, "64:ff9b::a00:1": true, "64:ff9b::808:808": false, "2002:7f00:1::": true, "2002:808:808::": false,
	} {
		if got := isInside(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// FuzzCanonical holds that the canonical form is its own, names the same origin, and has neither userinfo nor dots.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"https://h/a/../b", "https://h./%2e%2e/x?y#z", "http://[::1]:80", "https://u:p@h", "https://h/a%2f..%2fb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		once, err := Canonical(raw)
		if err != nil {
			return
		}
		twice, err := Canonical(once)
		if err != nil || once != twice {
			t.Fatalf("%q became %q, then %q: %v", raw, once, twice, err)
		}
		a, _ := Origin(raw)
		if b, _ := Origin(once); a != b {
			t.Errorf("%q has origin %q, %q has %q", raw, a, once, b)
		}
		u, err := url.Parse(once)
		if err != nil || u.User != nil || strings.Contains(u.Path+"/", "/../") && !strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
			t.Errorf("%q became %q", raw, once)
		}
	})
}
