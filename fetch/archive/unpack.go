package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
)

// Unpack writes the files of the archive r below dir, which must exist and be empty, and returns what it wrote, sorted by
// path. The archive's one top folder, prefix, is left out.
//
// Nothing is ever written outside of dir. After any error dir is empty again. Errors about the archive are of kind
// integrity with one of the codes of this package; what the disk or r reports is passed on.
func Unpack(dir string, r io.Reader, prefix string, o Options) ([]Entry, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := expectEmpty(dir); err != nil {
		return nil, err
	}
	w := &treeWriter{root: root, folder: root, readOnly: o.ReadOnly, hash: sha256.New(), buf: make([]byte, 64<<10)}
	err = read(r, prefix, o, w.write)
	w.leave()
	if err != nil {
		return nil, errors.Join(err, removeContents(root))
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

func removeContents(root *os.Root) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, e := range entries {
		err = errors.Join(err, root.RemoveAll(e.Name()))
	}
	return err
}

// treeWriter writes files in the order of their paths and keeps the folder that it is in open.
type treeWriter struct {
	root     *os.Root
	folder   *os.Root // root itself or the folder called name
	name     string
	readOnly bool
	entries  []Entry
	hash     hash.Hash
	buf      []byte
}

func (w *treeWriter) write(e Entry, body io.Reader) error {
	if err := w.enter(parent(e.Path)); err != nil {
		return err
	}
	f, err := w.folder.OpenFile(e.Path[len(w.prefix()):], os.O_WRONLY|os.O_CREATE|os.O_EXCL, w.mode(e))
	if err != nil {
		return err
	}
	w.hash.Reset()
	err = w.copy(f, body)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	w.hash.Sum(e.SHA256[:0])
	w.entries = append(w.entries, e)
	return nil
}

func (w *treeWriter) prefix() string {
	if w.name == "" {
		return ""
	}
	return w.name + "/"
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

// copy is io.Copy without its detours: a file's ReadFrom would ask the kernel for what only a socket can do.
func (w *treeWriter) copy(f *os.File, body io.Reader) error {
	for {
		n, err := body.Read(w.buf)
		w.hash.Write(w.buf[:n])
		if n > 0 {
			if _, err := f.Write(w.buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (w *treeWriter) enter(folder string) error {
	if folder == w.name {
		return nil
	}
	w.leave()
	if folder == "" {
		return nil
	}
	if err := w.root.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	sub, err := w.root.OpenRoot(folder)
	if err != nil {
		return err
	}
	w.folder, w.name = sub, folder
	return nil
}

func (w *treeWriter) leave() {
	if w.folder != w.root {
		w.folder.Close()
	}
	w.folder, w.name = w.root, ""
}

// Read returns the files of the archive r with their contents, sorted by path, and touches no disk. The memory it takes
// is bounded by the limits of o.
func Read(r io.Reader, prefix string, o Options) ([]File, error) {
	var files []File
	err := read(r, prefix, o, func(e Entry, body io.Reader) error {
		data, err := io.ReadAll(body)
		files = append(files, File{Path: e.Path, Executable: e.Executable, Data: data})
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
	h := sha256.New()
	err := read(r, prefix, o, func(e Entry, body io.Reader) error {
		h.Reset()
		_, err := io.Copy(h, body)
		h.Sum(e.SHA256[:0])
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
	t, err := openTar(r, Options{}.withDefaults())
	if err != nil {
		return "", err
	}
	defer t.Close()
	h := sha256.New()
	if _, err := io.Copy(h, onlyReader{t}); err != nil {
		return "", err
	}
	return digest(h), nil
}

func digest(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// onlyReader hides other methods, so that nothing reads past our limits.
type onlyReader struct{ io.Reader }

func read(r io.Reader, prefix string, o Options, each func(Entry, io.Reader) error) error {
	if !topFolder(prefix) {
		return fmt.Errorf("%q cannot be the folder of an archive", prefix)
	}
	o = o.withDefaults()
	t, err := openTar(r, o)
	if err != nil {
		return err
	}
	defer t.Close()
	return walk(t, prefix, o, each)
}
