package remote_test

import (
	"os"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// sameByID holds that who asks for the registry by its id gets what is used where nothing says otherwise, or its error.
func sameByID(t *testing.T, story string, set *remote.Set) {
	t.Helper()
	want, wrong := set.Open(t.Context(), set.Default())
	got, err := set.ByID(t.Context(), sitetest.ID)
	if got != want || code(err) != code(wrong) {
		t.Errorf("%s: by its id %v, %v; want %v, %v", story, got, err, want, wrong)
	}
}

func code(err error) string {
	if f := fault.Of(err); f != nil {
		return f.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestByID: of several registries with an id it is always the same that is read, and no copy while there is a host.
func TestByID(t *testing.T) {
	m := newMoved(t)
	host := func(name string) remote.Spec { return remote.Spec{Name: name, URL: m.host, ID: sitetest.ID} }
	vendored := func(name string) remote.Spec { return remote.Spec{Name: name, URL: m.copy, ID: sitetest.ID} }
	unseen := remote.Spec{Name: "u", URL: m.copy}
	other := remote.Spec{Name: "o", URL: "http://127.0.0.1:1", ID: "other.example", Retries: -1}
	away := remote.Spec{Name: "g", URL: "http://127.0.0.1:1", ID: sitetest.ID, Retries: -1}
	stale := remote.Spec{Name: "s", URL: m.host + "/", ID: sitetest.ID, Mirrors: []string{m.copy}, BlockOrigin: true}
	for _, row := range []struct {
		story, fallback, override string
		specs                     []remote.Spec
		want, code                string
	}{
		{"the default is the host", "r", "", []remote.Spec{host("r"), vendored("a")}, "r", ""},
		{"the default is the copy", "v", "", []remote.Spec{host("r"), vendored("v")}, "v", ""},
		{"the default is another registry", "o", "", []remote.Spec{other, host("r"), vendored("a"), host("z")}, "r", ""},
		{"two copies", "o", "", []remote.Spec{other, vendored("b"), vendored("a")}, "a", ""},
		{"what --registry names", "r", "v", []remote.Spec{host("r"), vendored("v")}, "v", ""},
		{"the address that --registry names", "r", m.first, []remote.Spec{host("r"), vendored("v")}, m.first, ""},
		{"--registry names another", "r", "o", []remote.Spec{host("r"), vendored("a"), other}, "r", ""},
		{"nothing is known of the default", "u", "", []remote.Spec{unseen, host("z")}, "z", ""},
		{"nothing is known of any", "u", "", []remote.Spec{unseen}, "u", ""},
		{"a host that does not answer", "g", "", []remote.Spec{away, vendored("v")}, "v", ""},
		{"a host that shows something wrong", "s", "", []remote.Spec{stale, vendored("v")}, "", "index-rollback"},
		{"none", "o", "", []remote.Spec{other}, "", "registry-unknown"},
	} {
		for range 8 {
			specs := map[string]remote.Spec{}
			for _, s := range row.specs {
				specs[s.Name] = s
			}
			state := t.TempDir()
			if row.code == "index-rollback" {
				state = m.again(t).state // only who has seen more can tell
			}
			set := remote.New(remote.Options{Specs: specs, Default: row.fallback, Override: row.override, CacheDir: t.TempDir(), StateDir: state, Now: sitetest.Now})
			r, err := set.ByID(t.Context(), sitetest.ID)
			if code(err) != row.code || err == nil && r.Spec.Name != row.want {
				t.Errorf("%s: %+v, %v; want %q, %q", row.story, r, err, row.want, row.code)
			}
			if err := set.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// again is the same machine, of which what happens to it does not happen to m.
func (m *moved) again(t *testing.T) *moved {
	t.Helper()
	o := *m
	o.t, o.state, o.cache = t, t.TempDir(), t.TempDir()
	for to, from := range map[string]string{o.state: m.state, o.cache: m.cache} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	return &o
}
