package tuf

import (
	"fmt"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// IsDue reports whether a state should be refreshed: its timestamp has used up a third of its time.
func (s State) IsDue(now time.Time) bool {
	m, err := decodeTimestamp(s.Timestamp)
	return err != nil || m.Signed.Expires.Sub(now) <= TimestampLife*2/3
}

// IsLater reports whether s is of a newer root than other, or of the same one with a newer timestamp. Both were verified
// before: neither is verified here, and one that is damaged is not later.
func (s State) IsLater(other State) bool {
	root, timestamp := s.versions()
	otherRoot, otherTimestamp := other.versions()
	return root > otherRoot || root == otherRoot && timestamp > otherTimestamp
}

// versions are those of the root and the timestamp, 0 for what is missing.
func (s State) versions() (root, timestamp int64) {
	if r, err := ParseRoot(s.Root); err == nil {
		root = r.Version
	}
	if m, err := decodeTimestamp(s.Timestamp); err == nil {
		timestamp = m.Signed.Version
	}
	return root, timestamp
}

// TargetsOf returns the targets of a state as its file has them, without verifying anything: for who made it.
//
// Errors: fault.Integrity "metadata-malformed".
func TargetsOf(s State) (map[string]Target, error) {
	if s.Targets == nil {
		return map[string]Target{}, nil
	}
	m, err := decodeTargets(s.Targets)
	if err != nil {
		return nil, err
	}
	return targetsOf(m), nil
}

func targetsOf(m *metadata.Metadata[metadata.TargetsType]) map[string]Target {
	out := make(map[string]Target, len(m.Signed.Targets))
	for name, t := range m.Signed.Targets {
		out[name] = Target{t.Length, [32]byte(t.Hashes["sha256"])}
	}
	return out
}

// ReadState reads the newest state of a published tree through read, of which the error for a missing file is returned
// as it is. It verifies nothing: it is for who made the tree.
func ReadState(read func(path string) ([]byte, error)) (State, error) {
	var s State
	var err error
	if s.Timestamp, err = read(TimestampPath); err != nil {
		return State{}, err
	}
	timestamp, err := decodeTimestamp(s.Timestamp)
	if err != nil {
		return State{}, err
	}
	if s.Root, err = read(RootPath(integer(timestamp.Signed.UnrecognizedFields, rootMember))); err != nil {
		return State{}, err
	}
	if s.Snapshot, err = read(SnapshotPath(timestamp.Signed.Meta[snapshotEntry].Version)); err != nil {
		return State{}, err
	}
	snapshot, err := decodeSnapshot(s.Snapshot)
	if err != nil {
		return State{}, err
	}
	s.Targets, err = read(TargetsPath(snapshot.Signed.Meta[targetsEntry].Version))
	return s, err
}

// Paths returns where the files of a state stand in the published tree, as far as there are any: root, timestamp,
// snapshot, targets. It panics where the state is none that this package has made or read.
func (s State) Paths() []string {
	var paths []string
	version := func(v int64, err error) int64 {
		if err != nil {
			panic(fmt.Sprintf("tuf: %v", err))
		}
		return v
	}
	if s.Root != nil {
		root, _, err := decodeRoot(s.Root)
		paths = append(paths, RootPath(version(root.Version, err)))
	}
	if s.Timestamp != nil {
		paths = append(paths, TimestampPath)
	}
	if s.Snapshot != nil {
		m, err := decodeSnapshot(s.Snapshot)
		paths = append(paths, SnapshotPath(version(versionOf(m, err))))
	}
	if s.Targets != nil {
		m, err := decodeTargets(s.Targets)
		paths = append(paths, TargetsPath(version(versionOf(m, err))))
	}
	return paths
}

func versionOf[T metadata.Roles](m *metadata.Metadata[T], err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	switch s := any(&m.Signed).(type) {
	case *metadata.SnapshotType:
		return s.Version, nil
	case *metadata.TargetsType:
		return s.Version, nil
	case *metadata.TimestampType:
		return s.Version, nil
	case *metadata.RootType:
		return s.Version, nil
	}
	return 0, nil
}
