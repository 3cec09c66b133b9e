package translog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight

	// MaxLeaf is the greatest length of a leaf, in bytes: what the 16 bits before it in an entries tile can say.
	MaxLeaf = 1<<16 - 1
	// MaxFile is the greatest length of a file of the log, in bytes: an entries tile of 256 longest leaves.
	MaxFile = tileWidth * (2 + MaxLeaf)

	// maxCachedTiles bounds the memory of a Log, at 8 KiB a tile.
	maxCachedTiles = 1024
)

// Storage reads the files of a log.
type Storage interface {
	// Read returns the whole content of the file at path, which is relative to the log's folder and has forward slashes:
	// `tile/0/x001/234.p/5`. It reads at most MaxFile bytes and returns an error for a longer file. For a file that is not
	// there, the error must match fs.ErrNotExist.
	Read(path string) ([]byte, error)
}

// Dir is the Storage that is a folder on disk.
type Dir string

// Read implements [Storage].
func (d Dir) Read(path string) ([]byte, error) {
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		return nil, &os.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	return atomicfile.Read(filepath.Join(string(d), filepath.FromSlash(path)), MaxFile)
}

// tilePath returns the path of C2SP tlog-tiles. That of golang.org/x/mod has the height in it, and another word for
// entries; the rest is the same.
func tilePath(t tlog.Tile) string {
	if t.L < 0 {
		return strings.Replace(t.Path(), "tile/8/data/", "tile/entries/", 1)
	}
	return strings.Replace(t.Path(), "tile/8/", "tile/", 1)
}

// entriesTile returns the entries tile n of a log of that size; its width is 0 where the log has no such tile.
func entriesTile(n, size int64) tlog.Tile {
	width := min(max(size-n*tileWidth, 0), tileWidth)
	return tlog.Tile{H: tileHeight, L: -1, N: n, W: int(width)}
}

// readTile reads a tile. Where a partial tile is gone, because the log has grown and only the full one was kept, it reads
// the full one; cut says how to take the tile out of that.
func readTile(s Storage, t tlog.Tile, cut func(data []byte, width int) ([]byte, error)) ([]byte, error) {
	path := tilePath(t)
	data, err := s.Read(path)
	if errors.Is(err, fs.ErrNotExist) && t.W < tileWidth {
		t.W, path = tileWidth, tilePath(tlog.Tile{H: t.H, L: t.L, N: t.N, W: tileWidth})
		data, err = s.Read(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Integrity, "log-incomplete", "the log lacks a file that its checkpoint vouches for").
			WithFact("file  %s", path).Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s of the log: %w", path, err)
	}
	data, err = cut(data, t.W)
	if err != nil {
		return nil, inconsistent("file  %s: %v", path, err)
	}
	return data, nil
}

func inconsistent(format string, args ...any) error {
	return fault.New(fault.Integrity, "log-inconsistent", "SECURITY: the log's files do not match its checkpoint").
		WithFact(format, args...)
}

// tileReader reads hash tiles for golang.org/x/mod, which authenticates them against the root before it uses one byte,
// and only then has them saved.
type tileReader struct {
	storage Storage
	failed  error // the first error, with its kind; x/mod's own have none

	mu    *sync.Mutex
	saved map[tlog.Tile][]byte
}

func (r *tileReader) Height() int { return tileHeight }

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, 0, len(tiles))
	for _, t := range tiles {
		data, err := r.read(t)
		if err != nil {
			r.failed = err
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (r *tileReader) read(t tlog.Tile) ([]byte, error) {
	r.mu.Lock()
	data, ok := r.saved[t]
	r.mu.Unlock()
	if ok {
		return data, nil
	}
	return readTile(r.storage, t, func(data []byte, width int) ([]byte, error) {
		if len(data) != width*tlog.HashSize {
			return nil, fmt.Errorf("%d bytes, must be %d", len(data), width*tlog.HashSize)
		}
		return data[:t.W*tlog.HashSize], nil
	})
}

func (r *tileReader) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, t := range tiles {
		if len(r.saved) >= maxCachedTiles {
			clear(r.saved)
		}
		r.saved[t] = data[i]
	}
}

// formatEntries writes an entries tile: each leaf behind its length in two bytes, big-endian.
func formatEntries(leaves [][]byte) []byte {
	var b []byte
	for _, leaf := range leaves {
		b = binary.BigEndian.AppendUint16(b, uint16(len(leaf)))
		b = append(b, leaf...)
	}
	return b
}

// parseEntries reads an entries tile of exactly width leaves.
func parseEntries(data []byte, width int) ([][]byte, error) {
	leaves := make([][]byte, 0, width)
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, errors.New("a length is cut off")
		}
		n := int(binary.BigEndian.Uint16(data))
		if data = data[2:]; len(data) < n {
			return nil, errors.New("a leaf is cut off")
		}
		leaves, data = append(leaves, data[:n:n]), data[n:]
	}
	if len(leaves) != width {
		return nil, fmt.Errorf("%d leaves, must be %d", len(leaves), width)
	}
	return leaves, nil
}
