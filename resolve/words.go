package resolve

import (
	"fmt"
	"slices"
	"strings"
)

// phrase is a noun with its number, for the verb after it.
type phrase struct {
	text   string
	plural bool
}

func (p phrase) verb(one, many string) string {
	if p.plural {
		return p.text + " " + many
	}
	return p.text + " " + one
}

// maxRuns bounds how many ranges of one package a sentence lists.
const maxRuns = 4

// versions names a set of a bucket's versions: "wire 2.1.0 to 2.3.1", "every version of wire".
func (s *solver) versions(id uint32, versions set) phrase {
	n := &s.nodes[id]
	name := s.nameOf(n.pkg)
	switch {
	case n.pkg.root != nil:
		return phrase{text: name}
	case s.sets.count(n.width, versions) == n.size && n.size > 1 && len(n.pkg.buckets) == 1:
		return phrase{text: "every version of " + name}
	case s.sets.count(n.width, versions) == n.size && n.size > 1:
		return phrase{text: "every version of " + name + " " + s.candidate(id, 0).Version.Bucket().String()}
	}
	runs := s.runs(id, versions)
	if len(runs) > maxRuns {
		more := len(runs) - maxRuns + 1
		runs = append(runs[:maxRuns-1], fmt.Sprintf("%d more ranges", more))
	}
	return phrase{name + " " + list(runs, "and"), s.sets.count(n.width, versions) > 1}
}

// runs lists the ranges of a set, oldest first.
func (s *solver) runs(id uint32, versions set) []string {
	n := &s.nodes[id]
	open := len(n.pkg.buckets) == 1 // else ">=" would promise something about other buckets
	var runs []string
	for v := n.size - 1; v >= 0; v-- {
		if !s.sets.has(n.width, versions, v) {
			continue
		}
		first := v
		for v > 0 && s.sets.has(n.width, versions, v-1) {
			v--
		}
		oldest, newest := s.candidate(id, first).Version.String(), s.candidate(id, v).Version.String()
		switch {
		case first == v:
			runs = append(runs, oldest)
		case open && v == 0:
			runs = append(runs, ">="+oldest)
		case open && first == n.size-1:
			runs = append(runs, "<="+newest)
		default:
			runs = append(runs, oldest+" to "+newest)
		}
	}
	return runs
}

// nameOf is the package's name, with its source where that is not a registry: two packages may share a name.
func (s *solver) nameOf(p *pkg) string {
	if p.root != nil || fromRegistry(p.id) || p.id.Source == "" {
		return p.id.Name
	}
	return p.id.String()
}

func list(words []string, conjunction string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + conjunction + " " + words[len(words)-1]
}

// featurePhrase names a feature node.
func (s *solver) featurePhrase(owner uint32, name string) string {
	n := &s.nodes[owner]
	of := s.nameOf(n.pkg)
	if len(n.pkg.buckets) > 1 {
		of += " " + s.candidate(owner, 0).Version.Bucket().String()
	}
	return featureText(name) + " of " + of
}

// choicePhrase names buckets that a requirement of owner may take.
func (s *solver) choicePhrase(n *node, options set) string {
	var buckets []string
	for v, o := range n.options {
		if s.sets.has(n.width, options, v) {
			buckets = append(buckets, s.candidate(o.node, 0).Version.Bucket().String())
		}
	}
	slices.Reverse(buckets)
	return s.nameOf(s.nodes[n.options[0].node].pkg) + " " + list(buckets, "or")
}
