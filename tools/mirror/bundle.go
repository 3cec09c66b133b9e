package mirror

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// Bundled is what a bundle holds.
type Bundled struct {
	Registry string `json:"registry"`
	Root     string `json:"root"`
	Files    int    `json:"files"`
	Bytes    int64  `json:"bytes"` // of the bundle
}

// Bundle writes the mirror in dir, or any published tree, as one tar, which clients read in place. The same files give the
// same bytes: USTAR headers, with a PAX record where a path is too long for one, no times, no owners, mode 0644, regular
// files alone; first what is not an archive, then the archives, each sorted by path. What only readers of a former state
// need is left out. An old bundle is replaced once the new one has been read back as by a client who has never seen it.
//
// Errors: those of [index.Open]; fault.Manifest "not-writable".
func Bundle(ctx context.Context, dir, file string, o CheckOptions) (*Bundled, error) {
	t, err := openTree(dir)
	if err != nil {
		return nil, fault.New(fault.NotFound, "no-mirror-there", "there is no mirror at %s", dir).Because(err)
	}
	defer t.close()
	paths, err := t.bundled()
	if err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), atomicfile.TempPrefix+"*")
	if err != nil {
		return nil, fault.New(fault.Manifest, "not-writable", "%s cannot be written", file).Because(err)
	}
	defer os.Remove(tmp.Name())
	err = writeTar(ctx, tmp, t, paths)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return nil, err
	}
	done, err := readBundle(ctx, tmp.Name(), o)
	if err != nil {
		return nil, err
	}
	done.Files = len(paths)
	return done, os.Rename(tmp.Name(), file)
}

// bundled returns the paths of what goes into a bundle, in their order.
func (t *tree) bundled() ([]string, error) {
	paths, err := t.paths()
	if err != nil {
		return nil, err
	}
	leaving := readLeaving(t)
	paths = slices.DeleteFunc(paths, func(path string) bool {
		_, gone := leaving[path]
		return gone || strings.HasPrefix(path, recentDir)
	})
	slices.SortStableFunc(paths, func(a, b string) int { return order(a) - order(b) })
	return paths, nil
}

func order(path string) int {
	if strings.HasPrefix(path, index.ArchiveDir) {
		return 1
	}
	return 0
}

func writeTar(ctx context.Context, to io.Writer, t *tree, paths []string) error {
	w := tar.NewWriter(to)
	for _, path := range paths {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := addFile(w, t, path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return w.Close()
}

func addFile(w *tar.Writer, t *tree, path string) error {
	f, err := t.root.Open(filepath.FromSlash(path))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// Without a format, the writer takes USTAR where that can say the path, else PAX.
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o644, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, info.Size())
	return err
}

// readBundle opens a bundle as a client does who has never seen its registry.
func readBundle(ctx context.Context, file string, o CheckOptions) (done *Bundled, err error) {
	t, err := index.OpenTar(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	s, err := index.Open(ctx, t, index.Options{Pin: o.ID, Root: o.Root, Now: o.Now, VerifyBundle: o.VerifyBundle})
	if err != nil {
		return nil, err
	}
	current, ok := s.Currency()
	if !ok {
		return nil, fault.New(fault.Integrity, "registry-unsigned", "the copy has no signed metadata")
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	return &Bundled{Registry: s.Config().ID, Root: current.First, Bytes: info.Size()}, nil
}
