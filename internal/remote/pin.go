package remote

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// addressKey names the folder of what is kept for an address.
func addressKey(address string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(address)))[:16]
}

func (s *Set) pinFile(address string) string {
	return filepath.Join(s.o.StateDir, "trust", "pins", addressKey(address))
}

// pinned returns the id that an address was first seen with, "" where it has not been seen.
func (s *Set) pinned(address string) string {
	data, err := atomicfile.Read(s.pinFile(address), 1<<10)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (s *Set) pin(address, id string) error {
	name := s.pinFile(address)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(name, []byte(id+"\n"), 0o600)
}

// Forget drops what is kept of a registry: its index, its pin, and its root of trust, unless another address has led to
// the same registry. The id may be "" where only the pin knows it.
func (s *Set) Forget(address, id string) error {
	id = cmp.Or(id, s.pinned(address))
	if err := os.RemoveAll(filepath.Join(s.o.CacheDir, "index", addressKey(address))); err != nil {
		return err
	}
	if id != "" {
		if err := os.RemoveAll(s.copyState(id, address)); err != nil {
			return err
		}
	}
	if err := os.Remove(s.pinFile(address)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if id == "" || s.pinnedElsewhere(id) {
		return nil
	}
	return os.RemoveAll(filepath.Join(s.o.StateDir, "trust", id))
}

func (s *Set) pinnedElsewhere(id string) bool {
	pins, err := os.ReadDir(filepath.Join(s.o.StateDir, "trust", "pins"))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(pins, func(pin os.DirEntry) bool {
		data, err := atomicfile.Read(filepath.Join(s.o.StateDir, "trust", "pins", pin.Name()), 1<<10)
		return err == nil && strings.TrimSpace(string(data)) == id
	})
}
