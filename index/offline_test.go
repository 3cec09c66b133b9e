package index_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// visitor is one user's programs, each of which keeps what it has learnt for the next.
type visitor struct {
	*published
	transport    string
	cache, state string
}

func newVisitor(t *testing.T, transport string) *visitor {
	return &visitor{newPublished(t), transport, t.TempDir(), t.TempDir()}
}

// visit opens the registry, and keeps everything after use.
func (v *visitor) visit(t *testing.T, offline bool, use func(s *index.Snapshot)) {
	t.Helper()
	transport, err := transports[v.transport](v.published, v.cache, offline)
	if err != nil {
		t.Fatal(err)
	}
	defer transport.Close()
	folded, memory := index.OpenFoldCache(filepath.Join(v.state, "folded")), index.OpenMemory(filepath.Join(v.state, "verified"))
	seen := index.NewSeen(filepath.Join(v.state, "seen"))
	s, err := index.Open(t.Context(), transport, index.Options{Pin: sitetest.ID, Now: sitetest.Now, State: func(string) (index.State, error) {
		return index.State{Verified: memory, Folded: folded, Seen: seen, Standing: index.StandingFile{Dir: v.state}}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	use(s)
	_, err = seen.Save(t.Context())
	if err = errors.Join(err, folded.Save(t.Context()), memory.Save()); err != nil {
		t.Fatal(err)
	}
}

// useMailbox does what an installation of mailbox 1.0.0 does.
func useMailbox(t *testing.T, s *index.Snapshot) index.Artifact {
	t.Helper()
	artifacts, _, err := s.Verify(t.Context(), []index.Want{{Name: "mailbox", Version: version.MustParse("1.0.0")}})
	if err == nil {
		err = s.CheckLog(t.Context(), artifacts)
	}
	if err != nil {
		t.Fatal(err)
	}
	return artifacts[0]
}

func look(*index.Snapshot) {}

// TestOfflineAfterOthersPublish: what was fetched once can be used without a network, also where the registry has been
// looked at since and others had published: the lists of the newer state are not here, and what those of the older one
// vouched for is.
func TestOfflineAfterOthersPublish(t *testing.T) {
	for _, name := range []string{"static", "git"} {
		t.Run(name, func(t *testing.T) {
			v := newVisitor(t, name)
			v.visit(t, false, func(s *index.Snapshot) { useMailbox(t, s) })
			v.release("letters", "1.0.0")
			v.visit(t, false, look)
			v.visit(t, true, func(s *index.Snapshot) {
				useMailbox(t, s)
				if _, err := s.Package(t.Context(), "letters"); fault.KindOf(err) != fault.Network {
					t.Errorf("what was never looked at: %v", err)
				}
			})
		})
	}
}

// TestOfflineProofs: what was proved to stand in the log can be proved again without a network, in the log as it was then,
// also where the registry has been looked at since.
func TestOfflineProofs(t *testing.T) {
	v := newVisitor(t, "static")
	v.visit(t, false, func(s *index.Snapshot) { useMailbox(t, s) })
	v.release("letters", "1.0.0")
	v.visit(t, false, look)
	if err := os.Remove(filepath.Join(v.state, "verified")); err != nil {
		t.Fatal(err)
	}
	v.visit(t, true, func(s *index.Snapshot) { useMailbox(t, s) })
}

// TestOfflineWithoutProofs: where no log was ever looked into, there is nothing to hold it to.
func TestOfflineWithoutProofs(t *testing.T) {
	v := newVisitor(t, "static")
	v.visit(t, false, look)
	v.visit(t, true, func(s *index.Snapshot) {
		if err := s.CheckLog(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}

// TestOfflineIsNotCurrent: what was good enough without a network does not pass for current with one. (Over git, a file
// that the newest state has changed can only be read with a network.)
func TestOfflineIsNotCurrent(t *testing.T) {
	v := newVisitor(t, "static")
	v.visit(t, false, func(s *index.Snapshot) { useMailbox(t, s) })
	yank := &index.Yank{Version: version.MustParse("1.0.0"), Class: "security", Reason: "it leaks"}
	v.Propose(v.ada, v.Main(), sitetest.Line(t)(v.ada.Yank(sitetest.ID, v.Package("mailbox"), yank)))
	v.Merge("pass")
	v.visit(t, false, look)
	for range 2 {
		v.visit(t, true, func(s *index.Snapshot) {
			if useMailbox(t, s).Yanked() != nil {
				t.Error("without a network, what was never read is known")
			}
		})
	}
	v.visit(t, false, func(s *index.Snapshot) {
		if useMailbox(t, s).Yanked() == nil {
			t.Error("with a network, a release is not yanked that the metadata says is")
		}
	})
}

// TestOfflineAfterABadAnswer: what a host showed last and was refused takes nothing away from who works without it.
func TestOfflineAfterABadAnswer(t *testing.T) {
	for name, spoil := range map[string]func(tree){
		"no timestamp":    func(x tree) { delete(x, tuf.TimestampPath) },
		"another text":    func(x tree) { x[tuf.TimestampPath] = []byte("This request was blocked.") },
		"an altered byte": func(x tree) { x[tuf.TimestampPath] = append([]byte(" "), x[tuf.TimestampPath]...) },
	} {
		t.Run(name, func(t *testing.T) {
			p, c := newPublished(t), newClient(t)
			good := treeOf(t, p.Registry)
			if _, err := c.read(good, sitetest.Now, index.Options{}); err != nil {
				t.Fatal(err)
			}
			bad := maps.Clone(good)
			spoil(bad)
			if _, err := c.read(bad, sitetest.Now, index.Options{}); fault.KindOf(err) != fault.Integrity {
				t.Errorf("the bad answer: %v, want a fault of kind integrity", err)
			}
			o := index.Options{Pin: sitetest.ID, Now: sitetest.Now, State: func(string) (index.State, error) { return index.State{Standing: c.standing()}, nil }}
			if _, err := index.Open(t.Context(), c.offline(), o); err != nil {
				t.Errorf("without a network, after it: %v", err)
			}
		})
	}
}
