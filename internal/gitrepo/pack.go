package gitrepo

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// PackLimits bounds a pack from elsewhere. Zero fields mean the defaults. Every limit is checked before the bytes that it
// is about are unpacked into memory: a delta is refused by the size that it announces.
type PackLimits struct {
	MaxBytes    int64  // of the pack itself; 256 MiB
	MaxObject   int64  // of one object, unpacked; 64 MiB
	MaxInflated int64  // of all objects together, unpacked; 2 GiB
	MaxObjects  uint32 // how many; 8 million

	// Promised marks the pack as one from a partial clone: what its objects point to may be missing. Git then does not
	// take the repository for a broken one.
	Promised bool
}

func (l PackLimits) filled() PackLimits {
	l.MaxBytes = positive(l.MaxBytes, 256<<20)
	l.MaxObject = positive(l.MaxObject, 64<<20)
	l.MaxInflated = positive(l.MaxInflated, 2<<30)
	l.MaxObjects = uint32(positive(int64(l.MaxObjects), 8_000_000))
	return l
}

func positive(n, otherwise int64) int64 {
	if n > 0 {
		return n
	}
	return otherwise
}

// PackInfo says what came in a pack.
type PackInfo struct {
	Hash                         Hash  // the pack's own checksum, which names its files
	Bytes                        int64 // of the pack
	Commits, Trees, Blobs, Other int
}

// AddPack reads a pack, screens it, and makes its objects part of the repository. Deltas against objects outside the
// pack are refused. Nothing is visible before all of it was checked: a pack that is cut off, too large ([ErrTooLarge]) or
// malformed (kind Integrity) leaves nothing.
func (r *Repo) AddPack(ctx context.Context, src io.Reader, limits PackLimits) (PackInfo, error) {
	limits = limits.filled()
	f, err := os.CreateTemp(r.path("objects/pack"), "tmp_pack_*")
	if err != nil {
		return PackInfo{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	info, err := receive(ctx, f, src, limits)
	if err != nil {
		return PackInfo{}, err
	}
	if err := screen(f, info.Bytes, limits); err != nil {
		return PackInfo{}, badPack(err)
	}
	index, err := indexPack(f, &info)
	if err != nil {
		return PackInfo{}, badPack(err)
	}
	return info, r.install(f, info, index, limits.Promised)
}

func badPack(err error) error {
	return fault.New(fault.Integrity, "git-bad-pack", "the git server sent a pack that is malformed or too large").Because(err)
}

// receive copies the pack into the file and checks its last 20 bytes, the SHA-1 of all before.
func receive(ctx context.Context, f *os.File, src io.Reader, limits PackLimits) (PackInfo, error) {
	n, err := io.Copy(f, &boundedReader{ctx, src, limits.MaxBytes})
	if errors.Is(err, ErrTooLarge) {
		return PackInfo{}, badPack(fmt.Errorf("more than %d bytes: %w", limits.MaxBytes, err))
	}
	if err != nil {
		return PackInfo{}, err
	}
	body := n - sha1.Size
	if body < 12 {
		return PackInfo{}, badPack(io.ErrUnexpectedEOF)
	}
	sum := sha1.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, body)); err != nil {
		return PackInfo{}, err
	}
	trailer := make([]byte, sha1.Size)
	if _, err := f.ReadAt(trailer, body); err != nil {
		return PackInfo{}, err
	}
	if !bytes.Equal(trailer, sum.Sum(nil)) {
		return PackInfo{}, badPack(fmt.Errorf("its checksum is wrong: %w", io.ErrUnexpectedEOF))
	}
	return PackInfo{Hash: Hash(trailer), Bytes: n}, nil
}

// boundedReader fails with ErrTooLarge once more than left bytes came, and when ctx ends.
type boundedReader struct {
	ctx  context.Context
	src  io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.src.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// indexPack hashes every object and returns the pack's index file.
func indexPack(f *os.File, info *PackInfo) ([]byte, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	index := new(idxfile.Writer)
	parser, err := packfile.NewParser(packfile.NewScanner(f), index, &kindCounter{info: info})
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
	var buf bytes.Buffer
	_, err = idxfile.NewEncoder(&buf).Encode(table)
	return buf.Bytes(), err
}

// kindCounter counts objects by type while a pack is parsed.
type kindCounter struct{ info *PackInfo }

func (k *kindCounter) OnHeader(uint32) error { return nil }

func (k *kindCounter) OnInflatedObjectHeader(t plumbing.ObjectType, _, _ int64) error {
	switch t {
	case plumbing.CommitObject:
		k.info.Commits++
	case plumbing.TreeObject:
		k.info.Trees++
	case plumbing.BlobObject:
		k.info.Blobs++
	default:
		k.info.Other++
	}
	return nil
}

func (k *kindCounter) OnInflatedObjectContent(Hash, int64, uint32, []byte) error { return nil }
func (k *kindCounter) OnFooter(Hash) error                                       { return nil }

// install gives the pack its name. The index comes before the pack and the mark before both, because readers go by the
// pack (this package) or need all of them (git).
func (r *Repo) install(f *os.File, info PackInfo, index []byte, promised bool) error {
	base := r.path("objects/pack/pack-" + info.Hash.String())
	if err := f.Sync(); err != nil {
		return err
	}
	if promised {
		if err := atomicfile.Write(base+".promisor", nil, 0o444); err != nil {
			return err
		}
	}
	if err := atomicfile.Write(base+".idx", index, 0o444); err != nil {
		return err
	}
	if err := f.Chmod(0o444); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), base+".pack"); err != nil {
		return err
	}
	if err := syncDir(r.path("objects/pack")); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reload()
	return nil
}

// SweepTemp removes what interrupted calls of AddPack have left behind, if it is older than the time given.
func (r *Repo) SweepTemp(before time.Time) {
	entries, err := os.ReadDir(r.path("objects/pack"))
	if err != nil {
		return
	}
	for _, e := range entries {
		partial := strings.HasPrefix(e.Name(), "tmp_pack_") || strings.HasPrefix(e.Name(), atomicfile.TempPrefix)
		if info, err := e.Info(); err == nil && partial && info.ModTime().Before(before) {
			os.Remove(r.path("objects/pack/" + e.Name()))
		}
	}
}
