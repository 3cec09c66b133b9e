package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
)

// Unpacker unpacks archives, one after another, and keeps the memory that this takes for the next one: some MiB, at most a
// window and the pieces that are written. The zero value is ready; Close gives the memory back.
type Unpacker struct {
	scratch scratch
}

// Close gives the memory back. The Unpacker can be used again.
func (u *Unpacker) Close() { u.scratch.Close() }

// Unpack is [Unpacker.Unpack] for a single archive.
func Unpack(dir string, r io.Reader, prefix string, o Options) ([]Entry, error) {
	var u Unpacker
	defer u.Close()
	return u.Unpack(dir, r, prefix, o)
}

// Unpack writes the files of the archive r below dir, which must exist and be empty, and returns what it wrote, sorted by
// path. The archive's one top folder, prefix, is left out.
//
// Nothing is ever written outside of dir. After any error dir is empty again. Errors about the archive are of kind
// integrity with one of the codes of this package; what the disk or r reports is passed on.
func (u *Unpacker) Unpack(dir string, r io.Reader, prefix string, o Options) ([]Entry, error) {
	if err := expectEmpty(dir); err != nil {
		return nil, err
	}
	to, err := openTarget(dir, o.Folders)
	if err != nil {
		return nil, err
	}
	w := &treeWriter{to: to, readOnly: o.ReadOnly}
	err = u.scratch.read(r, prefix, o, w.write)
	to.close()
	if err != nil {
		return nil, errors.Join(err, removeContents(dir))
	}
	return w.entries, nil
}

func expectEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	return nil
}

func removeContents(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, e := range entries {
		err = errors.Join(err, root.RemoveAll(e.Name()))
	}
	return err
}

// treeWriter writes files in the order of their paths.
type treeWriter struct {
	to       *target
	readOnly bool
	entries  []Entry
}

func (w *treeWriter) write(e Entry, b *body) error {
	if err := w.to.enter(parent(e.Path)); err != nil {
		return err
	}
	f, err := w.to.create(path.Base(e.Path), w.mode(e))
	if err != nil {
		return err
	}
	e.SHA256, err = digestTo(f, b)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	w.entries = append(w.entries, e)
	return nil
}

func (w *treeWriter) mode(e Entry) fs.FileMode {
	mode := fs.FileMode(0o644)
	if e.Executable {
		mode = 0o755
	}
	if w.readOnly {
		mode &^= 0o222
	}
	return mode
}

// digestTo writes a body to w and returns its digest. Most files come in one piece, and are hashed without a hash.Hash.
func digestTo(w io.Writer, b *body) (sum [sha256.Size]byte, err error) {
	piece, err := b.next()
	if err == nil && b.left == 0 {
		_, err = w.Write(piece)
		return sha256.Sum256(piece), err
	}
	h := sha256.New()
	for ; err == nil; piece, err = b.next() {
		h.Write(piece)
		if _, err := w.Write(piece); err != nil {
			return sum, err
		}
	}
	h.Sum(sum[:0])
	if err == io.EOF {
		err = nil
	}
	return sum, err
}

// Read returns the files of the archive r with their contents, sorted by path, and touches no disk. The memory it takes
// is bounded by the limits of o.
func Read(r io.Reader, prefix string, o Options) ([]File, error) {
	var files []File
	err := read(r, prefix, o, func(e Entry, b *body) error {
		var data bytes.Buffer
		_, err := digestTo(&data, b)
		files = append(files, File{Path: e.Path, Executable: e.Executable, Data: data.Bytes()})
		return err
	})
	if err != nil {
		return nil, err
	}
	return files, nil
}

// List returns the entries of the archive r with their digests, sorted by path.
func List(r io.Reader, prefix string, o Options) ([]Entry, error) {
	var entries []Entry
	err := read(r, prefix, o, func(e Entry, b *body) (err error) {
		e.SHA256, err = digestTo(io.Discard, b)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// TarDigest returns "sha256:" and the hex digest of the tar inside the archive r. Two archives hold the same package
// exactly when these are equal. The tar itself is not judged: use [List] or [Read] for that.
func TarDigest(r io.Reader) (string, error) {
	var s scratch
	defer s.Close()
	t, err := s.openTar(r, Options{}.withDefaults())
	if err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, onlyReader{t}); err != nil {
		return "", err
	}
	return digest(h), nil
}

func digest(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// onlyReader hides other methods, so that nothing reads past our limits.
type onlyReader struct{ io.Reader }

func read(r io.Reader, prefix string, o Options, each func(Entry, *body) error) error {
	var s scratch
	defer s.Close()
	return s.read(r, prefix, o, each)
}

func (s *scratch) read(r io.Reader, prefix string, o Options, each func(Entry, *body) error) error {
	if !topFolder(prefix) {
		return fmt.Errorf("%q cannot be the folder of an archive", prefix)
	}
	o = o.withDefaults()
	t, err := s.openTar(r, o)
	if err != nil {
		return err
	}
	return walk(t, prefix, o, each)
}
