package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/build"
)

// Names of the roles, as key files and `root rotate` have them.
const (
	roleRoot      = "root"
	roleTargets   = "targets"
	roleSnapshot  = "snapshot"
	roleTimestamp = "timestamp"
)

// OnlineRoles are the roles that every build signs for; their keys are always in keys/.
var onlineRoles = []string{roleTargets, roleSnapshot, roleTimestamp}

// RootKeysDir is the folder into which `init --production` writes the root keys. Its files belong elsewhere.
const RootKeysDir = "root-keys"

// keysOf returns the part of keys that a role has.
func keysOf(k *tuf.Keys, role string) *[]*sign.PrivateKey {
	switch role {
	case roleRoot:
		return &k.Root
	case roleTargets:
		return &k.Targets
	case roleSnapshot:
		return &k.Snapshot
	}
	return &k.Timestamp
}

// roleOf returns what a root says of a role.
func roleOf(r *tuf.Roles, role string) *tuf.Role {
	switch role {
	case roleRoot:
		return &r.Root
	case roleTargets:
		return &r.Targets
	case roleSnapshot:
		return &r.Snapshot
	}
	return &r.Timestamp
}

// keyFiles returns the key files of a role: ROLE.pem, and ROLE-N.pem of the rotation to root N. While a rotation is under
// way there are those of before and of after; each root knows which of them count.
func (s *Site) keyFiles(role string) ([]string, error) {
	entries, err := os.ReadDir(s.Path("keys"))
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if e.Name() == role+".pem" || strings.HasPrefix(e.Name(), role+"-") && strings.HasSuffix(e.Name(), ".pem") {
			files = append(files, s.Path("keys", e.Name()))
		}
	}
	return files, nil
}

// trustKeys loads the keys of all roles that are in keys/.
func (s *Site) trustKeys() (tuf.Keys, error) {
	var keys tuf.Keys
	for _, role := range append([]string{roleRoot}, onlineRoles...) {
		files, err := s.keyFiles(role)
		if err != nil {
			return keys, err
		}
		for _, file := range files {
			key, err := sign.LoadKeyFile(file, nil)
			if err != nil {
				return keys, err
			}
			list := keysOf(&keys, role)
			*list = append(*list, key)
		}
	}
	return keys, nil
}

// makeKey makes a key and writes it to a file.
func (s *Site) makeKey(file string) (*sign.PrivateKey, error) {
	key, err := sign.Generate(s.random)
	if err != nil {
		return nil, err
	}
	return key, sign.WriteKeyFile(file, key, nil)
}

// makeTrustKeys makes the keys that are missing, and with them root 1. In production, the three root keys go to a folder
// of their own, of which two must sign; else there is one, in keys/.
func (s *Site) makeTrustKeys(now time.Time, production bool) error {
	keys, err := s.trustKeys()
	if err != nil {
		return err
	}
	for _, role := range onlineRoles {
		if list := keysOf(&keys, role); len(*list) == 0 {
			key, err := s.makeKey(s.Path("keys", role+".pem"))
			if err != nil {
				return err
			}
			*list = []*sign.PrivateKey{key}
		}
	}
	threshold := 1
	switch {
	case production:
		threshold = 2
		if err := os.Mkdir(s.Path(RootKeysDir), 0o700); err != nil {
			return err
		}
		for n := range 3 {
			key, err := s.makeKey(s.Path(RootKeysDir, fmt.Sprintf("root-%d.pem", n+1)))
			if err != nil {
				return err
			}
			keys.Root = append(keys.Root, key)
		}
	case len(keys.Root) == 0:
		key, err := s.makeKey(s.Path("keys", roleRoot+".pem"))
		if err != nil {
			return err
		}
		keys.Root = []*sign.PrivateKey{key}
	}
	root, err := tuf.NewRoot(keys.Roles(threshold), tuf.RootOptions{Now: now}, keys.Root)
	if err != nil {
		return err
	}
	return s.putNextRoot(root)
}

// The next root waits in a file until a build publishes it.
func (s *Site) nextRootFile() string { return s.Path("state", "next-root.json") }

func (s *Site) putNextRoot(root []byte) error {
	return atomicfile.Write(s.nextRootFile(), root, 0o644)
}

// nextRoot returns the root that waits, if it is the one of that version, nil where there is none.
func (s *Site) nextRoot(version int64) ([]byte, error) {
	data, err := atomicfile.Read(s.nextRootFile(), tuf.MaxRoot)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	root, err := tuf.ParseRoot(data)
	if err != nil || root.Version != version {
		return nil, err
	}
	return data, nil
}

