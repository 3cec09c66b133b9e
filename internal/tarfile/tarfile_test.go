package tarfile

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// file is one entry of a tar; the zero kind is a regular file.
type file struct {
	name, data string
	kind       byte
}

func pack(t testing.TB, files ...file) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Typeflag: f.kind, Mode: 0o644, Size: int64(len(f.data))}
		if f.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if f.kind == tar.TypeSymlink || f.kind == tar.TypeLink {
			h.Linkname, h.Size = f.data, 0
			f.data = ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func write(t testing.TB, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestRead(t *testing.T) {
	long := strings.Repeat("a", 96) + "/" + strings.Repeat("b", 180) // more than USTAR can say
	want := []file{{name: "registry.toml", data: "id"}, {name: "index/a", data: strings.Repeat("x", 5000)}, {name: long, data: "long"}, {name: "empty"}}
	tarfile, err := Open(write(t, pack(t, append([]file{{name: "index/", kind: tar.TypeDir}}, want...)...)))
	if err != nil {
		t.Fatal(err)
	}
	defer tarfile.Close()
	var readers sync.WaitGroup
	for _, f := range want {
		readers.Go(func() {
			if data, err := tarfile.ReadFile(f.name); err != nil || string(data) != f.data {
				t.Errorf("%s: %d bytes, %v", f.name, len(data), err)
			}
		})
	}
	readers.Wait()
	for _, name := range []string{"index", "index/", "registry.toml/x", "", "../x"} {
		if _, err := tarfile.ReadFile(name); !errors.Is(err, fs.ErrNotExist) || tarfile.Has(name) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if got := tarfile.Paths(); len(got) != len(want) || !slices.IsSorted(got) {
		t.Errorf("%q", got)
	}
}

// What is no tar that can be trusted to be whole, and to hold nothing but files, is refused when it is opened.
func TestRefused(t *testing.T) {
	good := pack(t, file{name: "a", data: "1"}, file{name: "b", data: strings.Repeat("2", 2000)})
	sparse := slices.Clone(good)
	sparse[156] = tar.TypeGNUSparse
	for _, row := range []struct {
		story string
		data  []byte
		says  string
	}{
		{"nothing", nil, "cut off"},
		{"no tar", bytes.Repeat([]byte("x"), 4096), "invalid tar header"},
		{"cut in a content", good[:1800], ""},
		{"cut after a file", good[:1024], "cut off"},
		{"cut in the end mark", good[:len(good)-600], ""},
		{"a byte of a header is flipped", append([]byte{good[0] ^ 1}, good[1:]...), "invalid tar header"},
		{"another file follows the end", append(slices.Clone(good), make([]byte, maxPadding+512)...), "follow its end"},
		{"sparse", sparse, ""},
		{"a link", pack(t, file{"a", "b", tar.TypeSymlink}), "no regular file"},
		{"a hard link", pack(t, file{name: "b"}, file{"a", "b", tar.TypeLink}), "no regular file"},
		{"a pipe", pack(t, file{name: "a", kind: tar.TypeFifo}), "no regular file"},
		{"twice", pack(t, file{name: "a", data: "1"}, file{name: "a", data: "2"}), "twice"},
		{"out of the tree", pack(t, file{name: "../a"}), "clean relative path"},
		{"absolute", pack(t, file{name: "/a"}), "clean relative path"},
		{"not clean", pack(t, file{name: "./a"}), "clean relative path"},
		{"backslash", pack(t, file{name: `a\b`}), "clean relative path"},
		{"too long", pack(t, file{name: strings.Repeat("a/", 300) + "a"}), "clean relative path"},
	} {
		f, err := Open(write(t, row.data))
		if !fault.IsCode(err, "bundle-damaged") || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", row.story, err)
		}
		if err == nil {
			f.Close()
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "absent.tar")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := Open(t.TempDir()); !fault.IsCode(err, "bundle-damaged") {
		t.Errorf("a folder: %v", err)
	}
}

// A tar that becomes shorter while it is open gives errors and no bytes.
func TestShrinks(t *testing.T) {
	name := write(t, pack(t, file{name: "a", data: strings.Repeat("x", 4000)}))
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Truncate(name, 1000); err != nil {
		t.Fatal(err)
	}
	if data, err := f.ReadFile("a"); err == nil {
		t.Errorf("%d bytes", len(data))
	}
}

func TestAddresses(t *testing.T) {
	for _, path := range []string{"/srv/registry.tar", "/a b/ü!/x.tar", "/a!/b.tar", "/100%/#?.tar"} {
		file := "packages/mailbox/mailbox-1.0.0.tar.zst"
		gotPath, gotFile, ok := Split(Base(path) + "/" + file)
		if !ok || gotPath != path || gotFile != file {
			t.Errorf("%s: %q %q %v", Base(path), gotPath, gotFile, ok)
		}
	}
	for _, address := range []string{"", "/srv/x.tar", "file:///srv/x.tar!/a", "tar+file:///srv/x.tar", "tar+file://host/x.tar!/a", "https://h.example/!/x"} {
		if path, file, ok := Split(address); ok {
			t.Errorf("%q is %q in %q", address, file, path)
		}
	}
}

// FuzzOpen: whatever is accepted lies within the file, and is what the standard library's reader finds, in its order.
func FuzzOpen(f *testing.F) {
	f.Add(pack(f, file{name: "a", data: "1"}, file{name: "b/c", data: strings.Repeat("2", 700)}))
	f.Add(pack(f, file{name: strings.Repeat("a", 200), data: "1"}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		opened, err := Open(write(t, data))
		if err != nil {
			return
		}
		defer opened.Close()
		r := tar.NewReader(bytes.NewReader(data))
		n := 0
		for {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("accepted, and then %v", err)
			}
			if h.Typeflag != tar.TypeReg {
				continue
			}
			n++
			want, err := io.ReadAll(r)
			got, err2 := opened.ReadFile(h.Name)
			if err != nil || err2 != nil || !bytes.Equal(got, want) {
				t.Fatal(fmt.Errorf("%s: %d bytes, %d in truth (%v, %v)", h.Name, len(got), len(want), err, err2))
			}
		}
		if n != len(opened.Paths()) {
			t.Errorf("%d files, %d in truth", len(opened.Paths()), n)
		}
	})
}
