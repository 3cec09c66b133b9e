package gitrepo

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// content is what a pack announces.
type content struct {
	count    uint32
	inflated int64  // bytes of all objects, unpacked
	bases    []Hash // what deltas name as their base by id, in the order of the pack; it may be in the pack or not
}

// screen goes over the pack once without keeping anything, and adds up the sizes that the objects announce.
func screen(f *os.File, size int64, limits PackLimits) (content, error) {
	var c content
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return c, err
	}
	sc := packfile.NewScanner(f)
	_, count, err := sc.Header()
	if err != nil {
		return c, err
	}
	if count > limits.MaxObjects {
		return c, fmt.Errorf("%d objects: %w", count, ErrTooLarge)
	}
	c.count = count
	for range count {
		n, base, err := announced(sc, limits.MaxObject)
		if err != nil {
			return c, err
		}
		if !base.IsZero() {
			c.bases = append(c.bases, base)
		}
		if c.inflated += n; c.inflated > limits.MaxInflated {
			return c, fmt.Errorf("more than %d bytes unpacked: %w", limits.MaxInflated, ErrTooLarge)
		}
	}
	end, err := sc.SeekFromStart(0)
	if err == nil && end != size-sha1.Size {
		return c, errors.New("there are bytes after the last object")
	}
	return c, err
}

// announced returns what the next object weighs unpacked: its content or, for a delta, itself and what it makes. Of a
// delta against an object that is named by its id it returns that id.
func announced(sc *packfile.Scanner, maxObject int64) (int64, Hash, error) {
	header, err := sc.NextObjectHeader()
	if err != nil {
		return 0, Hash{}, err
	}
	if header.Length < 0 || header.Length > maxObject {
		return 0, Hash{}, fmt.Errorf("an object of %d bytes: %w", header.Length, ErrTooLarge)
	}
	base := header.Reference // the scanner reuses the header
	delta := header.Type.IsDelta()
	length := header.Length
	var start prefix
	n, _, err := sc.NextObject(&start)
	if err == nil && n != length { // longer ones fail in the scanner; go-git takes shorter ones, git does not
		err = fmt.Errorf("an object of %d bytes that announces %d", n, length)
	}
	if err != nil || !delta {
		return n, Hash{}, err
	}
	target, err := deltaTarget(start)
	if err != nil {
		return 0, Hash{}, err
	}
	if target > maxObject {
		return 0, Hash{}, fmt.Errorf("a delta that makes %d bytes: %w", target, ErrTooLarge)
	}
	return n + target, base, nil
}

// prefix keeps the first bytes that are written to it, enough for the two numbers that begin a delta.
type prefix []byte

func (p *prefix) Write(data []byte) (int, error) {
	if room := 20 - len(*p); room > 0 {
		*p = append(*p, data[:min(room, len(data))]...)
	}
	return len(data), nil
}

// deltaTarget reads the size that a delta makes: the second of two little-endian base-128 numbers.
func deltaTarget(start []byte) (int64, error) {
	var value int64
	for range 2 {
		value = 0
		for shift := 0; ; shift += 7 {
			if len(start) == 0 || shift > 49 {
				return 0, errors.New("a delta has a malformed size")
			}
			b := start[0]
			start = start[1:]
			value |= int64(b&0x7f) << shift
			if b < 0x80 {
				break
			}
		}
	}
	return value, nil
}
