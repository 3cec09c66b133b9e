package tuf

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// maxRoots bounds how many roots a client goes forward at once.
const maxRoots = 1024

// Client goes from a state that was verified to the next, one file at a time; the package comment shows how. A step that
// fails changes nothing that State returns. It is not for use by several goroutines at once.
type Client struct {
	now   time.Time
	root  *Root
	keys  *metadata.Metadata[metadata.RootType] // the root, for go-tuf
	state State                                 // what was verified, and agrees
	steps int                                   // roots that were accepted
	fresh bool                                  // one of them took a key away that had signed what is current

	told   int64 // the newest root that signed metadata has named
	wanted bool  // whether the next root could help
	next   State // what a new timestamp has begun; its Timestamp is nil where none has

	targets map[string]Target // of state
	expires time.Time         // of state
}

// Start begins with what was verified before: at least a root, whose bytes the caller trusts. The rest is verified again
// from there, but not held against the clock: who works without a network decides by [Client.Expires] what is too old.
//
// Errors: fault.Integrity "registry-untrusted" where the state is not one that a client has returned.
func Start(trusted State, now time.Time) (*Client, error) {
	root, keys, err := verifyRoot(trusted.Root)
	if err != nil {
		return nil, stateDamaged(err)
	}
	c := &Client{now: now, root: root, keys: keys, state: State{Root: trusted.Root}}
	if err := c.load(trusted); err != nil {
		return nil, stateDamaged(err)
	}
	return c, nil
}

// verifier returns go-tuf's view of the root alone; its own constructor would ask the clock, and verify the root once more.
func (c *Client) verifier(at time.Time) *trustedmetadata.TrustedMetadata {
	return &trustedmetadata.TrustedMetadata{Root: c.keys, Targets: map[string]*metadata.Metadata[metadata.TargetsType]{}, RefTime: at}
}

func stateDamaged(err error) *fault.Error {
	return fault.New(fault.Integrity, "registry-untrusted", "SECURITY: what is stored of the registry's metadata does not hold together").
		Because(err).
		WithHelp("gal-pkg registry list --check")
}

// load verifies timestamp, snapshot and targets of a state under the client's root, and takes over as much as it can up
// to the first that fails.
func (c *Client) load(s State) error {
	tm := c.verifier(time.Time{}) // when nothing has expired
	c.expires, c.targets = time.Time{}, nil
	if s.Timestamp == nil {
		return nil
	}
	timestamp, err := decodeTimestamp(s.Timestamp)
	if err == nil {
		_, err = tm.UpdateTimestamp(s.Timestamp)
	}
	if err != nil {
		return err
	}
	c.state.Timestamp = s.Timestamp
	if s.Snapshot == nil {
		return nil
	}
	snapshot, err := decodeSnapshot(s.Snapshot)
	if err == nil {
		_, err = tm.UpdateSnapshot(s.Snapshot, false)
	}
	if err != nil {
		return err
	}
	c.state.Snapshot = s.Snapshot
	if s.Targets == nil {
		return nil
	}
	targets, err := decodeTargets(s.Targets)
	if err == nil {
		_, err = tm.UpdateTargets(s.Targets)
	}
	if err != nil {
		return err
	}
	c.state.Targets, c.targets = s.Targets, targetsOf(targets)
	c.expires = slices.MinFunc([]time.Time{timestamp.Signed.Expires, snapshot.Signed.Expires, targets.Signed.Expires}, time.Time.Compare)
	return nil
}

// limit is the time against which expiry is judged.
func (c *Client) limit() time.Time { return c.now.Add(-Skew) }

// NextRoot returns the path of the root after the one that is trusted, and whether it is worth asking for: signed
// metadata has named it, or the last call of Timestamp has failed in a way that a new root would explain.
func (c *Client) NextRoot() (path string, wanted bool) {
	return RootPath(c.root.Version + 1), c.wanted && c.steps < maxRoots
}

