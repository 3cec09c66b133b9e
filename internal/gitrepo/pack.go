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

	// Thin allows deltas against objects that the repository has. They are added to the pack, which then stands for
	// itself; what they weigh counts for MaxInflated.
	Thin bool
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
	Hash                         Hash  // the checksum of the pack as it is stored, which names its files
	Bytes                        int64 // received
	Commits, Trees, Blobs, Other int   // received
	Known                        bool  // the repository had this very pack already
}

// Objects returns how many objects came.
func (i PackInfo) Objects() int { return i.Commits + i.Trees + i.Blobs + i.Other }

// AddPack reads a pack, screens it, and makes its objects part of the repository. Deltas against objects outside the
// pack are refused, but see [PackLimits].Thin. Nothing is visible before all of it was checked: a pack that is cut off,
// too large ([ErrTooLarge]) or malformed (kind Integrity) leaves nothing.
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
	content, err := screen(f, info.Bytes, limits)
	if err != nil {
		return PackInfo{}, badPack(err)
	}
	end := info.Bytes - sha1.Size
	var objects []indexed
	if limits.Thin && len(content.bases) > 0 {
		objects, err = r.completePack(ctx, f, &info, content, limits)
	} else {
		objects, err = indexPack(ctx, f)
	}
	if err != nil {
		return PackInfo{}, badPack(err)
	}
	info.count(objects, end)
	index, err := indexFile(objects, info.Hash)
	if err != nil {
		return PackInfo{}, badPack(err)
	}
	info.Known = r.hasPack(info.Hash)
	return info, r.install(f, info, index, limits.Promised)
}

// badPack blames the server, but for what ends with its context.
func badPack(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
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

func (r *Repo) hasPack(h Hash) bool {
	_, err := os.Stat(r.path("objects/pack/pack-" + h.String() + ".pack"))
	return err == nil
}

// RemovePack takes back what [Repo.AddPack] has added, of a pack that turned out to be of no use. Nothing may point to
// its objects.
func (r *Repo) RemovePack(h Hash) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.reload()
	r.objects.close()
	for _, suffix := range []string{".pack", ".idx", ".promisor"} { // readers go by the pack
		if err := os.Remove(r.path("objects/pack/pack-" + h.String() + suffix)); err != nil && !isNotExist(err) {
			return err
		}
	}
	return nil
}

// SweepTemp removes what interrupted calls of AddPack, and of those that move refs, have left behind, if it is older than the
// time given.
func (r *Repo) SweepTemp(before time.Time) {
	entries, err := os.ReadDir(r.path("objects/pack"))
	if err != nil {
		return
	}
	for _, e := range entries {
		partial := strings.HasPrefix(e.Name(), "tmp_pack_") || strings.HasPrefix(e.Name(), tempRef) || strings.HasPrefix(e.Name(), atomicfile.TempPrefix)
		if info, err := e.Info(); err == nil && partial && info.ModTime().Before(before) {
			os.Remove(r.path("objects/pack/" + e.Name()))
		}
	}
}
