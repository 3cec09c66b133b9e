package project

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// Cached counts the packages that gal.lock has from registries, and those of them that a cache has. They may turn out to be
// damaged. Without a gal.lock there are none.
func (p *Project) Cached(store *cache.Cache) (there, all int) {
	if p.Lock == nil {
		return 0, 0
	}
	for _, l := range p.Lock.Packages {
		if l.Source.Kind != manifest.RegistrySource {
			continue
		}
		all++
		if item := itemOf(l); store.HasTree(item) || store.Has(item) {
			there++
		}
	}
	return there, all
}

// Stored is what a verification of the whole cache has found.
type Stored struct {
	Archives int       `json:"archives"` // that have the digest of their name
	Trees    int       `json:"trees"`    // that are what their archives, or listings, say
	Damaged  []Damaged `json:"damaged"`
}

// Damaged is a file or folder of the cache that is not what it must be.
type Damaged struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// VerifyStore hashes everything in a cache, in the layout that package cache describes. It removes nothing, and sees to it that
// whoever needs a tree that is damaged makes it anew.
func VerifyStore(ctx context.Context, store *cache.Cache) (*Stored, error) {
	release, err := store.Hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	v := storeVerifier{store: store, good: map[string]string{}, Stored: &Stored{Damaged: []Damaged{}}}
	blobs := filepath.Join(store.Dir(), "blobs", "sha256")
	if err := walk(ctx, blobs, v.blob); err != nil {
		return nil, err
	}
	trees, err := os.ReadDir(filepath.Join(store.Dir(), "store"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, t := range trees {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if t.IsDir() {
			v.tree(t.Name())
		}
	}
	found := map[string]string{}
	for _, d := range v.Damaged {
		found[d.Path] = d.Message
	}
	_ = store.Distrust(found) // in a cache that cannot be written to, an install mends nothing either
	return v.Stored, nil
}

// walk calls fn for every file below a folder, in the order of names; a folder that is not there has none.
func walk(ctx context.Context, folder string, fn func(path string)) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !d.IsDir():
			fn(path)
		}
		return ctx.Err()
	})
}

type storeVerifier struct {
	*Stored
	store *cache.Cache
	good  map[string]string // paths of archives, by the first 32 digits of their digests
}

func (v *storeVerifier) damaged(path, format string, args ...any) {
	v.Damaged = append(v.Damaged, Damaged{path, fmt.Sprintf(format, args...)})
}

// blob compares an archive with its name.
func (v *storeVerifier) blob(path string) {
	f, err := os.Open(path)
	if err != nil {
		v.damaged(path, "%v", err)
		return
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		v.damaged(path, "%v", err)
		return
	}
	name := filepath.Base(path)
	if sum := fmt.Sprintf("%x", h.Sum(nil)); sum != name {
		v.damaged(path, "it has the digest sha256:%s", sum)
		return
	}
	v.Archives++
	v.good[name[:32]] = path
}

// tree compares a tree with its archive, or where that is not there with its listing.
func (v *storeVerifier) tree(name string) {
	path := filepath.Join(v.store.Dir(), "store", name)
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		v.damaged(path, "it has no name of a tree")
		return
	}
	err := error(nil)
	if file, ok := v.good[name[i+1:]]; ok {
		err = compareWith(path, file, name[:i])
	} else {
		err = v.byListing(path, name[:i])
	}
	if err != nil {
		v.damaged(path, "%v", err)
		return
	}
	v.Trees++
}

func compareWith(tree, file, prefix string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	entries, err := archive.List(f, prefix, archive.Options{})
	if err != nil {
		return err
	}
	return compareTree(tree, entries)
}

// maxListing bounds the listing of a tree.
const maxListing = archive.MaxFiles * (archive.MaxPath + 128)

// byListing asks the cache; for that the name is taken apart and the digest read from the listing.
func (v *storeVerifier) byListing(path, folder string) error {
	data, err := atomicfile.Read(path+".tree", maxListing)
	if err != nil {
		return errors.New("it has no listing")
	}
	if what, ok := cache.ParseDamage(data); ok {
		return errors.New(what)
	}
	_, rest, _ := bytes.Cut(data, []byte("archive "))
	digest, _, _ := bytes.Cut(rest, []byte("\n"))
	item := fetch.Item{Digest: string(digest)}
	for i, c := range folder {
		if parsed, err := version.Parse(folder[i+1:]); c == '-' && err == nil {
			item.Name, item.Key, item.Version = folder[:i], folder[:i], parsed
			break
		}
	}
	if place, err := v.store.TreePath(item); index.Digest(item.Digest).Check() != nil || err != nil || place != path {
		return errors.New("its listing is of another tree")
	}
	return v.store.VerifyTree(item, cache.Content)
}
