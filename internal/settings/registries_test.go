package settings

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// aKey is a P-256 public key.
const aKey = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEID9eVzs92ScrT+BEjgeky/nAD9ZgRrlZAEToYIe30ZjD6Oq9CYLPIBgFVd8MdemBm8FmBYehN6uhbiZaaIhpwA=="

const sample = `default_registry = "default"

[registries.default]
name = "default"
url = "https://registry.gal-lang.org"
auth_type = "Token"
verify_signatures = true
allow_insecure = false
timeout_seconds = 30
max_retries = 3

[registries.company]
name = "company"
url = "https://packages.company.com"
auth_type = "Token"
verify_signatures = true
public_keys = ["..."]
trusted_publishers = ["company-team"]
`

func TestSample(t *testing.T) {
	rs, err := parseRegistries("r", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	company := BuiltIn()
	company.Name, company.URL = "company", "https://packages.company.com"
	company.PublicKeys, company.TrustedPublishers = []string{"..."}, []string{"company-team"}
	if want := map[string]Registry{"default": BuiltIn(), "company": company}; !reflect.DeepEqual(rs.All, want) || rs.Default != "default" {
		t.Errorf("%+v", rs)
	}
	// The placeholder is no key. It must not vanish, or anybody's signature would do.
	if len(rs.Warnings) != 1 || !strings.Contains(rs.Warnings[0], "registries.company.public_keys[0]") {
		t.Errorf("%q", rs.Warnings)
	}
}

func TestParseRegistries(t *testing.T) {
	one := "[registries.a]\nurl = \"https://a.example\"\n"
	rows := []struct{ name, text, problem, warning string }{
		{"empty", "", "", ""},
		{"kebab", "default-registry = 'a'\n" + one + "verify-signatures = 'warn'\nmax-retries = 0", "", ""},
		{"no default", one, "", ""},
		{"unknown default", "default_registry = 'b'\n" + one, `default_registry is "b"`, ""},
		{"other name", one + "name = 'b'", `must be "a"`, ""},
		{"bad name", "[registries.\"A b\"]\nurl = 'https://a.example'", `registries."A b"`, ""},
		{"control in name", "[registries.\"a\\u001b[1m\"]\nurl = 'https://a.example'", `registries."a\x1b[1m"`, ""},
		{"no url", "[registries.a]", "registries.a.url is empty", ""},
		{"password", "[registries.a]\nurl = 'https://u:p@a.example'", "user name or password", ""},
		{"http", "[registries.a]\nurl = 'http://a.example'", "allow_insecure", ""},
		{"http to loopback", "[registries.a]\nurl = 'http://127.0.0.1:9'", "", ""},
		{"insecure", "[registries.a]\nurl = 'http://a.example'\nallow_insecure = true", "", "everybody on the way"},
		{"insecure mirror", one + "mirrors = ['http://m.example']", "mirrors[0]", ""},
		{"origin", one + "mirrors = ['/m']\norigin = 'block'", "", ""},
		{"origin is asked", one + "origin = 'ask'", "", ""},
		{"an old index", one + "max_age = '30 days'", "", ""},
		{"an old index, shorter", one + "max-age = '12h'", "", ""},
		{"an index of any age", one + "max_age = 'any'", "must be a span of at most ten years", ""},
		{"an index of no age", one + "max_age = '0 days'", "must be a span of at most ten years", ""},
		{"an index of all ages", one + "max_age = '4000 days'", "must be a span of at most ten years", ""},
		{"an index that is a number of days old", one + "max_age = 30", "max_age must be a string", ""},
		{"origin blocked, and nothing else", one + "origin = 'block'", "no mirrors to ask instead", ""},
		{"origin in other words", one + "mirrors = ['/m']\norigin = 'never'", `"ask" or "block"`, ""},
		{"origin type", one + "mirrors = ['/m']\norigin = false", "must be a string", ""},
		{"verify text", one + "verify_signatures = 'true'", `true, false or "warn"`, ""},
		{"verify off", one + "verify_signatures = false", "", "from anybody"},
		{"timeout", one + "timeout_seconds = 0", "between 1 and 3600", ""},
		{"timeout type", one + "timeout_seconds = '3'", "must be an integer", ""},
		{"retries", one + "max_retries = 21", "between 0 and 20", ""},
		{"auth", one + "auth_type = 'Tokn'", "did you mean `Token`?", ""},
		{"auth in lower case", one + "auth_type = 'basic'", "", ""},
		{"typo", one + "verify_signature = true", "", "did you mean `verify_signatures`?"},
		{"typo at the top", one + "[registrys]", "", "did you mean `registries`?"},
		{"two spellings", one + "max_retries = 1\nmax-retries = 1", "two spellings", ""},
		{"root", one + "root = 'sha256:00'", "64 lower-case hex", ""},
		{"id", one + "id = 'A'", "3 to 64", ""},
		{"publisher", one + "trusted_publishers = ['A']", "", "accepts nothing"},
		{"key", one + "public_keys = ['" + aKey + "']", "", ""},
		{"everything", one + "packages = ['*']", "a pattern is", ""},
		{"a star inside", one + "packages = ['a*b']", "a pattern is", ""},
		{"no table", "[registries]\na = 1", "registries.a must be a table", ""},
		{"names alike", "[registries.a-b]\nurl = '/a'\n[registries.a_b]\nurl = '/b'", "too much alike", ""},
		{"one pattern twice", one + "packages = ['x-y']\n[registries.b]\nurl = '/b'\npackages = ['x_y']", "both claim", ""},
		{"two roots", one + "id = 'x.y'\nroot = 'sha256:" + strings.Repeat("0", 64) + "'\n[registries.b]\nurl = '/b'\nid = 'x.y'\nroot = 'sha256:" + strings.Repeat("1", 64) + "'", "different roots", ""},
		{"id of a name", one + "id = 'bcd'\n[registries.bcd]\nurl = '/b'", "the name of another", ""},
		{"no TOML", "[", "r:1:", ""},
	}
	for _, r := range rows {
		rs, err := parseRegistries("r", []byte(r.text))
		switch {
		case r.problem == "" && err != nil:
			t.Errorf("%s: %v", r.name, err)
		case r.problem != "" && (err == nil || !strings.Contains(err.Error(), r.problem)):
			t.Errorf("%s: %v, want %q", r.name, err, r.problem)
		case r.problem != "" && (fault.KindOf(err) != fault.Manifest || code(err) != "bad-config"):
			t.Errorf("%s: %s %s", r.name, fault.KindOf(err), code(err))
		case r.problem == "" && (len(rs.Warnings) > 0) != (r.warning != ""):
			t.Errorf("%s: warnings %q", r.name, rs.Warnings)
		case r.warning != "" && !strings.Contains(rs.Warnings[0], r.warning):
			t.Errorf("%s: warnings %q", r.name, rs.Warnings)
		}
	}
}

func TestFindAndPackages(t *testing.T) {
	rs, err := parseRegistries("r", []byte(`default_registry = "pub"
[registries.pub]
url = "/pub"
id = "pub.example"
[registries.com_pany]
url = "/com"
id = "com.example"
packages = ["company/*", "gal-*", "exact"]
[registries.backup]
url = "/backup"
id = "pub.example"
[registries.special]
url = "/special"
packages = ["company/special", "gal-x-*"]
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"": "pub", "pub": "pub", "com-pany": "com_pany", "com.example": "com_pany", "pub.example": "pub"} {
		if r, err := rs.Find(name); err != nil || r.Name != want {
			t.Errorf("find %q: %q %v", name, r.Name, err)
		}
	}
	_, err = rs.Find("backpu")
	if fault.KindOf(err) != fault.NotFound || code(err) != "registry-not-found" || !strings.Contains(err.Error(), "did you mean `backup`?") ||
		fault.Of(err).Facts[0] != "registries: backup, com_pany, pub, special" {
		t.Errorf("%v %v", err, fault.Of(err).Facts)
	}
	for name, want := range map[string]string{"other": "pub", "company/a": "com_pany", "company/special": "special", "company": "pub",
		"gal_a": "com_pany", "gal-x-1": "special", "exact": "com_pany", "exactly": "pub"} {
		if r := rs.ForPackage(name); r.Name != want {
			t.Errorf("package %q: %q, want %q", name, r.Name, want)
		}
	}
}

// open writes a file of settings and loads it.
func open(t *testing.T, text string) *Registries {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gal", RegistriesFile)
	if text != "" {
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	rs, err := LoadRegistries(path)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEditsKeepBytes(t *testing.T) {
	ctx := context.Background()
	full := Registry{URL: "http://Host.example/", AuthType: "basic", VerifySignatures: VerifyWarn, AllowInsecure: true, TimeoutSeconds: 5, MaxRetries: -1,
		PublicKeys: []string{aKey}, TrustedPublishers: []string{"alice"}, Mirrors: []string{"/m/"}, BlockOrigin: true, Packages: []string{"x/*"},
		Root: "sha256:" + strings.Repeat("0", 64), ID: "x.example"}
	old := Registry{URL: "https://x.example", MaxAge: 30 * 24 * time.Hour}
	shown := Registry{URL: "https://x.example", ClientCert: "/c.pem", ClientKey: "/k.pem"}
	fullText := "[registries.x]\nname = \"x\"\nurl = \"http://host.example\"\nauth_type = \"Basic\"\nverify_signatures = \"warn\"\nallow_insecure = true\n" +
		"timeout_seconds = 5\nmax_retries = 0\npublic_keys = [\"" + aKey + "\"]\ntrusted_publishers = [\"alice\"]\nmirrors = [\"/m\"]\norigin = \"block\"\npackages = [\"x/*\"]\n" +
		"root = \"sha256:" + strings.Repeat("0", 64) + "\"\nid = \"x.example\"\n"
	plain := Registry{URL: "https://x.example"}
	odd := "# mine\r\n\r\n  [registries.a]   # a\r\nurl='/a' # here\r\n"
	rows := []struct {
		name, before, after string
		do                  func(*Registries) error
	}{
		{"add to nothing", "", "[registries.x]\nname = \"x\"\nurl = \"https://x.example\"\n", func(rs *Registries) error { return rs.Add(ctx, "x", plain) }},
		{"add everything", "# top\n", "# top\n\n" + fullText, func(rs *Registries) error { return rs.Add(ctx, "x", full) }},
		{"add that may be old", "", "[registries.x]\nname = \"x\"\nurl = \"https://x.example\"\nmax_age = \"30d\"\n", func(rs *Registries) error { return rs.Add(ctx, "x", old) }},
		{"add with a certificate", "", "[registries.x]\nname = \"x\"\nurl = \"https://x.example\"\nclient_cert = \"/c.pem\"\nclient_key = \"/k.pem\"\n", func(rs *Registries) error { return rs.Add(ctx, "x", shown) }},
		{"add to CRLF", odd, odd + "\r\n[registries.x]\r\nname = \"x\"\r\nurl = \"https://x.example\"\r\n", func(rs *Registries) error { return rs.Add(ctx, "x", plain) }},
		{"add without a final newline", "registries.a.url = '/a'", "registries.a.url = '/a'\nregistries.x.name = \"x\"\nregistries.x.url = \"https://x.example\"", func(rs *Registries) error { return rs.Add(ctx, "x", plain) }},
		{"add inline", "registries = { a = { url = '/a' } } # all\n", "registries = { a = { url = '/a' }, x.name = \"x\", x.url = \"https://x.example\" } # all\n", func(rs *Registries) error { return rs.Add(ctx, "x", plain) }},
		{"replace the built-in", "# top\n", "# top\n\n[registries.default]\nname = \"default\"\nurl = \"https://x.example\"\n", func(rs *Registries) error { return rs.Add(ctx, "default", plain) }},
		{"remove", odd + "[registries.b]\r\nurl='/b'\r\n", odd, func(rs *Registries) error { return rs.Remove(ctx, "b") }},
		{"set default", "# c\ndefault-registry = 'a' # d\n[registries.a]\nurl = '/a'\n[registries.b]\nurl = '/b'\n",
			"# c\ndefault-registry = \"b\" # d\n[registries.a]\nurl = '/a'\n[registries.b]\nurl = '/b'\n", func(rs *Registries) error { return rs.SetDefault(ctx, "b") }},
		{"the built-in stays", "[registries.b]\nurl = '/b'\n",
			"default_registry = \"b\"\n[registries.b]\nurl = '/b'\n\n[registries.default]\nname = \"default\"\nurl = \"https://registry.gal-lang.org\"\n", func(rs *Registries) error { return rs.SetDefault(ctx, "b") }},
		{"reset default", "# c\ndefault_registry = 'a'\n[registries.a]\nurl = '/a'\n", "# c\n[registries.a]\nurl = '/a'\n", func(rs *Registries) error { return rs.ResetDefault(ctx) }},
		{"set id", odd, odd + "id = \"a.example\"\r\n", func(rs *Registries) error { return rs.SetID(ctx, "a", "a.example") }},
		{"set id again", odd + "id='a.example' # x\r\n", odd + "id=\"a.example\" # x\r\n", func(rs *Registries) error { return rs.SetID(ctx, "a", "a.example") }},
		{"set id of the built-in", "", "[registries.default]\nname = \"default\"\nurl = \"https://registry.gal-lang.org\"\nid = \"gal-lang.org\"\n", func(rs *Registries) error { return rs.SetID(ctx, "default", "gal-lang.org") }},
	}
	for _, r := range rows {
		rs := open(t, r.before)
		if err := r.do(rs); err != nil {
			t.Errorf("%s: %v %q", r.name, err, fault.Of(err).Facts)
			continue
		}
		if got := content(t, rs.file.path); got != r.after {
			t.Errorf("%s:\n%s\nwant\n%s", r.name, got, r.after)
		}
		if again, err := LoadRegistries(rs.file.path); err != nil || !reflect.DeepEqual(again, rs) {
			t.Errorf("%s: loaded %+v %v, want %+v", r.name, again, err, rs)
		}
	}
}

func TestEditsRefused(t *testing.T) {
	ctx := context.Background()
	text := "default_registry = 'a'\n[registries.a]\nurl = '/a'\nid = 'a.example'\n[registries.b]\nurl = '/b'\n"
	rows := []struct {
		name, code string
		kind       fault.Kind
		do         func(*Registries) error
	}{
		{"add again", "registry-exists", fault.Usage, func(rs *Registries) error { return rs.Add(ctx, "a", BuiltIn()) }},
		{"another name inside", "bad-registry", fault.Usage, func(rs *Registries) error { return rs.Add(ctx, "x", BuiltIn()) }},
		{"bad name", "bad-registry", fault.Usage, func(rs *Registries) error { return rs.Add(ctx, "../x", Registry{URL: "/x"}) }},
		{"no name", "bad-registry", fault.Usage, func(rs *Registries) error { return rs.Add(ctx, "", Registry{URL: "/x"}) }},
		{"bad url", "bad-registry", fault.Usage, func(rs *Registries) error { return rs.Add(ctx, "x", Registry{URL: "http://x.example"}) }},
		{"bad key", "bad-registry", fault.Usage, func(rs *Registries) error { return rs.Add(ctx, "x", Registry{URL: "/x", PublicKeys: []string{"..."}}) }},
		{"name is an id", "registry-exists", fault.Usage, func(rs *Registries) error { return rs.Add(ctx, "a.example", Registry{URL: "/x"}) }},
		{"id is a name", "bad-registry", fault.Usage, func(rs *Registries) error {
			return rs.Add(ctx, "bcd", Registry{URL: "/x", ID: "bcd", Root: "sha256:" + strings.Repeat("z", 64)})
		}},
		{"remove the default", "registry-is-default", fault.Usage, func(rs *Registries) error { return rs.Remove(ctx, "a") }},
		{"remove what is not there", "registry-not-found", fault.NotFound, func(rs *Registries) error { return rs.Remove(ctx, "c") }},
		{"remove nothing", "bad-registry", fault.Usage, func(rs *Registries) error { return rs.Remove(ctx, "") }},
		{"default that is not there", "registry-not-found", fault.NotFound, func(rs *Registries) error { return rs.SetDefault(ctx, "c") }},
		{"another id", "registry-id-changed", fault.Integrity, func(rs *Registries) error { return rs.SetID(ctx, "a", "b.example") }},
		{"bad id", "bad-registry", fault.Usage, func(rs *Registries) error { return rs.SetID(ctx, "b", "B") }},
	}
	for _, r := range rows {
		rs := open(t, text)
		err := r.do(rs)
		if code(err) != r.code || fault.KindOf(err) != r.kind {
			t.Errorf("%s: %v", r.name, err)
		}
		if content(t, rs.file.path) != text || !slices.Equal(rs.Names(), []string{"a", "b"}) {
			t.Errorf("%s: the file has changed", r.name)
		}
	}
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, make([]byte, MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, long, filepath.Join(long, "below")} {
		if _, err := LoadRegistries(path); fault.KindOf(err) != fault.Manifest {
			t.Errorf("%s: %v", path, err)
		}
	}
	rs, err := LoadRegistries(filepath.Join(dir, "r"))
	if err != nil {
		t.Fatal(err)
	}
	rs.file.path = filepath.Join(long, "r")
	if err := rs.Add(context.Background(), "x", Registry{URL: "/x"}); code(err) != "settings-not-written" {
		t.Errorf("%v", err)
	}
}

func TestLinkStays(t *testing.T) {
	rs := open(t, "# mine\n")
	link := filepath.Join(t.TempDir(), RegistriesFile)
	if err := os.Symlink(rs.file.path, link); err != nil {
		t.Skip(err)
	}
	linked, err := LoadRegistries(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := linked.Add(context.Background(), "x", Registry{URL: "/x"}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if got := content(t, rs.file.path); !strings.HasPrefix(got, "# mine\n") || !strings.Contains(got, "[registries.x]") {
		t.Errorf("%q", got)
	}
}
