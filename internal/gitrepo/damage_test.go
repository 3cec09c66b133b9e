package gitrepo_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// allocated returns how many bytes a call asks for, whether it keeps them or not.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// write puts a file into a repository's folder of objects, where git may have one that is read-only.
func write(t testing.TB, repo *gitrepo.Repo, name string, data []byte) {
	t.Helper()
	path := filepath.Join(repo.Dir(), "objects", filepath.FromSlash(name))
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// loosePath returns where in the folder of objects an object has its file.
func loosePath(h gitrepo.Hash) string { return h.String()[:2] + "/" + h.String()[2:] }

func compressed(text string) []byte {
	var buf bytes.Buffer
	z := zlib.NewWriter(&buf)
	z.Write([]byte(text))
	z.Close()
	return buf.Bytes()
}

// TestIndexOfAnotherLength: an index that is too short for the number of its objects is not read, however often it is asked.
func TestIndexOfAnotherLength(t *testing.T) {
	repo, commits, _ := grown(t)
	gittest.Run(t, repo.Dir(), "repack", "-adfq")
	path := packFile(t, repo, ".idx")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[8+255*4] ^= 0x80 // the highest bit of the number of objects
	for name, data := range map[string][]byte{"a bit of the total": flipped, "cut by a byte": whole[:len(whole)-1]} {
		write(t, repo, "pack/"+filepath.Base(path), data)
		r := reopen(t, repo.Dir())
		asked := allocated(func() {
			for range 300 {
				if _, err := r.ReadCommit(commits[0]); err == nil || errors.Is(err, gitrepo.ErrMissingObject) {
					t.Fatalf("%s: %v", name, err)
				}
			}
		})
		if asked > 100<<20 {
			t.Errorf("%s: %d bytes were asked for, of an index of %d", name, asked, len(data))
		}
		r.Close()
	}
}

// plant puts a pack with an index into a repository, in which the objects have the ids given, true or not.
func plant(t testing.TB, repo *gitrepo.Repo, ids []gitrepo.Hash, objects ...packed) {
	t.Helper()
	pack, begins := makePackAt(objects...)
	begin := map[gitrepo.Hash]uint32{}
	for i, id := range ids {
		begin[id] = begins[i]
	}
	ids = slices.SortedFunc(maps.Keys(begin), func(a, b gitrepo.Hash) int { return bytes.Compare(a[:], b[:]) })
	idx := []byte("\xfftOc\x00\x00\x00\x02")
	for first := range 256 {
		n := 0
		for n < len(ids) && int(ids[n][0]) <= first {
			n++
		}
		idx = binary.BigEndian.AppendUint32(idx, uint32(n))
	}
	for _, id := range ids {
		idx = append(idx, id[:]...)
	}
	idx = append(idx, make([]byte, 4*len(ids))...) // checksums, which reading does not need
	for _, id := range ids {
		idx = binary.BigEndian.AppendUint32(idx, begin[id])
	}
	write(t, repo, "pack/pack-planted.pack", pack)
	write(t, repo, "pack/pack-planted.idx", resum(append(idx, pack[len(pack)-sha1.Size:]...)))
}

// TestDeltaRings: deltas that are their own base, by whatever way, are found out at once.
func TestDeltaRings(t *testing.T) {
	const size = 256 << 10
	zeros := append([]byte{4, 4}, make([]byte, size-2)...) // a delta that makes 4 bytes of 4
	a, b, c := gitrepo.Hash{1}, gitrepo.Hash{2}, gitrepo.Hash{3}
	for name, objects := range map[string][]packed{
		"itself":         {{7, size, a, zeros}},
		"two":            {{7, size, b, zeros}, {7, size, a, zeros}},
		"by both ways":   {{7, size, c, zeros}, {kind: 6, size: size, data: zeros}, {kind: 6, size: size, data: zeros}},
		"behind another": {{7, size, b, zeros}, {7, size, c, zeros}, {7, size, b, zeros}},
	} {
		repo := emptyRepo(t)
		plant(t, repo, []gitrepo.Hash{a, b, c}[:len(objects)], objects...)
		r := reopen(t, repo.Dir())
		asked := allocated(func() {
			if _, err := r.ReadBlob(a, 100); err == nil || errors.Is(err, gitrepo.ErrMissingObject) {
				t.Errorf("%s: %v", name, err)
			}
		})
		if asked > 32*size {
			t.Errorf("%s: %d bytes were asked for", name, asked)
		}
		r.Close()
	}
}

// TestDeltasTogetherAreBounded: each of the deltas on each other is as long as it may be.
func TestDeltasTogetherAreBounded(t *testing.T) {
	const size = gitrepo.MaxTree
	zeros := append([]byte{4, 4}, make([]byte, size-2)...)
	objects := []packed{{kind: 3, size: 4, data: []byte("base")}}
	ids := []gitrepo.Hash{{0}}
	for i := range 5 {
		objects = append(objects, packed{kind: 6, size: size, data: zeros})
		ids = append(ids, gitrepo.Hash{byte(i + 1)})
	}
	repo := emptyRepo(t)
	plant(t, repo, ids, objects...)
	r := reopen(t, repo.Dir())
	defer r.Close()
	if _, err := r.ReadBlob(ids[5], 100); !errors.Is(err, gitrepo.ErrTooLarge) {
		t.Errorf("five: %v", err)
	}
	if _, err := r.ReadBlob(ids[4], 100); err == nil || errors.Is(err, gitrepo.ErrTooLarge) {
		t.Errorf("four: %v", err)
	}
}

func TestLooseObjectsThatLie(t *testing.T) {
	repo := emptyRepo(t)
	id := gitrepo.Hash{0xbb, 1}
	for name, text := range map[string]string{
		"nothing":        "",
		"less than none": "blob -5\x00hello",
		"too little":     "blob 9\x00hello",
		"no size":        "blob \x00hello",
		"no number":      "blob five\x00hello",
		"no space":       "blob5\x00hello",
		"no type":        "blub 5\x00hello",
		"a delta":        "ofs-delta 5\x00hello",
		"too large":      "blob 101\x00" + strings.Repeat("1", 101),
		"no end":         "blob " + strings.Repeat("1", 64<<20),
		"no type's end":  strings.Repeat("b", 64<<20),
	} {
		write(t, repo, loosePath(id), compressed(text))
		asked := allocated(func() {
			if data, err := repo.ReadBlob(id, 100); err == nil || errors.Is(err, gitrepo.ErrTooLarge) != (name == "too large") {
				t.Errorf("%s: %q, %v", name, data, err)
			}
		})
		if asked > 4<<20 {
			t.Errorf("%s: %d bytes were asked for", name, asked)
		}
	}
}

// FuzzDamagedRepository: whatever the files of a repository hold, an object is read with the content of its id, or not.
func FuzzDamagedRepository(f *testing.F) {
	text := []byte("abc")
	whole, longer := plumbing.ComputeHash(plumbing.BlobObject, text), plumbing.ComputeHash(plumbing.BlobObject, []byte("abcabc"))
	d := delta(3, 3, 2)
	repo := emptyRepo(f)
	for i, objects := range [][]packed{
		{{3, 3, whole, text}, {7, len(d), whole, d}},
		{{3, 3, whole, text}, {kind: 6, size: len(d), data: d}},
		{{7, len(d), longer, d}, {7, len(d), whole, d}},
	} {
		plant(f, repo, []gitrepo.Hash{whole, longer}, objects...)
		r := reopen(f, repo.Dir())
		if got, err := r.ReadBlob(longer, 6); (string(got) == "abcabc") != (i < 2) {
			f.Fatalf("%d, as it is planted: %q, %v", i, got, err)
		}
		r.Close()
		var files [2][]byte
		for i, suffix := range []string{".pack", ".idx"} {
			var err error
			if files[i], err = os.ReadFile(filepath.Join(repo.Dir(), "objects", "pack", "pack-planted"+suffix)); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(files[0], files[1], []byte("blob 3\x00abc"))
		f.Add(files[0], append(files[1], make([]byte, 8)...), []byte("blob -3\x00abc"))
	}
	f.Fuzz(func(t *testing.T, pack, idx, loose []byte) {
		own := gitrepo.Hash(sha1.Sum(loose))
		write(t, repo, loosePath(own), compressed(string(loose)))
		defer os.Remove(filepath.Join(repo.Dir(), "objects", loosePath(own)))
		write(t, repo, "pack/pack-planted.pack", pack)
		write(t, repo, "pack/pack-planted.idx", idx)
		asked := []gitrepo.Hash{own, whole, longer}
		for at := 8 + 256*4; at+20 <= len(idx) && len(asked) < 20; at += 20 {
			asked = append(asked, gitrepo.Hash(idx[at:at+20]))
		}
		r := reopen(t, repo.Dir())
		defer r.Close()
		for range 20 { // often enough that the index is taken into memory
			for _, h := range asked {
				data, err := r.ReadBlob(h, 1000)
				if err == nil && (len(data) > 1000 || plumbing.ComputeHash(plumbing.BlobObject, data) != h) {
					t.Errorf("%s is read as %q", h, data)
				}
			}
		}
	})
}
