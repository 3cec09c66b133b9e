package gitrepo

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// completePack makes a thin pack stand for itself, as `git index-pack --fix-thin` does: the objects that its deltas are
// made against are put behind its own, each as a whole, with a new count and checksum. It returns all objects, and sets the
// pack's new name in info. An object that is nowhere is an error.
func (r *Repo) completePack(ctx context.Context, f *os.File, info *PackInfo, c content, limits PackLimits) ([]indexed, error) {
	end := info.Bytes - sha1.Size
	bases := unique(slices.Clone(c.bases))
	for range 2 {
		added, err := r.appendBases(f, end, bases, c, limits)
		if err != nil {
			return nil, err
		}
		if info.Hash, err = reseal(f, end, c.count+uint32(len(added))); err != nil {
			return nil, err
		}
		objects, err := indexPack(ctx, f)
		if err != nil {
			return nil, err
		}
		// A base can be here and in the pack: then that in the pack will do.
		given := len(bases)
		for _, o := range objects {
			if o.at < end && added[o.hash] {
				bases = slices.DeleteFunc(bases, func(h Hash) bool { return h == o.hash })
			}
		}
		if len(bases) == given {
			return objects, nil
		}
	}
	return nil, errDouble
}

// appendBases writes those of the objects that the repository has from offset end on, and returns them.
func (r *Repo) appendBases(f *os.File, end int64, bases []Hash, c content, limits PackLimits) (map[Hash]bool, error) {
	if err := f.Truncate(end); err != nil {
		return nil, err
	}
	if _, err := f.Seek(end, io.SeekStart); err != nil {
		return nil, err
	}
	w := bufio.NewWriter(f)
	added := map[Hash]bool{}
	for _, h := range bases {
		if !r.Has(h) {
			continue // it is in the pack itself, or the pack cannot be unpacked
		}
		kind, data, err := r.read(h, limits.MaxObject)
		if err != nil {
			return nil, err
		}
		if c.inflated += int64(len(data)); c.inflated > limits.MaxInflated {
			return nil, fmt.Errorf("more than %d bytes unpacked: %w", limits.MaxInflated, ErrTooLarge)
		}
		if err := writePacked(w, kind, data); err != nil {
			return nil, err
		}
		added[h] = true
	}
	return added, w.Flush()
}

// writePacked writes an object as a pack holds it: type and length in base 128, the first byte with four bits of the
// length, then the content, compressed.
func writePacked(w *bufio.Writer, kind plumbing.ObjectType, data []byte) error {
	var head bytes.Buffer
	n := len(data)
	b := byte(kind)<<4 | byte(n&15)
	for n >>= 4; n > 0; n >>= 7 {
		head.WriteByte(b | 0x80)
		b = byte(n & 0x7f)
	}
	head.WriteByte(b)
	if _, err := w.Write(head.Bytes()); err != nil {
		return err
	}
	z := zlib.NewWriter(w)
	if _, err := z.Write(data); err != nil {
		return err
	}
	return z.Close()
}

// reseal sets the number of objects in the header and appends the checksum, which it returns.
func reseal(f *os.File, end int64, count uint32) (Hash, error) {
	const countAt = 8 // behind "PACK" and the version
	if _, err := f.WriteAt(binary.BigEndian.AppendUint32(nil, count), countAt); err != nil {
		return Hash{}, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return Hash{}, err
	}
	var sum hash.Hash = sha1.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil {
		return Hash{}, err
	}
	h := Hash(sum.Sum(nil))
	_, err = f.Write(h[:])
	return h, err
}
