package resolve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// solution reads the answer off the nodes: what the roots reach over the edges of chosen versions.
func (s *solver) solution() (*Solution, error) {
	result := &Solution{Steps: s.conflicts}
	seen := map[uint32]bool{}
	var pending []uint32
	visit := func(id uint32) {
		if !seen[id] {
			seen[id] = true
			pending = append(pending, id)
		}
	}
	for i := range s.req.Roots {
		visit(s.packages[s.req.Roots[i].ID].buckets[0].node)
	}
	for len(pending) > 0 {
		id := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		p, err := s.packageOf(id, visit)
		if err != nil {
			return nil, err
		}
		result.Packages = append(result.Packages, p)
	}
	slices.SortFunc(result.Packages, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.ID.Name, b.ID.Name), a.Version.Compare(b.Version), cmp.Compare(a.ID.Source, b.ID.Source))
	})
	if err := refuseCycles(result); err != nil {
		return nil, err
	}
	if err := s.checkPrecise(result); err != nil {
		return nil, err
	}
	result.Warnings = s.warnings(result)
	result.Held = s.held(result)
	return result, nil
}

// packageOf describes the chosen version of a bucket, and visits what it depends on.
func (s *solver) packageOf(id uint32, visit func(uint32)) (Package, error) {
	v := s.chosen(id)
	if v < 0 {
		return Package{}, fmt.Errorf("internal: no version of %s was chosen", s.nodes[id].pkg.id)
	}
	c, root := s.candidate(id, v), s.nodes[id].pkg.root
	p := Package{ID: s.nodes[id].pkg.id, Version: c.Version, Features: s.featuresOf(id, c), Root: root != nil}
	for _, d := range inOrder(c.Dependencies) {
		if root == nil && (d.Kind == Dev || d.Optional && !s.isOn(id, optionalName(d.Alias))) {
			continue
		}
		target := s.targetOf(id, d)
		if s.chosen(target) < 0 {
			return Package{}, fmt.Errorf("internal: %s %s has no version for its dependency %s", p.ID.Name, p.Version, d.Alias)
		}
		visit(target)
		t := s.candidate(target, s.chosen(target))
		p.Dependencies = append(p.Dependencies, Edge{Alias: d.Alias, Kind: d.Kind, ID: s.nodes[target].pkg.id, Version: t.Version})
	}
	slices.SortFunc(p.Dependencies, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Alias, b.Alias), cmp.Compare(a.Kind, b.Kind), a.ID.Compare(b.ID), a.Version.Compare(b.Version))
	})
	return p, nil
}

// targetOf is the bucket that serves a dependency of a chosen version.
func (s *solver) targetOf(owner uint32, d *Dependency) uint32 {
	options := s.matching(s.packages[s.target(d)], d.Requirement)
	if len(options) == 1 {
		return options[0].node
	}
	choice := s.choiceNode(owner, d, options)
	return options[max(0, s.chosen(choice))].node
}

func (s *solver) isOn(owner uint32, feature string) bool {
	for _, f := range s.nodes[owner].feats {
		if s.nodes[f].name == feature {
			return s.chosen(f) == 0
		}
	}
	return false
}

// featuresOf lists the features that are on; a root has all of its own on.
func (s *solver) featuresOf(id uint32, c *Candidate) []string {
	var names []string
	if s.nodes[id].pkg.root != nil {
		names = sortedKeys(c.Features)
		for _, d := range c.Dependencies {
			if d.Optional && implicit(c, d.Alias) {
				names = append(names, d.Alias)
			}
		}
	}
	for _, f := range s.nodes[id].feats {
		name := s.nodes[f].name
		_, written := c.Features[name]
		if s.chosen(f) == 0 && !strings.HasPrefix(name, "dep:") && (written || name != "default") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// warnings tells of what is chosen, and should not be for long.
func (s *solver) warnings(sol *Solution) []string {
	var lines []string
	for i, p := range sol.Packages {
		if s.req.Options.Duplicates == DuplicatesWarn && !highest(sol.Packages[i:]) {
			lines = append(lines, fmt.Sprintf("%s %s is not the only version of %s in the graph", p.ID.Name, p.Version, p.ID.Name))
		}
		if c := s.candidateOf(p); c.Yanked {
			lines = append(lines, strings.TrimSuffix(fmt.Sprintf("%s %s is yanked: %s", p.ID.Name, p.Version, c.YankReason), ": "))
		}
	}
	for _, from := range slices.SortedFunc(keys(s.req.Patches), PackageID.Compare) {
		used := slices.ContainsFunc(sol.Packages, func(p Package) bool { return p.ID == s.req.Patches[from] })
		if !used {
			lines = append(lines, fmt.Sprintf("the patch of %s is not used", from.Name))
		}
	}
	return lines
}

func (s *solver) candidateOf(p Package) *Candidate {
	for _, c := range s.packages[p.ID].usable {
		if c.Version.Equal(p.Version) {
			return c
		}
	}
	return &Candidate{}
}
