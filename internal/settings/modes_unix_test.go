//go:build unix

package settings

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	ctx := context.Background()
	c := openCredentials(t)
	if err := c.Set(ctx, "pub", Credential{Token: "gal_1"}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(c.file.path)
	if f, d, l := mode(t, c.file.path), mode(t, dir), mode(t, filepath.Join(dir, lockName)); f != 0o600 || d != 0o700 || l != 0o600 {
		t.Errorf("file %o, folder %o, lock %o", f, d, l)
	}
	before := content(t, c.file.path)
	for _, m := range []fs.FileMode{0o640, 0o604, 0o620, 0o602, 0o601, 0o644} {
		if err := os.Chmod(c.file.path, m); err != nil {
			t.Fatal(err)
		}
		_, _, err := c.For("pub")
		if code(err) != "credentials-exposed" || fault.Of(err).Help[0] != "chmod 600 "+c.file.path {
			t.Errorf("%o: %v", m, err)
		}
		if err := c.Set(ctx, "pub", Credential{Token: "gal_2"}); code(err) != "credentials-exposed" || content(t, c.file.path) != before {
			t.Errorf("%o: %v", m, err)
		}
	}
	for m, want := range map[fs.FileMode]string{0o700: "", 0o755: "", 0o770: "credentials-exposed", 0o777 | fs.ModeSticky: ""} {
		if err := os.Chmod(c.file.path, 0o400); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, m); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.For("pub"); code(err) != want {
			t.Errorf("folder %v: %v", m, err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.Set(ctx, "pub", Credential{Token: "gal_3"}); err != nil || mode(t, c.file.path) != 0o600 {
		t.Errorf("%v %o", err, mode(t, c.file.path))
	}
}

func TestShellWord(t *testing.T) {
	for path, want := range map[string]string{"/a/b-c.toml": "/a/b-c.toml", "/a b": "'/a b'", "/a'$b": `'/a'\''$b'`} {
		if got := shellWord(path); got != want {
			t.Errorf("%q: %s", path, got)
		}
	}
}

func TestModeIsKept(t *testing.T) {
	rs := open(t, "# mine\n")
	before := mode(t, rs.file.path)
	if err := rs.Add(context.Background(), "x", Registry{URL: "/x"}); err != nil || mode(t, rs.file.path) != before {
		t.Errorf("%v %o, want %o", err, mode(t, rs.file.path), before)
	}
}

func TestPipeIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := LoadRegistries(path); code(err) != "bad-config" || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v", err)
	}
	if _, err := (Registry{Name: "x", URL: "https://x.example", ClientCert: path}).Identity(); code(err) != "bad-client-certificate" || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v", err)
	}
}

// TestLeftovers shows that what a killed login left, which holds a token, goes with the next edit, and nothing else does.
func TestLeftovers(t *testing.T) {
	c := openCredentials(t)
	dir := filepath.Dir(c.file.path)
	if err := os.MkdirAll(filepath.Join(dir, atomicfile.TempPrefix+"1"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"123", "mine"} {
		if err := os.WriteFile(filepath.Join(dir, atomicfile.TempPrefix+name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Set(context.Background(), "pub", Credential{Token: "gal_1"}); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, atomicfile.TempPrefix+"*"))
	if err != nil || len(left) != 2 {
		t.Errorf("%q %v", left, err)
	}
}
