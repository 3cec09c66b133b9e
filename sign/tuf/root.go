package tuf

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// Role says who signs for something: at least Threshold of the keys.
type Role struct {
	Keys      []sign.PublicKey
	Threshold int
}

// Roles are those that a root names.
type Roles struct {
	Root, Targets, Snapshot, Timestamp Role
}

// Root is what a root says. It was verified if whoever parsed it did so; see [Client].
type Root struct {
	Version     int64
	Expires     time.Time
	LogSize     int64  // of the transparency log when it was signed: from this index on it speaks, up to that of the next
	Before      string // fingerprint of the root before it; "" for the first, and for roots of older programs
	Roles       Roles
	Fingerprint string
}

// ParseRoot reads a root and verifies that it is signed by the threshold of its own root keys. That makes it whole, not
// trusted: anybody can make such a root.
//
// Errors: fault.Integrity "metadata-malformed", "root-invalid".
func ParseRoot(data []byte) (*Root, error) {
	root, _, err := verifyRoot(data)
	return root, err
}

func verifyRoot(data []byte) (*Root, *metadata.Metadata[metadata.RootType], error) {
	root, m, err := decodeRoot(data)
	if err != nil {
		return nil, nil, err
	}
	if err := m.VerifyDelegate(metadata.ROOT, m); err != nil {
		return nil, nil, rootInvalid("root %d does not carry the signatures that it asks for itself", root.Version).Because(err)
	}
	return root, m, nil
}

func decodeRoot(data []byte) (*Root, *metadata.Metadata[metadata.RootType], error) {
	root := &Root{}
	m, err := decode("root", data, MaxRoot, func(m *metadata.Metadata[metadata.RootType]) error { return root.read(&m.Signed) })
	root.Fingerprint = Fingerprint(data)
	return root, m, err
}

func (r *Root) read(s *metadata.RootType) error {
	if err := checkCommon(metadata.ROOT, s.Type, s.SpecVersion, s.Version, s.Expires, s.UnrecognizedFields); err != nil {
		return err
	}
	r.Version, r.Expires, r.LogSize = s.Version, s.Expires, integer(s.UnrecognizedFields, logMember)
	var err error
	if r.Before, err = readBefore(s); err != nil {
		return err
	}
	if r.LogSize < 0 || !s.ConsistentSnapshot || len(s.Roles) != len(metadata.TOP_LEVEL_ROLE_NAMES) {
		return errors.New("it does not say the size of the log, or has other roles or rules than a registry's")
	}
	used := map[string]bool{}
	for name, role := range r.Roles.byName() {
		if err := role.read(name, s, used); err != nil {
			return err
		}
	}
	if len(used) != len(s.Keys) {
		return errors.New("it has keys without a role")
	}
	return nil
}

// readBefore returns the fingerprint that a root has of its predecessor, "" where it has none.
func readBefore(s *metadata.RootType) (string, error) {
	value, there := s.UnrecognizedFields[beforeMember]
	if !there {
		return "", nil
	}
	text, _ := value.(string)
	hex, ok := strings.CutPrefix(text, "sha256:")
	if !ok || !isKeyID(hex) || s.Version == 1 {
		return "", errors.New("what it says of the root before it is no fingerprint, or there is none")
	}
	return text, nil
}

func (r *Roles) byName() map[string]*Role {
	return map[string]*Role{
		metadata.ROOT: &r.Root, metadata.TARGETS: &r.Targets, metadata.SNAPSHOT: &r.Snapshot, metadata.TIMESTAMP: &r.Timestamp,
	}
}

func (r *Role) read(name string, s *metadata.RootType, used map[string]bool) error {
	role := s.Roles[name]
	if role == nil || len(role.UnrecognizedFields) > 0 {
		return fmt.Errorf("its role %s is missing or has unknown members", name)
	}
	ids := role.KeyIDs
	if len(ids) == 0 || len(ids) > maxKeys || !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		return fmt.Errorf("the keys of its role %s are not 1 to %d, sorted, each once", name, maxKeys)
	}
	if role.Threshold < 1 || role.Threshold > len(ids) {
		return fmt.Errorf("the threshold of its role %s is %d of %d", name, role.Threshold, len(ids))
	}
	r.Threshold = role.Threshold
	for _, id := range ids {
		k := s.Keys[id]
		if k == nil {
			return fmt.Errorf("key %.80q of its role %s is missing", id, name)
		}
		public, err := publicKey(id, k)
		if err != nil {
			return err
		}
		r.Keys = append(r.Keys, public)
		used[id] = true
	}
	return nil
}

