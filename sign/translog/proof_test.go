package translog_test

import (
	"sync"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/translog"
)

func TestLeavesThatAreNotThere(t *testing.T) {
	_, log := logOf(t, 300)
	wrong := claimsAt(0, 17, 299)
	wrong[1].Hash[0] ^= 1
	for what, leaves := range map[string][]translog.Leaf{
		"one hash wrong among three": wrong,
		"one place off":              {{Index: 4, Hash: translog.HashLeaf(leafAt(5))}},
		"beyond the end":             {{Index: 300, Hash: translog.HashLeaf(leafAt(300))}},
		"before the start":           {{Index: -1, Hash: translog.HashLeaf(leafAt(0))}},
		"a node for a leaf":          {{Index: 0, Hash: log.Checkpoint().Root}},
	} {
		if err := log.CheckInclusion(leaves...); !fault.IsCode(err, "not-logged") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := translog.Open(newFiles(), translog.EmptyCheckpoint(origin)).CheckInclusion(claimsAt(0)...); !fault.IsCode(err, "not-logged") {
		t.Errorf("empty log: %v", err)
	}
	for _, index := range []int64{-1, 300, 1 << 62} {
		if _, err := log.Prove(index); !fault.IsCode(err, "log-index") {
			t.Errorf("proof of leaf %d: %v", index, err)
		}
	}
	for _, n := range []int64{-1, 2, 1 << 62} {
		if _, err := log.Entries(n); !fault.IsCode(err, "log-index") {
			t.Errorf("entries %d: %v", n, err)
		}
	}
}

func TestForkAndRollback(t *testing.T) {
	f, log := logOf(t, 600)
	_, fork := logOf(t, 500)
	other := grow(t, newFiles(), translog.EmptyCheckpoint(origin), append(leavesAt(0, 499), []byte("another")))
	same := log.Checkpoint()
	same.Root[0] ^= 1
	stranger := translog.EmptyCheckpoint("other.example")
	for what, row := range map[string]struct {
		older translog.Checkpoint
		code  string
	}{
		"itself":                   {log.Checkpoint(), ""},
		"empty":                    {translog.EmptyCheckpoint(origin), ""},
		"own past":                 {fork.Checkpoint(), ""},
		"another past":             {other, "log-forked"},
		"same size, another root":  {same, "log-forked"},
		"another log":              {stranger, "log-forked"},
		"its own future":           {grow(t, f, log.Checkpoint(), leavesAt(600, 601)), "log-rollback"},
		"an unrelated long future": {translog.Checkpoint{Origin: origin, Size: 1 << 39}, "log-rollback"},
	} {
		err := log.CheckConsistency(row.older)
		if row.code == "" && err != nil || row.code != "" && !fault.IsCode(err, row.code) {
			t.Errorf("%s: %v, want %q", what, err, row.code)
		}
	}
	proof, err := log.ProveConsistency(500)
	if err != nil {
		t.Fatal(err)
	}
	proof[0][0] ^= 1
	if err := proof.Check(fork.Checkpoint(), log.Checkpoint()); !fault.IsCode(err, "log-forked") {
		t.Errorf("flipped proof: %v", err)
	}
	for _, size := range []int64{0, -1, 601} {
		if _, err := log.ProveConsistency(size); !fault.IsCode(err, "log-index") {
			t.Errorf("proof since %d: %v", size, err)
		}
	}
}

func TestConcurrentReaders(t *testing.T) {
	_, log := logOf(t, 600)
	var group sync.WaitGroup
	for i := range int64(8) {
		group.Go(func() {
			if err := log.CheckInclusion(claimsAt(i*70, 599-i)...); err != nil {
				t.Error(err)
			}
			if _, err := log.Prove(i); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
