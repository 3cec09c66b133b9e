package resolve

import "encoding/binary"

// waiting is an entry of the queue of decisions. Entries are never changed: when a node's domain or score changes, a
// new entry is pushed, and the old one is thrown away when it comes up.
type waiting struct {
	order uint64 // kind, score, versions left and depth, most important first; see orderOf
	name  uint64 // the first bytes of the name: most ties end here
	node  uint32
	left  int32 // versions still possible
	score int32
}

// The widths of the parts of an order, in bits; what does not fit counts as the greatest that does.
const (
	scoreBits = 20
	leftBits  = 20
	depthBits = 20
)

// orderOf packs what decides first: packages before choices between buckets, what was in the way of others first, then
// what has the least room, then what is nearer to a root.
func orderOf(n *node, left int32) uint64 {
	const maxScore, maxLeft, maxDepth = 1<<scoreBits - 1, 1<<leftBits - 1, 1<<depthBits - 1
	order := uint64(n.kind)
	order = order<<scoreBits | uint64(maxScore-min(n.score, maxScore))
	order = order<<leftBits | uint64(min(left, maxLeft))
	return order<<depthBits | uint64(min(n.depth, maxDepth))
}

// prefixOf is the first eight bytes of a name, which order as the name does.
func prefixOf(name string) uint64 {
	var bytes [8]byte
	copy(bytes[:], name)
	return binary.BigEndian.Uint64(bytes[:])
}

// touch puts a node into the queue if it needs a decision now and is not there as it is.
func (s *solver) touch(id uint32) {
	n := &s.nodes[id]
	if n.kind == featureNode || !s.undecided(id) {
		return
	}
	left := int32(s.sets.count(n.width, n.domain))
	if n.queued == left {
		return
	}
	n.queued = left
	name := n.name
	if n.kind == bucketNode {
		name = n.pkg.id.Name
	}
	s.push(waiting{order: orderOf(n, left), name: prefixOf(name), node: id, left: left, score: n.score})
}

// blame counts that a node was in the way. Packages that are in the way again and again are decided earlier, so that
// what depends on them is known before much else is built on sand.
func (s *solver) blame(id uint32) {
	n := &s.nodes[id]
	if n.kind != bucketNode {
		return
	}
	n.blamed++
	if n.blamed%conflictThreshold != 0 {
		return
	}
	n.score++
	n.queued = 0
	s.touch(id)
	s.hintOlder(id)
}

// maxHinted bounds how many versions are looked at for hints, where one after the other is refused.
const maxHinted = 20

// hintOlder asks for what the versions depend on that will be tried next.
func (s *solver) hintOlder(id uint32) {
	n := &s.nodes[id]
	v := -1
	for range maxHinted {
		if v = s.sets.first(n.width, n.domain, v+1); v < 0 || v >= n.size {
			return
		}
		s.hint(s.candidate(id, v), false)
	}
}

// conflictThreshold is how many conflicts move a package forward in the order of decisions; uv uses the same number.
const conflictThreshold = 5

// nextOther takes the first undecided node out of the queue.
func (s *solver) nextOther() (uint32, bool) {
	for len(s.queue) > 0 {
		w := s.pop()
		n := &s.nodes[w.node]
		if n.queued == w.left {
			n.queued = 0
		}
		if !s.undecided(w.node) {
			continue
		}
		if w.score == n.score && w.left == int32(s.sets.count(n.width, n.domain)) {
			return w.node, true
		}
		s.touch(w.node)
	}
	return 0, false
}

// sooner orders decisions; the names only make the order the same every time.
func (s *solver) sooner(a, b *waiting) bool {
	if a.order != b.order {
		return a.order < b.order
	}
	if a.name != b.name {
		return a.name < b.name
	}
	x, y := &s.nodes[a.node], &s.nodes[b.node]
	switch {
	case x.kind == bucketNode && x.pkg != y.pkg:
		return x.pkg.id.Compare(y.pkg.id) < 0
	case x.kind == bucketNode:
		return x.low < y.low
	case x.name != y.name:
		return x.name < y.name
	}
	return a.node < b.node
}

// push and pop are those of a binary heap. They are written out because container/heap allocates for every entry.
func (s *solver) push(w waiting) {
	s.queue = append(s.queue, w)
	q := s.queue
	for i := len(q) - 1; i > 0; {
		parent := (i - 1) / 2
		if !s.sooner(&q[i], &q[parent]) {
			return
		}
		q[i], q[parent] = q[parent], q[i]
		i = parent
	}
}

func (s *solver) pop() waiting {
	q := s.queue
	top, last := q[0], len(q)-1
	q[0] = q[last]
	q = q[:last]
	s.queue = q
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < last && s.sooner(&q[child], &q[least]) {
				least = child
			}
		}
		if least == i {
			return top
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}
