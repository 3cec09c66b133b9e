package filelock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func openNumbers(t *testing.T, path string) *Numbers {
	t.Helper()
	n, err := OpenNumbers(path, filepath.Dir(path))
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

// The file is for all who may write to the folder; one that could be something else than a file of locks is left as it is.
func TestNumbersForAll(t *testing.T) {
	for _, row := range []struct {
		story        string
		folder, file fs.FileMode // 0 for no file
		content      string
		linked       bool
		want         fs.FileMode
		err          error
	}{
		{"of one user", 0o755, 0, "", false, 0o644, nil},
		{"of one user who is shy", 0o700, 0, "", false, 0o600, nil},
		{"of a group", 0o775, 0, "", false, 0o664, nil},
		{"of everybody", 0o777 | fs.ModeSticky, 0, "", false, 0o666, nil},
		{"of a group since", 0o775, 0o644, "", false, 0o664, nil},
		{"what others may read stays so", 0o700, 0o644, "", false, 0o644, nil},
		{"a file with content", 0o775, 0o644, "secret", false, 0o644, errors.ErrUnsupported},
		{"a file with another name", 0o777, 0o600, "", true, 0o600, errors.ErrUnsupported},
	} {
		dir := t.TempDir()
		folder, path := filepath.Join(dir, "tmp"), filepath.Join(dir, "numbers")
		err := errors.Join(os.Mkdir(folder, 0o700), os.Chmod(folder, row.folder))
		if row.file != 0 {
			err = errors.Join(err, os.WriteFile(path, []byte(row.content), 0o600), os.Chmod(path, row.file))
		}
		if row.linked {
			err = errors.Join(err, os.Link(path, filepath.Join(dir, "private")))
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := OpenNumbers(path, folder)
		if !errors.Is(err, row.err) {
			t.Errorf("%s: %v, want %v", row.story, err, row.err)
		}
		if n != nil {
			n.Close()
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != row.want {
			t.Errorf("%s: the file is %v, %v", row.story, info.Mode(), err)
		}
	}
}
