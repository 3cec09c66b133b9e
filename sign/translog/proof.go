package translog

import (
	"github.com/geeknik/gal-pkg/internal/fault"
	"golang.org/x/mod/sumdb/tlog"
)

// Leaf is a leaf known by its hash alone.
type Leaf struct {
	Index int64 // place in the log, from 0
	Hash  Hash  // [HashLeaf] of its bytes
}

// HashLeaf returns sha256 of a zero byte and the leaf (RFC 6962, section 2.1).
func HashLeaf(leaf []byte) Hash { return tlog.RecordHash(leaf) }

// CheckInclusion returns nil where every one of these leaves stands in the log at its index. It reads the tiles on their
// ways to the root, each once, and compares every byte of them with the checkpoint. Of no leaves it reads and says nothing.
//
// Errors: fault.Integrity "not-logged" naming the first leaf that is not there, "log-incomplete", "log-inconsistent";
// those of the storage.
func (l *Log) CheckInclusion(leaves ...Leaf) error {
	indexes := make([]int64, 0, len(leaves))
	for _, leaf := range leaves {
		if leaf.Index < 0 || leaf.Index >= l.checkpoint.Size {
			return notLogged(l.checkpoint, leaf.Index, leaf.Hash).WithFact("the log has %d leaves", l.checkpoint.Size)
		}
		indexes = append(indexes, tlog.StoredHashIndex(0, leaf.Index))
	}
	hashes, err := l.hashes(indexes)
	if err != nil {
		return err
	}
	for i, leaf := range leaves {
		if hashes[i] != leaf.Hash {
			return notLogged(l.checkpoint, leaf.Index, leaf.Hash).WithFact("in log    %s", hashes[i])
		}
	}
	return nil
}

func notLogged(c Checkpoint, index int64, leaf Hash) *fault.Error {
	return fault.New(fault.Integrity, "not-logged", "SECURITY: leaf %d of log %q is not what it must be", index, c.Origin).
		WithFact("expected  %s", leaf)
}

// Proof shows that a leaf is in a tree, to somebody who has only the root.
type Proof struct {
	Index  int64  // place of the leaf
	Size   int64  // of the tree
	Root   Hash   // of the tree
	Hashes []Hash // from the leaf's sibling upwards: the audit path of RFC 6962
}

// Prove makes the proof for the leaf at index, out of verified tiles.
//
// Errors: fault.Usage "log-index"; fault.Integrity "log-incomplete", "log-inconsistent"; those of the storage.
func (l *Log) Prove(index int64) (Proof, error) {
	c := l.checkpoint
	if index < 0 || index >= c.Size {
		return Proof{}, outside(index, c.Size)
	}
	hashes, err := tlog.ProveRecord(c.Size, index, tlog.HashReaderFunc(l.hashes))
	if err != nil {
		return Proof{}, err
	}
	return Proof{Index: index, Size: c.Size, Root: c.Root, Hashes: hashes}, nil
}

// Check returns nil where p shows that leaf stands at p.Index of the log that c describes.
//
// Errors: fault.Integrity "not-logged".
func (p Proof) Check(c Checkpoint, leaf Hash) error {
	if p.Size != c.Size || p.Root != c.Root {
		return notLogged(c, p.Index, leaf).WithFact("the proof is for size %d, root %s", p.Size, p.Root)
	}
	if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, p.Index, leaf); err != nil {
		return notLogged(c, p.Index, leaf).WithFact("%v", err)
	}
	return nil
}

// ConsistencyProof shows that a tree begins with all leaves of an older one, to somebody who has only the two roots.
type ConsistencyProof []Hash

// ProveConsistency makes the proof that the log begins with its own first older leaves, 0 < older, out of verified tiles.
//
// Errors: fault.Usage "log-index"; fault.Integrity "log-incomplete", "log-inconsistent"; those of the storage.
func (l *Log) ProveConsistency(older int64) (ConsistencyProof, error) {
	if older < 1 || older > l.checkpoint.Size {
		return nil, outside(older, l.checkpoint.Size)
	}
	proof, err := tlog.ProveTree(l.checkpoint.Size, older, tlog.HashReaderFunc(l.hashes))
	return ConsistencyProof(proof), err
}

// Check returns nil where p shows that the log at newer begins with all that it had at older.
//
// Errors: fault.Integrity "log-rollback" where newer is shorter, "log-forked" where it is not a continuation.
func (p ConsistencyProof) Check(older, newer Checkpoint) error {
	if older.Origin != newer.Origin {
		return forked(older, newer).WithFact("they are two logs")
	}
	if newer.Size < older.Size {
		return fault.New(fault.Integrity, "log-rollback", "SECURITY: log %q is shorter than it was", newer.Origin).
			WithFact("was  size %d, root %s", older.Size, older.Root).
			WithFact("is   size %d, root %s", newer.Size, newer.Root)
	}
	if older.Size == 0 {
		return nil // whatever begins, begins with nothing
	}
	if err := tlog.CheckTree(tlog.TreeProof(p), newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return forked(older, newer).WithFact("%v", err)
	}
	return nil
}

func forked(older, newer Checkpoint) *fault.Error {
	return fault.New(fault.Integrity, "log-forked", "SECURITY: log %q shows two histories", newer.Origin).
		WithFact("one    size %d, root %s", older.Size, older.Root).
		WithFact("other  size %d, root %s", newer.Size, newer.Root).
		WithHelp("keep both checkpoints as evidence, and tell the registry's operators")
}

// CheckConsistency returns nil where the log is a continuation of what it was at older, a checkpoint seen before. Equal
// sizes must have equal roots.
//
// Errors: fault.Integrity "log-rollback", "log-forked", "log-incomplete", "log-inconsistent"; those of the storage.
func (l *Log) CheckConsistency(older Checkpoint) error {
	newer := l.checkpoint
	if older.Origin != newer.Origin || older.Size == 0 || older.Size >= newer.Size {
		return ConsistencyProof(nil).Check(older, newer)
	}
	proof, err := l.ProveConsistency(older.Size)
	if err != nil {
		return err
	}
	return proof.Check(older, newer)
}
