package resolve

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// A shape is a registry that made a solver slow, or wrong, somewhere. The first six are those of Cargo's own resolver
// tests (https://github.com/rust-lang/cargo/tree/master/crates/resolver-tests), at their sizes.
type shape struct {
	name string
	text string
	want string // the beginning of the answer, "" where there is none
}

const (
	depth  = 200
	branch = 100
)

func shapes() []shape {
	return []shape{
		{"equivalent-dead-end", deadEnd("", ""), ""},
		{"equivalent-escape", deadEnd("level0 1.0.0\n", ""), "level0 1.0.0"},
		{"equivalent-sibling", deadEnd("level0 1.0.0\n", "trap"), "level0 1.0.0"},
		{"equivalent-forced", forced(fmt.Sprintf("level%d 1.0.0\n", depth)), "constrained 1.0.0"},
		{"equivalent-forced-unsolvable", forced(""), ""},
		{"deep-traps", deepTraps(), ""},
		{"cousins", cousins(false), ""},
		{"cousins-solvable", cousins(true), "cloaking 1.0.0"},
		{"sibling-parent", siblingParent(), "A 1.0.0"},
		{"missing-feature-cubic", missingFeature(60), ""},
		{"missing-feature-216", missingFeature(72), ""},
		{"pinned-hub", pinnedHub(), "hub 1.0.0"},
		{"boto-seesaw", botoSeesaw(), "boto3 1.1199.0"},
	}
}

type builder struct{ strings.Builder }

func (b *builder) printf(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }

func lower(text string) string { return strings.ToLower(text) }

// chain writes packages name0, name1, ... of which each version depends on the next package.
func (b *builder) chain(name string, length, versions int) {
	for level := range length {
		for v := range versions {
			b.printf("%s%d 1.0.%d\n  %s%d *", name, level, v+1, name, level+1)
		}
	}
}

// deadEnd: two hundred levels of a hundred equal versions, and the last level does not exist.
func deadEnd(extra, sibling string) string {
	var b builder
	b.printf("root app 1.0.0\n  level0 *")
	if sibling != "" {
		b.printf("  trap0 *")
	}
	b.chain("level", depth, branch)
	b.WriteString(extra)
	if sibling != "" {
		b.chain("trap", depth, branch)
		for v := range branch {
			b.printf("trap%d 1.0.%d", depth, v+1)
		}
	}
	return b.String()
}

// forced: the end of the chain exists in one version, which a sibling forces or excludes.
func forced(end string) string {
	var b builder
	b.printf("root app 1.0.0\n  level0 *\n  constrained *")
	b.chain("level", depth, branch)
	b.WriteString(end)
	for v := range branch {
		b.printf("constrained 1.1.%d\n  level%d 1.0.1", v, depth)
	}
	b.printf("constrained 1.0.0\n  level%d =1.0.0", depth)
	return b.String()
}

// deepTraps: a chain that has nothing to do with the conflict adds choices to go back to.
func deepTraps() string {
	var b builder
	b.printf("root app 1.0.0\n  trap0 *\n  cloaking *")
	b.chain("trap", depth, branch)
	for v := range branch {
		b.printf("trap%d 1.0.%d", depth, v+1)
	}
	for v := range branch + 10 {
		b.printf("cloaking 1.0.%d\n  bad 1.0.1", v+1)
	}
	return b.String()
}

// cousins: what conflicts lies two levels apart in different branches.
func cousins(solvable bool) string {
	var b builder
	b.printf("root app 1.0.0\n  cloaking *\n  trap0 *")
	b.chain("trap", depth/2, branch)
	for v := range branch {
		b.printf("trap%d 1.0.%d\n  constrained 1.1", depth/2, v+1)
	}
	for v := range branch + 10 {
		b.printf("constrained 1.1.%d\nconstrained 1.0.%d", v, v)
	}
	for v := range branch {
		b.printf("cloaking 1.1.%d\n  level0 *", v)
	}
	if solvable {
		b.printf("cloaking 1.0.0")
	}
	b.chain("level", 5, branch/2)
	for v := range branch / 2 {
		b.printf("level5 1.0.%d\n  constrained ~1.0", v+1)
	}
	return b.String()
}

// siblingParent: the only version of A that works is the oldest.
func siblingParent() string {
	var b builder
	b.printf("root app 1.0.0\n  A *\n  B *\n  constrained =1.0.60")
	for v := range branch * 2 {
		b.printf("constrained 1.0.%d", v)
		b.printf("A 1.0.%d\n  B =1.0.%d", v, v)
		b.printf("B 1.0.%d\n  constrained >=1.0.%d", v, min(60+v, branch*2-1))
	}
	return b.String()
}

// missingFeature: three levels of n versions each, and a feature that no version of the last has.
func missingFeature(n int) string {
	var b builder
	b.printf("root app 1.0.0\n  a *\n  b *\n  c *")
	for v := range n {
		b.printf("a 1.0.%d\n  b * [x]\n  feature x =", v)
		b.printf("b 1.0.%d\n  c * [missing]\n  feature x = c/other", v)
		b.printf("c 1.0.%d\n  feature there%d =", v, v)
	}
	return b.String()
}

// pinnedHub: many packages pin one hub, each version another one; only the oldest agree.
func pinnedHub() string {
	var b builder
	b.printf("root app 1.0.0")
	for p := range 20 {
		b.printf("  pin%02d *", p)
	}
	for p := range 20 {
		for v := range 60 {
			pinned := v
			if v > 0 {
				pinned = (v*20+p)%1180 + 1
			}
			b.printf("pin%02d 1.%d.0\n  hub =1.%d.0", p, v, pinned)
		}
	}
	for v := range 1200 {
		b.printf("hub 1.%d.0", v)
	}
	return b.String()
}

