package resolve

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// locked is a solution as gal.lock would hold it, with what the universe says of each version.
func (u *universe) locked(sol *Solution) []LockedPackage {
	var graph []LockedPackage
	for _, p := range sol.Packages {
		l := LockedPackage{ID: p.ID, Version: p.Version, Candidate: *u.candidateAt(p)}
		for _, e := range p.Dependencies {
			l.Edges = append(l.Edges, Edge{ID: e.ID, Version: e.Version}) // gal.lock knows no alias and no kind
		}
		graph = append(graph, l)
	}
	return graph
}

// selected writes a selection as "a 1.0.0 normal[x] build[y]", without the roots.
func selected(packages []Selected) string {
	var words []string
	for _, p := range packages {
		if p.Root {
			continue
		}
		text := p.ID.Name + " " + p.Version.String()
		for _, context := range []struct {
			name     string
			used     bool
			features []string
		}{{"normal", p.Normal, p.Features}, {"build", p.Build, p.BuildFeatures}, {"dev", p.Dev, p.DevFeatures}} {
			if context.used {
				text += " " + context.name
				if len(context.features) > 0 {
					text += "[" + strings.Join(context.features, " ") + "]"
				}
			}
		}
		words = append(words, text)
	}
	return strings.Join(words, ", ")
}

const selectable = `
root app 1.0.0
  a ^1
  ? extra ^1
  dev a ^1 [dev] as a-for-tests
  build a ^1 [gen] as a-for-build
  dev tests ^1
  feature default = log
  feature log = a/log
  feature full = log dep:extra
  feature tuned = extra?/fast
a 1.0.0
  ? logger ^1
  ? yaml >=1,<3
  feature default =
  feature log = logger/std
  feature gen = dep:yaml
  feature dev =
logger 1.0.0
  feature std =
yaml 2.0.0
extra 1.0.0
  feature fast =
tests 1.0.0
  a ^1
  build gen ^1
gen 1.0.0`

func TestSelect(t *testing.T) {
	u := parseUniverse(t, selectable)
	sol := u.mustResolve(t)
	for _, test := range []struct {
		name string
		opts SelectOptions
		want string
	}{
		{"default", SelectOptions{}, "a 1.0.0 normal[default log logger] build[default gen] dev[default dev], gen 1.0.0 build, logger 1.0.0 normal[std], tests 1.0.0 dev, yaml 2.0.0 build"},
		{"release", SelectOptions{NoDev: true}, "a 1.0.0 normal[default log logger] build[default gen], logger 1.0.0 normal[std], yaml 2.0.0 build"},
		{"program only", SelectOptions{NoDev: true, NoBuild: true}, "a 1.0.0 normal[default log logger], logger 1.0.0 normal[std]"},
		{"no default", SelectOptions{NoDev: true, NoBuild: true, NoDefaultFeatures: true}, "a 1.0.0 normal[default]"},
		{"weak alone", SelectOptions{NoDev: true, NoBuild: true, NoDefaultFeatures: true, Features: []string{"tuned"}}, "a 1.0.0 normal[default]"},
		{"weak and strong", SelectOptions{NoDev: true, NoBuild: true, Features: []string{"tuned", "full"}}, "a 1.0.0 normal[default log logger], extra 1.0.0 normal[fast], logger 1.0.0 normal[std]"},
		{"feature of a dependency", SelectOptions{NoDev: true, NoBuild: true, NoDefaultFeatures: true, Features: []string{"a/dev"}}, "a 1.0.0 normal[default dev]"},
		{"all", SelectOptions{NoDev: true, NoBuild: true, AllFeatures: true}, "a 1.0.0 normal[default log logger], extra 1.0.0 normal[fast], logger 1.0.0 normal[std]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Select(u.req.Roots, u.locked(sol), test.opts)
			if err != nil {
				t.Fatal(err)
			}
			if text := selected(got); text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}

func TestSelectRefusals(t *testing.T) {
	u := parseUniverse(t, selectable)
	graph := u.locked(u.mustResolve(t))
	_, err := Select(u.req.Roots, graph, SelectOptions{Features: []string{"fulll"}})
	if !fault.IsCode(err, "feature-not-found") {
		t.Errorf("unknown feature: got %v", err)
	}
	graph = slices.DeleteFunc(graph, func(p LockedPackage) bool { return p.ID.Name == "logger" })
	_, err = Select(u.req.Roots, graph, SelectOptions{})
	if !fault.IsCode(err, "lock-stale") {
		t.Errorf("package missing in the lock: got %v", err)
	}
}

// TestSelectWithinSolution: whatever is selected is part of the solution, with no more features; and with all
// features and kinds, everything that is needed without weak features is selected.
func TestSelectWithinSolution(t *testing.T) {
	rounds := uint64(3000)
	if testing.Short() {
		rounds = 300
	}
	selections := 0
	for seed := range rounds {
		text := randomUniverse(rand.New(rand.NewPCG(seed, 6)))
		u := parseUniverse(t, text)
		u.req.Options.Suggestions.Off = true
		sol, err := u.resolve(t)
		if err != nil {
			continue
		}
		got, err := Select(u.req.Roots, u.locked(sol), SelectOptions{AllFeatures: true})
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		selections++
		for _, p := range got {
			at := slices.IndexFunc(sol.Packages, func(q Package) bool { return q.ID == p.ID && q.Version.Equal(p.Version) })
			if at < 0 {
				t.Fatalf("seed %d: %s %s is not in the solution\n%s", seed, p.ID.Name, p.Version, text)
			}
			for _, f := range slices.Concat(p.Features, p.BuildFeatures, p.DevFeatures) {
				if !slices.Contains(sol.Packages[at].Features, f) {
					t.Fatalf("seed %d: %s has feature %s only in the selection\n%s", seed, p.ID.Name, f, text)
				}
			}
		}
		if !strings.Contains(text, "?/") && len(got) != len(sol.Packages) {
			t.Fatalf("seed %d: selected %s of %s\n%s", seed, selected(got), summary(sol), text)
		}
	}
	if selections == 0 {
		t.Fatal("nothing was selected")
	}
}
