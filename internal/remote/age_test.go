package remote_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// TestMaxAge: a host whose state nobody has signed for days is refused, however it is configured but by max_age; that has an
// end, and is told each time.
func TestMaxAge(t *testing.T) {
	const day = 24 * time.Hour
	m := newMirrored(t)
	for _, row := range []struct {
		story string
		days  int // since the registry was signed; its metadata is good for three
		spec  remote.Spec
		want  string // code of the error
		tells string // beginning of what is told, "" for nothing
		help  string
	}{
		{"a host that is current", 2, remote.Spec{URL: m.host, MaxAge: 30 * day}, "", "", ""},
		{"a host that stands still", 20, remote.Spec{URL: m.host}, "index-expired", "", "look at this machine's clock"},
		{"a mirror that stands still", 20, remote.Spec{URL: m.origin.URL, Mirrors: []string{m.host}, BlockOrigin: true}, "index-expired", "", "max_age"},
		{"allowed", 20, remote.Spec{URL: m.host, MaxAge: 30 * day}, "", "warning: the copy of registry test.example is out of date: its metadata expired", ""},
		{"a mirror, allowed", 20, remote.Spec{URL: m.origin.URL, Mirrors: []string{m.host}, BlockOrigin: true, MaxAge: 30 * day}, "", "warning: ", ""},
		{"on the last day", 33, remote.Spec{URL: m.host, MaxAge: 30 * day}, "", "warning: ", ""},
		{"too old for what is allowed", 34, remote.Spec{URL: m.host, MaxAge: 30 * day}, "index-expired", "", ""},
		{"a root that has expired, too", 400, remote.Spec{URL: m.host, MaxAge: 30 * day}, "root-expired", "", ""},
		{"a folder may always be old", 400, remote.Spec{URL: m.folder}, "", "note: the copy of registry", ""},
		{"a folder needs no leave", 400, remote.Spec{URL: m.folder, MaxAge: day}, "", "note: the copy of registry", ""},
	} {
		t.Run(row.story, func(t *testing.T) {
			var told []string
			tell := func(kind string) func(string, ...any) {
				return func(format string, args ...any) { told = append(told, kind+": "+fmt.Sprintf(format, args...)) }
			}
			row.spec.Name, row.spec.ID, row.spec.Retries = "r", sitetest.ID, -1
			now := sitetest.Now.Add(time.Duration(row.days) * day)
			set := remote.New(remote.Options{
				Specs: map[string]remote.Spec{"r": row.spec}, Default: "r", CacheDir: t.TempDir(), StateDir: t.TempDir(), Now: now,
				Notice: tell("note"), Warning: tell("warning"),
			})
			defer set.Close(t.Context())
			_, err := set.Open(t.Context(), "r")
			sameByID(t, row.story, set)
			if row.want != "" {
				f := fault.Of(err)
				if f == nil || f.Code != row.want || f.Kind != fault.Integrity {
					t.Fatalf("%v", err)
				}
				if row.help != "" && !strings.Contains(strings.Join(f.Help, "\n"), row.help) {
					t.Errorf("help %q", f.Help)
				}
				if row.spec.MaxAge > 0 && !(slices.Contains(f.Facts, "now      "+now.Format(time.RFC3339)) && strings.Contains(strings.Join(f.Facts, "\n"), "30d after that")) {
					t.Errorf("facts %q", f.Facts)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v %+v", err, fault.Of(err))
			}
			if len(told) > 1 || strings.Join(told, "") != "" && row.tells == "" || !strings.HasPrefix(strings.Join(told, ""), row.tells) {
				t.Errorf("told %q, want %q", told, row.tells)
			}
			if strings.HasPrefix(row.tells, "warning") && !strings.HasSuffix(told[0], `are not known here (max_age = "30d")`) {
				t.Errorf("told %q", told)
			}
		})
	}
}
