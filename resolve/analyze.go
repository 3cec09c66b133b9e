package resolve

// Conflict analysis. A broken clause is resolved with the causes of its terms, latest first, until only one term
// belongs to the latest level it needs: that is a clause which would have prevented the conflict, and it is learned.
//
// If A and B are clauses with the terms {n in X, ...} and {n in Y, ...}, then {n in X or Y, ...} holds as well; where
// X or Y is n's whole domain, that term is dropped. All steps are kept: they are the proof.

// step is one resolution: with a clause, over a node.
type step struct {
	clause int32
	node   uint32
}

// proof is how a learned clause follows from earlier ones.
type proof struct {
	first int32 // the clause that was broken
	steps []step
}

// openTerm is a term of the clause in the making, with the assignment that made it true.
type openTerm struct {
	term
	at int32
}

// learn turns a broken clause into progress: it jumps back and makes one term of the learned clause false. It reports
// false when the clause breaks with no decision at all; final is then the proof that there is no solution.
func (s *solver) learn(broken int32) (ok bool, final proof) {
	p := proof{first: broken}
	for _, t := range s.termsOf(broken) {
		s.include(t)
	}
	for {
		top, below, alone := s.latest()
		if top < 0 {
			return false, p
		}
		a := s.trail[s.making[top].at]
		if a.level > 0 && (alone || a.cause == decided) {
			asserted := s.making[top].term
			s.forgetFloor(&p)
			s.shorten(&p, asserted.node)
			if _, lower, _ := s.latest(); len(p.steps) > 0 {
				below = lower
			}
			s.settle(asserted, below, p)
			return true, proof{}
		}
		s.blame(a.node)
		p.steps = append(p.steps, step{a.cause, a.node})
		s.resolveWith(top, a)
	}
}

// forgetFloor resolves the terms away that are true without any decision: they would make the clause longer, and never
// matter.
func (s *solver) forgetFloor(p *proof) {
	for {
		top := -1
		for i := range s.making {
			if s.trail[s.making[i].at].level == 0 && (top < 0 || s.making[i].at > s.making[top].at) {
				top = i
			}
		}
		if top < 0 {
			return
		}
		a := s.trail[s.making[top].at]
		p.steps = append(p.steps, step{a.cause, a.node})
		s.resolveWith(top, a)
	}
}

// shorten resolves with causes that add nothing: all their other terms are in the clause already, as narrow or
// narrower. Each such step only makes the clause say more.
func (s *solver) shorten(p *proof, keep uint32) {
	for i := 0; i < len(s.making); i++ {
		m := s.making[i]
		if a := s.trail[m.at]; m.node != keep && a.cause != decided && s.covered(a) {
			p.steps = append(p.steps, step{a.cause, a.node})
			s.resolveWith(i, a)
			i = -1
		}
	}
}

// covered reports whether the reasons for an assignment are part of the clause in the making.
func (s *solver) covered(a assignment) bool {
	for _, t := range s.termsOf(a.cause) {
		if t.node == a.node {
			continue
		}
		at := s.slots[t.node]
		if at < 0 || !s.sets.within(s.nodes[t.node].width, s.making[at].set, t.set) {
			return false
		}
	}
	return true
}

// latest finds the term that became true last, the level the others need, and whether it is alone on its level.
func (s *solver) latest() (top int, below int32, alone bool) {
	top = -1
	for i := range s.making {
		if top < 0 || s.making[i].at > s.making[top].at {
			top = i
		}
	}
	if top < 0 {
		return -1, 0, false
	}
	for i := range s.making {
		if i != top {
			below = max(below, s.trail[s.making[i].at].level)
		}
	}
	return top, below, below < s.trail[s.making[top].at].level
}

// include adds a term to the clause in the making; a second term on a node narrows the first.
func (s *solver) include(t term) {
	if at := s.slots[t.node]; at >= 0 {
		m := &s.making[at]
		m.set = s.sets.both(s.nodes[t.node].width, m.set, t.set)
		m.at = s.satisfier(m.term)
		return
	}
	s.slots[t.node] = int32(len(s.making))
	s.making = append(s.making, openTerm{t, s.satisfier(t)})
}

// resolveWith replaces a term by the reasons for its latest assignment.
func (s *solver) resolveWith(top int, a assignment) {
	n := &s.nodes[a.node]
	for _, t := range s.termsOf(a.cause) {
		if t.node != a.node {
			s.include(t)
			continue
		}
		m := &s.making[top]
		m.set = s.sets.either(n.width, m.set, t.set)
		if !s.sets.within(n.width, n.full, m.set) {
			m.at = s.satisfier(m.term)
			continue
		}
		s.drop(top)
		top = -1
	}
}

func (s *solver) drop(i int) {
	last := len(s.making) - 1
	s.slots[s.making[i].node] = -1
	if i != last {
		s.making[i] = s.making[last]
		s.slots[s.making[i].node] = int32(i)
	}
	s.making = s.making[:last]
}

// settle jumps back to where the learned clause leaves one way, and goes it.
func (s *solver) settle(asserted term, below int32, p proof) {
	terms := s.scratch[:0]
	for _, m := range s.making {
		terms = append(terms, m.term)
		s.slots[m.node] = -1
	}
	s.scratch = terms
	s.making = s.making[:0]
	s.blame(asserted.node)
	s.jumpBack(below)
	if len(p.steps) == 0 {
		s.exclude(asserted, p.first)
		return
	}
	s.proofs = append(s.proofs, p)
	s.addClause(clause{fact: -1, proof: int32(len(s.proofs) - 1)}, terms)
}