// check holds that a role can be fulfilled.
func (r Role) check(name string) error {
	if len(r.Keys) == 0 || len(r.Keys) > maxKeys || r.Threshold < 1 || r.Threshold > len(r.Keys) {
		return fault.New(fault.Usage, "bad-role", "the role %s has %d keys and the threshold %d", name, len(r.Keys), r.Threshold)
	}
	for i, k := range r.Keys {
		if k.IsZero() || slices.Contains(r.Keys[:i], k) {
			return fault.New(fault.Usage, "bad-role", "a key of the role %s is missing, or stands there twice", name)
		}
	}
	return nil
}

// RootOptions are what a root says beside its roles.
type RootOptions struct {
	Now      time.Time     // required; when it is signed
	LogSize  int64         // of the transparency log
	Lifetime time.Duration // 0 means RootLife
}

// NewRoot makes the first root of a registry. Signers are private halves of at least the threshold of its root keys;
// keys among them that are not in the role do not sign.
//
// Errors: fault.Usage "bad-role"; fault.Auth "key-missing".
func NewRoot(roles Roles, o RootOptions, signers []*sign.PrivateKey) ([]byte, error) {
	m, err := rootOf(1, "", roles, o)
	if err != nil {
		return nil, err
	}
	if err := signRoot(m, signers, roles.Root); err != nil {
		return nil, err
	}
	return m.ToBytes(false)
}

// RotateRoot makes the root that follows another one, with the roles as they are from now on: the same ones renew it.
// Signers are private halves of at least the threshold of the old root keys, and of the new ones.
//
// What the other roles have signed before is to be signed again with [Release], in the same publication, even where their
// keys stay: the timestamp tells clients of the new root.
//
// Errors: those of NewRoot and ParseRoot.
func RotateRoot(old []byte, roles Roles, o RootOptions, signers []*sign.PrivateKey) ([]byte, error) {
	before, err := ParseRoot(old)
	if err != nil {
		return nil, err
	}
	o.LogSize = max(o.LogSize, before.LogSize)
	m, err := rootOf(before.Version+1, before.Fingerprint, roles, o)
	if err != nil {
		return nil, err
	}
	if err := signRoot(m, signers, before.Roles.Root, roles.Root); err != nil {
		return nil, err
	}
	return m.ToBytes(false)
}

func rootOf(version int64, before string, roles Roles, o RootOptions) (*metadata.Metadata[metadata.RootType], error) {
	if o.Lifetime == 0 {
		o.Lifetime = RootLife
	}
	m := metadata.Root(expiry(o.Now, o.Lifetime))
	m.Signed.Version = version
	m.Signed.UnrecognizedFields = map[string]any{logMember: o.LogSize}
	if before != "" {
		m.Signed.UnrecognizedFields[beforeMember] = before
	}
	for name, role := range roles.byName() {
		if err := role.check(name); err != nil {
			return nil, err
		}
		ids := map[string]bool{}
		for _, public := range role.Keys {
			key, id := keyOf(public)
			m.Signed.Keys[id] = key
			ids[id] = true
		}
		m.Signed.Roles[name] = &metadata.Role{KeyIDs: slices.Sorted(maps.Keys(ids)), Threshold: role.Threshold}
	}
	return m, nil
}

func expiry(now time.Time, life time.Duration) time.Time {
	return now.UTC().Truncate(time.Second).Add(life)
}

// keyOf returns a key as a root has it, and its id: sha256 of its canonical JSON.
func keyOf(public sign.PublicKey) (*metadata.Key, string) {
	k := &metadata.Key{Type: keyType, Scheme: keyScheme, Value: metadata.KeyVal{PublicKey: string(public.PEM())}}
	id, err := k.ID()
	if err != nil {
		panic(err) // of three strings
	}
	return k, id
}
