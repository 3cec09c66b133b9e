package archive

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// What an archive leaves in an Unpacker's memory must not be seen in the next one, whatever either of them is.
func TestUnpackersAreAsGoodAsNew(t *testing.T) {
	noise := func(n int) []byte {
		r := rand.New(rand.NewPCG(uint64(n), 1))
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32()) & 0x3f
		}
		return b
	}
	var big []File
	for i := range 40 {
		big = append(big, File{Path: fmt.Sprintf("a/b%d/c-%d", i%7, i), Data: noise(i * 20_000), Executable: i%3 == 0})
	}
	good := map[string][]byte{
		"big":      pack(t, big).Bytes,
		"small":    pack(t, []File{{Path: "gal.toml", Data: []byte("x")}}).Bytes,
		"empty":    pack(t, nil).Bytes,
		"boundary": pack(t, []File{{Path: "a", Data: noise(bufSize)}, {Path: "b", Data: noise(bufSize - 511)}, {Path: "c", Data: noise(bufSize + 1)}, {Path: "d"}}).Bytes,
		"deep":     pack(t, []File{{Path: "a-b", Data: []byte("1")}, {Path: "a/b/c/d", Data: []byte("2")}, {Path: "a/b/e", Data: []byte("3")}, {Path: "a/bb/e"}, {Path: "z"}}).Bytes,
	}
	bad := map[string][]byte{
		"cut":     good["big"][:len(good["big"])/2],
		"garbage": []byte("<html>"),
		"flipped": func() []byte { b := bytes.Clone(good["big"]); b[len(b)/2] ^= 1; return b }(),
		"nothing": nil,
	}
	var u Unpacker
	defer u.Close()
	for before, damaged := range bad {
		for name, data := range good {
			if _, err := u.Unpack(t.TempDir(), bytes.NewReader(damaged), prefix, Options{}); err == nil {
				t.Fatalf("%s unpacks", before)
			}
			dir := t.TempDir()
			entries, err := u.Unpack(dir, bytes.NewReader(data), prefix, Options{})
			if err != nil {
				t.Fatalf("%s after %s: %v", name, before, err)
			}
			files, err := Read(bytes.NewReader(data), prefix, Options{})
			if err != nil || len(files) != len(entries) {
				t.Fatalf("%s: %d entries of %d files: %v", name, len(entries), len(files), err)
			}
			for i, f := range files {
				got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
				if err != nil || !bytes.Equal(got, f.Data) || entries[i].Path != f.Path || entries[i].Executable != f.Executable {
					t.Errorf("%s after %s: %s: %v", name, before, f.Path, err)
				}
			}
		}
	}
}
