package site_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// proposals of which the first keeps its author's commit and the second is made anew.
func ways(t *testing.T) map[string]func(*sitetest.Registry, publish.Author) string {
	return map[string]func(*sitetest.Registry, publish.Author) string{
		"fast-forward": func(r *sitetest.Registry, ada publish.Author) string {
			return r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
		},
		"made anew": func(r *sitetest.Registry, ada publish.Author) string {
			base := r.Main()
			gittest.Commit(t, r.Repo, "main", map[string]string{"categories.txt": "other\n"})
			return r.Propose(ada, base, r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
		},
	}
}

// Whatever step a merge is cut off after, the next run finishes it, and tells the author that it was merged.
func TestCutOff(t *testing.T) {
	for way, propose := range ways(t) {
		for _, step := range site.Steps {
			t.Run(way+", after "+step, func(t *testing.T) {
				r, ada := started(t)
				branch := propose(r, ada)
				if err := r.MergeUntil(t.Context(), sitetest.Now, branch, step); err != nil {
					t.Fatal(err)
				}
				main := r.Main()
				// Another process comes.
				again, err := site.Open(r.Dir)
				if err != nil {
					t.Fatal(err)
				}
				defer again.Close()
				outcomes, err := again.Merge(t.Context(), sitetest.Now, nil)
				if err != nil || len(outcomes) != 1 {
					t.Fatalf("%+v, %v", outcomes, err)
				}
				if o := outcomes[0]; o.Report.Verdict != "pass" || o.Merged != main.String() {
					t.Errorf("%s, merged as %q, main is %s: %+v", o.Report.Verdict, o.Merged, main, o.Report.Findings)
				}
				if r.Main() != main {
					t.Error("main has moved once more")
				}
				if got := versions(r.Package("mailbox")); got != "1.0.0, 1.1.0" {
					t.Errorf("mailbox: %s", got)
				}
				if left, err := r.Proposals(); err != nil || len(left) != 0 {
					t.Errorf("left open: %v, %v", left, err)
				}
				if !exists(r.Path(site.PublicDir, index.ArchivePath("mailbox", "1.1.0"))) {
					t.Error("the archive is missing")
				}
				sameTrees(t, r)
			})
		}
	}
}

// A trailer that somebody else wrote does not make a proposal of others look merged.
func TestTrailersOfOthersMeanNothing(t *testing.T) {
	r, ada := started(t)
	base := r.Main()
	branch := r.Propose(ada, base, r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	commit := gittest.Run(t, r.Path(site.RepoDir), "rev-parse", branch)
	gittest.Run(t, r.Path(site.RepoDir), "update-ref", "refs/heads/main",
		gittest.Run(t, r.Path(site.RepoDir), "commit-tree", "main^{tree}", "-p", "main", "-m", "x\n\nPublish-Commit: "+commit+"\n\nPublish-Commit: "+commit+"\n"))
	r.Merge("pass")
	if got := versions(r.Package("mailbox")); got != "1.0.0, 1.1.0" {
		t.Errorf("mailbox: %s", got)
	}
}

// A public tree that was half written is written again.
func TestHalfWrittenTree(t *testing.T) {
	r, ada := started(t)
	state := r.Path("state", "public")
	before := file(t, state)
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	r.Merge("pass")
	torn := r.Path(site.PublicDir, filepath.FromSlash(index.PackagePath("mailbox")))
	if err := os.Truncate(torn, 100); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Build(t.Context(), sitetest.Now); err != nil {
		t.Fatal(err)
	}
	sameTrees(t, r)
}

// A power cut may leave the notes of what expires filled with zeros: what is noted behind them goes, and builds go on.
func TestTornNotes(t *testing.T) {
	r, ada := started(t)
	week := sitetest.Now.Add(7 * 24 * time.Hour)
	notes := r.Path("state", "expiring", week.UTC().Format(time.DateOnly))
	if err := os.Remove(notes); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(notes), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(notes, make([]byte, 50), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	r.Merge("pass")
	first, _, _ := strings.Cut(strings.TrimLeft(file(t, notes), "\x00\n"), "\n")
	if !exists(r.Path(site.PublicDir, filepath.FromSlash(first))) {
		t.Fatalf("%s is noted, and not there", first)
	}
	if _, err := r.Build(t.Context(), week.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if exists(r.Path(site.PublicDir, filepath.FromSlash(first))) {
		t.Errorf("%s is there", first)
	}
	sameTrees(t, r)
}

// Several merges at once, in this process and in others, give what one after the other gives.
func TestRace(t *testing.T) {
	r, ada := started(t)
	base := r.Main()
	for _, v := range []string{"1.1.0", "1.2.0", "1.3.0", "1.4.0"} {
		r.Propose(ada, base, r.Publish(ada, sitetest.Draft(t, "mailbox", v, "")))
	}
	other, err := site.Open(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var done sync.WaitGroup
	for _, s := range []*site.Site{r.Site, r.Site, other, other} {
		done.Go(func() {
			if _, err := s.Merge(t.Context(), sitetest.Now, nil); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if got := len(r.Package("mailbox").Releases); got != 5 {
		t.Errorf("%d releases: %s", got, versions(r.Package("mailbox")))
	}
	if left, err := r.Proposals(); err != nil || len(left) != 0 {
		t.Errorf("left open: %v, %v", left, err)
	}
	gittest.Fsck(t, r.Path(site.RepoDir))
	sameTrees(t, r)
}
