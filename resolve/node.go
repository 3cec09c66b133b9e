package resolve

// nodeKind says what a node of the solver stands for.
type nodeKind uint8

const (
	bucketNode  nodeKind = iota // one version of a package's bucket; versions are its candidates, newest first
	featureNode                 // a feature of a bucket, or "dep:x"; the one version is "on"
	choiceNode                  // which bucket serves a requirement that spans several; versions are the options
)

// node is one variable. Its domain holds what is still possible; the bit after the last version is "absent".
type node struct {
	kind   nodeKind
	width  uint32
	size   int // versions
	head   int32
	domain set
	full   set // the domain before anything was decided

	expanded set // versions (of the owner, for a feature) whose clauses are made
	watchers []watcher

	pkg   *pkg // bucket: its package
	low   int  // bucket: index of its first candidate in pkg.usable
	feats []uint32

	owner   uint32 // feature, choice: the bucket it belongs to
	name    string // feature: its name; choice: the alias
	options []option

	depth  int32 // from a root
	direct bool  // a root depends on it
	score  int32 // how much earlier it is decided
	blamed int32 // how often it was in the way
	queued int32 // versions left when it was put into the queue last, 0 if it is not there
}

// option is a bucket with those of its versions that fulfil a requirement.
type option struct {
	node    uint32
	allowed set
}

// term is "node is one of set". In a clause, sets are never empty and never a whole domain.
type term struct {
	node uint32
	set  set
}

func (s *solver) newNode(n node) uint32 {
	n.width = widthOf(n.size)
	n.full = s.sets.span(n.width, 0, n.size+1)
	n.domain = n.full
	n.head = -1
	n.expanded = s.sets.fresh(n.width)
	s.nodes = append(s.nodes, n)
	s.slots = append(s.slots, -1)
	return uint32(len(s.nodes) - 1)
}

// satisfied reports whether t is certainly true.
func (s *solver) satisfied(t term) bool {
	n := &s.nodes[t.node]
	if n.width == 1 {
		return n.domain&^t.set == 0
	}
	return s.sets.within(n.width, n.domain, t.set)
}

// contradicted reports whether t is certainly false.
func (s *solver) contradicted(t term) bool {
	n := &s.nodes[t.node]
	if n.width == 1 {
		return n.domain&t.set == 0
	}
	return s.sets.apart(n.width, n.domain, t.set)
}

// needed reports whether a version of the node must be chosen.
func (s *solver) needed(id uint32) bool {
	n := &s.nodes[id]
	return !s.sets.has(n.width, n.domain, n.size)
}

// chosen is the one version left of a needed node, or -1.
func (s *solver) chosen(id uint32) int {
	n := &s.nodes[id]
	if n.width == 1 {
		if d := n.domain; d&(d-1) != 0 {
			return -1
		}
	} else if s.sets.count(n.width, n.domain) != 1 {
		return -1
	}
	if v := s.sets.first(n.width, n.domain, 0); v < n.size {
		return v
	}
	return -1
}

// is is the term that the node is version v.
func (s *solver) is(id uint32, v int) term {
	width := s.nodes[id].width
	return term{id, s.sets.with(width, s.sets.fresh(width), v)}
}

// oneOf is the term that the node is one of the versions.
func (s *solver) oneOf(id uint32, versions set) term { return term{id, versions} }

// noneOf is the term that the node is absent or a version that is not among these.
func (s *solver) noneOf(id uint32, versions set) term {
	n := &s.nodes[id]
	return term{id, s.sets.minus(n.width, n.full, versions)}
}

// absent is the term that no version of the node is chosen.
func (s *solver) absent(id uint32) term { return s.is(id, s.nodes[id].size) }

// candidate is version v of a bucket.
func (s *solver) candidate(id uint32, v int) *Candidate {
	n := &s.nodes[id]
	return n.pkg.usable[n.low+v]
}

// versionsWhere is the set of the bucket's versions that fulfil a condition.
func (s *solver) versionsWhere(id uint32, ok func(*Candidate) bool) set {
	n := &s.nodes[id]
	result := s.sets.fresh(n.width)
	for v, c := range n.pkg.usable[n.low : n.low+n.size] {
		if ok(c) {
			result = s.sets.with(n.width, result, v)
		}
	}
	return result
}
