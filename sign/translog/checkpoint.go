package translog

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// MaxCheckpoint is the greatest length of a signed checkpoint, in bytes.
	MaxCheckpoint = 16 << 10
	// MaxSize is the greatest number of leaves.
	MaxSize = 1 << 40
)

// Hash is a node of the tree: RFC 6962, SHA-256.
type Hash = tlog.Hash

// Checkpoint says what a log held at one moment: its first Size leaves, whose tree has that Root. One that came from
// [OpenCheckpoint] was signed by the log.
type Checkpoint struct {
	Origin string // name of the log
	Size   int64  // number of leaves
	Root   Hash   // root of their tree
}

// EmptyCheckpoint returns the checkpoint of a log without leaves; its root is sha256 of nothing.
func EmptyCheckpoint(origin string) Checkpoint {
	root, _ := tlog.TreeHash(0, nil) // cannot fail: the empty tree reads no hash
	return Checkpoint{Origin: origin, Root: root}
}

// CheckpointPath returns the name of the file of a checkpoint of that size: `checkpoint.<size>`.
func CheckpointPath(size int64) string { return "checkpoint." + strconv.FormatInt(size, 10) }

// text is the signed part.
func (c Checkpoint) text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// Sign returns the signed checkpoint, with one signature of each key, in that order: two while a log changes from one
// key to the next. All keys must be of c.Origin. The same input gives the same bytes.
func (c Checkpoint) Sign(keys ...*PrivateKey) ([]byte, error) {
	if _, err := parseCheckpoint(c.text()); err != nil {
		return nil, err
	}
	signers := make([]note.Signer, 0, len(keys))
	for _, k := range keys {
		if k.verifier.origin != c.Origin {
			return nil, fmt.Errorf("a key of log %q cannot sign for %q", k.verifier.origin, c.Origin)
		}
		signers = append(signers, k.signer)
	}
	if len(signers) == 0 {
		return nil, fmt.Errorf("a checkpoint of log %q needs a key", c.Origin)
	}
	return note.Sign(&note.Note{Text: c.text()}, signers...)
}

// CheckpointSize returns the size in a checkpoint that was verified before, 0 for what is none. It verifies nothing.
func CheckpointSize(data []byte) int64 {
	text, _, _ := strings.Cut(string(data), "\n\n")
	c, err := parseCheckpoint(text + "\n")
	if err != nil {
		return 0
	}
	return c.Size
}

// OpenCheckpoint reads a signed checkpoint of the log of that origin, at most MaxCheckpoint bytes, and verifies it.
// Every signature by one of the keys must be valid, and there must be one; those of keys unknown here, such as
// witnesses, are left alone. Extension lines are refused.
//
// Errors: fault.Integrity "checkpoint-invalid".
func OpenCheckpoint(data []byte, origin string, keys ...Verifier) (Checkpoint, error) {
	c, err := openCheckpoint(data, origin, keys)
	if err != nil {
		return Checkpoint{}, fault.New(fault.Integrity, "checkpoint-invalid",
			"SECURITY: the checkpoint of log %q is not valid", origin).WithFact("%v", err)
	}
	return c, nil
}

func openCheckpoint(data []byte, origin string, keys []Verifier) (Checkpoint, error) {
	n, err := openNote(data, origin, keys)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != origin {
		return Checkpoint{}, fmt.Errorf("its origin is %q", c.Origin)
	}
	return c, nil
}

func openNote(data []byte, origin string, keys []Verifier) (*note.Note, error) {
	if len(data) > MaxCheckpoint {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxCheckpoint)
	}
	known := make([]note.Verifier, 0, len(keys))
	for _, k := range keys {
		if k.origin != origin {
			continue
		}
		v, err := note.NewVerifier(k.String())
		if err != nil {
			return nil, err
		}
		known = append(known, v)
	}
	n, err := note.Open(data, note.VerifierList(known...))
	if err != nil {
		return nil, err
	}
	// Package note reads base64 loosely. Here a signature has one spelling, so that checkpoints can be compared as bytes.
	for _, s := range slices.Concat(n.Sigs, n.UnverifiedSigs) {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return nil, fmt.Errorf("a signature of %q is not in canonical base64", s.Name)
		}
	}
	return n, nil
}

// parseCheckpoint reads the signed part. It accepts just what text writes.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("it has not three lines")
	}
	if !isOrigin(lines[0]) {
		return Checkpoint{}, fmt.Errorf("its origin %q is not a host name", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > MaxSize {
		return Checkpoint{}, fmt.Errorf("its size is %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("its root is %q", lines[2])
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: root}
	if c.text() != text {
		return Checkpoint{}, fmt.Errorf("it is not in canonical form")
	}
	if size == 0 && c != EmptyCheckpoint(c.Origin) {
		return Checkpoint{}, fmt.Errorf("its root is not that of an empty log")
	}
	return c, nil
}
