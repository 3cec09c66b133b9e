package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

const (
	maxRefName    = 255       // bytes
	maxRefFile    = 4 << 10   // bytes of a loose ref
	maxPackedRefs = 256 << 20 // bytes of the file packed-refs
	maxSymrefs    = 5         // as git
)

// CheckRefName reports why name is not the full name of a ref, as in "refs/heads/main": printable ASCII that git allows,
// below refs/, of at most 255 bytes.
func CheckRefName(name string) error {
	bad := fault.New(fault.Usage, "git-ref-name", "%q is not a full git ref name", name)
	if !strings.HasPrefix(name, "refs/") || len(name) > maxRefName || plumbing.ReferenceName(name).Validate() != nil {
		return bad
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f {
			return bad
		}
	}
	return nil
}

func (r *Repo) path(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func lines(data []byte) []string {
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// Ref returns where a ref points; [fs.ErrNotExist] is matched where it does not exist. Symbolic refs are followed.
func (r *Repo) Ref(name string) (Hash, error) {
	for range maxSymrefs {
		if err := CheckRefName(name); err != nil {
			return Hash{}, err
		}
		text, err := r.looseRef(name)
		if err != nil {
			return Hash{}, err
		}
		if text == "" {
			return r.packedRef(name)
		}
		target, symbolic := strings.CutPrefix(text, "ref: ")
		if !symbolic {
			return ParseHash(text)
		}
		name = target
	}
	return Hash{}, fmt.Errorf("ref %q points in a circle", name)
}

// looseRef returns the text of a ref's own file, "" where it has none.
func (r *Repo) looseRef(name string) (string, error) {
	info, err := os.Stat(r.path(name))
	if err != nil || info.IsDir() {
		return "", nil // packed, or not there; Stat also fails where a part of the name is a ref itself
	}
	data, err := atomicfile.Read(r.path(name), maxRefFile)
	if isNotExist(err) {
		return "", nil // packed between the two calls
	}
	return strings.TrimSpace(string(data)), err
}

// RefEntry is a ref and where it points.
type RefEntry struct {
	Name string // full, as in refs/heads/main
	Hash Hash
}

func (r *Repo) packedRef(name string) (Hash, error) {
	packed, err := r.packedRefs()
	if err != nil {
		return Hash{}, err
	}
	for _, e := range packed {
		if e.Name == name {
			return e.Hash, nil
		}
	}
	return Hash{}, fmt.Errorf("ref %q: %w", name, fs.ErrNotExist)
}

// packedRefs reads the file packed-refs: a comment, then "id name" a line; "^id" lines give what the tag before is of.
func (r *Repo) packedRefs() ([]RefEntry, error) {
	data, err := atomicfile.Read(r.path("packed-refs"), maxPackedRefs)
	if isNotExist(err) || len(data) == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var refs []RefEntry
	for _, line := range lines(data) {
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "^") {
			continue
		}
		id, name, _ := strings.Cut(line, " ")
		h, err := ParseHash(id)
		if err != nil {
			return nil, unsafe("the file packed-refs of %s is malformed", r.dir).Because(err)
		}
		refs = append(refs, RefEntry{name, h})
	}
	return refs, nil
}

// Refs lists the refs whose full name begins with prefix, sorted by name: "refs/heads/" gives the branches. Refs whose
// names [CheckRefName] refuses are left out.
func (r *Repo) Refs(prefix string) ([]RefEntry, error) {
	// Packed refs are read last: git packs a ref before it removes the loose file, so none can slip through.
	loose, err := r.looseNames()
	if err != nil {
		return nil, err
	}
	packed, err := r.packedRefs()
	if err != nil {
		return nil, err
	}
	at := map[string]Hash{}
	for _, e := range packed {
		at[e.Name] = e.Hash
	}
	for _, name := range loose {
		h, err := r.Ref(name)
		if isNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		at[name] = h
	}
	var refs []RefEntry
	for name, h := range at {
		if strings.HasPrefix(name, prefix) && CheckRefName(name) == nil {
			refs = append(refs, RefEntry{name, h})
		}
	}
	slices.SortFunc(refs, func(a, b RefEntry) int { return strings.Compare(a.Name, b.Name) })
	return refs, nil
}

func (r *Repo) looseNames() ([]string, error) {
	var names []string
	err := filepath.WalkDir(r.path("refs"), func(path string, d fs.DirEntry, err error) error {
		if isNotExist(err) {
			return nil // removed while we look
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(r.dir, path)
		name := filepath.ToSlash(rel)
		if err == nil && CheckRefName(name) == nil {
			names = append(names, name)
		}
		return err
	})
	return names, err
}
