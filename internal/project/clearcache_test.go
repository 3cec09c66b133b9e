package project

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"
)

// A repository that a process reads stays; the others go, and what lies beside them stays.
func TestClearGit(t *testing.T) {
	dir := t.TempDir()
	put := func(path string) string {
		t.Helper()
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("0123456789"), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	put("git/aaaa/1111/gen-1/packed")
	put("git/aaaa/2222/gen-1/packed")
	put("git/bbbb/3333/gen-1/packed")
	put("index/cccc/registry.toml")
	lock := flock.New(put("git/aaaa/2222/gen-1.lock"))
	if ok, err := lock.TryRLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	levels, err := CacheLevels(dir)
	if err != nil || levels != (Levels{IndexBytes: 10, GitBytes: 40}) {
		t.Errorf("before: %+v, %v", levels, err)
	}
	if bytes, inUse, err := ClearGit(dir); bytes != 20 || inUse != 1 || err != nil {
		t.Errorf("removed %d bytes, %d in use: %v", bytes, inUse, err)
	}
	for path, want := range map[string]bool{"git/aaaa/1111": false, "git/aaaa/2222/gen-1/packed": true, "git/bbbb": false, "index/cccc/registry.toml": true} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path))); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if bytes, inUse, err := ClearGit(dir); bytes != 20 || inUse != 0 || err != nil {
		t.Errorf("then removed %d bytes, %d in use: %v", bytes, inUse, err)
	}
	if bytes, inUse, err := ClearIndexes(dir); bytes != 10 || inUse != 0 || err != nil {
		t.Errorf("of indexes %d bytes, %d in use: %v", bytes, inUse, err)
	}
	if _, inUse, err := ClearGit(filepath.Join(dir, "nowhere")); inUse != 0 || err != nil {
		t.Errorf("nowhere: %d, %v", inUse, err)
	}
}
