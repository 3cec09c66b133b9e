package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/build"
)

// vouch signs metadata for a tree as it lies there, whatever was done to it: seed calls it, and so does a script in which
// the registry's own keys are in the wrong hands. The key of all roles is in DIR.key.
func vouch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: vouch DIR")
	}
	dir := ts.MkAbs(args[0])
	tree := folder{os.DirFS(dir)}
	key := roleKey(ts, dir+".key")
	keys := []*sign.PrivateKey{key}
	n := build.Notary{Old: tree, Keys: tuf.Keys{Root: keys, Targets: keys, Snapshot: keys, Timestamp: keys}, Sign: tuf.SignOptions{Now: time.Now()}}
	var err error
	if n.State, err = build.OldState(tree); errors.Is(err, fs.ErrNotExist) {
		n.State.Root, err = tuf.NewRoot(n.Keys.Roles(1), tuf.RootOptions{Now: time.Now()}, keys)
	}
	ts.Check(err)
	changed := map[string]listing.File{}
	ts.Check(fs.WalkDir(tree.FS, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || !index.IsListed(name) && !build.IsTarget(name) {
			return err
		}
		data, err := tree.ReadFile(name)
		changed[name] = listing.FileOf(data)
		return err
	}))
	vouched, err := n.Change(changed)
	ts.Check(err)
	s := seeder{ts: ts, dir: dir}
	for path, data := range vouched.Files {
		s.write(path, data)
	}
}

// folder is a published tree in a folder.
type folder struct{ fs.FS }

func (f folder) ReadFile(name string) ([]byte, error) { return fs.ReadFile(f.FS, name) }

func roleKey(ts *testscript.TestScript, file string) *sign.PrivateKey {
	if _, err := os.Lstat(file); err == nil {
		key, err := sign.LoadKeyFile(file, nil)
		ts.Check(err)
		return key
	}
	key, err := sign.Generate(rand.Reader)
	ts.Check(err)
	ts.Check(sign.WriteKeyFile(file, key, nil))
	return key
}

// writeTree writes what a build has made, and vouches for it.
func (s *seeder) writeTree(files map[string][]byte, log *translog.PrivateKey) {
	root, err := sign.FormatTrustedRoot([]sign.TrustedLog{{Key: log.Verifier(), Start: seedTime()}})
	s.ts.Check(err)
	s.write(index.TrustedRootPath, root)
	for path, data := range files {
		s.write(path, data)
	}
	vouch(s.ts, false, []string{filepath.ToSlash(s.dir)})
}