// Root takes the next root: its version is one more than that of the trusted one, and the thresholds of both have signed
// it. It may have expired; only the last one may not, which Timestamp sees to.
//
// Errors: fault.Integrity "root-invalid", "metadata-malformed".
func (c *Client) Root(data []byte) error {
	root, keys, err := decodeRoot(data)
	if err != nil {
		return err
	}
	if _, err := c.verifier(c.limit()).UpdateRoot(data); err != nil {
		return rootInvalid("trusted  root %d, %s", c.root.Version, c.root.Fingerprint).
			WithFact("offered  root %d, %s", root.Version, root.Fingerprint).Because(err)
	}
	if root.LogSize < c.root.LogSize {
		return rootInvalid("root %d was signed at %d lines of the log, and its predecessor at %d", root.Version, root.LogSize, c.root.LogSize)
	}
	if root.Before != "" && root.Before != c.root.Fingerprint {
		return rootInvalid("root %d follows root %s, and the trusted one is %s", root.Version, root.Before, c.root.Fingerprint)
	}
	before, old := c.state, c.root
	c.state, c.root, c.keys = State{Root: data}, root, keys
	c.next, c.wanted = State{}, root.Version < c.told
	c.steps++
	if !lost(old.Roles.Timestamp, root.Roles.Timestamp) && !lost(old.Roles.Snapshot, root.Roles.Snapshot) {
		// What a key signed that lost its role does not verify any more, and is dropped.
		_ = c.load(before)
	} else {
		c.fresh = true
		_ = c.load(State{})
	}
	return nil
}

// IsFresh reports whether a root that was accepted took a key of the timestamp or the snapshot away: what was signed
// before it may be a thief's, and is no measure for what follows.
func (c *Client) IsFresh() bool { return c.fresh }

// lost reports whether a key of a role is not in its successor.
func lost(old, new Role) bool {
	return slices.ContainsFunc(old.Keys, func(k sign.PublicKey) bool { return !slices.Contains(new.Keys, k) })
}

// Timestamp takes what the registry serves as its timestamp, or the stored one where the host says that it has not
// changed: its age is judged again. Changed is false where nothing is newer than the state. After an error, NextRoot says
// whether a new root may help; then the same bytes are given to Timestamp once more.
//
// Errors: fault.Integrity "root-expired", "root-invalid" where a newer root is named, "registry-untrusted",
// "index-rollback", "index-expired", "metadata-mismatch", "metadata-malformed".
func (c *Client) Timestamp(data []byte) (changed bool, err error) {
	c.next, c.wanted = State{}, false
	m, err := decodeTimestamp(data)
	if err != nil {
		return false, err
	}
	if c.limit().After(c.root.Expires) {
		c.wanted = true
		return false, rootExpired(c.root, c.now)
	}
	if bytes.Equal(data, c.state.Timestamp) && c.targets != nil && c.root.Version == integer(m.Signed.UnrecognizedFields, rootMember) {
		return false, c.checkAge(m.Signed.Expires) // all of it was verified when it came into the state
	}
	if err := c.keys.VerifyDelegate(metadata.TIMESTAMP, m); err != nil {
		c.wanted = true
		return false, untrusted("file     %s, version %d", TimestampPath, m.Signed.Version).
			WithFact("trusted  root %d, %s", c.root.Version, c.root.Fingerprint).Because(err)
	}
	if err := c.checkNamedRoot(integer(m.Signed.UnrecognizedFields, rootMember)); err != nil {
		return false, err
	}
	if err := c.follow(data, m); err != nil {
		return false, err
	}
	return true, c.begin(data, m)
}

// checkAge holds that the state has not expired; its timestamp does at a time.
func (c *Client) checkAge(timestamp time.Time) error {
	switch {
	case c.limit().After(timestamp):
		return expired(TimestampPath, timestamp, c.now)
	case c.limit().After(c.expires):
		return expired("the snapshot or the targets", c.expires, c.now)
	}
	return nil
}

// checkNamedRoot compares the root that a timestamp names with the one that is trusted.
func (c *Client) checkNamedRoot(named int64) error {
	switch {
	case named > c.root.Version:
		c.told, c.wanted = max(c.told, named), true
		return rootInvalid("trusted  root %d, %s", c.root.Version, c.root.Fingerprint).
			WithFact("named    root %d, which the host does not show", named)
	case named < c.root.Version:
		return rollback(TimestampPath+", the root that it names", c.root.Version, named)
	}
	return nil
}

