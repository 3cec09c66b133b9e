package settings

import (
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	rows := []struct{ raw, text, kind, origin string }{
		{"https://registry.gal-lang.org", "https://registry.gal-lang.org", Static, "https://registry.gal-lang.org"},
		{"HTTPS://Registry.Example:443/a/./b/", "https://registry.example/a/b", Static, "https://registry.example"},
		{"https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443", Static, "https://[2001:db8::1]:8443"},
		{"http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x", Static, "http://127.0.0.1:8080"},
		{"git+https://host.example/a/b.git", "git+https://host.example/a/b.git", Git, "https://host.example"},
		{"git+http://localhost:1/a", "git+http://localhost:1/a", Git, "http://localhost:1"},
		{"git+ssh://git@Host.example:22/a/b", "git+ssh://git@host.example/a/b", Git, "ssh://host.example"},
		{"git+ssh://git@host.example:443/a/b", "git+ssh://git@host.example:443/a/b", Git, "ssh://host.example:443"}, // 443 is not ssh's own
		{"git+ssh://host.example/a/../b", "git+ssh://host.example/b", Git, "ssh://host.example"},
		{"file:///srv/gal/../reg istry", "file:///srv/reg%20istry", Directory, ""},
		{"file://localhost/srv", "file:///srv", Directory, ""},
		{"git+file:///srv/r.git", "git+file:///srv/r.git", Git, ""},
		{"/srv//registry/", "/srv/registry", Directory, ""},
	}
	for _, r := range rows {
		a, err := parseAddress(r.raw)
		if err != nil || a.text != r.text || a.kind != r.kind || a.origin != r.origin || a.insecure {
			t.Errorf("%q: %+v %v", r.raw, a, err)
		}
		if again, err := parseAddress(a.text); err != nil || again != a {
			t.Errorf("%q is not stable: %+v %v", r.raw, again, err)
		}
	}
}

func TestAddressesRefused(t *testing.T) {
	rows := []string{"", "registry.example", "./registry", "ftp://a/b", "ext::sh -c x", "ssh://git@host.example/a", "git@host.example:a/b",
		"https://user:s3cret@host.example", "https://s3cret@host.example", "https://host.example/?token=s3cret", "https://host.example/#s3cret",
		"git+https://s3cret@host.example/a", "git+ssh://git:s3cret@host.example/a", "git+ssh://-oProxyCommand=x/a", "git+ssh://-o@host.example/a",
		"git+ssh://host.example", "git+ssh://host.example/-x", "git+ssh:///a", "file://host.example/a", "file:a", "file://a", "file:///a%00b",
		"file:///a%zz", "https:///a", "https://ho st/a", "https://host.example/a\n", "https://gäl.example", "/a\x00b", "/a\xff", strings.Repeat("/a", 2000)}
	for _, raw := range rows {
		a, err := parseAddress(raw)
		if err == nil {
			t.Errorf("%.60q: accepted as %q", raw, a.text)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: the error shows the secret: %v", raw, err)
		}
	}
	for _, raw := range []string{"http://host.example", "git+http://host.example/a", "http://127.0.0.1.example", "http://192.168.0.1"} {
		if a, err := parseAddress(raw); err != nil || !a.insecure {
			t.Errorf("%q: %+v %v", raw, a, err)
		}
	}
}

func TestDir(t *testing.T) {
	for url, want := range map[string]string{"/srv/r": "/srv/r", "file:///srv/a%20b": "/srv/a b", "https://h.example": "", "git+file:///r": ""} {
		if got := (Registry{URL: url}).Dir(); got != want {
			t.Errorf("%q: %q", url, got)
		}
	}
}
