package resolve

// assignment is one step of the trail: a node's domain became smaller, by a decision or because a clause left no
// other way.
type assignment struct {
	node   uint32
	cause  int32 // the clause, or decided
	level  int32 // decisions up to here
	before int32 // the node's assignment before this one, or -1
	domain set   // what is possible from here on
}

const decided = -1

// assign makes a node's domain smaller.
func (s *solver) assign(id uint32, domain set, cause int32) {
	n := &s.nodes[id]
	s.trail = append(s.trail, assignment{node: id, cause: cause, level: s.level, before: n.head, domain: domain})
	n.head = int32(len(s.trail) - 1)
	n.domain = domain
}

// exclude makes a term false because all other terms of the clause are true. A term that is false already stays so; if
// the term is true, the clause is broken.
func (s *solver) exclude(t term, cause int32) {
	n := &s.nodes[t.node]
	switch {
	case s.contradicted(t):
	case s.satisfied(t):
		if s.broken < 0 {
			s.broken = cause
		}
	default:
		s.assign(t.node, s.sets.minus(n.width, n.domain, t.set), cause)
	}
}

// satisfier is the index of the assignment that made a true term true.
func (s *solver) satisfier(t term) int32 {
	n := &s.nodes[t.node]
	at := n.head
	for at >= 0 {
		before := s.trail[at].before
		if before < 0 || !s.sets.within(n.width, s.trail[before].domain, t.set) {
			return at
		}
		at = before
	}
	return at
}

// jumpBack undoes all assignments above a level.
func (s *solver) jumpBack(level int32) {
	at := len(s.trail)
	for at > 0 && s.trail[at-1].level > level {
		at--
		a := &s.trail[at]
		n := &s.nodes[a.node]
		n.head = a.before
		if a.before < 0 {
			n.domain = n.full
		} else {
			n.domain = s.trail[a.before].domain
		}
		s.touch(a.node)
	}
	s.trail = s.trail[:at]
	s.level = level
	s.propagated = min(s.propagated, at)
	s.expandedTo = min(s.expandedTo, at)
	s.directFrom = 0
	s.broken = -1
	s.lookAtLate()
}

// lookAtLate uses clauses that were made too late to be found by their watches.
func (s *solver) lookAtLate() {
	kept := s.late[:0]
	for _, l := range s.late {
		if l.level > s.level {
			continue // two of its terms are open again: its watches see to it from here on
		}
		kept = append(kept, l)
		open, last := 0, term{}
		for _, t := range s.termsOf(l.clause) {
			if !s.satisfied(t) {
				open, last = open+1, t
			}
		}
		switch {
		case open == 1:
			s.exclude(last, l.clause)
		case open == 0 && s.broken < 0:
			s.broken = l.clause
		}
	}
	s.late = kept
}

// propagate draws all conclusions that single clauses allow, and returns a clause whose terms are all true, or -1.
func (s *solver) propagate() int32 {
	if c := s.broken; c >= 0 {
		s.broken = -1
		return c
	}
	for s.propagated < len(s.trail) {
		id := s.trail[s.propagated].node
		s.propagated++
		s.touch(id)
		if c := s.visitWatchers(id); c >= 0 {
			return c
		}
	}
	return -1
}

// visitWatchers looks at every clause that watches a node whose domain became smaller.
func (s *solver) visitWatchers(id uint32) int32 {
	watchers := s.nodes[id].watchers
	kept := 0
	for i := 0; i < len(watchers); i++ {
		w := watchers[i]
		moved, broken := false, false
		if s.satisfied(term{id, w.set}) {
			moved, broken = s.visit(w.clause, id)
		}
		if !moved {
			watchers[kept] = w
			kept++
		}
		if broken {
			kept += copy(watchers[kept:], watchers[i+1:])
			s.nodes[id].watchers = watchers[:kept]
			return w.clause
		}
	}
	s.nodes[id].watchers = watchers[:kept]
	return -1
}

// visit looks at a clause whose watched term on a node became true. It reports whether the clause is now watched
// elsewhere, or broken. If one term is left, it is made false.
func (s *solver) visit(c int32, id uint32) (moved, broken bool) {
	terms := s.termsOf(c)
	if len(terms) == 1 {
		return false, true
	}
	if terms[0].node != id {
		terms[0], terms[1] = terms[1], terms[0]
	}
	if s.contradicted(terms[1]) {
		return false, false
	}
	for j := 2; j < len(terms); j++ {
		if !s.satisfied(terms[j]) {
			terms[0], terms[j] = terms[j], terms[0]
			s.watch(terms[0], c)
			return true, false
		}
	}
	if s.satisfied(terms[1]) {
		return false, true
	}
	s.exclude(terms[1], c)
	return false, false
}
