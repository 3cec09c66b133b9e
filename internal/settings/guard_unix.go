//go:build unix

package settings

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// guard refuses an open secret file that others may read or change.
func (f file) guard(h *os.File) error {
	if !f.secret {
		return nil
	}
	info, err := h.Stat()
	if err != nil {
		return f.unreadable(err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return exposed(f.path, mode, "600", "it holds secrets, so only its owner may have access")
	}
	return guardDir(filepath.Dir(f.path))
}

// guardDir refuses a folder in which others could replace a secret file. The sticky bit keeps them from it.
func guardDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fault.New(fault.Manifest, "bad-credentials", "%s cannot be read", dir).Because(err)
	}
	if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return exposed(dir, info.Mode().Perm(), "700", "others could replace the credentials in it")
	}
	return nil
}

func exposed(path string, mode fs.FileMode, want, why string) error {
	return fault.New(fault.Manifest, "credentials-exposed", "%s has mode %04o; %s", path, mode, why).
		WithHelp("chmod %s %s", want, shellWord(path)).
		WithHelp("consider its tokens known to others, and replace them")
}

// shellWord writes a path so that a shell takes it for one word.
func shellWord(path string) string {
	if only(path, alphanumeric+strings.ToUpper(letters)+"/._-") {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
