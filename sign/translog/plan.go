package translog

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// InclusionPaths returns the paths that CheckInclusion reads for leaves at these indexes of a log of that size, so that
// a caller can fetch them all at once. Where a partial tile is not there, the full one (without `.p/W`) is wanted.
//
// Errors: fault.Usage "log-index".
func InclusionPaths(size int64, indexes ...int64) ([]string, error) {
	stored := make([]int64, 0, len(indexes))
	for _, index := range indexes {
		if index < 0 || index >= size {
			return nil, outside(index, size)
		}
		stored = append(stored, tlog.StoredHashIndex(0, index))
	}
	if len(stored) == 0 {
		return nil, nil
	}
	return pathsOf(size, func(r tlog.HashReader) error {
		_, err := r.ReadHashes(stored)
		return err
	})
}

// ConsistencyPaths returns the paths that CheckConsistency reads to compare a log of the newer size with its own older
// self, under the rules of [InclusionPaths].
//
// Errors: fault.Usage "log-index".
func ConsistencyPaths(older, newer int64) ([]string, error) {
	if older < 0 || older > newer {
		return nil, outside(older, newer)
	}
	if older == 0 || older == newer {
		return nil, nil
	}
	return pathsOf(newer, func(r tlog.HashReader) error {
		_, err := tlog.ProveTree(newer, older, r)
		return err
	})
}

// errPlanned stops a reader that only notes what it would read.
var errPlanned = errors.New("planned")

// planner notes the tiles that it is asked for. x/mod asks for all tiles of one question together.
type planner struct{ paths []string }

func (p *planner) Height() int { return tileHeight }
func (p *planner) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	for _, t := range tiles {
		p.paths = append(p.paths, tilePath(t))
	}
	return nil, errPlanned
}
func (p *planner) SaveTiles([]tlog.Tile, [][]byte) {}

func pathsOf(size int64, ask func(tlog.HashReader) error) ([]string, error) {
	if size > MaxSize {
		return nil, outside(size, MaxSize)
	}
	p := &planner{}
	err := ask(tlog.TileHashReader(tlog.Tree{N: size}, p))
	if err != nil && !errors.Is(err, errPlanned) {
		return nil, fmt.Errorf("planning the tiles of a log of size %d: %w", size, err)
	}
	return p.paths, nil
}
