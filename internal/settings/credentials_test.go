package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

const twoRegistries = `default_registry = "pub"
[registries.pub]
url = "https://pub.example/index/"
[registries.com-pany]
url = "git+https://com.example:8443/r"
[registries.open]
url = "https://open.example"
auth_type = "None"
[registries.dir]
url = "/srv/r"
[registries.ssh]
url = "git+ssh://git@s.example/r"
`

// openCredentials returns the credentials of twoRegistries below a new folder, which is not there yet.
func openCredentials(t *testing.T, env ...string) *Credentials {
	t.Helper()
	rs, err := parseRegistries("r", []byte(twoRegistries))
	if err != nil {
		t.Fatal(err)
	}
	return OpenCredentials(filepath.Join(t.TempDir(), "gal", CredentialsFile), variables(env...), rs)
}

func TestMask(t *testing.T) {
	rows := map[string]string{
		"gal_0123456789abcdef3f2a":     "gal_…3f2a",
		"ghp_0123456789abcdef3f2a":     "ghp_…3f2a",
		"github_pat_0123456789abcdefg": "github_…defg",
		"0123456789abcdef":             "…cdef",
		"0123456789abcde":              "…", // fewer than twelve would stay hidden
		"gal_0123456789abcdef"[:19]:    "…",
		"verysecretpart_0123456789abc": "…9abc", // what is before a late underscore is no prefix
		"":                             "…",
		"gal_0123456789abcdef\x1b[1m3": "…",
	}
	for token, want := range rows {
		if got := Mask(token); got != want {
			t.Errorf("%q: %q, want %q", token, got, want)
		}
	}
}

func TestCredentialShowsNothing(t *testing.T) {
	for _, c := range []Credential{{Token: "SECRET0123456789abcdef", Origin: "https://a.example"}, {Username: "alice", Password: "SECRET", Origin: "https://a.example"}} {
		boxed := struct{ C *Credential }{&c}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T %v", "%10.3s"} {
			for _, v := range []any{c, &c, []Credential{c}, map[string]Credential{"a": c}, struct{ C Credential }{c}, boxed} {
				text := fmt.Sprintf(verb, v)
				if strings.Contains(text, "SECRET") || strings.Contains(text, fmt.Sprintf("%x", "SECRET")) {
					t.Errorf("%s of %T: %s", verb, v, text)
				}
			}
		}
		if text, err := json.Marshal(c); err != nil || strings.Contains(string(text), "SECRET") {
			t.Errorf("json: %s %v", text, err)
		}
		if text := fmt.Sprint(c); !strings.Contains(text, "https://a.example") {
			t.Errorf("%q does not tell what it is", text)
		}
	}
}

