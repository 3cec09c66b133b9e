package resolve

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestProofs re-checks every step of every proof: facts against the universe, conclusions as consequences of the two
// steps they name, and the last one as a statement about roots alone.
func TestProofs(t *testing.T) {
	rounds := uint64(4000)
	if testing.Short() {
		rounds = 600
	}
	steps := 0
	for seed := range rounds {
		text := randomUniverse(rand.New(rand.NewPCG(seed, 2)))
		u := parseUniverse(t, text)
		if seed%3 == 0 {
			u.req.Options.Duplicates = DuplicatesDeny
		}
		s, err := newSolver(context.Background(), u.req, u)
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.search(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if found {
			continue
		}
		c := proofChecker{s: s, u: u, seen: map[*derivation]bool{}}
		d := s.prove()
		c.check(d)
		for _, term := range d.terms {
			if n := s.nodes[term.node]; n.kind != bucketNode || n.pkg.root == nil {
				c.problem("the conclusion speaks of %s", s.conclusion(d.terms))
			}
		}
		if len(c.problems) > 0 {
			t.Fatalf("seed %d: %s\n%s", seed, strings.Join(c.problems, "\n"), text)
		}
		steps += len(c.seen)
		checkWords(t, seed, s.explain().(*NoSolution), text)
	}
	t.Logf("%d steps", steps)
}

// checkWords: no solver's words, no empty lists, and steps that build on earlier ones only.
func checkWords(t *testing.T, seed uint64, none *NoSolution, universe string) {
	t.Helper()
	for _, word := range []string{"node", "clause", "dep:", "  ", "()", " ,", "%!", " and ,", "with every", "bucket"} {
		for _, sentence := range none.Sentences {
			if strings.Contains(sentence, word) {
				t.Fatalf("seed %d: %q in %q\n%s", seed, word, sentence, universe)
			}
		}
	}
	last := none.Sentences[len(none.Sentences)-1]
	if !strings.HasSuffix(last, "app cannot be resolved.") {
		t.Fatalf("seed %d: the last sentence is %q\n%s", seed, last, universe)
	}
	for i, step := range none.Steps {
		if step.ID != i+1 || step.Text == "" || len(step.Because) > 0 && (len(step.Because) != 2 || max(step.Because[0], step.Because[1]) > i) {
			t.Fatalf("seed %d: step %d is %+v\n%s", seed, i, step, universe)
		}
	}
}

type proofChecker struct {
	s        *solver
	u        *universe
	seen     map[*derivation]bool
	problems []string
}

func (c *proofChecker) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *proofChecker) check(d *derivation) {
	if c.seen[d] {
		return
	}
	c.seen[d] = true
	if d.left == nil {
		c.checkFact(d.fact, d.terms)
		return
	}
	c.check(d.left)
	c.check(d.right)
	c.checkConclusion(d)
}

// checkConclusion tries every combination of values of the nodes involved: where the conclusion is broken, one of its
// causes is.
func (c *proofChecker) checkConclusion(d *derivation) {
	var nodes []uint32
	for _, t := range slices.Concat(d.terms, d.left.terms, d.right.terms) {
		if !slices.Contains(nodes, t.node) {
			nodes = append(nodes, t.node)
		}
	}
	values := map[uint32]int{}
	var try func(at int) bool
	try = func(at int) bool {
		if at == len(nodes) {
			return !c.brokenBy(d.terms, values) || c.brokenBy(d.left.terms, values) || c.brokenBy(d.right.terms, values)
		}
		for v := range c.s.nodes[nodes[at]].size + 1 {
			values[nodes[at]] = v
			if !try(at + 1) {
				return false
			}
		}
		return true
	}
	if !try(0) {
		c.problem("%q does not follow from %q and %q", c.s.conclusion(d.terms), c.s.conclusion(d.left.terms), c.s.conclusion(d.right.terms))
	}
}

func (c *proofChecker) brokenBy(terms []term, values map[uint32]int) bool {
	for _, t := range terms {
		if !c.s.sets.has(c.s.nodes[t.node].width, t.set, values[t.node]) {
			return false
		}
	}
	return true
}

