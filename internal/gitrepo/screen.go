package gitrepo

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// screen goes over the pack once without keeping anything, and adds up the sizes that the objects announce.
func screen(f *os.File, size int64, limits PackLimits) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sc := packfile.NewScanner(f)
	_, count, err := sc.Header()
	if err != nil {
		return err
	}
	if count > limits.MaxObjects {
		return fmt.Errorf("%d objects: %w", count, ErrTooLarge)
	}
	var inflated int64
	for range count {
		n, err := announced(sc, limits.MaxObject)
		if err != nil {
			return err
		}
		if inflated += n; inflated > limits.MaxInflated {
			return fmt.Errorf("more than %d bytes unpacked: %w", limits.MaxInflated, ErrTooLarge)
		}
	}
	end, err := sc.SeekFromStart(0)
	if err == nil && end != size-sha1.Size {
		return errors.New("there are bytes after the last object")
	}
	return err
}

// announced returns what the next object weighs unpacked: its content or, for a delta, itself and what it makes.
func announced(sc *packfile.Scanner, maxObject int64) (int64, error) {
	header, err := sc.NextObjectHeader()
	if err != nil {
		return 0, err
	}
	if header.Length < 0 || header.Length > maxObject {
		return 0, fmt.Errorf("an object of %d bytes: %w", header.Length, ErrTooLarge)
	}
	var start prefix
	n, _, err := sc.NextObject(&start)
	if err == nil && n != header.Length { // longer ones fail in the scanner; go-git takes shorter ones, git does not
		err = fmt.Errorf("an object of %d bytes that announces %d", n, header.Length)
	}
	if err != nil || !header.Type.IsDelta() {
		return n, err
	}
	target, err := deltaTarget(start)
	if err != nil {
		return 0, err
	}
	if target > maxObject {
		return 0, fmt.Errorf("a delta that makes %d bytes: %w", target, ErrTooLarge)
	}
	return n + target, nil
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
