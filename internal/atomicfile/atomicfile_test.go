package atomicfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	for _, text := range []string{"one", "", "three"} {
		if err := Write(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(file, 10); err != nil || string(got) != text || names(t, dir) != "f" {
			t.Errorf("got %q of %q, %s: %v", got, text, names(t, dir), err)
		}
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: %v", info.Mode(), err)
	}
	if err := Write(filepath.Join(dir, "no", "f"), nil, 0o644); err == nil {
		t.Error("wrote into a folder that is not there")
	}
	if err := Write(dir, nil, 0o644); err == nil || names(t, dir) != "f" {
		t.Errorf("replaced a folder by a file, or left %s: %v", names(t, dir), err)
	}
}

// What a crash has left is taken over, whatever it holds.
func TestLeftoversDoNotPileUp(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("they have random names here")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(filepath.Join(dir, TempPrefix+"f"), bytes.Repeat([]byte("old"), 1000), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "new" || names(t, dir) != "f" {
		t.Errorf("got %q, %s: %v", got, names(t, dir), err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v: %v", info.Mode(), err)
	}
}

func TestSweep(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nothing is swept here")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	for _, name := range []string{"f", TempPrefix + "f", TempPrefix + "f~1", TempPrefix + "g"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writer, err := openTemp(filepath.Join(dir, "h"))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	Sweep(file, filepath.Join(dir, "h"), filepath.Join(dir, "no", "i"))
	if want := TempPrefix + "g " + TempPrefix + "h f"; names(t, dir) != want {
		t.Errorf("left %s, not %s", names(t, dir), want)
	}
}

// A folder that somebody else has written may have anything under the name of our temporary file; nothing is written
// through it.
func TestPlantedFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names are random here")
	}
	for name, plant := range map[string]func(victim, at string) error{
		"link": os.Symlink, "hard link": os.Link, "folder": func(_, at string) error { return os.Mkdir(at, 0o755) },
	} {
		dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
		if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := plant(victim, filepath.Join(dir, TempPrefix+"f")); err != nil {
			t.Fatal(err)
		}
		if err := Write(filepath.Join(dir, "f"), []byte("new"), 0o644); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(victim); err != nil || string(got) != "precious" {
			t.Errorf("%s: the file behind it is %q: %v", name, got, err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || string(got) != "new" {
			t.Errorf("%s: got %q: %v", name, got, err)
		}
	}
}

// Whoever reads sees what one of the writers has written, from its first byte to its last.
func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := WriteCache(file, bytes.Repeat([]byte("a"), 20_000)); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			text := bytes.Repeat([]byte{byte('a' + i)}, 20_000+i)
			for range 100 {
				if err := WriteCache(file, text); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want := bytes.Repeat(got[:1], 20_000+int(got[0]-'a')); !bytes.Equal(got, want) {
			t.Fatalf("%d bytes of several writers", len(got))
		}
	}
	if names(t, dir) != "f" {
		t.Errorf("left %s", names(t, dir))
	}
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := Create(file, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Create(file, []byte("two"), 0o600); err == nil {
		t.Error("replaced a file")
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "one" {
		t.Errorf("got %q: %v", got, err)
	}
}

func TestReadLimit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	for size := range 5 {
		if err := os.WriteFile(file, bytes.Repeat([]byte("x"), size), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Read(file, 3)
		if size <= 3 && (err != nil || len(got) != size) || size > 3 && fmt.Sprint(err) != file+" is longer than 3 bytes" {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
}

// What has no end, or waits for a writer, is not opened, by any name.
func TestOpenRegular(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{file, link} {
		f, err := OpenRegular(path)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := ReadFrom(f, 1); err != nil || string(data) != "x" {
			t.Errorf("%s: %q, %v", path, data, err)
		}
		f.Close()
	}
	for _, path := range []string{dir, os.DevNull, filepath.Join(dir, "none")} {
		if f, err := OpenRegular(path); err == nil {
			f.Close()
			t.Errorf("%s was opened", path)
		}
	}
}
