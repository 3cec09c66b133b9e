package index

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/geeknik/gal-pkg/internal/tarfile"
)

// Tar reads a tree that lies in one tar, in place: what is carried over an air gap.
type Tar struct{ file *tarfile.File }

// OpenTar opens the tar at path; the error matches fs.ErrNotExist where there is no file.
//
// Errors: fault.Integrity "bundle-damaged".
func OpenTar(path string) (*Tar, error) {
	file, err := tarfile.Open(path)
	if err != nil {
		return nil, err
	}
	return &Tar{file}, nil
}

// Lenient implements [Lenient]: a bundle is as current as the day on which it was made.
func (t *Tar) Lenient() bool { return true }

// Refresh does nothing: a bundle is one state of its registry.
func (t *Tar) Refresh(context.Context) error { return nil }

// Fetch reads the files, a few at a time.
func (t *Tar) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	return fetchEach(ctx, paths, 8, func(_ context.Context, path string) ([]byte, error) {
		data, err := t.file.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNotFound
		}
		return data, err
	})
}

// Has reports whether the tar has a file at path.
func (t *Tar) Has(path string) bool { return t.file.Has(path) }

// Paths returns the paths of all files in the tar, sorted.
func (t *Tar) Paths() []string { return t.file.Paths() }

// Open returns a reader of one file, from its beginning; false where the tar has no such file.
func (t *Tar) Open(path string) (*io.SectionReader, bool) { return t.file.Open(path) }

// Close closes the tar.
func (t *Tar) Close() error { return t.file.Close() }
