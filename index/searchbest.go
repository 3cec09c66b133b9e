package index

import (
	"bytes"
	"cmp"
	"slices"
)

// hit is a row that was found: the n-th of a part; 0 is the best rank.
type hit struct {
	part, n, rank int
	updated       int64
	name          []byte // folded
}

// before orders hits as a query asks; ties are in the order of names.
func (q *Query) before(a, b *hit) int {
	order := 0
	switch q.Sort {
	case "name":
	case "updated":
		order = cmp.Compare(b.updated, a.updated)
	default:
		order = cmp.Compare(a.rank, b.rank)
	}
	return cmp.Or(order, bytes.Compare(a.name, b.name))
}

// best counts hits, and keeps the first of them: a word that is in every second row makes no work for rows that nobody
// sees.
type best struct {
	query Query
	most  int // hits that are kept
	total int
	hits  []hit // those, in order after cut, and further ones up to as many again
	last  *hit  // the last one of those that are kept; nil as long as all are
}

func (b *best) empty() best { return best{query: b.query, most: b.most} }

// add counts a hit; it copies the name where it keeps it.
func (b *best) add(h hit) {
	b.total++
	if b.most == 0 || b.last != nil && b.query.before(&h, b.last) >= 0 {
		return
	}
	h.name = bytes.Clone(h.name)
	if b.hits = append(b.hits, h); len(b.hits)/2 >= b.most {
		b.cut()
	}
}

// cut puts the hits in order, and drops those that are too many.
func (b *best) cut() {
	slices.SortFunc(b.hits, func(x, y hit) int { return b.query.before(&x, &y) })
	if len(b.hits) >= b.most && b.most > 0 {
		b.hits = b.hits[:b.most]
		last := b.hits[b.most-1]
		b.last = &last
	}
}