// botoSeesaw: boto3 must stay at its newest, and urllib3 give way.
func botoSeesaw() string {
	var b builder
	b.printf("root app 1.0.0\n  boto3 *\n  urllib3 *")
	for v := range 1200 {
		b.printf("boto3 1.%d.0\n  botocore ~1.%d", v, v)
		limit := 300
		if v < 100 {
			limit = 400
		}
		b.printf("botocore 1.%d.0\n  urllib3 >=1.1, <1.%d", v, limit)
	}
	for v := range 400 {
		b.printf("urllib3 1.%d.0", v)
	}
	return strings.ReplaceAll(b.String(), ">=1.1, <", ">=1.1,<")
}

// registryLike writes n packages as registries have them: few that many use, many that few use, most requirements
// carets of what was newest then, some exact or wide ones, optional dependencies and features.
func registryLike(random *rand.Rand, n, direct int) string {
	var b builder
	b.printf("root app 1.0.0")
	for i := range direct {
		b.printf("  r%d *", n-1-i*n/direct/2)
	}
	popular := func(below int) int { return int(float64(below) * math.Pow(random.Float64(), 2.5)) }
	for i := range n {
		major, minor := 1, 0
		for v := range 1 + random.IntN(12) {
			if minor += min(v, 1); v > 0 && random.IntN(8) == 0 {
				major, minor = major+1, 0
			}
			b.printf("r%d %d.%d.0", i, major, minor)
			used := map[int]bool{}
			for range random.IntN(8) {
				if other := popular(i); i > 0 && !used[other] {
					used[other] = true
					requirement := []string{"*", "^1", ">=1,<3", "^1.0", "~1.0", "*", "*", "^1"}[random.IntN(8)]
					b.printf("  %sr%d %s%s", []string{"", "", "", "? ", "build "}[random.IntN(5)], other, requirement, []string{"", "", " [std]"}[random.IntN(3)])
				}
			}
			b.printf("  feature default = std\n  feature std =")
		}
	}
	return b.String()
}

// BenchmarkRegistry resolves 600 direct dependencies in a registry of 5000 packages.
func BenchmarkRegistry(b *testing.B) {
	u := parseUniverse(b, registryLike(rand.New(rand.NewPCG(3, 10)), 5000, 600))
	u.req.Options.Suggestions.Off = true
	b.ReportAllocs()
	for b.Loop() {
		sol, err := u.resolve(b)
		if err != nil {
			b.Fatal(err.(*NoSolution).Text())
		}
		b.ReportMetric(float64(len(sol.Packages)), "packages")
		b.ReportMetric(float64(sol.Steps), "conflicts")
	}
}

// TestRegistry: the answer is valid, and with its own lock it is the same in every detail, wide requirements included.
func TestRegistry(t *testing.T) {
	for seed := range uint64(6) {
		u := parseUniverse(t, registryLike(rand.New(rand.NewPCG(seed, 10)), 800, 60))
		u.req.Options.Suggestions.Off = true
		sol := u.mustResolve(t)
		for _, p := range sol.Packages {
			u.req.Locked = append(u.req.Locked, Locked{p.ID, p.Version})
		}
		again := u.mustResolve(t)
		if got, want := fmt.Sprint(again.Packages), fmt.Sprint(sol.Packages); got != want {
			t.Errorf("seed %d: with its own lock %s, not %s", seed, summary(again), summary(sol))
		}
		t.Logf("%d packages, %d conflicts, %d with the lock", len(sol.Packages), sol.Steps, again.Steps)
	}
}

func TestShapes(t *testing.T) {
	for _, shape := range shapes() {
		t.Run(shape.name, func(t *testing.T) {
			u := parseUniverse(t, lower(shape.text))
			u.req.Options.Suggestions.Off = true
			sol, err := u.resolve(t)
			if shape.want == "" {
				if none, ok := err.(*NoSolution); !ok {
					t.Fatalf("got %v, %v", sol, err)
				} else {
					t.Logf("%d sentences, %d steps", len(none.Sentences), len(none.Steps))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if problems := u.check(sol); len(problems) > 0 {
				t.Fatal(problems)
			}
			if !strings.HasPrefix(summary(sol), lower(shape.want)) {
				t.Fatalf("got %.300s, want %s", summary(sol), shape.want)
			}
			t.Logf("%d conflicts", sol.Steps)
		})
	}
}

func BenchmarkShapes(b *testing.B) {
	for _, shape := range shapes() {
		b.Run(shape.name, func(b *testing.B) {
			u := parseUniverse(b, lower(shape.text))
			u.req.Options.Suggestions.Off = true
			b.ReportAllocs()
			for b.Loop() {
				u.resolve(b)
			}
		})
	}
}

// TestPropagationAllocates nothing: once clauses are made, the search goes back and forth in memory it has.
func TestPropagationAllocates(t *testing.T) {
	u := parseUniverse(t, tightUniverse(rand.New(rand.NewPCG(11, 4))))
	s, err := newSolver(t.Context(), u.req, u)
	if err != nil {
		t.Fatal(err)
	}
	replay := func() {
		s.jumpBack(0)
		if found, err := s.search(t.Context()); !found || err != nil {
			t.Fatal(found, err)
		}
	}
	for range 3 {
		replay() // the last conflicts, and the size of the trail
	}
	if allocations := testing.AllocsPerRun(10, replay); allocations > 0 {
		t.Errorf("%v allocations in a search without conflicts", allocations)
	}
}
