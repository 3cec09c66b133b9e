package resolve

import "math/bits"

// A set is a subset of a node's domain: one bit for each version, newest first, and one more for "absent". Up to 63
// versions the bits stand in the word itself (the node's width is 1); above, the word is an offset into the slab
// where width words stand. All operations need the width; sets of different nodes must not be mixed.
type set = uint64

// slab holds the words of wide sets. Sets are never changed once made, and never freed before the resolution ends.
type slab struct{ words []uint64 }

const wordBits = 64

// widthOf is the number of words for size versions and "absent".
func widthOf(size int) uint32 { return uint32((size + wordBits) / wordBits) }

func (b *slab) view(width uint32, s set) []uint64 { return b.words[s : s+set(width)] }

// fresh makes an empty set that its caller may fill through view before anybody else sees it.
func (b *slab) fresh(width uint32) set {
	if width == 1 {
		return 0
	}
	offset := len(b.words)
	for range width {
		b.words = append(b.words, 0)
	}
	return set(offset)
}

// span is the set of the bits from low to below high.
func (b *slab) span(width uint32, low, high int) set {
	if width == 1 {
		return (1<<uint(high-low) - 1) << uint(low)
	}
	s := b.fresh(width)
	words := b.view(width, s)
	for i := low; i < high; i++ {
		words[i/wordBits] |= 1 << (i % wordBits)
	}
	return s
}

// with adds one bit to a set that is still its caller's own.
func (b *slab) with(width uint32, s set, bit int) set {
	if width == 1 {
		return s | 1<<uint(bit)
	}
	b.words[int(s)+bit/wordBits] |= 1 << (bit % wordBits)
	return s
}

func (b *slab) has(width uint32, s set, bit int) bool {
	if width == 1 {
		return s>>uint(bit)&1 == 1
	}
	return b.words[int(s)+bit/wordBits]>>(bit%wordBits)&1 == 1
}

// within reports whether x is a subset of y.
func (b *slab) within(width uint32, x, y set) bool {
	if width == 1 {
		return x&^y == 0
	}
	for i := range set(width) {
		if b.words[x+i]&^b.words[y+i] != 0 {
			return false
		}
	}
	return true
}

// apart reports whether x and y share nothing.
func (b *slab) apart(width uint32, x, y set) bool {
	if width == 1 {
		return x&y == 0
	}
	for i := range set(width) {
		if b.words[x+i]&b.words[y+i] != 0 {
			return false
		}
	}
	return true
}

func (b *slab) minus(width uint32, x, y set) set {
	if width == 1 {
		return x &^ y
	}
	s := b.fresh(width)
	for i := range set(width) {
		b.words[s+i] = b.words[x+i] &^ b.words[y+i]
	}
	return s
}

func (b *slab) both(width uint32, x, y set) set {
	if width == 1 {
		return x & y
	}
	s := b.fresh(width)
	for i := range set(width) {
		b.words[s+i] = b.words[x+i] & b.words[y+i]
	}
	return s
}

func (b *slab) either(width uint32, x, y set) set {
	if width == 1 {
		return x | y
	}
	s := b.fresh(width)
	for i := range set(width) {
		b.words[s+i] = b.words[x+i] | b.words[y+i]
	}
	return s
}

func (b *slab) empty(width uint32, s set) bool {
	if width == 1 {
		return s == 0
	}
	for _, word := range b.view(width, s) {
		if word != 0 {
			return false
		}
	}
	return true
}

func (b *slab) count(width uint32, s set) int {
	if width == 1 {
		return bits.OnesCount64(s)
	}
	n := 0
	for _, word := range b.view(width, s) {
		n += bits.OnesCount64(word)
	}
	return n
}

// first is the lowest bit at or after from, or -1.
func (b *slab) first(width uint32, s set, from int) int {
	if width == 1 {
		if rest := s >> uint(from) << uint(from); rest != 0 && from < wordBits {
			return bits.TrailingZeros64(rest)
		}
		return -1
	}
	for i := from / wordBits; i < int(width); i++ {
		word := b.words[int(s)+i]
		if i == from/wordBits {
			word = word >> (from % wordBits) << (from % wordBits)
		}
		if word != 0 {
			return i*wordBits + bits.TrailingZeros64(word)
		}
	}
	return -1
}
