package translog_test

import (
	"crypto/rand"
	"fmt"

	"github.com/geeknik/gal-pkg/sign/translog"
)

func Example() {
	key, err := translog.GenerateKey(rand.Reader, "packages.gal-lang.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	// The writer appends to the empty log, writes the files, then the checkpoint.
	storage := newFiles()
	update, err := translog.Open(storage, translog.EmptyCheckpoint("packages.gal-lang.org")).Append([][]byte{[]byte("first")})
	if err != nil {
		fmt.Println(err)
		return
	}
	for path, data := range update.Files {
		storage.data[path] = data
	}
	signed, err := update.Checkpoint.Sign(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	// The reader verifies the checkpoint, then asks for leaves.
	checkpoint, err := translog.OpenCheckpoint(signed, "packages.gal-lang.org", key.Verifier())
	if err != nil {
		fmt.Println(err)
		return
	}
	log := translog.Open(storage, checkpoint)
	fmt.Println(log.CheckInclusion(translog.Leaf{Index: 0, Hash: translog.HashLeaf([]byte("first"))}))
	fmt.Println(log.CheckInclusion(translog.Leaf{Index: 0, Hash: translog.HashLeaf([]byte("another"))}))
	// Output:
	// <nil>
	// SECURITY: leaf 0 of log "packages.gal-lang.org" is not what it must be
}
