package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// object is one that is about to be written.
type object struct {
	kind plumbing.ObjectType
	hash Hash
	data []byte
}

func newObject(kind plumbing.ObjectType, data []byte) object {
	return object{kind, plumbing.ComputeHash(kind, data), data}
}

// Has reports whether the object is in the repository.
func (r *Repo) Has(h Hash) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.retry(func() error { return r.objects.has(h) }) == nil
}

// viewTries bounds how often retry takes a fresh view.
const viewTries = 5

// retry runs read again with a fresh view of the packs where another process may have come between: an object is missing
// and the packs have changed (a push has added one), or a pack is gone that was there a moment ago (git has repacked).
// After any other failure the view is dropped too. Call it with r.mu held.
func (r *Repo) retry(read func() error) error {
	for try := 1; ; try++ {
		err := read()
		missing := errors.Is(err, plumbing.ErrObjectNotFound)
		if err == nil || missing && r.packNames() == r.packs {
			return err
		}
		r.reload()
		if !missing && !isNotExist(err) || try == viewTries {
			return err
		}
	}
}

// read returns the content of an object of at most limit bytes, hashed anew, and its type. The caller owns the bytes.
func (r *Repo) read(h Hash, limit int64) (plumbing.ObjectType, []byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kind plumbing.ObjectType
	var data []byte
	err := r.retry(func() (err error) {
		kind, data, err = r.objects.read(h, limit)
		return err
	})
	switch {
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return kind, nil, fmt.Errorf("reading %s: %w", h, ErrMissingObject)
	case err != nil && fault.Of(err) == nil && !errors.Is(err, ErrTooLarge) && !errors.As(err, new(*fs.PathError)):
		return kind, nil, fmt.Errorf("reading %s: %w: %w", h, ErrDamaged, err)
	case err != nil:
		return kind, nil, fmt.Errorf("reading %s: %w", h, err)
	case plumbing.ComputeHash(kind, data) != h:
		return kind, nil, fault.New(fault.Integrity, "git-object-corrupt", "object %s does not have the content of its id", h).Because(ErrDamaged)
	}
	return kind, data, nil
}

// readKind is read for an object that must be of one type.
func (r *Repo) readKind(want plumbing.ObjectType, h Hash, limit int64) ([]byte, error) {
	kind, data, err := r.read(h, limit)
	if err != nil {
		return nil, err
	}
	if kind != want {
		return nil, unsafe("object %s is a %s, not a %s", h, kind, want)
	}
	return data, nil
}

// ReadBlob returns the content of a file object of at most limit bytes.
func (r *Repo) ReadBlob(h Hash, limit int64) ([]byte, error) {
	return r.readKind(plumbing.BlobObject, h, limit)
}

// maxLoose is how many new objects are written one by one; git draws its line (transfer.unpackLimit) at the same place.
const maxLoose = 100

// put makes the objects durable: once it returns, a ref may point to them.
func (r *Repo) put(objects []object) error {
	fresh := objects[:0:0]
	for _, o := range objects {
		if !r.Has(o.hash) {
			fresh = append(fresh, o)
		}
	}
	if len(fresh) > maxLoose {
		return r.putPack(fresh)
	}
	for _, o := range fresh {
		if err := r.putLoose(o); err != nil {
			return err
		}
	}
	return nil
}

func (r *Repo) putLoose(o object) error {
	var packed bytes.Buffer
	w := objfile.NewWriter(&packed)
	if err := w.WriteHeader(o.kind, int64(len(o.data))); err != nil {
		return err
	}
	if _, err := w.Write(o.data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	name := o.hash.String()
	dir := filepath.Join(r.dir, "objects", name[:2])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, name[2:]), packed.Bytes(), 0o444)
}
