package sitetest

import (
	"crypto/rand"
	"io/fs"
	"maps"
	"testing"

	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/build"
)

// Files is a published tree in memory: its files by path.
type Files map[string][]byte

// ReadFile implements [build.Tree].
func (f Files) ReadFile(path string) ([]byte, error) {
	if data, ok := f[path]; ok {
		return data, nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

// Notary returns one who has never vouched for the tree, with a new key for each role.
func Notary(t testing.TB, tree build.Tree) build.Notary {
	t.Helper()
	n := build.Notary{Old: tree, Sign: tuf.SignOptions{Now: Now}}
	for _, role := range []*[]*sign.PrivateKey{&n.Keys.Root, &n.Keys.Targets, &n.Keys.Snapshot, &n.Keys.Timestamp} {
		key, err := sign.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		*role = []*sign.PrivateKey{key}
	}
	var err error
	if n.State.Root, err = tuf.NewRoot(n.Keys.Roles(1), tuf.RootOptions{Now: Now}, n.Keys.Root); err != nil {
		t.Fatal(err)
	}
	return n
}

// Vouch adds metadata to a tree as it is, whatever was done to it, signed by keys that nobody keeps.
func (f Files) Vouch(t testing.TB) {
	t.Helper()
	n := Notary(t, f)
	changed := map[string]listing.File{}
	for path, data := range f {
		changed[path] = listing.FileOf(data)
	}
	vouched, err := n.Change(changed)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(f, vouched.Files)
}
