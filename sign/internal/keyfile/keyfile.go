// Package keyfile keeps a private key in a file beside its public half: PATH with mode 0600, PATH.pub with mode 0644.
//
// A key file is never replaced, and never reached through a link. No error of this package, and none of those who parse
// what it reads, may quote a byte of a private file.
package keyfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// MaxSize is the greatest length of a key file, in bytes.
const MaxSize = 16 << 10

// Create writes secret to path and public to path.pub. Neither may exist, not even as a link. Where the second write
// fails, the first is undone.
//
// Errors: fault.Usage "key-exists".
func Create(path string, secret, public []byte) error {
	for _, p := range []string{path, path + ".pub"} {
		if _, err := os.Lstat(p); err == nil {
			return exists(p)
		}
	}
	if err := create(path, secret, 0o600); err != nil {
		return err
	}
	if err := create(path+".pub", public, 0o644); err != nil {
		os.Remove(path)
		return err
	}
	return nil
}

func create(path string, data []byte, perm fs.FileMode) error {
	err := atomicfile.Create(path, data, perm)
	if errors.Is(err, fs.ErrExist) {
		return exists(path)
	}
	if err != nil {
		return fault.New(fault.Manifest, "key-not-written", "the key file `%s` was not written", path).Because(err)
	}
	return nil
}

func exists(path string) error {
	return fault.New(fault.Usage, "key-exists", "`%s` is there already; a key is never overwritten", path).
		WithHelp("choose another file name, or move the old key away first")
}

// Read returns the content of a private key file: a regular file, no link, closed to group and others, at most MaxSize
// bytes.
//
// Errors: fault.Auth "key-not-found", "key-unsafe", "key-invalid".
func Read(path string) ([]byte, error) {
	before, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Auth, "key-not-found", "there is no key file `%s`", path).
			WithHelp("gal-pkg keygen --output %s", path)
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	// The type is looked at before the file is opened, because opening a pipe would wait for its writer.
	if !before.Mode().IsRegular() {
		return nil, fault.New(fault.Auth, "key-unsafe", "the key `%s` is not a regular file", path).
			WithFact("it is a %s", typeName(before.Mode())).
			WithHelp("name the file itself, not a link to it")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil {
		return nil, unreadable(path, err)
	}
	if err := checkOpened(path, before, opened); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(data) > MaxSize {
		return nil, fault.New(fault.Auth, "key-invalid", "the key file `%s` is longer than %d bytes", path, MaxSize)
	}
	return data, nil
}

// checkOpened judges the open file, not the path: what the path names may have changed since.
func checkOpened(path string, before, opened fs.FileInfo) error {
	if !os.SameFile(before, opened) {
		return fault.New(fault.Auth, "key-unsafe", "the key file `%s` was replaced while it was opened", path)
	}
	// Windows has no such bits: there every file reads as 0666 or 0444.
	if perm := opened.Mode().Perm(); perm&0o077 != 0 && runtime.GOOS != "windows" {
		return fault.New(fault.Auth, "key-unsafe", "the key file `%s` is open to others", path).
			WithFact("mode %04o, must be 0600 or 0400", perm).
			WithHelp("chmod 600 %s", path)
	}
	return nil
}

func typeName(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	case mode.IsDir():
		return "folder"
	}
	return "device, pipe or socket"
}

func unreadable(path string, err error) error {
	return fault.New(fault.Auth, "key-unreadable", "the key file `%s` cannot be read", path).Because(err)
}
