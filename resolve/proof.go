package resolve

import "slices"

// derivation is a node of the proof that there is no solution: a fact, or what follows from two others.
type derivation struct {
	fact        *fact  // nil for a conclusion
	terms       []term // what cannot all be true
	left, right *derivation
	uses        int // how many conclusions are drawn from it
	number      int // in the text, 0 for none
	id          int // in the steps, from 1
}

// prover unfolds learned clauses into single resolutions. That roots must be there is taken for granted: no step
// resolves it, so what a root asks for stays a sentence about the root up to the end.
type prover struct {
	s     *solver
	known map[int32]*derivation
}

// prove returns the whole proof; its conclusion speaks of nothing but roots.
func (s *solver) prove() *derivation {
	p := prover{s: s, known: map[int32]*derivation{}}
	d := p.fold(s.final)
	count(d, map[*derivation]bool{})
	return d
}

// fold applies the steps of a proof one after another.
func (p *prover) fold(proof proof) *derivation {
	var d *derivation
	if !p.isRootFact(proof.first) {
		d = p.clause(proof.first)
	}
	for _, step := range proof.steps {
		if p.isRootFact(step.clause) {
			continue
		}
		if d == nil {
			d = p.clause(step.clause)
			continue
		}
		if !slices.ContainsFunc(d.terms, func(t term) bool { return t.node == step.node }) {
			continue
		}
		with := p.clause(step.clause)
		d = &derivation{terms: p.s.resolvent(d.terms, with.terms, step.node), left: d, right: with}
	}
	return d
}

func (p *prover) isRootFact(c int32) bool {
	at := p.s.clauses[c].fact
	return at >= 0 && p.s.facts[at].kind == factRoot
}

func (p *prover) clause(c int32) *derivation {
	if d, ok := p.known[c]; ok {
		return d
	}
	cl := p.s.clauses[c]
	var d *derivation
	if cl.fact >= 0 {
		d = &derivation{fact: &p.s.facts[cl.fact], terms: p.s.termsOf(c)}
	} else {
		d = p.fold(p.s.proofs[cl.proof])
	}
	p.known[c] = d
	return d
}

// resolvent joins two clauses over a node: either side's set of it, both sides' sets of all others.
func (s *solver) resolvent(a, b []term, over uint32) []term {
	var joined []term
	for _, t := range slices.Concat(a, b) {
		width := s.nodes[t.node].width
		at := slices.IndexFunc(joined, func(u term) bool { return u.node == t.node })
		switch {
		case at < 0:
			joined = append(joined, t)
		case t.node == over:
			joined[at].set = s.sets.either(width, joined[at].set, t.set)
		default:
			joined[at].set = s.sets.both(width, joined[at].set, t.set)
		}
	}
	return slices.DeleteFunc(joined, func(t term) bool {
		n := &s.nodes[t.node]
		return s.sets.within(n.width, n.full, t.set)
	})
}

// proofSize is the number of resolutions that the final proof rests on.
func (s *solver) proofSize() int {
	size := 0
	seen := map[int32]bool{}
	pending := []proof{s.final}
	for len(pending) > 0 {
		p := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		size += len(p.steps)
		for at := -1; at < len(p.steps); at++ {
			c := p.first
			if at >= 0 {
				c = p.steps[at].clause
			}
			if from := s.clauses[c].proof; from >= 0 && !seen[c] {
				seen[c] = true
				pending = append(pending, s.proofs[from])
			}
		}
	}
	return size
}

// count notes how often each derivation is used; what is used twice gets a number in the text.
func count(d *derivation, seen map[*derivation]bool) {
	d.uses++
	if seen[d] || d.left == nil {
		return
	}
	seen[d] = true
	count(d.left, seen)
	count(d.right, seen)
}
