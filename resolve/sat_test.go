package resolve

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	sat "github.com/crillab/gophersat/solver"
)

// TestAgainstSAT holds the solver beside a SAT solver, on universes too large to try everything and dense enough to
// give many conflicts.
func TestAgainstSAT(t *testing.T) {
	rounds := uint64(100)
	if testing.Short() {
		rounds = 20
	}
	solvable, conflicts := 0, 0
	for seed := range rounds {
		text := tightUniverse(rand.New(rand.NewPCG(seed, 4)))
		u := parseUniverse(t, text)
		u.req.Options.Suggestions.Off = true
		sol, err := u.resolve(t)
		if want := u.satisfiable(); want != (err == nil) {
			t.Fatalf("seed %d: %v, the SAT solver says %v\n%s", seed, err, want, text)
		}
		if err != nil {
			continue
		}
		solvable++
		conflicts += sol.Steps
		if problems := u.check(sol); len(problems) > 0 {
			t.Fatalf("seed %d: %v\n%s", seed, problems, text)
		}
	}
	t.Logf("%d of %d solvable, %d conflicts in those", solvable, rounds, conflicts)
}

// tightUniverse writes a universe without features: some forty packages of a few versions, each of which asks for
// narrow ranges of others; it has a solution in about half of the cases.
func tightUniverse(random *rand.Rand) string {
	var b builder
	n := 30 + random.IntN(20)
	b.printf("root app 1.0.0")
	for i := range 6 {
		b.printf("  p%02d *", i)
	}
	for i := range n {
		for v := range 6 {
			b.printf("p%02d %s", i, tightVersions(v))
			for other := range n {
				if other > i && random.IntN(n-i) < 3 {
					low := random.IntN(5)
					high := low + 1 + random.IntN(6-low)
					b.printf("  p%02d %s", other, tightRange(low, high))
				}
			}
		}
	}
	return b.String()
}

// tightVersions are six versions in two buckets.
func tightVersions(v int) string {
	if v < 2 {
		return fmt.Sprintf("1.%d.0", v)
	}
	return fmt.Sprintf("2.%d.0", v)
}

func tightRange(low, high int) string {
	if high > 5 {
		return ">=" + tightVersions(low)
	}
	return ">=" + tightVersions(low) + ",<" + tightVersions(high)
}

// satisfiable asks the SAT solver: a variable for each version, at most one of each bucket, roots' and versions'
// dependencies as clauses.
func (u *universe) satisfiable() bool {
	variables := map[*Candidate]int{}
	var ids []PackageID
	for id := range u.packages {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, PackageID.Compare)
	for _, id := range ids {
		for i := range u.packages[id] {
			variables[&u.packages[id][i]] = len(variables) + 1
		}
	}
	var clauses [][]int
	requires := func(d *Dependency, clause []int) {
		for _, c := range u.answers(d) {
			clause = append(clause, variables[c])
		}
		clauses = append(clauses, clause)
	}
	for i := range u.req.Roots[0].Dependencies {
		requires(&u.req.Roots[0].Dependencies[i], nil)
	}
	for _, id := range ids {
		for i := range u.packages[id] {
			c := &u.packages[id][i]
			for j := range c.Dependencies {
				requires(&c.Dependencies[j], []int{-variables[c]})
			}
			for k := range i {
				if other := &u.packages[id][k]; other.Version.Bucket() == c.Version.Bucket() {
					clauses = append(clauses, []int{-variables[c], -variables[other]})
				}
			}
		}
	}
	if slices.ContainsFunc(clauses, func(c []int) bool { return len(c) == 0 }) {
		return false
	}
	return sat.New(sat.ParseSlice(clauses)).Solve() == sat.Sat
}

// TestHardFormulas solves random 3-SAT at the threshold, written as packages: what no order of decisions makes easy.
func TestHardFormulas(t *testing.T) {
	for seed := range uint64(6) {
		text := formula(rand.New(rand.NewPCG(seed, 5)), 40, 170)
		u := parseUniverse(t, text)
		u.req.Options.Suggestions.Off = true
		sol, err := u.resolve(t)
		if want := u.satisfiable(); want != (err == nil) {
			t.Fatalf("seed %d: %v, the SAT solver says %v", seed, err, want)
		}
		if err == nil {
			if problems := u.check(sol); len(problems) > 0 {
				t.Fatal(problems)
			}
			t.Logf("solvable after %d conflicts", sol.Steps)
		}
	}
}

// formula writes each variable as a package with two versions, and each clause as one with three, of which one must
// do.
func formula(random *rand.Rand, variables, clauses int) string {
	var b builder
	b.printf("root app 1.0.0")
	for c := range clauses {
		b.printf("  c%d *", c)
	}
	for v := range variables {
		b.printf("v%d 1.0.0\nv%d 1.1.0", v, v)
	}
	for c := range clauses {
		for i := range 3 {
			b.printf("c%d 1.%d.0\n  v%d =1.%d.0", c, i, random.IntN(variables), random.IntN(2))
		}
	}
	return strings.TrimSpace(b.String())
}
