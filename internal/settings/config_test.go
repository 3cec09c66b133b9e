package settings

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// openConfig writes config.toml, and the other two files beside it where they are not "", and loads all.
func openConfig(t *testing.T, text, registries, credentials string) *Config {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{ConfigFile: text, RegistriesFile: registries, CredentialsFile: credentials} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u, err := Load(variables("GAL_CONFIG_DIR", dir, "GAL_CACHE_DIR", dir, "GAL_DATA_DIR", dir), "/project")
	if err != nil {
		t.Fatal(err)
	}
	return u.Config
}

func TestConfigSetAndGet(t *testing.T) {
	ctx := context.Background()
	text := "# mine\r\npublisher = 'bob' # me\r\n\r\n[signing] # keys\r\nauto=false\r\n"
	rows := []struct{ key, value, code, got, after string }{
		{"publisher", "alice", "", "alice", strings.Replace(text, "'bob'", `"alice"`, 1)},
		{"publisher", "A/b", "bad-config-value", "", text},
		{"publisher", "Alice", "bad-config-value", "", text},
		{"signing.auto", "yes", "", "true", strings.Replace(text, "false", "true", 1)},
		{"signing.auto", "maybe", "bad-config-value", "", text},
		{"signing.key", "./my-key.pem", "", "/project/my-key.pem", text + "key = \"/project/my-key.pem\"\r\n"},
		{"signing.key", "/k\x00", "bad-config-value", "", text},
		{"signing.key", "~/k", "bad-config-value", "", text},
		{"signing.key", "", "bad-config-value", "", text},
		{"store.verify", "stat", "", "stat", text + "\r\n[store]\r\nverify = \"stat\"\r\n"},
		{"store.verify", "stats", "bad-config-value", "", text},
		{"fetch.git_binary", "never", "", "never", text + "\r\n[fetch]\r\ngit-binary = \"never\"\r\n"},
		{"jobs", "8", "", "8", strings.Replace(text, "# me\r\n", "# me\r\njobs = 8\r\n", 1)},
		{"jobs", "0", "bad-config-value", "", text},
		{"jobs", "257", "bad-config-value", "", text},
		{"jobs", "many", "bad-config-value", "", text},
		{"color", "always", "", "always", strings.Replace(text, "# me\r\n", "# me\r\ncolor = \"always\"\r\n", 1)},
		{"offline", "1", "", "true", strings.Replace(text, "# me\r\n", "# me\r\noffline = true\r\n", 1)},
		{"offlin", "1", "unknown-config-key", "", text},
		{"signing", "1", "unknown-config-key", "", text},
		{"", "1", "unknown-config-key", "", text},
		{"auth.token", "gal_1", "read-only-key", "", text},
		{"default-registry", "nowhere", "registry-not-found", "", text},
	}
	for _, r := range rows {
		c := openConfig(t, text, "", "")
		if err := c.Set(ctx, r.key, r.value); code(err) != r.code {
			t.Errorf("%s = %q: %v", r.key, r.value, err)
		}
		if got := content(t, c.file.path); got != r.after {
			t.Errorf("%s = %q:\n%q\nwant\n%q", r.key, r.value, got, r.after)
		}
		if r.code != "" {
			continue
		}
		if got, err := c.Get(r.key); err != nil || got != r.got {
			t.Errorf("%s: got %q %v", r.key, got, err)
		}
		if err := c.Unset(ctx, r.key); err != nil {
			t.Errorf("%s: unset: %v", r.key, err)
		}
		if _, err := c.Get(r.key); fault.KindOf(err) != fault.Negative || code(err) != "config-unset" {
			t.Errorf("%s: after unset: %v", r.key, err)
		}
	}
}

func TestConfigUnknownKey(t *testing.T) {
	c := openConfig(t, "", "", "")
	_, err := c.Get("signing.kay")
	if fault.KindOf(err) != fault.Usage || code(err) != "unknown-config-key" || !strings.Contains(err.Error(), "did you mean `signing.key`") {
		t.Errorf("%v", err)
	}
}

