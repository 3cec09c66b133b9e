package translog_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/translog"
)

// Whatever bit of whatever file is wrong, nothing that rests on it passes.
func TestFlippedBytesAreRefused(t *testing.T) {
	const size = 600
	f, log := logOf(t, size)
	c, all := log.Checkpoint(), claimsAt(upTo(size)...)
	for _, path := range slices.Sorted(maps.Keys(f.data)) {
		whole := f.data[path]
		step := 11 // meets every hash of 32 bytes, each at other places
		for i := 0; i < len(whole); i += step {
			f.data[path] = bytes.Clone(whole)
			f.data[path][i] ^= 1 << (i % 8)
			if strings.HasPrefix(path, "tile/entries/") {
				mustRefuseEntries(t, translog.Open(f, c), path, i)
				continue
			}
			if err := translog.Open(f, c).CheckInclusion(all...); !fault.IsCode(err, "log-inconsistent") {
				t.Fatalf("%s, byte %d flipped: %v", path, i, err)
			}
		}
		for what, data := range map[string][]byte{"cut": whole[:len(whole)-1], "longer": append(bytes.Clone(whole), 0), "empty": {}} {
			f.data[path] = data
			if strings.HasPrefix(path, "tile/entries/") {
				mustRefuseEntries(t, translog.Open(f, c), path+" "+what, 0)
			} else if err := translog.Open(f, c).CheckInclusion(all...); !fault.IsCode(err, "log-inconsistent") {
				t.Errorf("%s, %s: %v", path, what, err)
			}
		}
		f.data[path] = whole
	}
	if err := translog.Open(f, c).CheckInclusion(all...); err != nil {
		t.Fatalf("with all bytes right again: %v", err)
	}
}

func mustRefuseEntries(t *testing.T, log *translog.Log, what string, i int) {
	t.Helper()
	for n := range int64(3) {
		if _, err := log.Entries(n); err != nil {
			if fault.KindOf(err) != fault.Integrity {
				t.Errorf("%s, byte %d: %v", what, i, err)
			}
			return
		}
	}
	t.Fatalf("%s, byte %d flipped: all entries are accepted", what, i)
}

// A writer whose files were tampered with does not sign over it.
func TestAppendRefusesTamperedFiles(t *testing.T) {
	for _, path := range []string{"tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/002.p/88"} {
		f, log := logOf(t, 600)
		f.data[path][3] ^= 1
		if _, err := log.Append(leavesAt(600, 601)); fault.KindOf(err) != fault.Integrity {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A log that has grown and swept its partial tiles still serves those who hold an older checkpoint.
func TestSweptPartialTiles(t *testing.T) {
	f := newFiles()
	old := grow(t, f, translog.EmptyCheckpoint(origin), leavesAt(0, 300))
	grow(t, f, old, leavesAt(300, 600))
	maps.DeleteFunc(f.data, func(path string, _ []byte) bool { return strings.Contains(path, ".p/44") })
	log := translog.Open(f, old)
	if err := log.CheckInclusion(claimsAt(upTo(300)...)...); err != nil {
		t.Error(err)
	}
	mustHaveEntries(t, log, 300)
	// Partial tiles of the newer log serve nobody who holds the older checkpoint, and cannot mislead them.
	delete(f.data, "tile/0/001")
	if err := translog.Open(f, old).CheckInclusion(claimsAt(299)...); !fault.IsCode(err, "log-incomplete") {
		t.Errorf("without the tile: %v", err)
	}
}

// brokenDisk fails with an error of its own.
type brokenDisk struct{ err error }

func (b brokenDisk) Read(string) ([]byte, error) { return nil, b.err }

func TestStorageErrorsComeThrough(t *testing.T) {
	_, log := logOf(t, 300)
	offline := fault.New(fault.Network, "network-unreachable", "no network")
	broken := translog.Open(brokenDisk{offline}, log.Checkpoint())
	_, proofErr := broken.Prove(3)
	_, entriesErr := broken.Entries(0)
	_, appendErr := broken.Append(leavesAt(0, 1))
	for what, err := range map[string]error{"inclusion": broken.CheckInclusion(claimsAt(3)...), "proof": proofErr, "entries": entriesErr, "append": appendErr} {
		if !errors.Is(err, offline) || fault.KindOf(err) != fault.Network {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The paths that are foretold are just those that are read, for inclusion and for consistency.
func TestForetoldPaths(t *testing.T) {
	f, log := logOf(t, 70_000)
	c := log.Checkpoint()
	for _, indexes := range [][]int64{{0}, {69_999}, {0, 300, 65_536, 69_999}, {}} {
		paths, err := translog.InclusionPaths(c.Size, indexes...)
		if err != nil {
			t.Fatal(err)
		}
		some := f.only(paths)
		if err := translog.Open(some, c).CheckInclusion(claimsAt(indexes...)...); err != nil {
			t.Errorf("%v with %v: %v", indexes, paths, err)
		}
		mustHaveRead(t, some, paths)
	}
	for _, older := range []int64{0, 1, 256, 65_536, 69_999, 70_000} {
		past := grow(t, newFiles(), translog.EmptyCheckpoint(origin), leavesAt(0, int(older)))
		paths, err := translog.ConsistencyPaths(older, c.Size)
		if err != nil {
			t.Fatal(err)
		}
		some := f.only(paths)
		if err := translog.Open(some, c).CheckConsistency(past); err != nil {
			t.Errorf("since %d with %v: %v", older, paths, err)
		}
		mustHaveRead(t, some, paths)
	}
	for _, bad := range []int64{-1, 10, 1 << 60} {
		if _, err := translog.InclusionPaths(10, bad); !fault.IsCode(err, "log-index") {
			t.Errorf("leaf %d of 10: %v", bad, err)
		}
	}
	if _, err := translog.ConsistencyPaths(11, 10); !fault.IsCode(err, "log-index") {
		t.Errorf("since a longer log: %v", err)
	}
	if _, err := translog.InclusionPaths(1<<62, 1<<61); !fault.IsCode(err, "log-index") {
		t.Errorf("a log beyond all sizes: %v", err)
	}
}

func mustHaveRead(t *testing.T, f *files, paths []string) {
	t.Helper()
	if got := slices.Sorted(maps.Keys(f.read)); !slices.Equal(got, slices.Sorted(slices.Values(paths))) {
		t.Errorf("read %v, foretold %v", got, paths)
	}
}

func TestEntriesFormat(t *testing.T) {
	f := newFiles()
	grow(t, f, translog.EmptyCheckpoint(origin), [][]byte{[]byte("ab"), bytes.Repeat([]byte("x"), 258)})
	want := "\x00\x02ab\x01\x02" + strings.Repeat("x", 258)
	if got := string(f.data["tile/entries/000.p/2"]); got != want {
		t.Errorf("got %q", got)
	}
}

func TestDir(t *testing.T) {
	dir := t.TempDir()
	update, err := translog.Open(translog.Dir(dir), translog.EmptyCheckpoint(origin)).Append(leavesAt(0, 3))
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range update.Files {
		file := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	log := translog.Open(translog.Dir(dir), update.Checkpoint)
	if err := log.CheckInclusion(claimsAt(0, 1, 2)...); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"../x", "/etc/passwd", "tile/../../x"} {
		if _, err := translog.Dir(dir).Read(path); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := translog.Dir(dir).Read("tile/0/999"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}
