package translog_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/translog"
)

const origin = "packages.gal-lang.org"

// files is a log in memory that notes what is read.
type files struct {
	data map[string][]byte
	mu   sync.Mutex
	read map[string]bool
}

func newFiles() *files { return &files{data: map[string][]byte{}, read: map[string]bool{}} }

func (f *files) Read(path string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read[path] = true
	data, ok := f.data[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return bytes.Clone(data), nil
}

// only returns the files of f at these paths.
func (f *files) only(paths []string) *files {
	some := newFiles()
	for _, path := range paths {
		if data, ok := f.data[path]; ok {
			some.data[path] = data
		}
	}
	return some
}

func leafAt(i int) []byte { return fmt.Appendf(nil, "leaf %d%s", i, strings.Repeat("!", i%7)) }

func leavesAt(from, to int) [][]byte {
	var leaves [][]byte
	for i := from; i < to; i++ {
		leaves = append(leaves, leafAt(i))
	}
	return leaves
}

func claimsAt(indexes ...int64) []translog.Leaf {
	var claims []translog.Leaf
	for _, i := range indexes {
		claims = append(claims, translog.Leaf{Index: i, Hash: translog.HashLeaf(leafAt(int(i)))})
	}
	return claims
}

func upTo(n int64) []int64 {
	var all []int64
	for i := range n {
		all = append(all, i)
	}
	return all
}

// rootOf is section 2.1 of RFC 6962, written down as it stands there.
func rootOf(leaves [][]byte) [32]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	left, right := rootOf(leaves[:k]), rootOf(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// grow appends leaves to the log at c and writes the files.
func grow(t testing.TB, f *files, c translog.Checkpoint, leaves [][]byte) translog.Checkpoint {
	t.Helper()
	update, err := translog.Open(f, c).Append(leaves)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range update.Files {
		if old, ok := f.data[path]; ok && !bytes.Equal(old, data) {
			t.Fatalf("%s is replaced", path)
		}
		f.data[path] = data
	}
	return update.Checkpoint
}

// logOf makes a log of size leaves in one step.
func logOf(t testing.TB, size int) (*files, *translog.Log) {
	t.Helper()
	f := newFiles()
	c := grow(t, f, translog.EmptyCheckpoint(origin), leavesAt(0, size))
	return f, translog.Open(f, c)
}

func TestEverySizeUpTo600(t *testing.T) {
	const last = 600
	f := newFiles()
	checkpoints := []translog.Checkpoint{translog.EmptyCheckpoint(origin)}
	for size := 1; size <= last; size++ {
		c := grow(t, f, checkpoints[size-1], [][]byte{leafAt(size - 1)})
		checkpoints = append(checkpoints, c)
		if want := rootOf(leavesAt(0, size)); c.Root != translog.Hash(want) || c.Size != int64(size) {
			t.Fatalf("size %d: root %s, RFC 6962 says %s", size, c.Root, translog.Hash(want))
		}
		log := translog.Open(f, c)
		if err := log.CheckInclusion(claimsAt(upTo(int64(size))...)...); err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		// Every leaf and every older size, in turns of 13 different remainders.
		for i := size % 13; i < size; i += 13 {
			proof, err := log.Prove(int64(i))
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.Check(c, translog.HashLeaf(leafAt(i))); err != nil {
				t.Errorf("size %d, leaf %d: %v", size, i, err)
			}
			if proof.Check(c, translog.HashLeaf(leafAt(i+1))) == nil {
				t.Errorf("size %d, leaf %d: the proof serves for another leaf", size, i)
			}
			if err := log.CheckConsistency(checkpoints[i]); err != nil {
				t.Errorf("size %d since %d: %v", size, i, err)
			}
		}
	}
	mustEqualOneStep(t, f, last)
	mustHaveEntries(t, translog.Open(f, checkpoints[last]), last)
}

// mustEqualOneStep compares with the same log made in one step: fewer partial tiles, else the same files.
func mustEqualOneStep(t *testing.T, f *files, size int) {
	t.Helper()
	one, _ := logOf(t, size)
	for path, data := range one.data {
		if !bytes.Equal(f.data[path], data) {
			t.Errorf("%s differs", path)
		}
	}
	want := []string{
		"tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2",
		"tile/entries/000", "tile/entries/001", "tile/entries/002.p/88",
	}
	if got := slices.Sorted(maps.Keys(one.data)); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
}

func mustHaveEntries(t *testing.T, log *translog.Log, size int) {
	t.Helper()
	var all [][]byte
	for n := int64(0); n*256 < int64(size); n++ {
		leaves, err := log.Entries(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, leaves...)
	}
	if !slices.EqualFunc(all, leavesAt(0, size), bytes.Equal) {
		t.Errorf("%d leaves came back, or others", len(all))
	}
}

// However leaves are cut into batches, the tree is the same.
func FuzzAppendInBatches(f *testing.F) {
	f.Add([]byte{1, 255, 1, 0, 3})
	f.Add([]byte{250, 250, 250})
	f.Fuzz(func(t *testing.T, batches []byte) {
		if len(batches) > 6 {
			return
		}
		stored, c, size := newFiles(), translog.EmptyCheckpoint(origin), 0
		for _, n := range batches {
			c = grow(t, stored, c, leavesAt(size, size+int(n)))
			size += int(n)
		}
		if c.Root != translog.Hash(rootOf(leavesAt(0, size))) {
			t.Errorf("batches %v: root %s", batches, c.Root)
		}
		mustHaveEntries(t, translog.Open(stored, c), size)
	})
}

// Levels above the second, and paths of more than three digits, with leaves enough to have them.
func TestLargeLog(t *testing.T) {
	const size = 256*256 + 300
	f, log := logOf(t, size)
	for _, path := range []string{"tile/0/255", "tile/0/256", "tile/0/257.p/44", "tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1", "tile/entries/257.p/44"} {
		if f.data[path] == nil {
			t.Errorf("no %s", path)
		}
	}
	indexes := []int64{0, 255, 256, 65535, 65536, size - 1}
	if err := log.CheckInclusion(claimsAt(indexes...)...); err != nil {
		t.Error(err)
	}
	if err := log.CheckConsistency(grow(t, newFiles(), translog.EmptyCheckpoint(origin), leavesAt(0, 65000))); err != nil {
		t.Error(err)
	}
	paths, err := translog.InclusionPaths(1_234_068*256, 1_234_067*256)
	if err != nil || !slices.Contains(paths, "tile/0/x001/x234/067") {
		t.Errorf("paths %v, %v", paths, err)
	}
}

func TestAppendLimits(t *testing.T) {
	log := translog.Open(newFiles(), translog.EmptyCheckpoint(origin))
	longest := bytes.Repeat([]byte("x"), translog.MaxLeaf)
	for what, row := range map[string]struct {
		leaf []byte
		good bool
	}{"empty": {nil, false}, "one byte": {[]byte("x"), true}, "longest": {longest, true}, "too long": {append(longest, 'x'), false}} {
		_, err := log.Append([][]byte{[]byte("before"), row.leaf})
		if row.good && err != nil || !row.good && !fault.IsCode(err, "log-leaf") {
			t.Errorf("%s: %v", what, err)
		}
	}
	full := translog.Open(newFiles(), translog.Checkpoint{Origin: origin, Size: translog.MaxSize})
	if _, err := full.Append(leavesAt(0, 1)); !fault.IsCode(err, "log-leaf") {
		t.Errorf("full log: %v", err)
	}
	nothing, err := log.Append(nil)
	if err != nil || len(nothing.Files) != 0 || nothing.Checkpoint != log.Checkpoint() {
		t.Errorf("nothing appended: %+v, %v", nothing, err)
	}
}

// One leaf more, to a log of 20,000: what a build does after a merge.
func BenchmarkAppendOne(b *testing.B) {
	f, log := logOf(b, 20_000)
	for b.Loop() {
		if _, err := translog.Open(f, log.Checkpoint()).Append(leavesAt(20_000, 20_001)); err != nil {
			b.Fatal(err)
		}
	}
}

// 300 leaves of a log of 20,000: what an install does.
func BenchmarkCheck300(b *testing.B) {
	f, log := logOf(b, 20_000)
	var indexes []int64
	for i := range int64(300) {
		indexes = append(indexes, i*66)
	}
	claims := claimsAt(indexes...)
	for b.Loop() {
		if err := translog.Open(f, log.Checkpoint()).CheckInclusion(claims...); err != nil {
			b.Fatal(err)
		}
	}
}
