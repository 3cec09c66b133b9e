package resolve

import "slices"

// clause is a set of terms that cannot all be true. Its terms stand in one array, so that propagation walks memory
// in order and the garbage collector has nothing to look at.
type clause struct {
	start, length int32
	fact          int32 // index into facts, or -1 for a clause that was learned
	proof         int32 // where a learned clause's proof stands
}

// watcher is a clause that watches a node, with the set of its term: most visits end with a look at the set.
type watcher struct {
	set    set
	clause int32
}

// watch has a clause visited when the node of one of its first two terms changes.
func (s *solver) watch(t term, clause int32) {
	n := &s.nodes[t.node]
	n.watchers = append(n.watchers, watcher{t.set, clause})
}

// late is a clause that was made after it could have been used: at a level above that of the terms that make it
// sharp. Every jump back to that level or above must look at it again.
type late struct {
	clause int32
	level  int32
}

func (s *solver) termsOf(c int32) []term {
	cl := &s.clauses[c]
	return s.terms[cl.start : cl.start+cl.length]
}

// addFact makes a clause from what the source or a root says, and returns whether it is broken already. A clause that
// says nothing (one of its terms can never be true) is dropped.
func (s *solver) addFact(f fact, terms ...term) {
	terms, possible := s.normalised(terms)
	if !possible {
		return
	}
	s.facts = append(s.facts, f)
	s.addClause(clause{fact: int32(len(s.facts) - 1), proof: -1}, terms)
}

// normalised joins terms on one node, and drops those that are always true.
func (s *solver) normalised(terms []term) (joined []term, possible bool) {
	joined = s.scratch[:0]
	for _, t := range terms {
		at := slices.IndexFunc(joined, func(u term) bool { return u.node == t.node })
		if at < 0 {
			joined = append(joined, t)
			continue
		}
		joined[at].set = s.sets.both(s.nodes[t.node].width, joined[at].set, t.set)
	}
	s.scratch = joined
	kept := joined[:0]
	for _, t := range joined {
		n := &s.nodes[t.node]
		if s.sets.empty(n.width, t.set) {
			return nil, false
		}
		if !s.sets.within(n.width, n.full, t.set) {
			kept = append(kept, t)
		}
	}
	return kept, true
}

// addClause stores a clause, watches two of its terms, and uses it at once where it leaves only one way.
//
// The watched terms are those that are not true yet, else those that became true last: whatever jump back makes the
// clause interesting again makes one of them false first.
func (s *solver) addClause(cl clause, terms []term) int32 {
	id := int32(len(s.clauses))
	cl.start, cl.length = int32(len(s.terms)), int32(len(terms))
	s.terms = append(s.terms, terms...)
	s.clauses = append(s.clauses, cl)
	stored := s.termsOf(id)
	open := s.bringWatchesForward(stored)
	for i := range min(2, len(stored)) {
		s.watch(stored[i], id)
	}
	if open >= 2 {
		return id
	}
	level := int32(0)
	if len(stored) > 1 {
		level = s.levelOf(stored[1])
	}
	if open == 0 || level < s.level {
		s.late = append(s.late, late{id, level})
	}
	if open == 1 {
		s.exclude(stored[0], id)
	} else if s.broken < 0 {
		s.broken = id
	}
	return id
}

// bringWatchesForward puts the two best terms to watch first, and returns how many terms are not true, up to two.
func (s *solver) bringWatchesForward(terms []term) int {
	open := 0
	for i := range min(2, len(terms)) {
		best, bestAt := i, int32(-1)
		for j := i; j < len(terms); j++ {
			if !s.satisfied(terms[j]) {
				best, open = j, open+1
				break
			}
			if at := s.satisfier(terms[j]); at > bestAt {
				best, bestAt = j, at
			}
		}
		terms[i], terms[best] = terms[best], terms[i]
	}
	return open
}

// levelOf is the level at which a true term became true.
func (s *solver) levelOf(t term) int32 {
	if at := s.satisfier(t); at >= 0 {
		return s.trail[at].level
	}
	return 0
}