// checkFact holds a fact against what the universe says of each version it speaks of.
func (c *proofChecker) checkFact(f *fact, terms []term) {
	for v := range c.s.nodes[f.owner].size {
		if !c.s.sets.has(c.s.nodes[f.owner].width, f.versions, v) {
			continue
		}
		p := c.s.candidate(f.owner, v)
		switch f.kind {
		case factRequires, factNone, factWants:
			c.checkDependency(f, p, terms)
		case factTurnsOn:
			if !slices.ContainsFunc(p.Features[f.feature], func(value string) bool {
				alias, _, _ := strings.Cut(value, "/")
				return value == f.wanted || "dep:"+alias == f.wanted || alias == f.wanted
			}) && "dep:"+f.feature != f.wanted {
				c.problem("%s: %v does not have it", c.s.tell(f), p)
			}
		case factHas:
			if !oracleHas(p, f.wanted) {
				c.problem("%s: %s has not", c.s.tell(f), p.Version)
			}
		case factLinks:
			if p.Links != f.wanted {
				c.problem("%s: %s has not", c.s.tell(f), p.Version)
			}
		}
	}
	if f.kind == factHas {
		for v := range c.s.nodes[f.owner].size {
			if oracleHas(c.s.candidate(f.owner, v), f.wanted) != c.s.sets.has(c.s.nodes[f.owner].width, f.versions, v) {
				c.problem("%s: wrong for %s", c.s.tell(f), c.s.candidate(f.owner, v).Version)
			}
		}
	}
}

// checkDependency: the version has this dependency, and the versions that may fulfil it are all and only those that do.
func (c *proofChecker) checkDependency(f *fact, p *Candidate, terms []term) {
	has := slices.ContainsFunc(p.Dependencies, func(d Dependency) bool {
		return d.ID == f.dep.ID && d.Alias == f.dep.Alias && d.Kind == f.dep.Kind && d.Requirement.String() == f.dep.Requirement.String()
	})
	if !has {
		c.problem("%s: %s does not", c.s.tell(f), p.Version)
	}
	fit := c.u.answers(f.dep)
	if f.kind == factNone && len(fit) > 0 {
		c.problem("%s: but %s fits", c.s.tell(f), fit[0].Version)
	}
	if f.kind != factRequires || f.others == 0 {
		return
	}
	for v := range c.s.nodes[f.other].size {
		allowed := c.s.sets.has(c.s.nodes[f.other].width, f.others, v)
		fits := slices.ContainsFunc(fit, func(q *Candidate) bool { return q.Version.Equal(c.s.candidate(f.other, v).Version) })
		if allowed != fits {
			c.problem("%s: %s is wrong", c.s.tell(f), c.s.candidate(f.other, v).Version)
		}
	}
}

// TestProperties: the answer does not depend on the order of the input, a second run with its own lock gives the same,
// and a version that nobody uses changes nothing by going away.
func TestProperties(t *testing.T) {
	rounds := uint64(3000)
	if testing.Short() {
		rounds = 400
	}
	for seed := range rounds {
		random := rand.New(rand.NewPCG(seed, 3))
		text := randomUniverse(random)
		u := parseUniverse(t, text)
		u.req.Options.Suggestions.Off = true
		first, err := u.resolve(t)
		u.shuffle(random)
		second, again := u.resolve(t)
		if fmt.Sprint(err) != fmt.Sprint(again) {
			t.Fatalf("seed %d: %v, shuffled %v\n%s", seed, err, again, text)
		}
		if err != nil {
			continue
		}
		first.Steps, second.Steps = 0, 0
		if fmt.Sprint(first) != fmt.Sprint(second) {
			t.Fatalf("seed %d: %v, shuffled %v\n%s", seed, first, second, text)
		}
		for _, p := range first.Packages {
			u.req.Locked = append(u.req.Locked, Locked{p.ID, p.Version})
		}
		locked, err := u.resolve(t)
		if err != nil || fmt.Sprint(locked.Packages) != fmt.Sprint(first.Packages) {
			t.Fatalf("seed %d: %v, with its lock %v %v\n%s", seed, first.Packages, locked, err, text)
		}
		u.req.Locked = nil
		u.dropUnused(random, first)
		if _, err := u.resolve(t); err != nil {
			t.Fatalf("seed %d: solvable, but not without an unused version: %v\n%s", seed, err, text)
		}
	}
}

func (u *universe) shuffle(random *rand.Rand) {
	for _, id := range slices.SortedFunc(maps.Keys(u.packages), PackageID.Compare) {
		candidates := u.packages[id]
		random.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })
		for i := range candidates {
			d := candidates[i].Dependencies
			random.Shuffle(len(d), func(i, j int) { d[i], d[j] = d[j], d[i] })
		}
	}
	d := u.req.Roots[0].Dependencies
	random.Shuffle(len(d), func(i, j int) { d[i], d[j] = d[j], d[i] })
}

// dropUnused removes one version that is not part of a solution.
func (u *universe) dropUnused(random *rand.Rand, sol *Solution) {
	for _, id := range slices.SortedFunc(maps.Keys(u.packages), PackageID.Compare) {
		candidates := u.packages[id]
		at := random.IntN(len(candidates))
		used := slices.ContainsFunc(sol.Packages, func(p Package) bool { return p.ID == id && p.Version.Equal(candidates[at].Version) })
		if !used {
			u.packages[id] = slices.Delete(slices.Clone(candidates), at, at+1)
			return
		}
	}
}