func TestParseConfig(t *testing.T) {
	rows := []struct{ text, problem, warning string }{
		{"", "", ""},
		{"jobs = 8\n[fetch]\ngit_binary = 'never'", "", ""},
		{"jobs = '8'", "jobs must be an integer", ""},
		{"jobs = 300", "between 1 and 256", ""},
		{"signing = 1", "signing must be a table", ""},
		{"signing.auto = 'true'", "signing.auto must be true or false", ""},
		{"color = 'alway'", "did you mean `always`", ""},
		{"publisher = 'X'", "no publisher's id", ""},
		{"[fetch]\ngit-binary = 'auto'\ngit_binary = 'auto'", "two spellings", ""},
		{"job = 8", "", "did you mean `jobs`"},
		{"[signing]\nkeys = 'x'", "", `"signing.keys" is not a known key; did you mean`},
		{"[extra]\nx = 1", "", `"extra"`},
		{"x", "c:1:", ""},
	}
	for _, r := range rows {
		_, warnings, err := parseConfig("c", []byte(r.text))
		switch {
		case (err != nil) != (r.problem != ""), err != nil && !strings.Contains(err.Error(), r.problem):
			t.Errorf("%q: %v", r.text, err)
		case err != nil && code(err) != "bad-config":
			t.Errorf("%q: code %s", r.text, code(err))
		case err == nil && (len(warnings) > 0) != (r.warning != ""), r.warning != "" && !strings.Contains(warnings[0], r.warning):
			t.Errorf("%q: %q", r.text, warnings)
		}
	}
}

func TestValues(t *testing.T) {
	if v := openConfig(t, "", "", "").Values(); v != (Values{StoreVerify: "content", LinkMode: "auto", GitBinary: "auto", Color: "auto"}) {
		t.Errorf("%+v", v)
	}
	c := openConfig(t, "publisher='p'\njobs=3\ncolor='never'\noffline=true\n[signing]\nkey='k.pem'\nauto=true\n[store]\nverify='stat'\nlink-mode='copy'\n[fetch]\ngit-binary='always'\n[cache]\nshared='https://cache.example'\nshared-write=true\n", "", "")
	want := Values{
		Publisher: "p", SigningKey: filepath.Join(filepath.Dir(c.file.path), "k.pem"), SigningAuto: true, StoreVerify: "stat",
		LinkMode: "copy", GitBinary: "always", Shared: "https://cache.example", SharedWrite: true, Jobs: 3, Color: "never", Offline: true,
	}
	if v := c.Values(); v != want {
		t.Errorf("%+v", v)
	}
}

func TestVirtualKeys(t *testing.T) {
	ctx := context.Background()
	c := openConfig(t, "jobs = 2\n", "", "")
	if e, err := c.Lookup("default-registry"); err != nil || e != (Entry{"default-registry", "default", "built in"}) {
		t.Errorf("%+v %v", e, err)
	}
	if _, err := c.Get("auth.token"); code(err) != "config-unset" {
		t.Errorf("%v", err)
	}
	registries := "default_registry = 'company'\n[registries.company]\nurl = 'https://c.example'\n[registries.other]\nurl = '/o'\n"
	c = openConfig(t, "jobs = 2\n", registries, "[registries.company]\norigin = 'https://c.example'\ntoken = 'gal_0123456789abcdef3f2a'\n")
	list, err := c.List()
	dir := filepath.Dir(c.file.path)
	want := []Entry{{"auth.token", "gal_…3f2a (credentials.toml)", "credentials.toml"}, {"default-registry", "company", filepath.Join(dir, RegistriesFile)},
		{"jobs", "2", filepath.Join(dir, ConfigFile)}}
	if err != nil || len(list) != 3 || list[0] != want[0] || list[1] != want[1] || list[2] != want[2] {
		t.Errorf("%+v %v", list, err)
	}
	if err := c.Set(ctx, "default_registry", "other"); err != nil {
		t.Error(err)
	}
	if v, err := c.Get("default-registry"); v != "other" || err != nil {
		t.Errorf("%q %v", v, err)
	}
	if got := content(t, want[1].Origin); got != strings.Replace(registries, "'company'", `"other"`, 1) {
		t.Errorf("%q", got)
	}
	if _, err := c.Get("auth.token"); code(err) != "config-unset" {
		t.Errorf("the token of another registry is shown: %v", err)
	}
}
