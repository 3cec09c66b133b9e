package resolve

import (
	"cmp"
	"context"
	"iter"
	"slices"
)

// bucketNode returns the node of a bucket, made on first use.
func (s *solver) bucketNode(p *pkg, index int) uint32 {
	b := &p.buckets[index]
	if b.made {
		return b.node
	}
	b.node, b.made = s.newNode(node{kind: bucketNode, size: b.high - b.low, pkg: p, low: b.low, depth: s.depth + 1}), true
	s.claimLinks(b.node)
	if s.req.Options.Duplicates == DuplicatesDeny {
		s.denyDuplicates(p, index)
	}
	return b.node
}

// claimLinks forbids that two buckets claim one links value.
func (s *solver) claimLinks(id uint32) {
	n := &s.nodes[id]
	var values []string
	for v := range n.size {
		if link := s.candidate(id, v).Links; link != "" && !slices.Contains(values, link) {
			values = append(values, link)
		}
	}
	for _, value := range values {
		mine := s.versionsWhere(id, func(c *Candidate) bool { return c.Links == value })
		for _, other := range s.claims[value] {
			theirs := s.versionsWhere(other, func(c *Candidate) bool { return c.Links == value })
			f := fact{kind: factLinks, owner: id, versions: mine, other: other, others: theirs, wanted: value}
			s.addFact(f, s.oneOf(id, mine), s.oneOf(other, theirs))
		}
		s.claims[value] = append(s.claims[value], id)
	}
}

// denyDuplicates forbids that another bucket of the package stands beside this one.
func (s *solver) denyDuplicates(p *pkg, index int) {
	id := p.buckets[index].node
	mine := s.allVersions(id)
	for i, b := range p.buckets {
		if i != index && b.made {
			theirs := s.allVersions(b.node)
			f := fact{kind: factDuplicate, owner: id, versions: mine, other: b.node, others: theirs}
			s.addFact(f, s.oneOf(id, mine), s.oneOf(b.node, theirs))
		}
	}
}

func (s *solver) allVersions(id uint32) set {
	n := &s.nodes[id]
	return s.sets.span(n.width, 0, n.size)
}

// featureNode returns the node of a bucket's feature, made on first use; only versions that have it allow it.
func (s *solver) featureNode(owner uint32, name string) uint32 {
	for _, f := range s.nodes[owner].feats {
		if s.nodes[f].name == name {
			return f
		}
	}
	id := s.newNode(node{kind: featureNode, size: 1, owner: owner, name: name})
	s.nodes[id].expanded = s.sets.fresh(s.nodes[owner].width)
	s.nodes[owner].feats = append(s.nodes[owner].feats, id)
	have := s.versionsWhere(owner, func(c *Candidate) bool { return hasFeature(c, name) })
	f := fact{kind: factHas, owner: owner, versions: have, wanted: name}
	s.addFact(f, s.is(id, 0), s.noneOf(owner, have))
	return id
}

