package archive

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/needs"
)

var sample = []File{
	{Path: "gal.toml", Data: []byte("[package]\nname = \"pkg\"\nversion = \"1.0.0\"\n")},
	{Path: "src/lib.gal", Data: []byte("fn one() -> Int => 1\n")},
	{Path: "empty"},
	{Path: "bin/run", Executable: true, Data: []byte("#!/bin/sh\n")},
	{Path: "caf\u00e9/\u65e5\u672c.gal", Data: []byte("x")},
	{Path: strings.Repeat("long-folder-", 8) + "/" + strings.Repeat("n", 100) + "/x.gal", Data: bytes.Repeat([]byte("y"), 5000)},
	{Path: "a-b", Data: []byte("sorts before a/b")},
	{Path: "a/b", Data: []byte("and after")},
}

func pack(t testing.TB, files []File) *Archive {
	t.Helper()
	a, err := Pack(prefix, files)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRoundTrip(t *testing.T) {
	a := pack(t, sample)
	got, err := Read(bytes.NewReader(a.Bytes), prefix, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.SortedFunc(slices.Values(sample), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for i := range want {
		if got[i].Path != want[i].Path || got[i].Executable != want[i].Executable || !bytes.Equal(got[i].Data, want[i].Data) {
			t.Errorf("file %d: got %q, want %q", i, got[i].Path, want[i].Path)
		}
	}
	dir := t.TempDir()
	entries, err := Unpack(dir, bytes.NewReader(a.Bytes), prefix, Options{ReadOnly: true})
	if err != nil || !reflect.DeepEqual(entries, a.Files) {
		t.Fatalf("unpacked %v, packed %v: %v", entries, a.Files, err)
	}
	listed, err := List(bytes.NewReader(a.Bytes), prefix, Options{})
	if err != nil || !reflect.DeepEqual(listed, a.Files) {
		t.Errorf("listed %v, packed %v: %v", listed, a.Files, err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Path))
		info, _ := os.Stat(filepath.Join(dir, e.Path))
		if err != nil || sha256.Sum256(data) != e.SHA256 || info.Mode()&0o222 != 0 || (info.Mode()&0o100 != 0) != e.Executable {
			t.Errorf("%s: %v, mode %v", e.Path, err, info.Mode())
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	first := pack(t, sample)
	for range 5 {
		shuffled := slices.Clone(sample)
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again := pack(t, shuffled); !bytes.Equal(again.Bytes, first.Bytes) {
			t.Fatal("packing is not deterministic")
		}
	}
	if sum := fmt.Sprintf("sha256:%x", sha256.Sum256(first.Bytes)); sum != first.Digest || first.Size != int64(len(first.Bytes)) {
		t.Errorf("digest %s, want %s", first.Digest, sum)
	}
	if got, err := TarDigest(bytes.NewReader(first.Bytes)); err != nil || got != first.TarDigest {
		t.Errorf("tar digest %s, want %s: %v", got, first.TarDigest, err)
	}
	// The tar is the contract between releases; the compressed bytes are not.
	const golden = "sha256:a157e1883bc145c0c61e7623b86600a6e3de0d0e44f4e0521ed352237145707a"
	if first.TarDigest != golden {
		t.Errorf("the tar of the sample is %s, was %s", first.TarDigest, golden)
	}
}

func TestTarDigestIgnoresTheCompressor(t *testing.T) {
	a := pack(t, sample)
	tarball := hostileTar(t, entry{name: prefix + "/x", body: "y"})
	one, err1 := TarDigest(bytes.NewReader(compress(t, tarball)))
	two, err2 := TarDigest(bytes.NewReader(pack(t, []File{{Path: "x", Data: []byte("y")}}).Bytes))
	if err1 != nil || err2 != nil || one != two || one == a.TarDigest {
		t.Errorf("got %s and %s (%v, %v)", one, two, err1, err2)
	}
}

// The tools of others must read what we write.
func TestOtherToolsReadIt(t *testing.T) {
	for _, tool := range []string{"tar", "zstd"} {
		needs.Program(t, tool, tool)
	}
	a := pack(t, sample)
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "a.tar.zst")
	if err := os.WriteFile(file, a.Bytes, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-C", dir, "--zstd", "-xf", file).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	for _, f := range sample {
		if data, err := os.ReadFile(filepath.Join(dir, prefix, f.Path)); err != nil || !bytes.Equal(data, f.Data) {
			t.Errorf("%s: %v", f.Path, err)
		}
	}
}

func TestPackRefusesWhatUnpackWould(t *testing.T) {
	for name, files := range map[string][]File{
		"leaves":   {{Path: "../x"}},
		"absolute": {{Path: "/x"}},
		"case":     {{Path: "A"}, {Path: "a"}},
		"git":      {{Path: ".git/config"}},
		"ratio":    {{Path: "zeros", Data: make([]byte, 30<<20)}},
	} {
		if _, err := Pack(prefix, files); fault.KindOf(err) != fault.Manifest {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, prefix := range []string{"", ".", "..", "a/b", "a\\b", ".git"} {
		if _, err := Pack(prefix, sample); err == nil {
			t.Errorf("prefix %q was taken", prefix)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack(f, sample).Bytes)
	f.Add(compress(f, hostileTar(f, entry{name: prefix + "/../x", body: "y"})))
	f.Add(compress(f, hostileTar(f, entry{name: prefix + "/x", body: "y"}, entry{name: prefix + "/X", body: "y"})))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) { checkArchive(t, data) })
}

func FuzzUnpackTar(f *testing.F) {
	f.Add(hostileTar(f, entry{name: prefix + "/a", body: "y"}, entry{name: prefix + "/a/b", body: "y"}))
	f.Add(hostileTar(f, entry{name: prefix + "/" + strings.Repeat("long/", 24) + strings.Repeat("x", 99), body: "y"}))
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(64<<10))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkArchive(t, z.EncodeAll(fixAll(bytes.Clone(data)), nil)) })
}

// fixAll repairs the checksums, so that mutations get past them.
func fixAll(data []byte) []byte {
	for at := 0; at+512 <= len(data); at += 512 {
		if string(data[at+257:at+262]) == "ustar" {
			fixChecksum(data, at)
		}
	}
	return data
}

// checkArchive holds the laws: unpacking stays inside, leaves nothing on errors, agrees with reading, and what was
// accepted can be packed again to the same files.
func checkArchive(t *testing.T, data []byte) {
	top := t.TempDir()
	dir := filepath.Join(top, "in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	limits := Options{MaxUnpacked: 1 << 20, MaxFiles: 50}
	entries, err := Unpack(dir, bytes.NewReader(data), prefix, limits)
	files, readErr := Read(bytes.NewReader(data), prefix, limits)
	if (err == nil) != (readErr == nil) {
		t.Fatalf("Unpack says %v, Read says %v", err, readErr)
	}
	if err != nil {
		if fault.KindOf(err) != fault.Integrity {
			t.Fatalf("an error of kind %q: %v", fault.KindOf(err), err)
		}
		if got := listAll(t, top); got != "in" {
			t.Fatalf("left behind %q", got)
		}
		return
	}
	if outside, _ := os.ReadDir(top); len(outside) != 1 {
		t.Fatal("something was written outside")
	}
	if len(entries) == 0 {
		return
	}
	if problems := Check(files); len(problems) > 0 {
		t.Fatalf("cannot be packed again: %v", problems)
	}
	if again, err := writeTar(io.Discard, prefix, files); err != nil || !reflect.DeepEqual(again, entries) {
		t.Fatalf("packed again %v, unpacked %v: %v", again, entries, err)
	}
	for _, e := range entries {
		written, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(e.Path)))
		if err != nil || sha256.Sum256(written) != e.SHA256 {
			t.Fatalf("%s: %v", e.Path, err)
		}
	}
}

// universe is a package with so many files of source-like text.
func universe(files, size int) []File {
	r := rand.New(rand.NewPCG(7, 7))
	words := strings.Fields("actor state on handler fn let mut return if else match while send spawn self receive timeout invariant requires ensures")
	all := make([]File, files)
	for i := range all {
		var b bytes.Buffer
		for b.Len() < size {
			fmt.Fprintf(&b, "%s %x ", words[r.IntN(len(words))], r.Uint32N(1<<16))
		}
		all[i] = File{Path: fmt.Sprintf("src/d%02d/f%03d.gal", i%20, i), Data: b.Bytes()}
	}
	return all
}

func BenchmarkPack(b *testing.B) {
	files := universe(40, 6<<10)
	b.SetBytes(40 * 6 << 10)
	for b.Loop() {
		pack(b, files)
	}
}

func BenchmarkRead(b *testing.B) {
	a := pack(b, universe(40, 6<<10))
	b.SetBytes(a.Unpacked)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := List(bytes.NewReader(a.Bytes), prefix, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnpack(b *testing.B) {
	a := pack(b, universe(40, 6<<10))
	b.SetBytes(a.Unpacked)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Unpack(b.TempDir(), bytes.NewReader(a.Bytes), prefix, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
