package translog

import (
	"sync"

	"github.com/geeknik/gal-pkg/internal/fault"
	"golang.org/x/mod/sumdb/tlog"
)

// Log is a log as it stood at one checkpoint. Whatever is read from its storage is compared with the checkpoint's root
// before it is used. It remembers up to 8 MiB of verified tiles and may be used by several goroutines.
type Log struct {
	storage    Storage
	checkpoint Checkpoint

	mu    sync.Mutex
	saved map[tlog.Tile][]byte
}

// Open returns the log that storage holds, as it stood at c; c must come from [OpenCheckpoint] or from this process. It
// reads nothing yet. The storage may hold a longer log.
func Open(storage Storage, c Checkpoint) *Log {
	return &Log{storage: storage, checkpoint: c, saved: map[tlog.Tile][]byte{}}
}

// Checkpoint returns what the log was opened with.
func (l *Log) Checkpoint() Checkpoint { return l.checkpoint }

// hashes returns nodes of the tree by their storage index, verified.
func (l *Log) hashes(indexes []int64) ([]Hash, error) {
	if len(indexes) == 0 {
		return nil, nil
	}
	reader := &tileReader{storage: l.storage, mu: &l.mu, saved: l.saved}
	tree := tlog.Tree{N: l.checkpoint.Size, Hash: l.checkpoint.Root}
	hashes, err := tlog.TileHashReader(tree, reader).ReadHashes(indexes)
	if reader.failed != nil {
		return nil, reader.failed
	}
	if err != nil {
		return nil, l.inconsistent(err)
	}
	return hashes, nil
}

func (l *Log) inconsistent(err error) error {
	return inconsistent("%v (log %s, size %d, root %s)", err, l.checkpoint.Origin, l.checkpoint.Size, l.checkpoint.Root)
}

// Entries returns the leaves 256n to 256n+255, or as many as there are, verified. n counts entries tiles from 0.
//
// Errors: fault.Usage "log-index" for a tile beyond the end; fault.Integrity "log-incomplete", "log-inconsistent"; those
// of the storage.
func (l *Log) Entries(n int64) ([][]byte, error) {
	if n < 0 || n > (l.checkpoint.Size-1)/tileWidth || l.checkpoint.Size == 0 {
		return nil, outside(n*tileWidth, l.checkpoint.Size)
	}
	tile := entriesTile(n, l.checkpoint.Size)
	var leaves [][]byte
	_, err := readTile(l.storage, tile, func(data []byte, width int) ([]byte, error) {
		all, err := parseEntries(data, width)
		if err == nil {
			leaves = all[:tile.W]
		}
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	claimed := make([]Leaf, len(leaves))
	for i, leaf := range leaves {
		claimed[i] = Leaf{Index: n*tileWidth + int64(i), Hash: tlog.RecordHash(leaf)}
	}
	if err := l.CheckInclusion(claimed...); err != nil {
		return nil, err
	}
	return leaves, nil
}

func outside(index, size int64) error {
	return fault.New(fault.Usage, "log-index", "the log has no leaf %d; its size is %d", index, size)
}

// Update is what a log grows by: files to write, and the checkpoint to sign once they are all in place.
type Update struct {
	Files      map[string][]byte // by path relative to the log's folder; all new, none replaces another
	Checkpoint Checkpoint        // of the log with the new leaves
}

// Append works out what the log becomes with these leaves after its own. It writes nothing. Each leaf has 1 to MaxLeaf
// bytes. The same log and leaves give the same files. Partial tiles of the former size are no part of the update; they
// may stay, for those who hold the former checkpoint, or go.
//
// Errors: fault.Usage "log-leaf"; fault.Integrity "log-incomplete", "log-inconsistent"; those of the storage.
func (l *Log) Append(leaves [][]byte) (Update, error) {
	old := l.checkpoint.Size
	if err := checkLeaves(old, leaves); err != nil {
		return Update{}, err
	}
	tree := &growing{log: l, fresh: map[int64]Hash{}}
	for i, leaf := range leaves {
		if err := tree.add(old+int64(i), leaf); err != nil {
			return Update{}, err
		}
	}
	size := old + int64(len(leaves))
	root, err := tlog.TreeHash(size, tree)
	if err != nil {
		return Update{}, err
	}
	update := Update{Files: map[string][]byte{}, Checkpoint: Checkpoint{Origin: l.checkpoint.Origin, Size: size, Root: root}}
	for _, t := range tlog.NewTiles(tileHeight, old, size) {
		if update.Files[tilePath(t)], err = tlog.ReadTileData(t, tree); err != nil {
			return Update{}, err
		}
	}
	if err := l.appendEntries(update, leaves); err != nil {
		return Update{}, err
	}
	return update, nil
}

func checkLeaves(old int64, leaves [][]byte) error {
	for i, leaf := range leaves {
		if len(leaf) == 0 || len(leaf) > MaxLeaf {
			return fault.New(fault.Usage, "log-leaf", "new leaf %d has %d bytes, must have 1 to %d", i, len(leaf), MaxLeaf)
		}
	}
	if old > MaxSize-int64(len(leaves)) {
		return fault.New(fault.Usage, "log-leaf", "the log would have more than %d leaves", int64(MaxSize))
	}
	return nil
}

// appendEntries adds the entries tiles that hold new leaves. The last old one is rewritten under its new width.
func (l *Log) appendEntries(update Update, leaves [][]byte) error {
	old, size := l.checkpoint.Size, update.Checkpoint.Size
	if old == size {
		return nil
	}
	first := old / tileWidth
	if old%tileWidth != 0 {
		before, err := l.Entries(first)
		if err != nil {
			return err
		}
		leaves = append(before, leaves...)
	}
	for n := first; n*tileWidth < size; n++ {
		tile := entriesTile(n, size)
		update.Files[tilePath(tile)] = formatEntries(leaves[:tile.W])
		leaves = leaves[tile.W:]
	}
	return nil
}

// growing is a tree of verified old nodes and new ones. It implements tlog.HashReader.
type growing struct {
	log   *Log
	fresh map[int64]Hash // by storage index
}

func (g *growing) add(index int64, leaf []byte) error {
	hashes, err := tlog.StoredHashes(index, leaf, g)
	if err != nil {
		return err
	}
	at := tlog.StoredHashIndex(0, index)
	for i, h := range hashes {
		g.fresh[at+int64(i)] = h
	}
	return nil
}

func (g *growing) ReadHashes(indexes []int64) ([]Hash, error) {
	hashes := make([]Hash, len(indexes))
	var missing []int64
	for i, index := range indexes {
		h, ok := g.fresh[index]
		if !ok {
			missing = append(missing, index)
			continue
		}
		hashes[i] = h
	}
	old, err := g.log.hashes(missing)
	if err != nil {
		return nil, err
	}
	for i, index := range indexes {
		if _, ok := g.fresh[index]; !ok {
			hashes[i], old = old[0], old[1:]
		}
	}
	return hashes, nil
}
