package remote

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// pinsDir has the ids that addresses were first seen with, beside the folders of registries.
const pinsDir = "pins"

// addressKey names the folder of what is kept for an address.
func addressKey(address string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(address)))[:16]
}

func (s *Set) pinFile(address string) string {
	return filepath.Join(s.o.StateDir, "trust", pinsDir, addressKey(address))
}

// pinned returns the id that an address was first seen with, "" where it has not been seen. That the file cannot be read
// does not mean that: to begin anew would be to trust whoever answers next.
func (s *Set) pinned(address string) (id string, err error) {
	id, ok := readPin(s.pinFile(address))
	if ok {
		return id, nil
	}
	f := fault.New(fault.Integrity, "standing-damaged", "what is kept of the registry is damaged").WithFact("at   %s", web.Redact(address))
	if name := s.named(address); name != "" {
		f.WithHelp("gal-pkg registry reset %s   # trust anew whoever answers there, as if never seen", name)
	}
	return "", helpDamaged(f, s.pinFile(address))
}

// readPin returns the id that a file holds, "" where there is no file; false where it cannot be told.
func readPin(file string) (id string, ok bool) {
	data, err := atomicfile.Read(file, 1<<10)
	if err != nil {
		return "", errors.Is(err, fs.ErrNotExist)
	}
	id = strings.TrimSpace(string(data))
	return id, index.CheckRegistryID(id) == nil
}

// helpDamaged says of a pin that cannot be read what helps where its address has no name that could be reset: it is the
// file alone that knows the address.
func helpDamaged(f *fault.Error, file string) error {
	return f.WithFact("file %s", file).WithHelp("rm %s   # the same, where the address has no name in registries.toml", file)
}

// heldTo returns the id that a registry must have: what the configuration says, else what its address was first seen with.
func (s *Set) heldTo(spec Spec) (string, error) {
	if spec.ID != "" {
		return spec.ID, nil
	}
	return s.pinned(spec.URL)
}

func (s *Set) pin(address, id string) error {
	name := s.pinFile(address)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(name, []byte(id+"\n"), 0o600)
}

// Forget drops what is kept of a registry: its index, its pin, and its root of trust, unless another address has led to
// the same registry, or is configured to be its host. The id may be "" where only the pin knows it.
func (s *Set) Forget(address, id string) error {
	if id == "" {
		id, _ = s.pinned(address) // a pin that is damaged is what this is for
	}
	index := filepath.Join(s.o.CacheDir, "index")
	if err := os.RemoveAll(filepath.Join(index, addressKey(address))); err != nil && !errors.Is(err, syscall.ENOTDIR) {
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
	if id == "" {
		return nil
	}
	if kept, err := s.configuredElsewhere(address, id); kept || err != nil {
		return err
	}
	if kept, err := s.pinnedElsewhere(id); kept || err != nil {
		return err
	}
	return os.RemoveAll(s.homeOf(id))
}

// configuredElsewhere reports whether a host of a registry is configured at another address: with its id, it has no pin.
func (s *Set) configuredElsewhere(address, id string) (bool, error) {
	hosts, err := s.hosts(id)
	return slices.ContainsFunc(hosts, func(name string) bool { return s.o.Specs[name].URL != address }), err
}

// pinnedElsewhere reports whether another address has led to a registry. A pin that cannot be read may be one.
func (s *Set) pinnedElsewhere(id string) (bool, error) {
	dir := filepath.Join(s.o.StateDir, "trust", pinsDir)
	pins, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	var damaged error
	for _, pin := range pins {
		file := filepath.Join(dir, pin.Name())
		switch other, ok := readPin(file); {
		case strings.HasPrefix(pin.Name(), atomicfile.TempPrefix):
		case other == id:
			return true, nil
		case !ok:
			damaged = helpDamaged(fault.New(fault.Integrity, "standing-damaged", "what is kept of another registry is damaged"), file)
		}
	}
	return false, damaged
}
