package tuf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
)

const (
	// Dir is the folder of the metadata in a published tree.
	Dir = "trust/"
	// TimestampPath is the one file that is overwritten.
	TimestampPath = Dir + "timestamp.json"

	// MaxRoot, MaxTimestamp, MaxSnapshot and MaxTargets are the greatest lengths of the files, in bytes.
	MaxRoot      = 256 << 10
	MaxTimestamp = 256 << 10
	MaxSnapshot  = 256 << 10
	MaxTargets   = 4 << 20

	// Lifetimes of what is signed.
	RootLife      = 365 * 24 * time.Hour
	TargetsLife   = 30 * 24 * time.Hour
	SnapshotLife  = 30 * 24 * time.Hour
	TimestampLife = 3 * 24 * time.Hour

	// Skew is how long metadata counts after it has expired: so much may a client's clock be ahead.
	Skew = 10 * time.Minute
)

// RootPath returns the path of a root.
func RootPath(version int64) string { return fmt.Sprintf("%s%d.root.json", Dir, version) }

// SnapshotPath returns the path of a snapshot.
func SnapshotPath(version int64) string { return fmt.Sprintf("%s%d.snapshot.json", Dir, version) }

// TargetsPath returns the path of a targets file.
func TargetsPath(version int64) string { return fmt.Sprintf("%s%d.targets.json", Dir, version) }

// State is metadata that was verified, as the files' bytes: what a client stores, and what a registry's build goes on
// from. Root is always there. The others follow in the order timestamp, snapshot, targets, and from the first that is
// missing on there are none. The slices are not to be modified.
type State struct {
	Root, Timestamp, Snapshot, Targets []byte
}

// Target is what the metadata says of a file.
type Target struct {
	Length int64
	SHA256 [sha256.Size]byte
}

// TargetOf describes a file.
func TargetOf(data []byte) Target {
	return Target{int64(len(data)), sha256.Sum256(data)}
}

// Check compares a file with what the metadata says of the target of that name.
//
// Errors: fault.Integrity "metadata-mismatch".
func (t Target) Check(name string, data []byte) error {
	if int64(len(data)) != t.Length {
		return mismatch(name, "length   %d bytes", len(data)).WithFact("expected %d bytes", t.Length)
	}
	if got := sha256.Sum256(data); got != t.SHA256 {
		return mismatch(name, "digest   sha256:%x", got).WithFact("expected sha256:%x", t.SHA256)
	}
	return nil
}

// Fingerprint names a root by the sha256 of its file: `sha256:` and 64 digits, what `sha256sum N.root.json` prints.
func Fingerprint(root []byte) string {
	sum := sha256.Sum256(root)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// CheckFingerprint compares a root with the fingerprint that somebody has pinned.
//
// Errors: fault.Integrity "registry-untrusted".
func CheckFingerprint(root []byte, pinned string) error {
	if got := Fingerprint(root); got != pinned {
		return fault.New(fault.Integrity, "registry-untrusted", "SECURITY: the registry's root of trust is not the one that is pinned").
			WithFact("pinned  %s", pinned).
			WithFact("actual  %s", got).
			WithHelp("ask the registry's operator what `gal-registry root show` prints, by another way than this host")
	}
	return nil
}
