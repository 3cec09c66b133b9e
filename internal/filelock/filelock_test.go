package filelock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Whoever waits is told of it once, gives up with the context, and gets the lock once it is let go of.
func TestAcquire(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := Acquire(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, shared := range []bool{false, true} {
		ctx, giveUp := context.WithCancel(t.Context())
		if _, err := Acquire(ctx, path, Options{Shared: shared, Notice: giveUp}); !errors.Is(err, context.Canceled) {
			t.Errorf("shared %v: %v, want that of the context", shared, err)
		}
	}
	second, err := Acquire(t.Context(), path, Options{Notice: held.Release})
	if err != nil {
		t.Fatal(err)
	}
	second.Release()
	ended, end := context.WithCancel(t.Context())
	end()
	free, err := Acquire(ended, path, Options{})
	if err != nil {
		t.Fatalf("a lock that is free: %v", err)
	}
	info, err := free.Stat()
	if named, statErr := os.Stat(path); err != nil || statErr != nil || !os.SameFile(info, named) {
		t.Errorf("the locked file is another: %v, %v", err, statErr)
	}
	free.Release()
}

func TestShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var both [2]*Lock
	for i := range both {
		var err error
		if both[i], err = Acquire(t.Context(), path, Options{Shared: true, Perm: 0o644}); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o600 != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	if _, err := Acquire(ctx, path, Options{Notice: giveUp}); !errors.Is(err, context.Canceled) {
		t.Errorf("beside those who share it: %v", err)
	}
	both[0].Release()
	both[1].Release()
}

func TestWithout(t *testing.T) {
	if _, err := Acquire(t.Context(), filepath.Join(t.TempDir(), "no", "lock"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in no folder: %v", err)
	}
	if _, err := Acquire(t.Context(), filepath.Join(t.TempDir(), "lock"), Options{There: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a file that must be there: %v", err)
	}
	(*Lock)(nil).Release()
	if _, err := (*Lock)(nil).Stat(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file of no lock: %v", err)
	}
	for _, row := range []struct {
		err  error
		want bool
	}{{syscall.ENOLCK, true}, {fmt.Errorf("flock: %w", syscall.ENOSYS), true}, {errors.ErrUnsupported, true}, {syscall.EACCES, false}, {nil, false}} {
		if got := lockless(row.err); got != row.want {
			t.Errorf("%v is that of a file system without locks: %v", row.err, got)
		}
	}
}
