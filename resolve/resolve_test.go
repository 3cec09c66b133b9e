package resolve

import (
	"math/rand/v2"
	"testing"
)

// TestRandomUniverses holds the solver against trying everything.
func TestRandomUniverses(t *testing.T) {
	rounds := uint64(10000)
	if testing.Short() {
		rounds = 2000
	}
	solvable, unsolvable, skipped := 0, 0, 0
	for seed := range rounds {
		text := randomUniverse(rand.New(rand.NewPCG(seed, 1)))
		u := parseUniverse(t, text)
		u.req.Options.Suggestions.Off = true
		want, ok, best := u.brute(3000)
		if !ok {
			skipped++
			continue
		}
		sol, err := u.resolve(t)
		switch {
		case err == nil && !want:
			t.Fatalf("seed %d: found %s, but there is none\n%s", seed, summary(sol), text)
		case err == nil:
			solvable++
			if problems := u.check(sol); len(problems) > 0 {
				t.Fatalf("seed %d: %v: %v\n%s", seed, summary(sol), problems, text)
			}
			checkDirect(t, u, sol, best)
		default:
			if _, none := err.(*NoSolution); none && want {
				t.Fatalf("seed %d: %v\n%s\nbut %v\n%s", seed, err, err.(*NoSolution).Text(), best, text)
			}
			unsolvable++
		}
	}
	t.Logf("%d solvable, %d not, %d skipped", solvable, unsolvable, skipped)
}

// checkDirect: what roots depend on is the best there is, in the order of decision, whatever that costs others.
func checkDirect(t *testing.T, u *universe, sol *Solution, best *graph) {
	t.Helper()
	root := u.req.Roots[0]
	key := chosenKey{root.ID, root.Version.Bucket()}
	for _, p := range sol.Packages {
		if !p.Root {
			continue
		}
		for _, e := range p.Dependencies {
			want := best.chosen[best.edges[graphEdge{key, e.Kind, e.Alias}]].Version
			if !e.Version.Equal(want) {
				t.Fatalf("%s is %s, could be %s", e.Alias, e.Version, want)
			}
		}
	}
}
