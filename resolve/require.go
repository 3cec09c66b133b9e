package resolve

import (
	"context"
	"maps"
	"slices"
)

// claim is the left side of a dependency: whoever says it holds.
type claim struct {
	owner    uint32
	versions set
	feature  uint32 // must be on, where because is a feature of a package that is no root
	optional uint32 // "dep:x" that must be on too, for `x?/f`; 0 for none
	because  string // the feature's name, "" where it always holds
}

// terms is the claim as the beginning of a clause.
func (s *solver) claimTerms(by claim) []term {
	terms := make([]term, 0, 6)
	if by.feature != 0 {
		terms = append(terms, s.is(by.feature, 0))
	}
	if by.optional != 0 {
		terms = append(terms, s.is(by.optional, 0))
	}
	return append(terms, s.oneOf(by.owner, by.versions))
}

// require makes the clauses of a dependency: its target has a version that fulfils the requirement, with the
// features asked for.
func (s *solver) require(ctx context.Context, by claim, d *Dependency) error {
	if s.alreadySaid(by) {
		return nil
	}
	served, err := s.serve(ctx, d)
	if err != nil {
		return err
	}
	target, options := served.target, served.options
	s.hintBelow(options)
	f := fact{kind: factRequires, owner: by.owner, versions: by.versions, feature: by.because, dep: d, target: target}
	left := s.claimTerms(by)
	switch len(options) {
	case 0:
		f.kind = factNone
		s.addFact(f, left...)
	case 1:
		s.markDirect(by.owner, options[0].node)
		f.other, f.others = options[0].node, options[0].allowed
		s.addFact(f, append(left, s.noneOf(options[0].node, options[0].allowed))...)
	default:
		choice := s.choiceNode(by.owner, d, options)
		s.markDirect(by.owner, choice)
		s.addFact(f, append(left, s.absent(choice))...)
	}
	for _, name := range turnsOn(d) {
		s.wantOf(by, d, target, options, name)
	}
	return nil
}

// served is what a dependency means: a package, and those of its versions that fit, by bucket.
type served struct {
	target  *pkg
	options []option
}

// serve looks up what a dependency means, once for all versions that share it.
func (s *solver) serve(ctx context.Context, d *Dependency) (served, error) {
	if known, ok := s.served[d]; ok {
		return known, nil
	}
	target, err := s.load(ctx, s.target(d))
	if err != nil {
		return served{}, err
	}
	found := served{target, s.matching(target, d.Requirement)}
	s.served[d] = found
	return found, nil
}

// alreadySaid reports whether one of the versions was expanded before: then these clauses exist.
func (s *solver) alreadySaid(by claim) bool {
	n := &s.nodes[by.owner]
	done := n.expanded
	if by.feature != 0 {
		done = s.nodes[by.feature].expanded
	}
	return !s.sets.apart(n.width, done, by.versions)
}

// want makes the clauses that turn on a feature of a dependency's target.
func (s *solver) want(ctx context.Context, by claim, d *Dependency, name string) error {
	if by.feature != 0 && s.alreadySaid(by) {
		return nil
	}
	served, err := s.serve(ctx, d)
	if err != nil {
		return err
	}
	s.wantOf(by, d, served.target, served.options, name)
	return nil
}

func (s *solver) wantOf(by claim, d *Dependency, target *pkg, options []option, name string) {
	for i, o := range options {
		if name == "default" && !s.anyDefault(o.node) {
			continue
		}
		left := s.claimTerms(by)
		if len(options) > 1 {
			left = append(left, s.is(s.choiceNode(by.owner, d, options), i))
		}
		f := fact{kind: factWants, owner: by.owner, versions: by.versions, feature: by.because, dep: d, target: target, wanted: name}
		f.other, f.others = o.node, o.allowed
		s.addFact(f, append(left, s.absent(s.featureNode(o.node, name)))...)
	}
}

// anyDefault reports whether default means something for a version of the bucket.
func (s *solver) anyDefault(id uint32) bool {
	for v := range s.nodes[id].size {
		if _, ok := s.candidate(id, v).Features["default"]; ok {
			return true
		}
	}
	return false
}

// choiceKey tells one choice between buckets from another: packages that write the same dependency in several versions
// share it.
type choiceKey struct {
	owner       uint32
	kind        Kind
	alias       string
	id          PackageID
	requirement string
}

// choiceNode returns the node that chooses between the buckets that a requirement spans, made on first use.
func (s *solver) choiceNode(owner uint32, d *Dependency, options []option) uint32 {
	key := choiceKey{owner, d.Kind, d.Alias, s.target(d), d.Requirement.String()}
	if id, ok := s.choices[key]; ok {
		return id
	}
	id := s.newNode(node{kind: choiceNode, size: len(options), owner: owner, name: d.Alias, options: options, depth: s.depth})
	s.choices[key] = id
	for i, o := range options {
		f := fact{kind: factOption, owner: owner, versions: s.allVersions(owner), dep: d, target: s.nodes[o.node].pkg, other: o.node, others: o.allowed}
		s.addFact(f, s.is(id, i), s.noneOf(o.node, o.allowed))
	}
	return id
}

// markDirect remembers that a root depends on a node.
func (s *solver) markDirect(owner, id uint32) {
	if s.nodes[owner].pkg.root == nil || s.nodes[id].direct {
		return
	}
	s.nodes[id].direct = true
	s.direct = append(s.direct, id)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
