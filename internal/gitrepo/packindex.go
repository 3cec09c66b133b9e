package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// indexPack hashes every object and returns the pack's index file. A pack that has an object twice is refused: its index
// would hold it once, and git takes the two for parts of different packs.
func indexPack(f *os.File, seen *kindCounter) ([]byte, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	index := new(idxfile.Writer)
	parser, err := packfile.NewParser(packfile.NewScanner(f), index, seen)
	if err != nil {
		return nil, err
	}
	if _, err := parser.Parse(); err != nil {
		return nil, err
	}
	table, err := index.Index()
	if err != nil {
		return nil, err
	}
	if n, err := table.Count(); err != nil || n != int64(seen.count) {
		return nil, errors.Join(errDouble, err)
	}
	var buf bytes.Buffer
	_, err = idxfile.NewEncoder(&buf).Encode(table)
	return buf.Bytes(), err
}

// errDouble is matched where a pack has an object twice.
var errDouble = errors.New("an object is in the pack twice")

// kindCounter counts objects by type while a pack is parsed, and finds those that were added to it without need.
type kindCounter struct {
	ctx   context.Context // small packs can take minutes: deltas are made anew when what they are against was forgotten
	info  *PackInfo
	end   int64 // where the received part of the pack ends
	count uint32

	added map[Hash]bool // what stands behind the end
	twice []Hash        // of those, what stands before it as well
}

func (k *kindCounter) OnHeader(n uint32) error {
	k.count = n
	return nil
}

func (k *kindCounter) OnInflatedObjectHeader(t plumbing.ObjectType, _, pos int64) error {
	if err := k.ctx.Err(); err != nil {
		return err
	}
	switch {
	case pos >= k.end:
	case t == plumbing.CommitObject:
		k.info.Commits++
	case t == plumbing.TreeObject:
		k.info.Trees++
	case t == plumbing.BlobObject:
		k.info.Blobs++
	default:
		k.info.Other++
	}
	return nil
}

func (k *kindCounter) OnInflatedObjectContent(h Hash, pos int64, _ uint32, _ []byte) error {
	if pos < k.end && k.added[h] {
		k.twice = append(k.twice, h)
	}
	return nil
}

func (k *kindCounter) OnFooter(Hash) error { return nil }
