package sign_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

func TestKeyFile(t *testing.T) {
	path, key := filepath.Join(t.TempDir(), "publisher.key"), keyOf(t, "file")
	if err := sign.WriteKeyFile(path, key, nil); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		path string
		perm fs.FileMode
	}{{path, 0o600}, {path + ".pub", 0o644}} {
		info, err := os.Stat(row.path)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != row.perm {
			t.Errorf("%s has mode %o, want %o", row.path, info.Mode().Perm(), row.perm)
		}
	}
	back, err := sign.LoadKeyFile(path, mustNotAsk(t))
	if err != nil || back.Public() != key.Public() {
		t.Errorf("loading: %v", err)
	}
	text, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if public, err := sign.ParsePublicKey(string(text)); err != nil || public != key.Public() {
		t.Errorf("public half: %v", err)
	}
}

func TestWriteKeyFileReplacesNothing(t *testing.T) {
	dir, key := t.TempDir(), keyOf(t, "replace")
	mine := filepath.Join(dir, "mine")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ path, target string }{
		{"file", mine}, {"dangling", filepath.Join(dir, "nowhere")}, {"pub.pub", mine}, {"danglingpub.pub", filepath.Join(dir, "nowhere")},
	} {
		if err := os.Symlink(row.target, filepath.Join(dir, row.path)); err != nil {
			t.Skip("no symbolic links here")
		}
	}
	for _, name := range []string{"mine", "file", "dangling", "pub", "danglingpub"} {
		err := sign.WriteKeyFile(filepath.Join(dir, name), key, nil)
		if !fault.IsCode(err, "key-exists") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if data, err := os.ReadFile(mine); err != nil || string(data) != "mine" {
		t.Errorf("the file of somebody else is now %q, %v", data, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 5 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := sign.WriteKeyFile(filepath.Join(dir, "no", "folder"), key, nil); !fault.IsCode(err, "key-not-written") {
		t.Errorf("missing folder: %v", err)
	}
}

func TestLoadKeyFileRefuses(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has neither these modes nor links for everybody")
	}
	dir, key := t.TempDir(), keyOf(t, "load")
	path := filepath.Join(dir, "key")
	if err := sign.WriteKeyFile(path, key, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("mkfifo", filepath.Join(dir, "pipe")).Run(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "long"), make([]byte, 17<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, code := range map[string]string{
		"absent": "key-not-found", "link": "key-unsafe", "pipe": "key-unsafe", ".": "key-unsafe", "long": "key-invalid",
	} {
		if _, err := sign.LoadKeyFile(filepath.Join(dir, name), nil); !fault.IsCode(err, code) {
			t.Errorf("%s: %v, want %s", name, err, code)
		}
	}
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o620, 0o601, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := sign.LoadKeyFile(path, nil); !fault.IsCode(err, "key-unsafe") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := sign.LoadKeyFile(path, nil); err != nil {
		t.Errorf("mode 400: %v", err)
	}
}
