// Package tarfile reads the files in one tar, in place: nothing is unpacked, and any file can be read at any time.
//
// When a tar is opened, its headers are read once, and where each file lies is kept. A tar is accepted only if
//
//   - it holds regular files, and folders, which are passed over; never links, devices or sparse files
//   - every path is relative, clean, of at most 512 bytes, and there once
//   - it has at most [MaxFiles] files of at most [MaxFile] bytes each, and lies whole within the file
//   - it ends as a tar must, so that one that was cut off is not taken for a smaller one
//
// What is in the files is for others to judge: nothing here is worth more than the medium that it came on.
//
// A file in a tar has an address, `tar+file:///srv/registry.tar!/packages/mailbox/mailbox-1.0.0.tar.zst`.
package tarfile

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Limits of a tar.
const (
	MaxFiles = 4 << 20
	MaxFile  = 64 << 20 // bytes of one file: no index file and no archive has more
	maxPath  = 512
	// endMark is how a tar ends, in bytes of zeros, and maxPadding what may follow: programs fill their last record.
	endMark    = 1024
	maxPadding = 1 << 20
)

// File is an open tar. It is for use by several goroutines at once.
type File struct {
	f     *os.File
	where map[string]place
}

type place struct{ offset, size int64 }

// Open reads the headers of the tar at path. The error matches fs.ErrNotExist where there is no file.
//
// Errors: fault.Integrity "bundle-damaged".
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &File{f: f, where: map[string]place{}}
	if err := t.scan(); err != nil {
		f.Close()
		return nil, fault.New(fault.Integrity, "bundle-damaged", "%s is no bundle of a registry, or is damaged", path).Because(err).
			WithHelp("copy it once more, or make it again: gal-registry mirror bundle DIR FILE.tar")
	}
	return t, nil
}

func (t *File) scan() error {
	info, err := t.f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is no regular file")
	}
	// The reader seeks over contents and buffers nothing, so after a header it stands where the content begins.
	section := io.NewSectionReader(t.f, 0, info.Size())
	reader := tar.NewReader(section)
	end := int64(0)
	for {
		header, err := reader.Next()
		at, _ := section.Seek(0, io.SeekCurrent)
		if errors.Is(err, io.EOF) {
			return checkEnd(section, end, at)
		}
		if err == nil {
			err = t.add(header, at, info.Size())
		}
		if err != nil {
			return err
		}
		end = at + (header.Size+511)/512*512
	}
}

// checkEnd holds that two blocks of zeros follow the last file, and no more than the padding of a record.
func checkEnd(section *io.SectionReader, end, at int64) error {
	switch {
	case at < end+endMark:
		return errors.New("it was cut off: its end mark is missing")
	case section.Size()-at > maxPadding:
		return fmt.Errorf("%d bytes follow its end", section.Size()-at)
	}
	return nil
}

func (t *File) add(h *tar.Header, at, size int64) error {
	if h.Typeflag == tar.TypeDir {
		return nil
	}
	switch _, twice := t.where[h.Name]; {
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("%q is no regular file", h.Name)
	case !fs.ValidPath(h.Name) || h.Name == "." || len(h.Name) > maxPath || strings.ContainsAny(h.Name, "\\\x00"):
		return fmt.Errorf("%q is no clean relative path", h.Name)
	case twice:
		return fmt.Errorf("%q is there twice", h.Name)
	case h.Size > MaxFile:
		return fmt.Errorf("%q has %d bytes, at most %d are allowed", h.Name, h.Size, MaxFile)
	case h.Size > size-at:
		return fmt.Errorf("it was cut off in %q", h.Name)
	case len(t.where) >= MaxFiles:
		return fmt.Errorf("it has more than %d files", MaxFiles)
	}
	t.where[h.Name] = place{at, h.Size}
	return nil
}

// Open returns a reader of one file, from its beginning; false where the tar has no such file.
func (t *File) Open(path string) (*io.SectionReader, bool) {
	p, ok := t.where[path]
	if !ok {
		return nil, false
	}
	return io.NewSectionReader(t.f, p.offset, p.size), true
}

// ReadFile returns the content of one file; the error matches fs.ErrNotExist where there is none.
func (t *File) ReadFile(path string) ([]byte, error) {
	r, ok := t.Open(path)
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	data := make([]byte, r.Size())
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err) // the tar has become shorter since it was opened
	}
	return data, nil
}

// Has reports whether there is a file at path.
func (t *File) Has(path string) bool {
	_, ok := t.where[path]
	return ok
}

// Paths returns the paths of all files, sorted.
func (t *File) Paths() []string { return slices.Sorted(maps.Keys(t.where)) }

// Close closes the tar.
func (t *File) Close() error { return t.f.Close() }
