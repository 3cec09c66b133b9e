package filelock

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func openNumbers(t *testing.T, path string) *Numbers {
	t.Helper()
	n, err := OpenNumbers(path, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// A number keeps others who have opened the file from that number, and from no other; it is let go of with the file too.
func TestNumbers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numbers")
	one, other := openNumbers(t, path), openNumbers(t, path)
	const highest = 1<<64 - 1
	release, err := one.Acquire(t.Context(), highest, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	if _, err := other.Acquire(ctx, highest>>1, giveUp); !errors.Is(err, context.Canceled) { // the highest bit does not count
		t.Errorf("beside its owner: %v, want that of the context", err)
	}
	if _, err := other.Acquire(t.Context(), 0, nil); err != nil {
		t.Errorf("another number: %v", err)
	}
	second, err := other.Acquire(t.Context(), highest, release)
	if err != nil {
		t.Fatal(err)
	}
	second()
	if _, err := one.Acquire(t.Context(), 7, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Acquire(t.Context(), 7, one.Close); err != nil {
		t.Errorf("after its owner has closed the file: %v", err)
	}
}
