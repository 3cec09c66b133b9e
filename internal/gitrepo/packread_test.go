package gitrepo_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// TestReadingWhatGitPacks: however real git packs a history, every file of every commit reads as before.
func TestReadingWhatGitPacks(t *testing.T) {
	for name, pack := range map[string][][]string{
		"loose objects":            nil,
		"deltas by offset":         {{"repack", "-adfq", "--depth=4000", "--window=50"}},
		"deltas by id":             {{"-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"}},
		"several packs":            {{"-c", "pack.packSizeLimit=1m", "-c", "core.compression=0", "repack", "-adfq", "--depth=0"}},
		"long offsets":             {{"repack", "-adfq"}, {"index-pack", "--index-version=2,0x40", "PACK"}},
		"with a bitmap and rev":    {{"-c", "pack.writeReverseIndex=true", "repack", "-adbq"}},
		"some packed, some loose":  {{"repack", "-q", "HEAD~5"}},
		"packed twice, then swept": {{"repack", "-q"}, {"gc", "-q", "--prune=now"}},
	} {
		t.Run(name, func(t *testing.T) {
			repo, commits, want := grown(t)
			for _, args := range pack {
				if at := slices.Index(args, "PACK"); at > 0 {
					args[at] = packFile(t, repo, ".pack")
				}
				gittest.Run(t, repo.Dir(), args...)
			}
			if name == "long offsets" {
				mustHaveLongOffsets(t, packFile(t, repo, ".idx"))
			}
			for _, r := range []*gitrepo.Repo{repo, reopen(t, repo.Dir())} {
				for i, c := range commits {
					for path, text := range want[i] {
						if got, err := r.ReadFile(c, path, 1<<20); string(got) != text {
							t.Fatalf("%s of commit %d: %d bytes, %v; want %d", path, i, len(got), err, len(text))
						}
					}
				}
				if r.Has(gitrepo.Hash{1}) || !r.Has(commits[0]) {
					t.Error("what is there and what is not")
				}
				r.Close()
			}
		})
	}
}

// packFile returns the path of the only file in a repository's folder of packs that ends so.
func packFile(t *testing.T, repo *gitrepo.Repo, suffix string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(repo.Dir(), "objects", "pack", "*"+suffix))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	return paths[0]
}

// mustHaveLongOffsets: only those make an index longer than its 28 bytes an object.
func mustHaveLongOffsets(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	count := int(binary.BigEndian.Uint32(data[8+255*4:]))
	if long := (len(data) - 1032 - 28*count - 40) / 8; long < count-2 {
		t.Fatalf("%d of %d offsets are long", long, count)
	}
}

// grown is a repository in which two files grow and one changes, over 40 commits.
func grown(t *testing.T) (*gitrepo.Repo, []gitrepo.Hash, []map[string]string) {
	t.Helper()
	chance := rand.New(rand.NewPCG(1, 1))
	files := map[string]string{}
	for i := range 12 {
		files[fmt.Sprintf("d%d/same", i)] = strings.Repeat("the same ", 100*i)
	}
	repo, first := gittest.Repo(t, "main", files)
	commits, want := []gitrepo.Hash{first}, []map[string]string{copied(files)}
	for i := range 40 {
		for range 40 {
			files["log"] += fmt.Sprintf("line %d of %d\n", chance.Uint64(), i)
		}
		files["d3/list"] += fmt.Sprintf("%d\n", i)
		files["d4/big"] = strings.Repeat(fmt.Sprint(chance.Uint64()), 2000)
		commits = append(commits, gittest.Commit(t, repo, "main", copied(files)))
		want = append(want, copied(files))
	}
	return repo, commits, want
}

func copied(files map[string]string) map[string]string {
	out := map[string]string{}
	for path, text := range files {
		out[path] = text
	}
	return out
}

// TestDamagedPacks: wherever a bit of a pack or of its index is flipped, what is read is right, or an error. Every second
// time the index is asked often before, and then in memory.
func TestDamagedPacks(t *testing.T) {
	repo, commits, want := grown(t)
	gittest.Run(t, repo.Dir(), "repack", "-adfq")
	chance := rand.New(rand.NewPCG(2, 2))
	for _, suffix := range []string{".idx", ".pack"} {
		path := packFile(t, repo, suffix)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		wrong := 0
		for round := range 100 {
			data := append([]byte(nil), whole...)
			data[chance.IntN(len(data))] ^= 1 << chance.IntN(8)
			if chance.IntN(10) == 0 {
				data = data[:chance.IntN(len(data))]
			}
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			r := reopen(t, repo.Dir())
			for range round % 2 * 300 {
				r.Has(commits[40])
			}
			for _, i := range []int{0, 20, 40} {
				for path, text := range want[i] {
					got, err := r.ReadFile(commits[i], path, 1<<20)
					if err != nil {
						wrong++
					} else if string(got) != text {
						t.Fatalf("%s: %d bytes that were never committed", path, len(got))
					}
				}
			}
			r.Close()
		}
		if wrong == 0 {
			t.Error("no damage was found")
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
