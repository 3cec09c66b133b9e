package resolve

// decide chooses a version for a node that needs one, and reports whether there was one.
//
// What roots depend on comes first, in a fixed order; then other packages; choices between buckets that packages
// leave open come last, when it is known which buckets are used anyway.
func (s *solver) decide() bool {
	id, ok := s.nextDirect()
	if !ok {
		id, ok = s.nextOther()
	}
	if !ok {
		return false
	}
	v := s.pick(id)
	s.level++
	n := &s.nodes[id]
	s.assign(id, s.sets.with(n.width, s.sets.fresh(n.width), v), decided)
	return true
}

// undecided reports whether a node needs a version and has several.
func (s *solver) undecided(id uint32) bool { return s.needed(id) && s.chosen(id) < 0 }

// nextDirect is the first undecided node that a root depends on: a bucket, a choice, or the bucket that was chosen.
func (s *solver) nextDirect() (uint32, bool) {
	for ; s.directFrom < len(s.direct); s.directFrom++ {
		id := s.direct[s.directFrom]
		if s.undecided(id) {
			return id, true
		}
		if n := &s.nodes[id]; n.kind == choiceNode {
			if v := s.chosen(id); v >= 0 && s.undecided(n.options[v].node) {
				return n.options[v].node, true
			}
		}
	}
	return 0, false
}

// pick is the version to try first.
func (s *solver) pick(id uint32) int {
	if s.nodes[id].kind == choiceNode {
		return s.pickOption(id)
	}
	return s.best(id, s.nodes[id].domain)
}

// best is the version of a bucket to try first among some.
func (s *solver) best(id uint32, among set) int {
	n := &s.nodes[id]
	first, lowest := -1, s.wantsLowest(id)
	locked := s.locks.kept[n.pkg.id]
	rank := -1
	for v := s.sets.first(n.width, among, 0); v >= 0 && v < n.size; v = s.sets.first(n.width, among, v+1) {
		c := s.candidate(id, v)
		here := 0
		if s.req.Options.GalVersions != GalFallback || s.builds(c) {
			here = 1
		}
		if len(locked) > 0 && s.locks.keeps(n.pkg.id, c.Version) {
			here = 2
		}
		if here > rank || here == rank && lowest {
			first, rank = v, here
		}
		if rank == 2 || rank == 1 && len(locked) == 0 && !lowest {
			break
		}
	}
	return first
}

func (s *solver) wantsLowest(id uint32) bool {
	switch s.req.Options.Resolution {
	case Lowest:
		return true
	case LowestDirect:
		return s.isDirect(id)
	}
	return false
}

// isDirect reports whether a root depends on a node, or chose the bucket.
func (s *solver) isDirect(id uint32) bool {
	if s.nodes[id].direct {
		return true
	}
	for _, d := range s.direct {
		n := &s.nodes[d]
		if n.kind == choiceNode {
			if v := s.chosen(d); v >= 0 && n.options[v].node == id {
				return true
			}
		}
	}
	return false
}

// pickOption is the bucket to try first for a requirement that spans several.
func (s *solver) pickOption(id uint32) int {
	n := &s.nodes[id]
	best, rank := -1, -1
	for v := s.sets.first(n.width, n.domain, 0); v >= 0 && v < n.size; v = s.sets.first(n.width, n.domain, v+1) {
		here := s.rankOption(n, n.options[v])
		if here > rank || here == rank && s.wantsLowest(id) {
			best, rank = v, here
		}
	}
	return best
}

// rankOption: the version that was asked for by name, then (for what no root wrote) a bucket that is in the graph, then
// a locked one, then one that the roots' gal-version can build.
func (s *solver) rankOption(n *node, o option) int {
	rank := 0
	target := &s.nodes[o.node]
	width := target.width
	possible := s.sets.both(width, target.domain, o.allowed)
	c := s.candidate(o.node, s.best(o.node, possible))
	if s.req.Options.GalVersions != GalFallback || s.builds(c) {
		rank |= 1
	}
	if s.locks.keeps(target.pkg.id, c.Version) {
		rank |= 2
	}
	if !n.direct && s.needed(o.node) {
		rank |= 4
	}
	if v, ok := s.req.Options.Precise[target.pkg.id.Name]; ok && v.Equal(c.Version) {
		rank |= 8
	}
	return rank
}