func TestAuthorization(t *testing.T) {
	rows := []struct {
		c    Credential
		want string
	}{
		{Credential{Token: "t", Origin: "https://a.example"}, "Bearer t"},
		{Credential{Username: "Aladdin", Password: "open sesame", Origin: "https://a.example"}, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{Credential{Origin: "https://a.example"}, ""},
	}
	for _, r := range rows {
		if got := r.c.Authorization(); got != r.want {
			t.Errorf("%q", got)
		}
		if got := r.c.AuthorizationFor("https://a.example"); got != r.want {
			t.Errorf("%q", got)
		}
		for _, origin := range []string{"", "http://a.example", "https://a.example:8443", "https://a.example.evil", "https://b.example"} {
			if got := r.c.AuthorizationFor(origin); got != "" {
				t.Errorf("%q is given %q", origin, got)
			}
		}
	}
	if got := (Credential{Token: "t"}).AuthorizationFor(""); got != "" {
		t.Errorf("a credential without an origin is given: %q", got)
	}
}

func TestVariables(t *testing.T) {
	rows := []struct {
		name, registry string
		env            []string
		token, origin  string
		source, code   string
	}{
		{"default", "", []string{"GAL_REGISTRY_TOKEN", "a"}, "a", "https://pub.example", "GAL_REGISTRY_TOKEN", ""},
		{"default by name", "pub", []string{"GAL_REGISTRY_TOKEN", "a\n"}, "a", "https://pub.example", "GAL_REGISTRY_TOKEN", ""},
		{"own goes first", "pub", []string{"GAL_REGISTRY_TOKEN", "a", "GAL_REGISTRIES_PUB_TOKEN", "b"}, "b", "https://pub.example", "GAL_REGISTRIES_PUB_TOKEN", ""},
		{"not another's", "com-pany", []string{"GAL_REGISTRY_TOKEN", "a"}, "", "", "", ""},
		{"hyphen", "com_pany", []string{"GAL_REGISTRIES_COM_PANY_TOKEN", "c"}, "c", "https://com.example:8443", "GAL_REGISTRIES_COM_PANY_TOKEN", ""},
		{"none wanted", "open", []string{"GAL_REGISTRIES_OPEN_TOKEN", "c"}, "", "", "", ""},
		{"folder", "dir", []string{"GAL_REGISTRIES_DIR_TOKEN", "c"}, "c", "", "GAL_REGISTRIES_DIR_TOKEN", ""},
		{"ssh", "ssh", []string{"GAL_REGISTRIES_SSH_TOKEN", "c"}, "c", "", "GAL_REGISTRIES_SSH_TOKEN", ""},
		{"empty", "", []string{"GAL_REGISTRY_TOKEN", " "}, "", "", "", ""},
		{"header", "", []string{"GAL_REGISTRY_TOKEN", "a\r\nSECRET: b"}, "", "", "", "bad-token"},
		{"unknown", "nowhere", nil, "", "", "", "registry-not-found"},
	}
	for _, r := range rows {
		c, ok, err := openCredentials(t, r.env...).For(r.registry)
		if code(err) != r.code || ok != (r.token != "") || c.Token != r.token || c.Origin != r.origin || c.Source != r.source {
			t.Errorf("%s: %q %q %q %v %v", r.name, c.Token, c.Origin, c.Source, ok, err)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

func TestCredentialsFile(t *testing.T) {
	ctx := context.Background()
	c := openCredentials(t)
	if had, err := c.Remove(ctx, "pub"); had || err != nil {
		t.Errorf("remove before there is a file: %v %v", had, err)
	}
	if _, err := os.Stat(filepath.Dir(c.file.path)); err == nil {
		t.Error("removing nothing made a folder")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Set(ctx, "", Credential{Token: "gal_1"}))
	must(os.WriteFile(c.file.path, append([]byte("# mine\n"), content(t, c.file.path)...), 0o600))
	must(c.Set(ctx, "com_pany", Credential{Username: "alice", Password: `p"1\`, Origin: "https://Forge.example:443/x"}))
	want := "# mine\n[registries.pub]\norigin = \"https://pub.example\"\ntoken = \"gal_1\"\n\n[registries.com-pany]\norigin = \"https://forge.example\"\n" +
		"username = \"alice\"\npassword = \"p\\\"1\\\\\"\n"
	if got := content(t, c.file.path); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got, ok, err := c.For("com-pany"); err != nil || !ok || got.Password != `p"1\` || got.Origin != "https://forge.example" || got.Source != CredentialsFile {
		t.Errorf("%v %v %v", got, ok, err)
	}
	authorize, err := c.Authorizer("pub")
	must(err)
	if authorize("https://pub.example") != "Bearer gal_1" || authorize("https://forge.example") != "" {
		t.Error("the token is not bound to its origin")
	}
	must(c.Set(ctx, "com-pany", Credential{Token: "gal_2"}))
	if got, _, err := c.For("com-pany"); err != nil || got.Token != "gal_2" || got.Username != "" || got.Origin != "https://com.example:8443" {
		t.Errorf("after a new login: %v %v", got, err)
	}
	if had, err := c.Remove(ctx, "com_pany"); !had || err != nil {
		t.Errorf("%v %v", had, err)
	}
	if had, err := c.Remove(ctx, "com-pany"); had || err != nil {
		t.Errorf("a second time: %v %v", had, err)
	}
	if got := content(t, c.file.path); !strings.HasPrefix(got, "# mine\n[registries.pub]\n") || strings.Contains(got, "gal_2") {
		t.Errorf("%q", got)
	}
}

// TestURLMoved shows that who changes the address of a registry does not get its token.
func TestURLMoved(t *testing.T) {
	c := openCredentials(t)
	if err := c.Set(context.Background(), "pub", Credential{Token: "gal_1"}); err != nil {
		t.Fatal(err)
	}
	moved := c.registries.All["pub"]
	moved.URL = "https://evil.example"
	c.registries.All["pub"] = moved
	authorize, err := c.Authorizer("pub")
	if err != nil || authorize("https://evil.example") != "" || authorize("https://pub.example") != "Bearer gal_1" {
		t.Errorf("the token went with the address: %v", err)
	}
}

// TestSharedCredential shows that the shared cache gets what is stored for its origin, by itself or with a registry.
func TestSharedCredential(t *testing.T) {
	ctx := context.Background()
	c := openCredentials(t, "GAL_REGISTRIES_COM_PANY_TOKEN", "gal_3")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	holds := func(address, want string) {
		t.Helper()
		origin, err := web.Origin(address)
		must(err)
		if got, ok, err := c.ForShared(address); err != nil || ok != (want != "") || got.AuthorizationFor(origin) != want {
			t.Errorf("%s: %q %v %v, want %q", address, got.AuthorizationFor(origin), ok, err, want)
		}
	}
	holds("https://cache.example/bazel", "")
	must(c.Set(ctx, "pub", Credential{Token: "gal_1"}))
	must(c.SetShared(ctx, "https://Cache.example:443/bazel/", Credential{Username: "Aladdin", Password: "open sesame"}))
	holds("https://cache.example/bazel", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
	holds("https://cache.example:8443/bazel", "")
	holds("http://cache.example/bazel", "")
	holds("https://pub.example/cache", "Bearer gal_1")
	holds("https://com.example:8443/cache", "Bearer gal_3")
	must(c.SetShared(ctx, "https://pub.example/cache", Credential{Token: "gal_2"}))
	holds("https://pub.example/cache", "Bearer gal_2")
	if got, _, err := c.For("pub"); err != nil || got.Token != "gal_1" {
		t.Errorf("the registry has %v %v", got, err)
	}
	for want, bad := range map[string]Credential{"bad-credential": {Username: "a"}, "bad-origin": {Token: "a"}} {
		if err := c.SetShared(ctx, "http://cache.example", bad); code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for _, want := range []bool{true, false} {
		if had, err := c.RemoveShared(ctx); had != want || err != nil {
			t.Errorf("removed %v %v", had, err)
		}
	}
	holds("https://pub.example/cache", "Bearer gal_1")
}

func TestSetRefused(t *testing.T) {
	rows := []struct {
		registry string
		c        Credential
		code     string
	}{
		{"pub", Credential{}, "bad-credential"},
		{"pub", Credential{Token: "SECRET x"}, "bad-credential"},
		{"pub", Credential{Token: "SECRET\n"}, "bad-credential"},
		{"pub", Credential{Token: strings.Repeat("x", maxSecret+1)}, "bad-credential"},
		{"pub", Credential{Token: "SECRET", Username: "a", Password: "SECRET"}, "bad-credential"},
		{"pub", Credential{Username: "a"}, "bad-credential"},
		{"pub", Credential{Username: "a:SECRET", Password: "b"}, "bad-credential"},
		{"pub", Credential{Username: "a", Password: "SECRET\x00"}, "bad-credential"},
		{"pub", Credential{Token: "a", Origin: "http://pub.example"}, "bad-origin"},
		{"pub", Credential{Token: "a", Origin: "https://SECRET@pub.example"}, "bad-origin"},
		{"pub", Credential{Token: "a", Origin: "pub.example"}, "bad-origin"},
		{"dir", Credential{Token: "a"}, "bad-origin"},
		{"ssh", Credential{Token: "a"}, "bad-origin"},
		{"open", Credential{Token: "a"}, "bad-origin"},
		{"nowhere", Credential{Token: "a"}, "registry-not-found"},
	}
	for _, r := range rows {
		c := openCredentials(t)
		err := c.Set(context.Background(), r.registry, r.c)
		if code(err) != r.code || strings.Contains(fmt.Sprint(err), "SECRET") {
			t.Errorf("%v: %v, want %s", r.c, err, r.code)
		}
		if _, err := os.Stat(c.file.path); err == nil {
			t.Errorf("%v: a file was written", r.c)
		}
	}
}

func TestBadCredentialsShowNothing(t *testing.T) {
	rows := []string{
		"[registries.pub]\ntoken = \"SECRET",
		"[registries.pub]\ntoken = SECRET\n",
		"[registries.pub]\ntoken = [\"SECRET\"]\n",
		"[registries.pub]\ntoken = \"SECRET \\u0001\"\norigin = \"https://a.example\"\n",
		"[registries.pub]\ntoken = \"SECRET\"\norigin = \"https://SECRET@a.example\"\n",
		"[registries.pub]\ntoken = \"SECRET\"\n",
		"[registries.pub]\ntokn = \"SECRET\"\n",
		"registries = \"SECRET\"\n",
		"cache.shared = \"SECRET\"\n",
		"[cache.shared]\ntoken = \"SECRET\"\n",
		"registries.pub = \"SECRET\"\n",
		"[registries.a-b]\ntoken = \"SECRET\"\norigin = \"https://a.example\"\n[registries.a_b]\ntoken = \"SECRET\"\norigin = \"https://a.example\"\n",
	}
	for _, text := range rows {
		_, err := parseCredentials("c", []byte(text))
		if code(err) != "bad-credentials" || fault.KindOf(err) != fault.Manifest {
			t.Errorf("%q: %v", text, err)
			continue
		}
		f := fault.Of(err)
		if shown := err.Error() + strings.Join(append(f.Facts, f.Help...), " "); strings.Contains(shown, "SECRET") {
			t.Errorf("%q: shown: %s", text, shown)
		}
	}
}
