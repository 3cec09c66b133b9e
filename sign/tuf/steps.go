package tuf

import (
	"errors"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"
)

// SnapshotPath returns the path of the snapshot that is needed next, "" for none.
func (c *Client) SnapshotPath() string {
	if c.next.Timestamp == nil || c.next.Snapshot != nil {
		return ""
	}
	m, err := decodeTimestamp(c.next.Timestamp)
	if err != nil {
		return ""
	}
	return SnapshotPath(m.Signed.Meta[snapshotEntry].Version)
}

// errOrder is a bug of the caller.
var errOrder = errors.New("tuf: there is no accepted file that names this one")

// Snapshot takes the file of SnapshotPath.
//
// Errors: fault.Integrity "metadata-mismatch", "metadata-malformed", "registry-untrusted", "index-rollback", "index-expired".
func (c *Client) Snapshot(data []byte) error {
	path := c.SnapshotPath()
	if path == "" {
		return errOrder
	}
	tm, m, err := c.newSnapshot(path, data)
	if err != nil {
		return err
	}
	if c.state.Snapshot != nil {
		if err := c.checkSnapshots(tm, m); err != nil {
			return err
		}
	}
	if _, err := tm.UpdateSnapshot(data, false); err != nil {
		if c.limit().After(m.Signed.Expires) {
			return expired(path, m.Signed.Expires, c.now)
		}
		return untrusted("file     %s", path).WithFact("trusted  root %d, %s", c.root.Version, c.root.Fingerprint).Because(err)
	}
	next := c.next
	next.Snapshot = data
	if c.state.Targets != nil && m.Signed.Meta[targetsEntry].VerifyLengthHashes(c.state.Targets) == nil {
		next.Targets = c.state.Targets
	}
	return c.advance(next)
}

// newSnapshot compares a snapshot with what the timestamp says of it: length and digest before anything is parsed.
func (c *Client) newSnapshot(path string, data []byte) (*trustedmetadata.TrustedMetadata, *metadata.Metadata[metadata.SnapshotType], error) {
	tm := c.verifier(c.limit())
	timestamp, err := tm.UpdateTimestamp(c.next.Timestamp)
	if err != nil {
		return nil, nil, err
	}
	named := timestamp.Signed.Meta[snapshotEntry]
	if err := named.VerifyLengthHashes(data); err != nil {
		return nil, nil, mismatch(path, "%v", err)
	}
	m, err := decodeSnapshot(data)
	if err != nil {
		return nil, nil, err
	}
	if m.Signed.Version != named.Version {
		return nil, nil, mismatch(path, "it says version %d", m.Signed.Version)
	}
	return tm, m, nil
}

// checkSnapshots loads the former snapshot, so that go-tuf sees what falls, and says it in our words.
func (c *Client) checkSnapshots(tm *trustedmetadata.TrustedMetadata, m *metadata.Metadata[metadata.SnapshotType]) error {
	old, err := decodeSnapshot(c.state.Snapshot)
	if err != nil {
		return err
	}
	if _, err := tm.UpdateSnapshot(c.state.Snapshot, true); err != nil && tm.Snapshot == nil {
		return stateDamaged(err)
	}
	a, b := old.Signed.Meta[targetsEntry], m.Signed.Meta[targetsEntry]
	if b.Version < a.Version {
		return rollback("snapshot, the targets that it names", a.Version, b.Version)
	}
	if b.Version == a.Version && !sameMeta(a, b) {
		return mismatch("snapshot", "it names other targets of version %d than were seen before", b.Version)
	}
	return nil
}

// TargetsPath returns the path of the targets file that is needed next, "" for none.
func (c *Client) TargetsPath() string {
	if c.next.Snapshot == nil || c.next.Targets != nil {
		return ""
	}
	m, err := decodeSnapshot(c.next.Snapshot)
	if err != nil {
		return ""
	}
	return TargetsPath(m.Signed.Meta[targetsEntry].Version)
}

// Targets takes the file of TargetsPath. With it the new state is whole.
//
// Errors: fault.Integrity "metadata-mismatch", "metadata-malformed", "registry-untrusted", "index-expired".
func (c *Client) Targets(data []byte) error {
	path := c.TargetsPath()
	if path == "" {
		return errOrder
	}
	snapshot, err := decodeSnapshot(c.next.Snapshot)
	if err != nil {
		return err
	}
	named := snapshot.Signed.Meta[targetsEntry]
	if err := named.VerifyLengthHashes(data); err != nil {
		return mismatch(path, "%v", err)
	}
	m, err := decodeTargets(data)
	if err != nil {
		return err
	}
	if m.Signed.Version != named.Version {
		return mismatch(path, "it says version %d", m.Signed.Version)
	}
	if err := c.keys.VerifyDelegate(metadata.TARGETS, m); err != nil {
		return untrusted("file     %s", path).WithFact("trusted  root %d, %s", c.root.Version, c.root.Fingerprint).Because(err)
	}
	next := c.next
	next.Targets = data
	return c.advance(next)
}
