package remote_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// moved is a registry that has moved on since copies of it were made, its host, and a machine that has seen it all.
type moved struct {
	t            *testing.T
	host         string
	first, copy  string // copies: with mailbox 1.0.0 alone, and with 1.1.0; later 1.0.0 was yanked, and the key of 1.1.0 given up
	state, cache string
}

func newMoved(t *testing.T) *moved {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	m := &moved{t: t, state: t.TempDir(), cache: t.TempDir()}
	merge := func(by publish.Author, approve bool, lines ...*index.Line) {
		t.Helper()
		branch := r.Propose(by, r.Main(), lines...)
		if !approve {
			r.Merge("pass")
		} else if _, err := r.Site.Merge(t.Context(), sitetest.Now, []string{branch}); err != nil {
			t.Fatal(err)
		}
	}
	line, next := sitetest.Line(t), sitetest.Author(t, "ada") // her second key
	register := r.Register(ada)
	merge(ada, false, register, r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	m.first = m.snapshot(r)
	add := line(ada.AddKey(sitetest.ID, register.Digest(), next.Key.Public(), next.Key, ""))
	merge(ada, false, add)
	merge(ada, false, r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	m.copy = m.snapshot(r)

	since := r.Package("mailbox").Release(version.MustParse("1.1.0")).Log
	merge(ada, true, line(ada.RevokeKey(sitetest.ID, add.Digest(), ada.Key.Public().Hint(), "stolen", &since)))
	yank := &index.Yank{Version: version.MustParse("1.0.0"), Class: "security", Reason: "it leaks"}
	merge(next, false, line(next.Yank(sitetest.ID, r.Package("mailbox"), yank)))
	m.host = serve(t, http.FileServer(http.Dir(r.Path(site.PublicDir))).ServeHTTP).URL

	set := m.set("")
	defer set.Close(t.Context())
	if _, err := m.use(set, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *moved) snapshot(r *sitetest.Registry) string {
	dir := filepath.Join(m.t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(r.Path(site.PublicDir))); err != nil {
		m.t.Fatal(err)
	}
	return dir
}

// set is what one command opens, with --registry ADDRESS.
func (m *moved) set(address string, more ...remote.Spec) *remote.Set {
	specs := map[string]remote.Spec{"r": {Name: "r", URL: m.host, ID: sitetest.ID, Retries: -1}}
	for _, s := range more {
		specs[s.Name] = s
	}
	return remote.New(remote.Options{Specs: specs, Default: "r", Override: address, CacheDir: m.cache, StateDir: m.state, Now: sitetest.Now})
}

// use verifies a release as an installation does.
func (m *moved) use(set *remote.Set, v string) (warnings []string, err error) {
	r, err := set.Open(m.t.Context(), set.Default())
	if err != nil {
		return nil, err
	}
	wants := []index.Want{{Name: "mailbox", Version: version.MustParse(v)}}
	artifacts, _, err := r.Snapshot.Verify(m.t.Context(), wants)
	if err == nil {
		err = r.Snapshot.CheckLog(m.t.Context(), artifacts)
	}
	if err != nil {
		return nil, err
	}
	return set.HoldAgainstKnown(m.t.Context(), r, wants)
}

// TestCopies: a copy may be older than what was seen elsewhere, and hides nothing of that.
func TestCopies(t *testing.T) {
	m := newMoved(t)
	home := filepath.Join(m.state, "trust", sitetest.ID, "standing")
	before, err := os.ReadFile(home)
	if err != nil {
		t.Fatal(err)
	}
	other := newMoved(t) // of the same id, with another root
	bare := filepath.Join(t.TempDir(), "bare")
	if err := os.CopyFS(bare, os.DirFS(m.copy)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(bare, "trust")); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		story, address, version string
		specs                   []remote.Spec
		code, warning           string
	}{
		{"a version that was yanked since", m.copy, "1.0.0", nil, "", "mailbox 1.0.0 has been yanked since the copy was made: it leaks"},
		{"a version whose key was given up since", m.copy, "1.1.0", nil, "key-compromised", ""},
		{"a copy by another spelling of its address", "file://" + m.copy, "1.1.0", nil, "key-compromised", ""},
		{"a copy that is configured beside the host", "vendored", "1.0.0", []remote.Spec{{Name: "vendored", URL: m.copy, ID: sitetest.ID}}, "", "yanked since"},
		{"an older copy", m.first, "1.0.0", nil, "", "yanked since"},
		{"another root of trust", other.copy, "1.0.0", nil, "registry-untrusted", ""},
		{"no metadata at all", bare, "1.0.0", nil, "registry-untrusted", ""},
		{"a mirror in place of the host is no copy", "m", "1.0.0", []remote.Spec{{Name: "m", URL: m.host + "/", ID: sitetest.ID, Mirrors: []string{m.copy}, BlockOrigin: true}}, "index-rollback", ""},
	} {
		set := m.set(row.address, row.specs...)
		warnings, err := m.use(set, row.version)
		sameByID(t, row.story, set)
		if f := fault.Of(err); (f == nil) != (row.code == "") || f != nil && f.Code != row.code {
			t.Errorf("%s: %v %+v, want %q", row.story, err, f, row.code)
		}
		if told := strings.Join(warnings, "\n"); !strings.Contains(told, row.warning) || (told == "") != (row.warning == "") {
			t.Errorf("%s: %q", row.story, told)
		}
		if err := set.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if after, err := os.ReadFile(home); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: what was seen of the registry itself has changed: %v", row.story, err)
		}
	}
}

// TestCopyGoesBack: at one address a copy is held to what was seen there.
func TestCopyGoesBack(t *testing.T) {
	m := newMoved(t)
	place := filepath.Join(t.TempDir(), "place")
	for _, step := range []struct{ from, code string }{{m.first, ""}, {m.copy, ""}, {m.first, "index-rollback"}, {m.copy, ""}} {
		if err := os.RemoveAll(place); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(place, os.DirFS(step.from)); err != nil {
			t.Fatal(err)
		}
		set := m.set(place)
		_, err := m.use(set, "1.0.0")
		if f := fault.Of(err); (f == nil) != (step.code == "") || f != nil && f.Code != step.code {
			t.Errorf("%v, want %q", err, step.code)
		}
		set.Close(t.Context())
	}
	// Without the cache nobody can tell, and that is said.
	cache := m.cache
	m.cache = t.TempDir()
	set := m.set(place)
	if warnings, err := m.use(set, "1.0.0"); err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "is not known") {
		t.Errorf("%q, %v", warnings, err)
	}
	set.Close(t.Context())
	m.cache = cache
	// Without what was kept there, it is a copy like any other.
	set = m.set(place)
	if err := set.Forget(place, sitetest.ID); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(place); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(place, os.DirFS(m.first)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.use(set, "1.0.0"); err != nil {
		t.Errorf("%v", err)
	}
	set.Close(t.Context())
}
