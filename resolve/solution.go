package resolve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// answer is a solution, with what the solver knows its packages by.
type answer struct {
	*Solution
	chosen []chosen // by the place in Packages
	place  []int32  // by node: the place in Packages, or -1
}

// chosen is one package of an answer.
type chosen struct {
	node      uint32
	candidate *Candidate
	uses      []taken // by kind, alias and package
}

// taken is a dependency of a chosen version, with the bucket that serves it.
type taken struct {
	dep    *Dependency
	target uint32
}

// solution reads the answer off the nodes, and says what there is to say of it.
func (s *solver) solution() (*Solution, error) {
	a, err := s.accepted()
	if err != nil {
		return nil, err
	}
	a.Warnings = s.warnings(a)
	a.Held = s.held(a)
	return a.Solution, nil
}

// accepted is the answer, if it has no circles and what was asked for precisely.
func (s *solver) accepted() (*answer, error) {
	a, err := s.answer()
	if err != nil {
		return nil, err
	}
	if err := a.refuseCycles(); err != nil {
		return nil, err
	}
	return a, s.checkPrecise(a.Solution)
}

// answer finds what the roots reach over the edges of chosen versions.
func (s *solver) answer() (*answer, error) {
	a := &answer{Solution: &Solution{Steps: s.conflicts}, place: make([]int32, len(s.nodes))}
	for i := range a.place {
		a.place[i] = -1
	}
	var found []chosen
	visit := func(id uint32) {
		if a.place[id] < 0 {
			a.place[id] = int32(len(found))
			found = append(found, chosen{node: id})
		}
	}
	for i := range s.req.Roots {
		visit(s.packages[s.req.Roots[i].ID].buckets[0].node)
	}
	for at := 0; at < len(found); at++ {
		c, err := s.use(found[at].node, visit)
		if err != nil {
			return nil, err
		}
		found[at] = c
	}
	slices.SortFunc(found, func(a, b chosen) int {
		x, y := s.nodes[a.node].pkg.id, s.nodes[b.node].pkg.id
		return cmp.Or(cmp.Compare(x.Name, y.Name), a.candidate.Version.Compare(b.candidate.Version), cmp.Compare(x.Source, y.Source))
	})
	a.chosen, a.Packages = found, make([]Package, len(found))
	for i := range found {
		a.place[found[i].node] = int32(i)
		a.Packages[i] = s.packageOf(&found[i])
	}
	return a, nil
}

// use finds the chosen version of a bucket and what serves its dependencies, and visits these.
func (s *solver) use(id uint32, visit func(uint32)) (chosen, error) {
	v := s.chosen(id)
	if v < 0 {
		return chosen{}, fmt.Errorf("internal: no version of %s was chosen", s.nodes[id].pkg.id)
	}
	c := chosen{node: id, candidate: s.candidate(id, v)}
	root := s.nodes[id].pkg.root != nil
	c.uses = make([]taken, 0, len(c.candidate.Dependencies))
	for d := range inOrder(c.candidate.Dependencies) {
		if !root && (d.Kind == Dev || d.Optional && !s.isOn(id, optionalName(d.Alias))) {
			continue
		}
		target := s.targetOf(id, d)
		if s.chosen(target) < 0 {
			return chosen{}, fmt.Errorf("internal: %s %s has no version for its dependency %s", s.nodes[id].pkg.id.Name, c.candidate.Version, d.Alias)
		}
		visit(target)
		c.uses = append(c.uses, taken{d, target})
	}
	return c, nil
}

// packageOf describes a chosen version.
func (s *solver) packageOf(c *chosen) Package {
	from := s.nodes[c.node].pkg
	p := Package{ID: from.id, Version: c.candidate.Version, Features: s.featuresOf(c.node, c.candidate), Root: from.root != nil}
	if len(c.uses) == 0 {
		return p
	}
	p.Dependencies = make([]Edge, len(c.uses))
	for i, u := range c.uses {
		t := s.candidate(u.target, s.chosen(u.target))
		p.Dependencies[i] = Edge{Alias: u.dep.Alias, Kind: u.dep.Kind, ID: s.nodes[u.target].pkg.id, Version: t.Version}
	}
	slices.SortFunc(p.Dependencies, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Alias, b.Alias), cmp.Compare(a.Kind, b.Kind), a.ID.Compare(b.ID), a.Version.Compare(b.Version))
	})
	return p
}

// targetOf is the bucket that serves a dependency of a chosen version.
func (s *solver) targetOf(owner uint32, d *Dependency) uint32 {
	known, ok := s.served[d]
	if !ok { // another version wrote the same, and was served first
		target := s.packages[s.target(d)]
		known = served{target, s.matching(target, d.Requirement)}
	}
	options := known.options
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
func (s *solver) warnings(a *answer) []string {
	var lines []string
	for i, p := range a.Packages {
		if s.req.Options.Duplicates == DuplicatesWarn && !highest(a.Packages[i:]) {
			lines = append(lines, fmt.Sprintf("%s %s is not the only version of %s in the graph", p.ID.Name, p.Version, p.ID.Name))
		}
		if c := a.chosen[i].candidate; c.Yanked {
			class := ""
			if c.YankClass != "" {
				class = " (" + c.YankClass + ")"
			}
			lines = append(lines, strings.TrimSuffix(fmt.Sprintf("%s %s is yanked%s: %s", p.ID.Name, p.Version, class, c.YankReason), ": "))
		}
	}
	for _, from := range slices.SortedFunc(keys(s.req.Patches), PackageID.Compare) {
		used := slices.ContainsFunc(a.Packages, func(p Package) bool { return p.ID == s.req.Patches[from] })
		if !used {
			lines = append(lines, fmt.Sprintf("the patch of %s is not used", from.Name))
		}
	}
	return lines
}
