package gitrepo_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// highest returns how many bytes of the heap are in use at most while a call runs, of what is seen now and then.
func highest(call func()) uint64 {
	done, most := make(chan struct{}), make(chan uint64)
	runtime.GC()
	go func() {
		var m runtime.MemStats
		var top uint64
		for {
			runtime.ReadMemStats(&m)
			top = max(top, m.HeapInuse)
			select {
			case <-done:
				most <- top
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	call()
	close(done)
	return <-most
}

// chain is a blob of so many bytes and deltas on each other, each of which changes its last four bytes: their ids, and for
// each the delta that makes it of the one before.
func chain(name byte, size, deltas int) (whole packed, ids []gitrepo.Hash, steps [][]byte) {
	data := bytes.Repeat([]byte{name}, size)
	for n := range deltas + 1 {
		if n > 0 {
			binary.BigEndian.PutUint32(data[size-4:], uint32(n))
			d := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(size)), uint64(size))
			d = append(d, 0x80|0x10|0x20|0x40, byte(size-4), byte((size-4)>>8), byte((size-4)>>16), 4)
			steps = append(steps, append(d, data[size-4:]...))
		}
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", size)
		h.Write(data)
		ids = append(ids, gitrepo.Hash(h.Sum(nil)))
	}
	return packed{3, size, gitrepo.Hash{}, bytes.Repeat([]byte{name}, size)}, ids, steps
}

// TestDeltasTakeLittleMemory: packs of some kilobytes that are within the limits, and whose objects are hundreds of megabytes.
func TestDeltasTakeLittleMemory(t *testing.T) {
	const size, deltas = 512 << 10, 400
	wholeA, idsA, stepsA := chain('a', size, deltas)
	wholeB, idsB, stepsB := chain('b', size, deltas)
	byID := func(ids []gitrepo.Hash, steps [][]byte) (list []packed) {
		for n, d := range steps {
			list = append(list, packed{7, len(d), ids[n], d})
		}
		return list
	}
	a, b := byID(idsA, stepsA), byID(idsB, stepsB)
	reversed := func(list []packed) []packed {
		list = slices.Clone(list)
		slices.Reverse(list)
		return list
	}
	last := binary.AppendUvarint(binary.AppendUvarint(nil, size), 1)
	last = append(last, 0x80|0x10, 1)
	for name, objects := range map[string][]packed{
		"one chain behind the other, and back": slices.Concat([]packed{wholeA}, a, []packed{wholeB}, b, []packed{{7, len(last), idsA[deltas], last}}),
		"deltas before their bases":            slices.Concat(reversed(a), reversed(b), []packed{wholeA, wholeB}),
	} {
		t.Run(name, func(t *testing.T) {
			pack := makePack(objects...)
			if len(pack) > 256<<10 {
				t.Fatalf("%d bytes", len(pack))
			}
			repo := emptyRepo(t)
			var info gitrepo.PackInfo
			var err error
			most := highest(func() { info, err = repo.AddPack(t.Context(), bytes.NewReader(pack), gitrepo.PackLimits{}) })
			if err != nil || info.Blobs != len(objects) {
				t.Fatalf("%+v, %v", info, err)
			}
			if most > 250<<20 {
				t.Errorf("a pack of %d KiB takes %d MiB", len(pack)>>10, most>>20)
			}
			for _, h := range []gitrepo.Hash{idsA[0], idsA[deltas], idsB[1]} {
				if !repo.Has(h) {
					t.Errorf("%s is not there", h)
				}
			}
			mustBeGitsIndex(t, repo, info)
		})
	}
}

// mustBeGitsIndex compares the index of a pack with the one that git makes, byte for byte.
func mustBeGitsIndex(t *testing.T, repo *gitrepo.Repo, info gitrepo.PackInfo) {
	t.Helper()
	base := filepath.Join(repo.Dir(), "objects", "pack", "pack-"+info.Hash.String())
	git := filepath.Join(t.TempDir(), "git.idx")
	gittest.Run(t, repo.Dir(), "index-pack", "-o", git, base+".pack")
	want, err := os.ReadFile(git)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(base + ".idx"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the index is another than git's: %d bytes, %d of git, %v", len(got), len(want), err)
	}
}
