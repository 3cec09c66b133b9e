package index_test

import (
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// TestPlainRegistry: a repository with branch main alone can be read by who does not insist on metadata, with every
// signature checked under "warn"; never by who does, and never where the registry has been seen with metadata.
func TestPlainRegistry(t *testing.T) {
	p := newPublished(t)
	p.release("mailbox", "1.1.0")
	gittest.Run(t, p.Path(site.RepoDir), "update-ref", "-d", "refs/heads/dist")
	open := func(cache string, signatures index.Signatures, offline bool, store index.StandingStore) (*index.Snapshot, error) {
		t.Helper()
		transport, err := index.OpenGit(cache, gitindex.Options{URL: "git+" + p.http.URL + "/git"},
			index.GitOptions{Offline: offline, Plain: signatures != index.SignaturesRequired})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { transport.Close() })
		return index.Open(t.Context(), transport, index.Options{Pin: sitetest.ID, Trust: index.Trust{Signatures: signatures},
			State: func(string) (index.State, error) { return index.State{Standing: store}, nil }})
	}
	if _, err := open(t.TempDir(), index.SignaturesRequired, false, nil); !fault.IsCode(err, "git-branch-not-found") {
		t.Errorf("with signatures required: %v", err)
	}
	cache := t.TempDir() + "/copy"
	for _, offline := range []bool{false, true} {
		s, err := open(cache, index.SignaturesWarn, offline, nil)
		if err != nil {
			t.Fatal(err)
		}
		artifacts, warnings, err := s.Verify(t.Context(), []index.Want{{Name: "mailbox", Version: version.MustParse("1.1.0")}})
		if err != nil || len(artifacts) != 1 || artifacts[0].Signer() != "ada" || len(warnings) != 0 {
			t.Errorf("offline %v: %v, %v, %v", offline, artifacts, warnings, err)
		}
		if notices := s.Notices(); len(notices) != 1 {
			t.Errorf("notices %q", notices)
		}
	}
	standing := index.StandingFile{Dir: t.TempDir()}
	if _, err := standing.Load(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := wanted(t, p, index.Options{Pin: sitetest.ID, State: func(string) (index.State, error) { return index.State{Standing: standing}, nil }}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t.TempDir(), index.SignaturesWarn, false, standing); !fault.IsCode(err, "registry-untrusted") {
		t.Errorf("a registry that had metadata before: %v", err)
	}
}
