package index_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/filelock"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// begin opens the registry as a process of a user that keeps its standing in store.
func (p *published) begin(t *testing.T, store index.StandingStore) *index.Snapshot {
	t.Helper()
	transport, err := transports["static"](p, t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { transport.Close() })
	s, err := index.Open(t.Context(), transport, index.Options{Pin: sitetest.ID, Now: sitetest.Now, State: func(string) (index.State, error) {
		return index.State{Standing: store}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTwoProcesses: one that began before a publication, and another that began behind it, do not take each other's log
// for one that went back, and what the later one knows stays.
func TestTwoProcesses(t *testing.T) {
	p, store := newPublished(t), index.StandingFile{Dir: t.TempDir()}
	first := p.begin(t, store)
	p.release("mailbox", "1.1.0")
	second := p.begin(t, store)
	useMailbox(t, second)
	after, err := store.Load()
	if err != nil {
		t.Fatal(err)
	}
	useMailbox(t, first)
	kept, err := store.Load()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept.Checkpoint, after.Checkpoint) || !bytes.Equal(kept.Metadata.Timestamp, after.Metadata.Timestamp) {
		t.Error("the process that began earlier has taken back what the later one kept")
	}
}

// slowStore is the store of a process that is overtaken between the loading and the keeping of its standing.
type slowStore struct {
	index.StandingFile
	overtake func()
}

func (s *slowStore) Advance(ctx context.Context, next index.Standing) error {
	s.overtake()
	return s.StandingFile.Advance(ctx, next)
}

func TestStandingOnlyGoesForward(t *testing.T) {
	p, store := newPublished(t), index.StandingFile{Dir: t.TempDir()}
	p.begin(t, store)
	p.release("mailbox", "1.1.0")
	var later index.Standing
	p.begin(t, &slowStore{store, func() {
		p.release("mailbox", "1.2.0")
		useMailbox(t, p.begin(t, store))
		var err error
		if later, err = store.Load(); err != nil {
			t.Fatal(err)
		}
	}})
	now, err := store.Load()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(now.Metadata.Timestamp, later.Metadata.Timestamp) || !bytes.Equal(now.Checkpoint, later.Checkpoint) {
		t.Errorf("the standing went back to\n%.300s\nfrom\n%.300s", now.Metadata.Timestamp, later.Metadata.Timestamp)
	}
}

// TestStandingOfAnotherRoot: two processes that see a registry for the first time, and trust two roots.
func TestStandingOfAnotherRoot(t *testing.T) {
	store := index.StandingFile{Dir: t.TempDir()}
	newPublished(t).begin(t, store)
	mine, err := store.Load()
	if err != nil {
		t.Fatal(err)
	}
	other := mine
	other.First = "sha256:" + mine.First[len("sha256:")+1:] + "0"
	if err := store.Advance(t.Context(), other); !fault.IsCode(err, "registry-untrusted") {
		t.Errorf("a standing that grew from another root: %v, want registry-untrusted", err)
	}
	if kept, err := store.Load(); err != nil || kept.First != mine.First {
		t.Errorf("kept %s, %v, want %s", kept.First, err, mine.First)
	}
}

// TestStandingOfAnotherProcess: whoever waits for a process that is writing can give up, and has changed nothing.
func TestStandingOfAnotherProcess(t *testing.T) {
	store := index.StandingFile{Dir: t.TempDir()}
	newPublished(t).begin(t, store)
	mine, err := store.Load()
	if err != nil {
		t.Fatal(err)
	}
	other, err := filelock.Acquire(t.Context(), filepath.Join(store.Dir, "standing.lock"), filelock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := index.NewSeen(filepath.Join(store.Dir, "seen"))
	if err := seen.Remember(map[string]int64{"packages/a": 1}); err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	giveUp()
	if err := store.Advance(ctx, index.Standing{}); !errors.Is(err, context.Canceled) {
		t.Errorf("the standing: %v", err)
	}
	if _, err := seen.Save(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("what was seen: %v", err)
	}
	other.Release()
	if kept, err := store.Load(); err != nil || kept.First != mine.First {
		t.Errorf("kept %+v, %v", kept, err)
	}
	if _, err := seen.Save(ctx); err != nil {
		t.Errorf("the lock is free: %v", err)
	}
}