// follow holds that a timestamp, whose signatures are good, is no older than the state and has not expired.
func (c *Client) follow(data []byte, m *metadata.Metadata[metadata.TimestampType]) error {
	tm := c.verifier(c.limit())
	if c.state.Timestamp != nil {
		old, err := decodeTimestamp(c.state.Timestamp)
		if err != nil {
			return err
		}
		if _, err := tm.UpdateTimestamp(c.state.Timestamp); err != nil && tm.Timestamp == nil {
			return stateDamaged(err)
		}
		if err := checkTimestamps(old, m); err != nil {
			return err
		}
	}
	_, err := tm.UpdateTimestamp(data)
	if is[*metadata.ErrEqualVersionNumber](err) {
		err = nil // and equal content
	}
	if c.limit().After(m.Signed.Expires) {
		return expired(TimestampPath, m.Signed.Expires, c.now)
	}
	if err != nil {
		return untrusted("file     %s, version %d", TimestampPath, m.Signed.Version).Because(err)
	}
	return nil
}

func is[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// checkTimestamps compares two timestamps, each of which is signed: go-tuf sees versions that fall, and leaves it open
// whether two files may have one version.
func checkTimestamps(old, m *metadata.Metadata[metadata.TimestampType]) error {
	a, b := old.Signed.Meta[snapshotEntry], m.Signed.Meta[snapshotEntry]
	switch {
	case m.Signed.Version < old.Signed.Version:
		return rollback(TimestampPath, old.Signed.Version, m.Signed.Version)
	case b.Version < a.Version:
		return rollback(TimestampPath+", the snapshot that it names", a.Version, b.Version)
	case m.Signed.Version == old.Signed.Version && (!m.Signed.Expires.Equal(old.Signed.Expires) || !sameMeta(a, b)),
		b.Version == a.Version && !sameMeta(a, b):
		return mismatch(TimestampPath, "there are two of version %d, or two snapshots of version %d", m.Signed.Version, b.Version)
	}
	return nil
}

func sameMeta(a, b *metadata.MetaFiles) bool {
	return a.Version == b.Version && a.Length == b.Length && bytes.Equal(a.Hashes["sha256"], b.Hashes["sha256"])
}

// begin notes an accepted timestamp. What it names and the state has already need not be fetched.
func (c *Client) begin(data []byte, m *metadata.Metadata[metadata.TimestampType]) error {
	next := State{Root: c.state.Root, Timestamp: data}
	if c.state.Snapshot != nil && m.Signed.Meta[snapshotEntry].VerifyLengthHashes(c.state.Snapshot) == nil {
		next.Snapshot, next.Targets = c.state.Snapshot, c.state.Targets
	}
	return c.advance(next)
}

// advance takes a set as far as it is known over into the state, once it is whole and nothing of it has expired.
func (c *Client) advance(next State) error {
	if next.Snapshot == nil || next.Targets == nil {
		c.next = next
		return nil
	}
	fresh := &Client{now: c.now, root: c.root, keys: c.keys, state: State{Root: next.Root}}
	if err := fresh.load(next); err != nil {
		return stateDamaged(err)
	}
	if c.limit().After(fresh.expires) {
		return expired("the snapshot or the targets", fresh.expires, c.now)
	}
	c.state, c.targets, c.expires, c.next = next, fresh.targets, fresh.expires, State{}
	return nil
}

// State returns what was verified and agrees: what to store, last of all. While a new timestamp waits for its snapshot
// and targets it is the former state; after Root it is the new root with what of the state still holds under it.
func (c *Client) State() State { return c.state }

// Complete reports whether the state has targets, and no newer ones have been begun.
func (c *Client) Complete() bool { return c.targets != nil && c.next.Timestamp == nil }

// Target returns what the state says of a target.
func (c *Client) Target(name string) (Target, bool) {
	t, ok := c.targets[name]
	return t, ok
}

// Names returns the names of the state's targets, sorted.
func (c *Client) Names() []string {
	names := make([]string, 0, len(c.targets))
	for name := range c.targets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Expires returns when the first of the state's timestamp, snapshot and targets expires; the zero time where it is not
// whole.
func (c *Client) Expires() time.Time { return c.expires }

// Trusted returns the root that is trusted.
func (c *Client) Trusted() *Root { return c.root }

// RootVersion returns the version of the root that is trusted.
func (c *Client) RootVersion() int64 { return c.root.Version }