// trust is what a build vouches with.
type trust struct {
	notary build.Notary
	whole  bool // nothing has vouched for the tree yet: the lists begin with all of it
	rooted bool // there is a new root: everything is signed anew
}

// trust reads the metadata of the published tree, and sees to a root that waits or grows old.
func (s *Site) trust(published tree, now time.Time, size int64) (*trust, error) {
	state, err := build.OldState(published)
	whole := errors.Is(err, fs.ErrNotExist)
	if err != nil && !whole {
		return nil, err
	}
	root, err := s.successor(state.Root, now, size)
	if err != nil {
		return nil, err
	}
	keys, err := s.trustKeys()
	if err != nil {
		return nil, err
	}
	if root != nil {
		state.Root = root
	}
	return &trust{
		notary: build.Notary{Old: published, State: state, Keys: keys, Sign: tuf.SignOptions{Now: now}},
		whole:  whole, rooted: root != nil,
	}, nil
}

// successor returns the root that is to follow one, nil for none: the one that waits; the first one; or, where the keys
// are here, the same one anew, before it is too old.
func (s *Site) successor(root []byte, now time.Time, size int64) ([]byte, error) {
	if root == nil {
		next, err := s.nextRoot(1)
		if err != nil || next != nil {
			return next, err
		}
		// The folder was made before registries had metadata.
		if err := s.makeTrustKeys(now, false); err != nil {
			return nil, err
		}
		return s.nextRoot(1)
	}
	have, err := tuf.ParseRoot(root)
	if err != nil {
		return nil, err
	}
	next, err := s.nextRoot(have.Version + 1)
	if err != nil || next != nil || !isOld(have, now) {
		return next, err
	}
	keys, err := s.trustKeys()
	if err != nil {
		return nil, err
	}
	next, err = tuf.RotateRoot(root, have.Roles, tuf.RootOptions{Now: now, LogSize: size}, keys.Root)
	if fault.IsCode(err, "key-missing") {
		return nil, nil // it is for people to sign; reports say so
	}
	return next, err
}

// isOld reports whether a root should be renewed: less than a third of its time is left.
func isOld(root *tuf.Root, now time.Time) bool { return root.Expires.Sub(now) < tuf.RootLife/3 }

// vouch makes what vouches for dist after some edits.
func (s *Site) vouch(ctx context.Context, t *trust, edits []gitrepo.Edit) ([]gitrepo.Edit, error) {
	changed := map[string]listing.File{}
	if t.whole {
		var err error
		if changed, err = s.listAll(ctx, t.notary.Old.(tree)); err != nil {
			return nil, err
		}
	}
	for _, e := range edits {
		changed[e.Path] = listing.File{}
		if e.Data != nil {
			changed[e.Path] = listing.FileOf(e.Data)
		}
	}
	vouched, err := t.notary.Change(changed)
	if err != nil {
		return nil, err
	}
	return append(edits, editsOf(vouched)...), nil
}

func editsOf(v *build.Vouched) []gitrepo.Edit {
	var edits []gitrepo.Edit
	for path, data := range v.Files {
		edits = append(edits, gitrepo.Edit{Path: path, Data: data})
	}
	for _, path := range v.Removed {
		edits = append(edits, gitrepo.Edit{Path: path})
	}
	return edits
}

// listAll describes every file of a tree.
func (s *Site) listAll(ctx context.Context, t tree) (map[string]listing.File, error) {
	all := map[string]listing.File{}
	err := s.repo.Walk(ctx, t.commit, "", func(f gitrepo.File) error {
		data, err := s.repo.ReadBlob(f.Hash, index.MaxFile)
		all[f.Path] = listing.FileOf(data)
		return err
	})
	return all, err
}

// Refresh is Build, and where that has not signed anything, new signatures on what is published: what a clock does every
// day, so that clients see that nobody withholds anything from them.
func (s *Site) Refresh(ctx context.Context, now time.Time) (*BuildReport, error) {
	release, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return s.buildAnd(ctx, now, true)
}

// Root returns the newest published root, and its file.
func (s *Site) Root() (*tuf.Root, []byte, error) {
	dist, err := s.ref(distRef)
	if err != nil {
		return nil, nil, err
	}
	state, err := build.OldState(tree{s.repo, dist})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fault.New(fault.NotFound, "no-metadata", "nobody has vouched for what this registry has published").
			WithHelp("gal-registry build %s", s.dir)
	}
	if err != nil {
		return nil, nil, err
	}
	root, err := tuf.ParseRoot(state.Root)
	return root, state.Root, err
}
