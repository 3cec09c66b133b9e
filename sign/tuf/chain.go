package tuf

import (
	"slices"
	"time"
)

// Chain returns the roots of a registry up to one that is trusted, the oldest first: as far back as each says which one
// was before it, and beyond that, for roots that do not say so, from the one with the fingerprint first, which the client
// has trusted and come from. Older returns the file of a root by its version, nil where it is not at hand; it is believed
// nothing. Roots before those cannot be proved and are not in the list.
//
// Errors: fault.Integrity "metadata-mismatch" for a file that is missing or another, "root-invalid", "metadata-malformed".
func Chain(trusted []byte, first string, older func(version int64) []byte) ([]*Root, error) {
	newest, err := ParseRoot(trusted)
	if err != nil {
		return nil, err
	}
	chain := []*Root{newest} // the newest first
	oldest, data := newest, trusted
	for oldest.Before != "" {
		path := RootPath(oldest.Version - 1)
		if data = older(oldest.Version - 1); data == nil {
			return nil, mismatch(path, "root %d names it, and the host does not have it", oldest.Version)
		}
		if got := Fingerprint(data); got != oldest.Before {
			return nil, mismatch(path, "digest   %s", got).WithFact("expected %s, which root %d names", oldest.Before, oldest.Version)
		}
		before, err := ParseRoot(data)
		if err != nil {
			return nil, err
		}
		if before.Version != oldest.Version-1 || before.LogSize > oldest.LogSize {
			return nil, rootInvalid("root %d names a root of version %d, at %d lines of the log, as the one before it", oldest.Version, before.Version, before.LogSize)
		}
		chain, oldest = append(chain, before), before
	}
	more, err := forwards(first, oldest, older)
	slices.Reverse(chain)
	return append(more, chain...), err
}

// forwards proves the roots from the one that was trusted first up to, and without, the one at which the way back ends.
func forwards(first string, last *Root, older func(version int64) []byte) ([]*Root, error) {
	begin := last.Version - 1
	for ; begin > 0; begin-- {
		if data := older(begin); data != nil && Fingerprint(data) == first {
			break
		}
	}
	if begin == 0 || last.Fingerprint == first {
		return nil, nil
	}
	c, err := Start(State{Root: older(begin)}, time.Time{})
	if err != nil {
		return nil, err
	}
	roots := []*Root{c.Trusted()}
	for v := begin + 1; v < last.Version; v++ {
		data := older(v)
		if data == nil {
			return nil, mismatch(RootPath(v), "the host does not have it")
		}
		if err := c.Root(data); err != nil {
			return nil, err
		}
		roots = append(roots, c.Trusted())
	}
	return roots, nil
}
