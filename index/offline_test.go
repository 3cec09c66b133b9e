package index_test

import (
	"path/filepath"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// TestOfflineAfterOthersPublish: what was fetched once can be used without a network, also where the registry has been
// looked at since and others had published: the lists of the newer state are not here, and what those of the older one
// vouched for is.
func TestOfflineAfterOthersPublish(t *testing.T) {
	for _, name := range []string{"static", "git"} {
		t.Run(name, func(t *testing.T) {
			p := newPublished(t)
			cache, state := t.TempDir(), t.TempDir()
			open := func(offline bool) (*index.Snapshot, *index.FoldCache, *index.FileMemory) {
				t.Helper()
				transport, err := transports[name](p, cache, offline)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { transport.Close() })
				folded := index.OpenFoldCache(filepath.Join(state, "folded"))
				memory := index.OpenMemory(filepath.Join(state, "verified"))
				s, err := index.Open(t.Context(), transport, index.Options{Pin: sitetest.ID, Now: sitetest.Now, State: func(string) (index.State, error) {
					return index.State{Verified: memory, Folded: folded, Standing: index.StandingFile{Dir: state}}, nil
				}})
				if err != nil {
					t.Fatal(err)
				}
				return s, folded, memory
			}
			use := func(s *index.Snapshot) error {
				artifacts, _, err := s.Verify(t.Context(), []index.Want{{Name: "mailbox", Version: version.MustParse("1.0.0")}})
				if err == nil {
					err = s.CheckLog(t.Context(), artifacts)
				}
				return err
			}
			s, folded, memory := open(false)
			if err := use(s); err != nil {
				t.Fatal(err)
			}
			for _, save := range []func() error{folded.Save, memory.Save} {
				if err := save(); err != nil {
					t.Fatal(err)
				}
			}
			p.release("letters", "1.0.0")
			open(false)
			s, _, _ = open(true)
			if err := use(s); err != nil {
				t.Errorf("what was used before: %v", err)
			}
			if _, err := s.Package(t.Context(), "letters"); fault.KindOf(err) != fault.Network {
				t.Errorf("what was never looked at: %v", err)
			}
		})
	}
}
