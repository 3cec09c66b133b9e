package resolve

import (
	"fmt"
	"slices"
	"strings"
)

// claims sorts the terms of a derived clause by what they say.
type claims struct {
	roots    []string
	subjects []phrase // what cannot be together
	needs    []string // or else what must be there
	choice   string   // "a cannot use x 0.1", where the clause says only that
}

// conclusion tells a derived clause: what cannot be together, or what one thing needs.
func (s *solver) conclusion(terms []term) string {
	var c claims
	merged := map[uint32]bool{}
	for _, t := range terms {
		n := &s.nodes[t.node]
		if s.positive(t) && n.kind == bucketNode && n.pkg.root == nil {
			p := s.versions(t.node, t.set)
			p.text += s.withFeatures(t.node, terms, merged)
			c.subjects = append(c.subjects, p)
		}
	}
	for _, t := range terms {
		if !merged[t.node] {
			s.sort(&c, t)
		}
	}
	return c.sentence()
}

// positive reports whether a term asks for versions, not for their absence.
func (s *solver) positive(t term) bool {
	n := &s.nodes[t.node]
	return !s.sets.has(n.width, t.set, n.size)
}

// withFeatures tells the features of a package in the same breath as its versions.
func (s *solver) withFeatures(owner uint32, terms []term, merged map[uint32]bool) string {
	var features []string
	for _, t := range terms {
		n := &s.nodes[t.node]
		if n.kind == featureNode && n.owner == owner && s.positive(t) {
			merged[t.node] = true
			features = append(features, featureText(n.name))
		}
	}
	if len(features) == 0 {
		return ""
	}
	return " with " + list(features, "and")
}

// featureText names a feature node without its package.
func featureText(name string) string {
	if alias, ok := strings.CutPrefix(name, "dep:"); ok {
		return fmt.Sprintf("optional dependency `%s`", alias)
	}
	return fmt.Sprintf("feature `%s`", name)
}

// sort files one term; subjects that are packages are filed already.
func (s *solver) sort(c *claims, t term) {
	n := &s.nodes[t.node]
	rest := s.sets.minus(n.width, s.sets.span(n.width, 0, n.size), t.set)
	switch {
	case s.positive(t) && n.kind == bucketNode && n.pkg.root != nil:
		c.roots = append(c.roots, n.pkg.id.Name)
	case s.positive(t) && n.kind == featureNode:
		c.subjects = append(c.subjects, phrase{text: s.featurePhrase(n.owner, n.name)})
	case s.positive(t) && n.kind == choiceNode:
		owner := s.nameOf(s.nodes[n.owner].pkg)
		c.choice = owner + " cannot use " + s.choicePhrase(n, t.set)
		c.subjects = append(c.subjects, phrase{text: s.choicePhrase(n, t.set) + " for " + owner})
	case s.positive(t):
	case n.kind == bucketNode:
		c.needs = append(c.needs, s.versions(t.node, rest).text)
	case n.kind == featureNode:
		c.needs = append(c.needs, s.featurePhrase(n.owner, n.name))
	default:
		c.needs = append(c.needs, s.choicePhrase(n, rest))
	}
}

func (c *claims) sentence() string {
	slices.Sort(c.roots)
	const every = "every version of "
	var names []string
	for _, p := range c.subjects {
		names = append(names, strings.TrimPrefix(p.text, every))
	}
	need := strings.ReplaceAll(list(c.needs, "or"), every, "")
	switch {
	case len(c.needs) > 0 && len(c.subjects) == 1:
		return c.subjects[0].verb("requires", "require") + " " + need
	case len(c.needs) > 0 && len(c.subjects) > 1:
		return list(names, "and") + " together require " + need
	case len(c.needs) > 0:
		return list(c.roots, "and") + " requires " + need
	case len(c.subjects) == 0:
		return list(c.roots, "and") + " cannot be resolved"
	case len(c.subjects) == 1 && c.choice != "":
		return c.choice
	case len(c.subjects) == 1:
		return names[0] + " cannot be used"
	case len(c.subjects) == 2:
		return names[0] + " cannot be used with " + names[1]
	}
	return list(names, "and") + " cannot be used together"
}
