package tuf

import (
	"maps"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/geeknik/gal-pkg/sign"
)

// Update is new metadata.
type Update struct {
	Files map[string][]byte // by path
	State State             // with them
}

// SignOptions are the circumstances of a signature. Now is required; a lifetime of 0 means that of the package.
type SignOptions struct {
	Now                          time.Time
	Targets, Snapshot, Timestamp time.Duration
}

func (o *SignOptions) complete() {
	for _, life := range []struct {
		have *time.Duration
		want time.Duration
	}{{&o.Targets, TargetsLife}, {&o.Snapshot, SnapshotLife}, {&o.Timestamp, TimestampLife}} {
		if *life.have == 0 {
			*life.have = life.want
		}
	}
}

// Release makes the metadata that follows a state, for these targets and no others: new targets, snapshot and timestamp.
// Of previous only Root is required. What it returns was verified as a client verifies it.
//
// Errors: fault.Auth "key-missing" where a role has too few keys; those of a [Client].
func Release(previous State, targets map[string]Target, keys Keys, o SignOptions) (*Update, error) {
	p, err := newProducer(previous, keys, o)
	if err != nil {
		return nil, err
	}
	if err := p.signTargets(targets); err != nil {
		return nil, err
	}
	return p.finish()
}

// Refresh makes a new timestamp for a state that has not changed, and where the snapshot or the targets have used up two
// thirds of their time, new ones of these too. The state must be whole.
//
// Errors: as of Release.
func Refresh(previous State, keys Keys, o SignOptions) (*Update, error) {
	p, err := newProducer(previous, keys, o)
	if err != nil {
		return nil, err
	}
	targets, err := decodeTargets(previous.Targets)
	if err != nil {
		return nil, err
	}
	snapshot, err := decodeSnapshot(previous.Snapshot)
	if err != nil {
		return nil, err
	}
	switch {
	case isOld(targets.Signed.Expires, p.o.Targets, o.Now):
		err = p.signTargets(targetsOf(targets))
	case isOld(snapshot.Signed.Expires, p.o.Snapshot, o.Now):
		err = p.signSnapshot(targets.Signed.Version)
	default:
		err = p.signTimestamp(snapshot.Signed.Version)
	}
	if err != nil {
		return nil, err
	}
	return p.finish()
}

// isOld reports whether less than a third of a lifetime is left.
func isOld(expires time.Time, life time.Duration, now time.Time) bool {
	return expires.Sub(now) < life/3
}

// producer makes one update.
type producer struct {
	root     *Root
	previous State
	next     State
	keys     Keys
	o        SignOptions
	files    map[string][]byte
}

func newProducer(previous State, keys Keys, o SignOptions) (*producer, error) {
	root, err := ParseRoot(previous.Root)
	if err != nil {
		return nil, err
	}
	o.complete()
	return &producer{root: root, previous: previous, next: previous, keys: keys, o: o, files: map[string][]byte{}}, nil
}

// following returns the version after that of a file, 1 after none.
func following[T metadata.Roles](data []byte, decode func([]byte) (*metadata.Metadata[T], error)) (int64, error) {
	if data == nil {
		return 1, nil
	}
	v, err := versionOf(decode(data))
	return v + 1, err
}

func (p *producer) signTargets(targets map[string]Target) error {
	version, err := following(p.previous.Targets, decodeTargets)
	if err != nil {
		return err
	}
	m := metadata.Targets(expiry(p.o.Now, p.o.Targets))
	m.Signed.Version = version
	for name, t := range targets {
		if err := checkName(name); err != nil {
			return err
		}
		m.Signed.Targets[name] = &metadata.TargetFiles{Length: t.Length, Hashes: metadata.Hashes{"sha256": t.SHA256[:]}}
	}
	if p.next.Targets, err = write(m, metadata.TARGETS, p.root.Roles.Targets, p.keys.Targets); err != nil {
		return err
	}
	p.files[TargetsPath(version)] = p.next.Targets
	return p.signSnapshot(version)
}

func (p *producer) signSnapshot(targets int64) error {
	version, err := following(p.previous.Snapshot, decodeSnapshot)
	if err != nil {
		return err
	}
	m := metadata.Snapshot(expiry(p.o.Now, p.o.Snapshot))
	m.Signed.Version = version
	m.Signed.Meta = map[string]*metadata.MetaFiles{targetsEntry: metaOf(targets, p.next.Targets)}
	if p.next.Snapshot, err = write(m, metadata.SNAPSHOT, p.root.Roles.Snapshot, p.keys.Snapshot); err != nil {
		return err
	}
	p.files[SnapshotPath(version)] = p.next.Snapshot
	return p.signTimestamp(version)
}

func (p *producer) signTimestamp(snapshot int64) error {
	version, err := following(p.previous.Timestamp, decodeTimestamp)
	if err != nil {
		return err
	}
	m := metadata.Timestamp(expiry(p.o.Now, p.o.Timestamp))
	m.Signed.Version = version
	m.Signed.Meta = map[string]*metadata.MetaFiles{snapshotEntry: metaOf(snapshot, p.next.Snapshot)}
	m.Signed.UnrecognizedFields = map[string]any{rootMember: p.root.Version}
	if p.next.Timestamp, err = write(m, metadata.TIMESTAMP, p.root.Roles.Timestamp, p.keys.Timestamp); err != nil {
		return err
	}
	p.files[TimestampPath] = p.next.Timestamp
	return nil
}

func write[T metadata.Roles](m *metadata.Metadata[T], name string, role Role, keys []*sign.PrivateKey) ([]byte, error) {
	if err := signFor(m, name, role, keys); err != nil {
		return nil, err
	}
	return m.ToBytes(false)
}

func metaOf(version int64, data []byte) *metadata.MetaFiles {
	sum := TargetOf(data).SHA256
	return &metadata.MetaFiles{Version: version, Length: int64(len(data)), Hashes: metadata.Hashes{"sha256": sum[:]}}
}

// finish verifies the update from its root on, so that a key that is not the root's is found here and not by clients.
func (p *producer) finish() (*Update, error) {
	c, err := Start(State{Root: p.next.Root}, p.o.Now)
	if err != nil {
		return nil, err
	}
	if _, err := c.Timestamp(p.next.Timestamp); err != nil {
		return nil, err
	}
	if err := c.Snapshot(p.next.Snapshot); err != nil {
		return nil, err
	}
	if err := c.Targets(p.next.Targets); err != nil {
		return nil, err
	}
	return &Update{Files: maps.Clone(p.files), State: p.next}, nil
}
