package version_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"deps.dev/util/semver"

	"github.com/geeknik/gal-pkg/version"
)

// TestAgainstOracle holds the requirements beside an implementation of Cargo's rules by somebody else, on every
// version of a small grid. The oracle is asked for one comparator at a time: it takes an empty intersection of two
// for a set that is not empty.
func TestAgainstOracle(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	grid := versionGrid()
	for range 20_000 {
		comparators := []string{randomComparator(random, true)}
		if random.IntN(2) == 0 {
			comparators = []string{randomComparator(random, false), randomComparator(random, false)}
		}
		text := strings.Join(comparators, ", ")
		ours, err := version.ParseRequirement(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, v := range grid {
			if got, want := ours.Matches(v), oracleMatches(t, comparators, v); got != want {
				t.Fatalf("%q matches %s: %v, oracle %v", text, v, got, want)
			}
		}
	}
}

func oracleMatches(t *testing.T, comparators []string, v version.Version) bool {
	for _, text := range comparators {
		c, err := semver.Cargo.ParseConstraint(text)
		if err != nil {
			t.Fatalf("oracle on %q: %v", text, err)
		}
		if !c.Match(v.String()) {
			return false
		}
	}
	return true
}

func versionGrid() []version.Version {
	var grid []version.Version
	for major := range 3 {
		for minor := range 3 {
			for patch := range 3 {
				for _, pre := range []string{"", "-alpha", "-rc.1"} {
					if pre != "" && major+minor+patch == 0 {
						continue // nothing lies below 0.0.0 for the oracle; Cargo itself matches 0.0.0-alpha by <0.0.0-rc.1
					}
					grid = append(grid, version.MustParse(fmt.Sprintf("%d.%d.%d%s", major, minor, patch, pre)))
				}
			}
		}
	}
	return grid
}

// randomComparator writes a comparator of any shape; only a full one can name a pre-release.
func randomComparator(random *rand.Rand, pre bool) string {
	ops := []string{"", "^", "~", "=", ">", ">=", "<", "<="}
	parts := 1 + random.IntN(3)
	var numbers []string
	for range parts {
		numbers = append(numbers, fmt.Sprint(random.IntN(3)))
	}
	text := ops[random.IntN(len(ops))] + strings.Join(numbers, ".")
	if pre && parts == 3 {
		text += []string{"", "", "-alpha", "-rc.1"}[random.IntN(4)]
	}
	return text
}

// FuzzRequirement: a text that parses comes back as written, and whatever it matches lies between its bounds.
func FuzzRequirement(f *testing.F) {
	for _, seed := range []string{"^1.2.3", "~0.1", ">=1, <2", "*", "1.*", "=1.0.0-rc.1", "<0.0.1-0", ">18446744073709551615"} {
		f.Add(seed, "1.2.3-rc.1")
	}
	f.Fuzz(func(t *testing.T, text, candidate string) {
		r, err := version.ParseRequirement(text)
		if err != nil {
			return
		}
		again, err := version.ParseRequirement(r.String())
		if err != nil || again.String() != r.String() {
			t.Fatalf("%q: %q comes back as %q (%v)", text, r, again, err)
		}
		v, err := version.Parse(candidate)
		if err != nil {
			return
		}
		if r.Matches(v) && (r.Below(v) || r.Above(v)) {
			t.Fatalf("%q matches %s outside of its bounds", text, v)
		}
		if v.Pre() == "" && v.Build() == "" && !r.Below(v) && !r.Above(v) && !r.Matches(v) {
			t.Fatalf("%q does not match the release %s between its bounds", text, v)
		}
	})
}

// FuzzVersion: a version comes back as written, and its order agrees with itself.
func FuzzVersion(f *testing.F) {
	f.Add("1.2.3", "1.2.3-rc.1")
	f.Add("0.0.1+x", "18446744073709551615.1.1")
	f.Fuzz(func(t *testing.T, a, b string) {
		v, err := version.Parse(a)
		if err != nil {
			return
		}
		if v.String() != a {
			t.Fatalf("%q comes back as %q", a, v)
		}
		w, err := version.Parse(b)
		if err != nil {
			return
		}
		if v.Compare(w) != -w.Compare(v) {
			t.Fatalf("order of %s and %s depends on the side", v, w)
		}
		if version.Exactly(v).Matches(w) != v.Equal(w) {
			t.Fatalf("=%s and %s disagree with their order", v, w)
		}
	})
}
