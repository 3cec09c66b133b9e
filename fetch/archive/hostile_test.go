package archive

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/geeknik/gal-pkg/internal/fault"
)

const prefix = "pkg-1.0.0"

// entry is one entry of a tar that an enemy wrote; the name is written as it is.
type entry struct {
	name string
	body string
	kind byte // 0 means a regular file
	edit func(*tar.Header)
}

func hostileTar(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.body)), Mode: 0o644, ModTime: time.Unix(0, 0)}
		if e.kind != 0 {
			h.Typeflag, h.Size = e.kind, 0
			e.body = ""
		}
		if e.edit != nil {
			e.edit(h)
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compress(t testing.TB, data []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithWindowSize(MaxWindow))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll(data, nil)
}

// refuse unpacks data beside a file that must not change and expects the code, an empty folder and nothing outside of it.
func refuse(t *testing.T, name string, data []byte, o Options, code string) {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "in")
	for path, text := range map[string]string{"canary": "untouched"} {
		if err := os.WriteFile(filepath.Join(top, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Unpack(dir, bytes.NewReader(data), prefix, o)
	if !fault.IsCode(err, code) || fault.KindOf(err) != fault.Integrity {
		t.Errorf("%s: got %v, want %s", name, err, code)
	}
	if got := listAll(t, top); got != "canary in" {
		t.Errorf("%s: left behind %q", name, got)
	}
	if _, err := Read(bytes.NewReader(data), prefix, o); !fault.IsCode(err, code) {
		t.Errorf("%s: Read gives %v, want %s", name, err, code)
	}
}

func listAll(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, p); rel != "." {
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func refuseAll(t *testing.T, code string, archives map[string][]entry) {
	t.Helper()
	for name, entries := range archives {
		refuse(t, name, compress(t, hostileTar(t, entries...)), Options{}, code)
	}
}

func TestPathsThatLeaveTheFolder(t *testing.T) {
	for _, name := range []string{
		"../x", "/abs", "C:x", "C:../x", `..\x`, `a\b`, "./x", "a//b", "a/./b", "a/../b", "a/..", "..", ".", "con", "nul.tar", "a/COM1",
		"trailing.", "trailing ", "x:stream", "a\x01b", "a\u202eb", "a\u200bb", ".git/hooks/pre-commit", "a/.GIT", "GIT~1", ".g\u200cit", ".gal/state",
	} {
		refuse(t, name, compress(t, hostileTar(t, entry{name: prefix + "/" + name, body: "x"})), Options{}, CodeUnsafe)
	}
	for _, name := range []string{"../x", "/abs", "other-1.0.0/x", prefix, prefix + "x/y", `pkg-1.0.0\x`, "x"} {
		refuse(t, name, compress(t, hostileTar(t, entry{name: name, body: "x"})), Options{}, CodeUnsafe)
	}
	// The writer would write neither an empty name nor a slash at the end.
	raw := hostileTar(t, entry{name: "x", body: "y"})
	raw[0] = 0
	refuse(t, "empty name", compress(t, fixChecksum(raw, 0)), Options{}, CodeUnsafe)
	raw = hostileTar(t, entry{name: prefix + "/xy", body: "y"})
	raw[len(prefix)+2] = '/'
	refuse(t, "slash at the end", compress(t, fixChecksum(raw, 0)), Options{}, CodeUnsafe)
}

func TestLinksOfAnyKind(t *testing.T) {
	for _, target := range []string{"a", "../../canary", "/etc/passwd", "", "pkg-1.0.0/a"} {
		link := func(h *tar.Header) { h.Linkname = target }
		refuseAll(t, CodeUnsafe, map[string][]entry{
			"symlink to " + target:             {{name: prefix + "/l", kind: tar.TypeSymlink, edit: link}},
			"hard link to " + target:           {{name: prefix + "/l", kind: tar.TypeLink, edit: link}},
			"file through link to " + target:   {{name: prefix + "/l", kind: tar.TypeSymlink, edit: link}, {name: prefix + "/l/x", body: "y"}},
			"regular with a link to " + target: {{name: prefix + "/l", body: "x", edit: func(h *tar.Header) { h.Linkname = target + "z" }}},
		})
	}
}

func TestOnlyRegularFiles(t *testing.T) {
	refuseAll(t, CodeUnsafe, map[string][]entry{
		"char device":  {{name: prefix + "/d", kind: tar.TypeChar}},
		"block device": {{name: prefix + "/d", kind: tar.TypeBlock}},
		"fifo":         {{name: prefix + "/d", kind: tar.TypeFifo}},
		"folder":       {{name: prefix + "/d/", kind: tar.TypeDir}},
		"contiguous":   {{name: prefix + "/d", kind: tar.TypeCont}},
		"vendor type":  {{name: prefix + "/d", kind: 'Z'}},
		"long link":    {{name: prefix + "/" + strings.Repeat("x/", 60) + "y", body: "x", edit: func(h *tar.Header) { h.Format = tar.FormatGNU }}},
		"GNU magic":    {{name: prefix + "/x", body: "x", edit: func(h *tar.Header) { h.Format = tar.FormatGNU }}},
		"global PAX":   {{name: "g", kind: tar.TypeXGlobalHeader, edit: func(h *tar.Header) { *h = tar.Header{Typeflag: 'g', PAXRecords: map[string]string{"path": "x"}} }}},
	})
	sparse := hostileTar(t, entry{name: prefix + "/s", body: "x"})
	sparse[156] = 'S'
	refuse(t, "sparse", compress(t, fixChecksum(sparse, 0)), Options{}, CodeUnsafe)
	old := hostileTar(t, entry{name: prefix + "/s", body: "x"})
	old[156] = 0
	refuse(t, "type of before POSIX", compress(t, fixChecksum(old, 0)), Options{}, CodeUnsafe)
}

// fixChecksum makes the header at an offset valid again after an edit.
func fixChecksum(data []byte, at int) []byte {
	h := data[at : at+512]
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return data
}

func TestHeadersThatDisagree(t *testing.T) {
	long := prefix + "/" + strings.Repeat("long-name-", 9) + "/" + strings.Repeat("x", 95) + "/" + strings.Repeat("y", 40)
	pax := func(key, value string) []entry {
		return []entry{{name: prefix + "/x", body: "x", edit: func(h *tar.Header) { h.PAXRecords = map[string]string{key: value} }}}
	}
	refuseAll(t, CodeUnsafe, map[string][]entry{
		"atime":   {{name: prefix + "/x", body: "x", edit: func(h *tar.Header) { h.Format, h.AccessTime = tar.FormatPAX, time.Unix(1, 0) }}},
		"vendor":  pax("VENDOR.key", "x"),
		"xattr":   pax("SCHILY.xattr.user.x", "x"),
		"two":     {{name: long, body: "x", edit: func(h *tar.Header) { h.PAXRecords = map[string]string{"VENDOR.key": "x"} }}},
		"comment": pax("comment", strings.Repeat("x", 5000)),
	})
	size := hostileTar(t, entry{name: long, body: "x"})
	// The record of the path becomes one of the size, of the same length.
	at := bytes.Index(size, []byte("path="))
	copy(size[at:], "size=")
	refuse(t, "size", compress(t, size), Options{}, CodeUnsafe)

	other := hostileTar(t, entry{name: long, body: "x"})
	copy(other[1024:], "pkg-1.0.0/gal.toml\x00")
	refuse(t, "another USTAR name", compress(t, fixChecksum(other, 1024)), Options{}, CodeUnsafe)

	null := hostileTar(t, entry{name: long, body: "x"})
	null[bytes.LastIndex(null[:1024], []byte("yy"))] = 0
	refuse(t, "NUL in a PAX path", compress(t, null), Options{}, CodeUnsafe)

	hidden := hostileTar(t, entry{name: prefix + "/x", body: "x"})
	copy(hidden[20:], "hidden")
	refuse(t, "text after the NUL of a name", compress(t, fixChecksum(hidden, 0)), Options{}, CodeUnsafe)

	binary := hostileTar(t, entry{name: prefix + "/x", body: "x"})
	copy(binary[124:136], "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01")
	refuse(t, "size in base 256", compress(t, fixChecksum(binary, 0)), Options{}, CodeUnsafe)

	refuse(t, "PAX for nothing", compress(t, append(hostileTar(t, entry{name: long, body: "x"})[:1024:1024], make([]byte, 1024)...)), Options{}, CodeUnsafe)
}

func TestNamesThatCollide(t *testing.T) {
	two := func(a, b string) []entry {
		return []entry{{name: prefix + "/" + a, body: "1"}, {name: prefix + "/" + b, body: "2"}}
	}
	refuseAll(t, CodeUnsafe, map[string][]entry{
		"twice":                  two("x", "x"),
		"case":                   two("README", "readme"),
		"case of a folder":       two("Src/a", "src/b"),
		"Kelvin sign":            two("k", "\u212a"),
		"sharp s":                two("ss", "\u00df"),
		"decomposed":             two("caf\u00e9", "cafe\u0301"),
		"decomposed alone":       {{name: prefix + "/cafe\u0301", body: "1"}},
		"compatibility form":     two("fi", "\ufb01"),
		"file as parent":         two("a", "a/b"),
		"file as parent by case": two("A", "a/b"),
		"parent as file":         {{name: prefix + "/a", body: "1"}, {name: prefix + "/a-b", body: "1"}, {name: prefix + "/a/b/c", body: "1"}},
		"unsorted":               two("b", "a"),
	})
}

func TestLongAndDeepPaths(t *testing.T) {
	refuseAll(t, CodeUnsafe, map[string][]entry{
		"path":      {{name: prefix + "/" + strings.Repeat("a/", 15) + strings.Repeat("b", 99) + "/" + strings.Repeat("c", 99) + "/" + strings.Repeat("d", 12), body: "x"}},
		"component": {{name: prefix + "/" + strings.Repeat("b", 101), body: "x"}},
		"depth":     {{name: prefix + "/" + strings.Repeat("a/", 32) + "b", body: "x"}},
		"far too":   {{name: prefix + "/" + strings.Repeat("a/", 300) + "b", body: "x"}},
	})
	just := prefix + "/" + strings.Repeat("a/", 31) + "b"
	if _, err := Read(bytes.NewReader(compress(t, hostileTar(t, entry{name: just, body: "x"}))), prefix, Options{}); err != nil {
		t.Errorf("32 components: %v", err)
	}
}

func TestModesAndOwners(t *testing.T) {
	dir := t.TempDir()
	mode := func(m int64) func(*tar.Header) {
		return func(h *tar.Header) {
			h.Mode, h.Uid, h.Gid, h.Uname, h.ModTime = m, 0, 12, "root", time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
		}
	}
	data := compress(t, hostileTar(t,
		entry{name: prefix + "/a", body: "x", edit: mode(0o7666)}, entry{name: prefix + "/b", body: "x", edit: mode(0o4755)},
		entry{name: prefix + "/c", body: "x", edit: mode(0)}, entry{name: prefix + "/d", body: "x", edit: mode(0o001)}))
	entries, err := Unpack(dir, bytes.NewReader(data), prefix, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []os.FileMode{0o644, 0o755, 0o644, 0o755} {
		info, err := os.Stat(filepath.Join(dir, entries[i].Path))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&^0o022 != want&^0o022 || info.Mode()&^want != 0 || info.ModTime().Year() == 2200 {
			t.Errorf("%s: mode %o of %v, want %o", entries[i].Path, info.Mode(), info.ModTime(), want)
		}
	}
}

func TestBombs(t *testing.T) {
	zeros := hostileTar(t, entry{name: prefix + "/z", body: strings.Repeat("\x00", 40<<20)})
	refuse(t, "ratio", compress(t, zeros), Options{}, CodeTooBig)
	refuse(t, "bytes", compress(t, hostileTar(t, entry{name: prefix + "/z", body: strings.Repeat("0123456789", 500)})), Options{MaxUnpacked: 4999}, CodeTooBig)
	var many []entry
	for i := range 101 {
		many = append(many, entry{name: fmt.Sprintf("%s/%03d", prefix, i)})
	}
	refuse(t, "files", compress(t, hostileTar(t, many...)), Options{MaxFiles: 100}, CodeTooBig)
	refuse(t, "packed", compress(t, hostileTar(t, many...)), Options{MaxPacked: 100}, CodeTooBig)

	// A header that promises more than there is must not be believed before the bytes come.
	huge := hostileTar(t, entry{name: prefix + "/z", body: "x"})
	copy(huge[124:136], "77777777777\x00")
	refuse(t, "promised size", compress(t, fixChecksum(huge, 0)), Options{}, CodeTooBig)

	wide, err := zstd.NewWriter(nil, zstd.WithWindowSize(32<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 20<<20)
	for i, x := 0, uint32(1); i < len(random); i++ {
		x = x*1664525 + 1013904223
		random[i] = byte(x >> 24)
	}
	refuse(t, "window", wide.EncodeAll(hostileTar(t, entry{name: prefix + "/z", body: string(random)}), nil), Options{}, CodeTooBig)
}

func TestNothingAfterTheEnd(t *testing.T) {
	one := hostileTar(t, entry{name: prefix + "/x", body: "x"})
	good := compress(t, one)
	skippable := []byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 'e', 'v', 'i', 'l'}
	for name, data := range map[string][]byte{
		"second frame":           append(bytes.Clone(good), good...),
		"garbage":                append(bytes.Clone(good), 'x'),
		"zeros":                  append(bytes.Clone(good), 0),
		"skippable frame after":  append(bytes.Clone(good), skippable...),
		"skippable frame before": append(bytes.Clone(skippable), good...),
		"second tar":             compress(t, append(bytes.Clone(one), one...)),
		"tar padding":            compress(t, append(bytes.Clone(one), make([]byte, 512)...)),
		"byte after the tar":     compress(t, append(bytes.Clone(one), 'x')),
		"one zero block":         compress(t, append(bytes.Clone(one[:len(one)-512]), bytes.Repeat([]byte("x"), 512)...)),
		"body padding":           compress(t, append(append(bytes.Clone(one[:513]), bytes.Repeat([]byte("x"), 511)...), one[1024:]...)),
	} {
		refuse(t, name, data, Options{}, CodeUnsafe)
	}
	for name, data := range map[string][]byte{
		"no end":       compress(t, one[:len(one)-1024]),
		"half an end":  compress(t, one[:len(one)-512]),
		"cut body":     compress(t, one[:512]),
		"empty tar":    compress(t, nil),
		"empty":        {},
		"gzip":         {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"plain tar":    one,
		"web page":     []byte("<html><body>please log in</body></html>"),
		"cut checksum": good[:len(good)-1],
	} {
		refuse(t, name, data, Options{}, CodeCorrupt)
	}
	for i := range len(good) {
		if _, err := Read(bytes.NewReader(good[:i]), prefix, Options{}); !fault.IsCode(err, CodeCorrupt) {
			t.Fatalf("cut to %d of %d bytes: %v", i, len(good), err)
		}
	}
}

func TestFilesNamedLikeOurMarkers(t *testing.T) {
	// Nothing that we note about a tree lies in it, so a package may bring files of any name that is a legal path.
	dir := t.TempDir()
	data := compress(t, hostileTar(t, entry{name: prefix + "/.gal-ok", body: "x"}, entry{name: prefix + "/lock", body: "y"}, entry{name: prefix + "/x.tree", body: "z"}))
	if _, err := Unpack(dir, bytes.NewReader(data), prefix, Options{}); err != nil {
		t.Fatal(err)
	}
	if got := listAll(t, dir); got != ".gal-ok lock x.tree" {
		t.Errorf("unpacked %q", got)
	}
}

func TestUnpackRefusesAFolderThatIsNotEmpty(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	data := compress(t, hostileTar(t, entry{name: prefix + "/x", body: "x"}))
	if _, err := Unpack(dir, bytes.NewReader(data), prefix, Options{}); err == nil || listAll(t, dir) != "mine" {
		t.Errorf("got %v, folder holds %q", err, listAll(t, dir))
	}
}
