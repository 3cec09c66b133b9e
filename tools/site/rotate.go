package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// Rotation says which keys are replaced.
type Rotation struct {
	Roles    []string // targets, snapshot, timestamp, root: these get new keys; none renews the root for another year
	RootKeys []string // files of the root keys that sign, beside those in keys/
	// NewRootKeys are key files for the role root, of keys that exist; needed for that role where its threshold is above 1.
	NewRootKeys []string
	Passphrase  func() ([]byte, error) // of the key files above; nil where they are not encrypted
}

// RotateRoot publishes the next root. Keys that lose their role move to keys/old.
func (s *Site) RotateRoot(ctx context.Context, now time.Time, r Rotation) (*BuildReport, error) {
	release, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	// First everything that was waiting: the new root speaks for the lines after it. Where that needs a key that is lost,
	// the new root comes first.
	if _, err := s.build(ctx, now); err != nil && !fault.IsCode(err, "key-missing") {
		return nil, err
	}
	root, data, err := s.Root()
	if err != nil {
		return nil, err
	}
	lost, err := s.lostRoles(root)
	if err != nil {
		return nil, err
	}
	if lost = slices.DeleteFunc(lost, func(role string) bool { return slices.Contains(r.Roles, role) }); len(lost) > 0 {
		return nil, s.lostFault(root, lost, r.Roles)
	}
	_, done, err := s.published()
	if err != nil {
		return nil, err
	}
	next, err := s.signRoot(root, data, r, tuf.RootOptions{Now: now, LogSize: done.size})
	if err != nil {
		return nil, err
	}
	if err := s.putNextRoot(next); err != nil {
		return nil, err
	}
	report, err := s.build(ctx, now)
	if err != nil {
		return nil, err
	}
	return report, s.retireKeys()
}

// signRoot makes the root that follows one. New keys are written before the root that names them.
func (s *Site) signRoot(root *tuf.Root, data []byte, r Rotation, o tuf.RootOptions) ([]byte, error) {
	keys, err := s.trustKeys()
	if err != nil {
		return nil, err
	}
	signers, err := r.load(r.RootKeys)
	if err != nil {
		return nil, err
	}
	signers = append(signers, keys.Root...)
	roles := root.Roles
	// Nothing is made before it is clear that the old root's threshold is met.
	_, err = tuf.RotateRoot(data, roles, o, signers)
	if fault.IsCode(err, "key-missing") {
		fault.Of(err).WithFact("a root is followed by another one only with these keys; without them this one ends on %s", root.Expires.Format(time.DateOnly)).
			WithFact("builds and refreshes do not need them").
			WithHelp("gal-registry root rotate %s --root-key FILE   (once for each of %d keys)", s.dir, root.Roles.Root.Threshold)
	}
	if err != nil {
		return nil, err
	}
	for _, role := range r.Roles {
		fresh, err := s.freshKeys(root, role, r)
		if err != nil {
			return nil, err
		}
		target := roleOf(&roles, role)
		target.Keys = nil
		for _, key := range fresh {
			target.Keys = append(target.Keys, key.Public())
		}
		if role == roleRoot {
			signers = append(signers, fresh...)
		}
	}
	return tuf.RotateRoot(data, roles, o, signers)
}

// freshKeys returns the new keys of a role.
func (s *Site) freshKeys(root *tuf.Root, role string, r Rotation) ([]*sign.PrivateKey, error) {
	if role == roleRoot && len(r.NewRootKeys) > 0 {
		return r.load(r.NewRootKeys)
	}
	if role == roleRoot && root.Roles.Root.Threshold > 1 {
		return nil, fault.New(fault.Usage, "new-root-keys", "the role root needs %d signatures; its new keys are made elsewhere, and given here", root.Roles.Root.Threshold).
			WithHelp("gal-pkg keygen --no-passphrase --output FILE   (once for each of at least %d keys)", root.Roles.Root.Threshold)
	}
	file := s.Path("keys", fmt.Sprintf("%s-%d.pem", role, root.Version+1))
	// A rotation that was cut off has left its key; it was never published.
	if _, err := os.Lstat(file); err == nil {
		key, err := sign.LoadKeyFile(file, nil)
		return []*sign.PrivateKey{key}, err
	}
	key, err := s.makeKey(file)
	return []*sign.PrivateKey{key}, err
}

func (r Rotation) load(files []string) ([]*sign.PrivateKey, error) {
	var keys []*sign.PrivateKey
	for _, file := range files {
		key, err := sign.LoadKeyFile(file, r.Passphrase)
		if fault.IsCode(err, "key-not-found") {
			fault.Of(err).Help = nil // another key than one that the root names is of no use
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// retireKeys moves the key files away that the published root does not name for their role.
func (s *Site) retireKeys() error {
	root, _, err := s.Root()
	if err != nil {
		return err
	}
	old := s.Path("keys", "old")
	for _, role := range append([]string{roleRoot}, onlineRoles...) {
		files, err := s.keyFiles(role)
		if err != nil {
			return err
		}
		for _, file := range files {
			key, err := sign.LoadKeyFile(file, nil)
			if err != nil {
				return err
			}
			if slices.Contains(roleOf(&root.Roles, role).Keys, key.Public()) {
				continue
			}
			if err := os.MkdirAll(old, 0o700); err != nil {
				return err
			}
			for _, suffix := range []string{"", ".pub"} {
				name := fmt.Sprintf("%s.before-root-%d%s", filepath.Base(file), root.Version, suffix)
				if err := os.Rename(file+suffix, filepath.Join(old, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
		}
	}
	return nil
}
