package project

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

const day = 24 * time.Hour

// aged is a registry in which mailbox 1.0.0 was published at sitetest.Now, and 1.1.0 ten days later.
func aged(t *testing.T) *sitetest.Registry {
	t.Helper()
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	r.Merge("pass")
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	if _, err := r.Site.Merge(context.Background(), sitetest.Now.Add(10*day), nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// planned is what a project on a registry comes to, some days after sitetest.Now.
func planned(t *testing.T, r *sitetest.Registry, dir string, days int, o Locking) (*Plan, error) {
	t.Helper()
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	o.Now = sitetest.Now.Add(time.Duration(days) * day)
	set := remote.New(remote.Options{
		Specs: map[string]remote.Spec{"r": {Name: "r", URL: r.Path(site.PublicDir), ID: sitetest.ID}}, Default: "r",
		CacheDir: t.TempDir(), StateDir: t.TempDir(), Now: o.Now,
	})
	t.Cleanup(func() { set.Close(context.Background()) })
	return p.Plan(t.Context(), set, o)
}

func manifestIn(t *testing.T, dir, more string) {
	t.Helper()
	text := "[package]\nname = \"desk\"\nversion = \"0.1.0\"\n\n[dependencies]\nmailbox = \"1\"\n" + more
	if err := os.WriteFile(filepath.Join(dir, manifest.FileName), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMinReleaseAge(t *testing.T) {
	r := aged(t)
	precise := Locking{Precise: map[string]version.Version{"mailbox": version.MustParse("1.1.0")}, Unlock: resolve.Unlock{Names: []string{"mailbox"}}}
	for _, row := range []struct {
		name, more string
		days       int
		o          Locking
		want       string // a version, or the code of an error
	}{
		{"no policy", "", 10, Locking{}, "1.1.0"},
		{"the newest is too young", "[security]\nmin_release_age = \"7 days\"", 16, Locking{}, "1.0.0"},
		{"on the very day", "[security]\nmin_release_age = \"7 days\"", 17, Locking{}, "1.1.0"},
		{"all are too young", "[security]\nmin_release_age = \"30 days\"", 16, Locking{}, "no-solution"},
		{"nobody is exempt by exclude-newer", "[security]\nmin_release_age = \"7 days\"\n[resolver]\nexclude-newer-package = { mailbox = false }", 16, Locking{}, "1.0.0"},
		{"exclude-newer that is stricter", "[security]\nmin_release_age = \"1 day\"\n[resolver]\nexclude-newer = \"9 days\"", 16, Locking{}, "1.0.0"},
		{"asked for by its number", "[security]\nmin_release_age = \"7 days\"", 16, precise, "release-too-young"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			manifestIn(t, dir, row.more)
			plan, err := planned(t, r, dir, row.days, row.o)
			if err != nil {
				if !fault.IsCode(err, row.want) {
					t.Fatal(err)
				}
				return
			}
			if found := plan.Lock.Find("mailbox"); found[0].Version.String() != row.want {
				t.Errorf("%s, want %s", found[0].Version, row.want)
			}
			if strings.Contains(string(plan.Lock.Format()), "exclude-newer") != strings.Contains(row.more, "exclude-newer =") {
				t.Errorf("the lock has the policy's moment, which would conflict at every merge:\n%s", plan.Lock.Format())
			}
		})
	}
}

// A lock that somebody has made before, or with another gal.toml, is held to the policy as well.
func TestLockedReleaseIsTooYoung(t *testing.T) {
	r, dir := aged(t), t.TempDir()
	manifestIn(t, dir, "")
	plan, err := planned(t, r, dir, 11, Locking{})
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Project.Write(t.Context(), plan.Lock, fetch.Events{}); err != nil {
		t.Fatal(err)
	}
	manifestIn(t, dir, "[security]\nmin_release_age = \"7 days\"")
	if _, err := planned(t, r, dir, 12, Locking{}); !fault.IsCode(err, "release-too-young") {
		t.Errorf("%v", err)
	}
	if _, err := planned(t, r, dir, 18, Locking{}); err != nil {
		t.Errorf("a week later: %v", err)
	}
	// What its help says brings an older one.
	plan, err = planned(t, r, dir, 12, Locking{Unlock: resolve.Unlock{Names: []string{"mailbox"}}})
	if err != nil || plan.Lock.Find("mailbox")[0].Version.String() != "1.0.0" {
		t.Errorf("%v", err)
	}
}