// expandNew makes the clauses of every version that was chosen since the last call, and of its features.
func (s *solver) expandNew(ctx context.Context) error {
	for s.expandedTo < len(s.trail) && s.broken < 0 {
		id := s.trail[s.expandedTo].node
		s.expandedTo++
		if s.chosen(id) < 0 {
			continue
		}
		switch n := &s.nodes[id]; n.kind {
		case bucketNode:
			if err := s.expandBucket(ctx, id, s.chosen(id)); err != nil {
				return err
			}
		case featureNode:
			if v := s.chosen(n.owner); v >= 0 {
				if err := s.expandFeature(ctx, id, v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *solver) expandBucket(ctx context.Context, id uint32, v int) error {
	s.depth = s.nodes[id].depth
	if n := &s.nodes[id]; !s.sets.has(n.width, n.expanded, v) {
		if err := s.expandVersion(ctx, id, v); err != nil {
			return err
		}
		n = &s.nodes[id]
		n.expanded = s.sets.either(n.width, n.expanded, s.sets.with(n.width, s.sets.fresh(n.width), v))
	}
	for i := 0; i < len(s.nodes[id].feats); i++ {
		if f := s.nodes[id].feats[i]; s.chosen(f) == 0 {
			if err := s.expandFeature(ctx, f, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// expandVersion makes the clauses of what a version depends on whatever its features.
func (s *solver) expandVersion(ctx context.Context, id uint32, v int) error {
	c, root := s.candidate(id, v), s.nodes[id].pkg.root
	s.hint(c, root != nil)
	for d := range inOrder(c.Dependencies) {
		if root == nil && (d.Optional || d.Kind == Dev) {
			continue
		}
		versions := s.versionsWhere(id, func(u *Candidate) bool { return hasDependency(u, d) })
		if err := s.require(ctx, claim{owner: id, versions: versions}, d); err != nil {
			return err
		}
	}
	if root != nil {
		return s.expandRootFeatures(ctx, id, c)
	}
	return nil
}

// expandRootFeatures turns on what all the features of a root ask of its dependencies; the root's own are all on.
func (s *solver) expandRootFeatures(ctx context.Context, id uint32, c *Candidate) error {
	for _, name := range sortedKeys(c.Features) {
		for _, text := range c.Features[name] {
			value := parseFeatureValue(c, text)
			for d := range inOrder(c.Dependencies) {
				if value.alias == "" || d.Alias != value.alias {
					continue
				}
				by := claim{owner: id, versions: s.allVersions(id), because: name}
				if err := s.want(ctx, by, d, value.feature); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// expandFeature makes the clauses of what a feature of a version turns on.
func (s *solver) expandFeature(ctx context.Context, feature uint32, v int) error {
	owner := s.nodes[feature].owner
	width := s.nodes[owner].width
	if s.nodes[owner].pkg.root != nil || s.sets.has(width, s.nodes[feature].expanded, v) {
		return nil
	}
	s.depth = s.nodes[owner].depth
	c, name := s.candidate(owner, v), s.nodes[feature].name
	if err := s.expandOptional(ctx, feature, c); err != nil {
		return err
	}
	for _, text := range valuesOf(c, name) {
		if err := s.expandValue(ctx, feature, c, text); err != nil {
			return err
		}
	}
	done := s.sets.with(width, s.sets.fresh(width), v)
	s.nodes[feature].expanded = s.sets.either(width, s.nodes[feature].expanded, done)
	return nil
}

// expandOptional makes the clauses of the dependencies that a "dep:x" node turns on.
func (s *solver) expandOptional(ctx context.Context, feature uint32, c *Candidate) error {
	owner, name := s.nodes[feature].owner, s.nodes[feature].name
	for d := range inOrder(c.Dependencies) {
		if !d.Optional || d.Kind == Dev || optionalName(d.Alias) != name {
			continue
		}
		versions := s.versionsWhere(owner, func(u *Candidate) bool { return hasDependency(u, d) })
		by := claim{owner: owner, versions: versions, feature: feature, because: name}
		if err := s.require(ctx, by, d); err != nil {
			return err
		}
	}
	return nil
}

// expandValue makes the clauses of one value of a feature.
func (s *solver) expandValue(ctx context.Context, feature uint32, c *Candidate, text string) error {
	owner, name := s.nodes[feature].owner, s.nodes[feature].name
	value := parseFeatureValue(c, text)
	same := func(u *Candidate) bool { return hasValue(u, name, text) && parseFeatureValue(u, text) == value }
	if value.alias == "" {
		s.turnOn(feature, s.versionsWhere(owner, same), value.feature)
		return nil
	}
	for d := range inOrder(c.Dependencies) {
		if d.Alias != value.alias || d.Kind == Dev {
			continue
		}
		versions := s.versionsWhere(owner, func(u *Candidate) bool { return same(u) && hasDependency(u, d) })
		by := claim{owner: owner, versions: versions, feature: feature, because: name}
		if d.Optional {
			by = s.turnOnOptional(by, d.Alias, value.weak)
		}
		if err := s.want(ctx, by, d, value.feature); err != nil {
			return err
		}
	}
	return nil
}

// turnOnOptional prepares `x/f` and `x?/f` for an optional dependency: the first turns x on, the second holds only
// where something else does.
func (s *solver) turnOnOptional(by claim, alias string, weak bool) claim {
	name := optionalName(alias)
	if weak {
		by.optional = s.featureNode(by.owner, name)
		return by
	}
	s.turnOn(by.feature, by.versions, name)
	named := s.sets.both(s.nodes[by.owner].width, by.versions,
		s.versionsWhere(by.owner, func(u *Candidate) bool { return hasFeature(u, alias) }))
	if !s.sets.empty(s.nodes[by.owner].width, named) {
		s.turnOn(by.feature, named, alias)
	}
	return by
}

// turnOn makes the clause: with this feature on, these versions of its owner have the other on too.
func (s *solver) turnOn(feature uint32, versions set, other string) {
	owner, name := s.nodes[feature].owner, s.nodes[feature].name
	if s.alreadySaid(claim{owner: owner, versions: versions, feature: feature}) {
		return
	}
	target := s.featureNode(owner, other)
	f := fact{kind: factTurnsOn, owner: owner, versions: versions, feature: name, wanted: other}
	s.addFact(f, s.is(feature, 0), s.oneOf(owner, versions), s.absent(target))
}

// inOrder goes through dependencies by kind, then alias, then package.
func inOrder(dependencies []Dependency) iter.Seq[*Dependency] {
	for i := 1; i < len(dependencies); i++ {
		if compareDependencies(&dependencies[i-1], &dependencies[i]) > 0 {
			return slices.Values(sortedDependencies(dependencies))
		}
	}
	return func(yield func(*Dependency) bool) {
		for i := range dependencies {
			if !yield(&dependencies[i]) {
				return
			}
		}
	}
}

func sortedDependencies(dependencies []Dependency) []*Dependency {
	sorted := make([]*Dependency, len(dependencies))
	for i := range dependencies {
		sorted[i] = &dependencies[i]
	}
	slices.SortStableFunc(sorted, compareDependencies)
	return sorted
}

func compareDependencies(a, b *Dependency) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Alias, b.Alias), a.ID.Compare(b.ID))
}

// hasDependency reports whether a candidate has the same dependency, so that both can share a clause.
func hasDependency(c *Candidate, d *Dependency) bool {
	for i := range c.Dependencies {
		u := &c.Dependencies[i]
		if u == d {
			return true
		}
		if u.Alias == d.Alias && u.Kind == d.Kind && u.ID == d.ID && u.Requirement.String() == d.Requirement.String() &&
			u.Optional == d.Optional && u.DefaultFeatures == d.DefaultFeatures && slices.Equal(u.Features, d.Features) {
			return true
		}
	}
	return false
}
