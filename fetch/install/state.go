package install

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// maxInput bounds a file that a stamp covers: a lock is the longest.
const maxInput = 16 << 20

// Stamp is the digest of everything that an installation follows from. Two equal stamps mean that there is nothing to do.
type Stamp string

// NewStamp computes the stamp of a project: files are its lock and manifests, relative to it, in a fixed order; words are
// all else that counts: options, the program's version, the cache's folder and generation. Contents are hashed, not
// times, for a file can change twice within one tick of a clock. A file that is missing is part of the stamp as such.
func NewStamp(project string, files []string, words ...string) (Stamp, error) {
	h := sha256.New()
	fmt.Fprintf(h, "gal-stamp 1\n%d %d\n", len(files), len(words))
	for _, name := range files {
		data, err := atomicfile.Read(filepath.Join(project, filepath.FromSlash(name)), maxInput)
		if errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(h, "absent %q\n", name)
			continue
		}
		if err != nil {
			return "", fault.New(fault.Manifest, "unreadable", "%s cannot be read", name).Because(err)
		}
		fmt.Fprintf(h, "file %q %d\n", name, len(data))
		h.Write(data)
	}
	for _, w := range words {
		fmt.Fprintf(h, "word %q\n", w)
	}
	return Stamp("sha256:" + hex.EncodeToString(h.Sum(nil))), nil
}

// The state file is `gal-state 1`, the stamp, and the time at which .gal/packages was last changed, each a line. The time
// shows that somebody removed a link; it is compared for equality alone.

// Fresh reports whether the project was installed from exactly what s stands for, and its links are as they were left.
func (s Stamp) Fresh(project string) bool {
	data, err := atomicfile.Read(filepath.Join(project, filepath.FromSlash(StateFile)), 512)
	if err != nil {
		return false
	}
	now, err := s.state(project)
	if err != nil || string(data) != now {
		return false
	}
	_, err = os.Lstat(filepath.Join(project, filepath.FromSlash(ListFile)))
	return err == nil
}

// Record notes that the project is installed. Call it last.
func (s Stamp) Record(project string) error {
	state, err := s.state(project)
	if err != nil {
		return err
	}
	// It is not synced: packages.json was, and a state that a power cut has spoilt only makes the next run look.
	if err := atomicfile.WriteCache(filepath.Join(project, filepath.FromSlash(StateFile)), []byte(state)); err != nil {
		return err
	}
	failpoint.Reach(failpoint.StateSaved)
	return nil
}

// Forget removes the stamp, so that the next run looks at everything.
func Forget(project string) error {
	err := os.Remove(filepath.Join(project, filepath.FromSlash(StateFile)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s Stamp) state(project string) (string, error) {
	info, err := os.Lstat(filepath.Join(project, filepath.FromSlash(PackagesDir)))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "gal-state 1\n%s\n%d\n", s, info.ModTime().UnixNano())
	return b.String(), nil
}
