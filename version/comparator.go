package version

import (
	"cmp"
	"fmt"
	"math"
)

// matches reports whether v fulfils the comparator, before the rule on pre-releases. It follows the evaluation of
// the semver crate that Cargo uses, so that a requirement copied from a Cargo.toml keeps its meaning.
func (c comparator) matches(v Version) bool {
	switch c.op {
	case exact, wildcard:
		return c.compareParts(v) == 0 && comparePre(v.pre, c.v.pre) == 0
	case greater:
		return c.exceededBy(v)
	case greaterEqual:
		return c.exceededBy(v) || c.compareParts(v) == 0 && comparePre(v.pre, c.v.pre) == 0
	case less:
		return c.undercutBy(v)
	case lessEqual:
		return c.undercutBy(v) || c.compareParts(v) == 0 && comparePre(v.pre, c.v.pre) == 0
	case tilde:
		return c.matchesTilde(v)
	default:
		return c.matchesCaret(v)
	}
}

// compareParts compares v with the parts that the comparator has: 0 where they agree as far as they go.
func (c comparator) compareParts(v Version) int {
	order := 0
	if c.parts > 0 {
		order = cmp.Compare(v.Major(), c.v.Major())
	}
	if order == 0 && c.parts > 1 {
		order = cmp.Compare(v.Minor(), c.v.Minor())
	}
	if order == 0 && c.parts > 2 {
		order = cmp.Compare(v.Patch(), c.v.Patch())
	}
	return order
}

// exceededBy is ">": a version that agrees with a partial comparator does not exceed it.
func (c comparator) exceededBy(v Version) bool {
	if order := c.compareParts(v); order != 0 {
		return order > 0
	}
	return c.parts == 3 && comparePre(v.pre, c.v.pre) > 0
}

// undercutBy is "<".
func (c comparator) undercutBy(v Version) bool {
	if order := c.compareParts(v); order != 0 {
		return order < 0
	}
	return c.parts == 3 && comparePre(v.pre, c.v.pre) < 0
}

func (c comparator) matchesTilde(v Version) bool {
	if v.Major() != c.v.Major() || c.parts > 1 && v.Minor() != c.v.Minor() {
		return false
	}
	if c.parts < 3 {
		return true
	}
	if v.Patch() != c.v.Patch() {
		return v.Patch() > c.v.Patch()
	}
	return comparePre(v.pre, c.v.pre) >= 0
}

func (c comparator) matchesCaret(v Version) bool {
	if v.Major() != c.v.Major() {
		return false
	}
	if c.parts == 1 {
		return true
	}
	if c.parts == 2 {
		if c.v.Major() > 0 {
			return v.Minor() >= c.v.Minor()
		}
		return v.Minor() == c.v.Minor()
	}
	if v.Bucket() != c.v.Bucket() {
		return false
	}
	return v.Compare(c.v) >= 0
}

// narrow keeps the interval [lo, hi] that holds every match of the comparators seen so far. It may hold versions
// that do not match (pre-releases only), never the other way round.
func (r *requirement) narrow(c comparator) {
	switch c.op {
	case exact, wildcard, tilde:
		r.atLeast(c.floor(), true)
		r.below(c.ceiling())
	case caret:
		r.atLeast(c.floor(), true)
		r.below(c.caretCeiling())
	case greaterEqual:
		r.atLeast(c.floor(), true)
	case greater:
		if c.parts == 3 {
			r.atLeast(c.v, false)
		} else {
			limit, ok := c.ceiling()
			if !ok {
				// Nothing lies above the greatest number there is.
				limit = MustParse(fmt.Sprintf("%d.%d.%d", uint64(math.MaxUint64), uint64(math.MaxUint64), uint64(math.MaxUint64)))
			}
			r.atLeast(limit, true)
		}
	case less:
		if c.parts == 3 {
			r.atMost(c.v, false)
		} else {
			r.atMost(c.floor(), false)
		}
	case lessEqual:
		if c.parts == 3 {
			r.atMost(c.v, true)
		} else {
			r.below(c.ceiling())
		}
	}
}

// floor is the least version that agrees with the comparator's parts; for a partial one that is a pre-release.
func (c comparator) floor() Version {
	if c.parts == 3 {
		return c.v
	}
	return leastPre(c.v.Major(), c.v.Minor(), c.v.Patch())
}

// ceiling is the least version above all that agree with the comparator's parts; an exact or tilde comparator with
// three parts ends with its minor. It is not there when a number would overflow.
func (c comparator) ceiling() (Version, bool) {
	switch {
	case c.parts == 1:
		return nextOf(c.v.Major(), func(n uint64) Version { return leastPre(n, 0, 0) })
	case c.op == exact && c.parts == 3:
		return nextOf(c.v.Patch(), func(n uint64) Version { return leastPre(c.v.Major(), c.v.Minor(), n) })
	default:
		return nextOf(c.v.Minor(), func(n uint64) Version { return leastPre(c.v.Major(), n, 0) })
	}
}

func (c comparator) caretCeiling() (Version, bool) {
	switch {
	case c.v.Major() > 0 || c.parts == 1:
		return nextOf(c.v.Major(), func(n uint64) Version { return leastPre(n, 0, 0) })
	case c.v.Minor() > 0 || c.parts == 2:
		return nextOf(c.v.Minor(), func(n uint64) Version { return leastPre(0, n, 0) })
	default:
		return nextOf(c.v.Patch(), func(n uint64) Version { return leastPre(0, 0, n) })
	}
}

func nextOf(n uint64, make func(uint64) Version) (Version, bool) {
	if n == math.MaxUint64 {
		return Version{}, false
	}
	return make(n + 1), true
}

// leastPre is the first version of a triple: "-0" is the least pre-release that can be written.
func leastPre(major, minor, patch uint64) Version {
	return MustParse(fmt.Sprintf("%d.%d.%d-0", major, minor, patch))
}

func (r *requirement) atLeast(v Version, inclusive bool) {
	if r.lo.set {
		switch c := v.Compare(r.lo.v); {
		case c < 0, c == 0 && inclusive:
			return
		}
	}
	r.lo = bound{v: v, inclusive: inclusive, set: true}
}

func (r *requirement) below(v Version, ok bool) {
	if ok {
		r.atMost(v, false)
	}
}

func (r *requirement) atMost(v Version, inclusive bool) {
	if r.hi.set {
		switch c := v.Compare(r.hi.v); {
		case c > 0, c == 0 && inclusive:
			return
		}
	}
	r.hi = bound{v: v, inclusive: inclusive, set: true}
}
