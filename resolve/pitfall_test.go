package resolve

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

// TestYankedDeep: all versions at the end of a long chain are yanked (cargo #4066).
func TestYankedDeep(t *testing.T) {
	text := strings.ReplaceAll(forced("level200 1.0.0 yanked=bad\n"), "1.0.0\nconstrained", "1.0.0 yanked\nconstrained")
	u := parseUniverse(t, text)
	u.req.Options.Suggestions.Off = true
	_, err := u.resolve(t)
	none, ok := err.(*NoSolution)
	if !ok || !strings.Contains(none.Text(), "is yanked") {
		t.Fatalf("got %v", err)
	}
}

// TestFloor: a conflict with the first decision goes back below it, and neither stops too early nor spins.
func TestFloor(t *testing.T) {
	u := parseUniverse(t, `
root app 1.0.0
  a *
a 1.0.0
a 1.1.0
  b ^2
a 1.2.0
  b ^2
b 1.0.0
b 2.0.0
  c ^9
c 1.0.0`)
	if got := summary(u.mustResolve(t)); got != "a 1.0.0" {
		t.Errorf("got %s", got)
	}
}

// TestExactNames: a name with another case or hyphen is another package.
func TestExactNames(t *testing.T) {
	u := parseUniverse(t, "root app 1.0.0\n  foo_bar *\nfoo-bar 1.0.0")
	_, err := u.resolve(t)
	if _, ok := err.(*NoSolution); !ok || !strings.Contains(err.(*NoSolution).Text(), "no package named `foo_bar`") {
		t.Fatalf("got %v", err)
	}
}

// TestCutoffNeverFallsBack: a cutoff that leaves nothing is an error, not a newer version.
func TestCutoffNeverFallsBack(t *testing.T) {
	u := parseUniverse(t, "root app 1.0.0\n  a *\na 1.0.0 at=2026-02-01\na 1.1.0")
	u.req.Options.ExcludeNewer = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if sol, err := u.resolve(t); err == nil {
		t.Fatalf("got %s", summary(sol))
	}
}

// TestPathWithoutRequirement: a path dependency without a version takes what is there, even a pre-release, and is never
// too new.
func TestPathWithoutRequirement(t *testing.T) {
	u := parseUniverse(t, "root app 1.0.0\n  a *")
	local := PackageID{"path+../a", "a"}
	u.req.Roots[0].Dependencies[0].ID = local
	u.req.Roots[0].Dependencies[0].Requirement = version.Requirement{}
	u.req.Options.ExcludeNewer = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	u.packages[local] = []Candidate{{Version: version.MustParse("0.1.0-dev")}}
	if got := summary(u.mustResolve(t)); got != "a 0.1.0-dev" {
		t.Errorf("got %s", got)
	}
}

// TestPatch: [patch] replaces a package for all that depend on it; without it, one name from two sources is two
// packages.
func TestPatch(t *testing.T) {
	u := parseUniverse(t, "root app 1.0.0\n  a ^1\n  b ^1\nb 1.0.0\n  a ^1\na 1.0.0")
	local := PackageID{"path+../a", "a"}
	u.packages[local] = []Candidate{{Version: version.MustParse("1.5.0")}}
	u.req.Patches = map[PackageID]PackageID{registryID("a"): local, registryID("unused"): registryID("other")}
	sol := u.mustResolve(t)
	if got := summary(sol); got != "a 1.5.0, b 1.0.0" {
		t.Errorf("got %s", got)
	}
	if len(sol.Warnings) != 1 || sol.Warnings[0] != "the patch of unused is not used" {
		t.Errorf("got warnings %q", sol.Warnings)
	}
	u.req.Patches = nil
	u.req.Roots[0].Dependencies[0].ID = local
	if got := summary(u.mustResolve(t)); got != "a 1.0.0, a 1.5.0, b 1.0.0" {
		t.Errorf("from two sources: got %s", got)
	}
}

// TestWarnings: what is chosen, and should not be for long.
func TestWarnings(t *testing.T) {
	u := parseUniverse(t, "root app 1.0.0\n  a ^1\n  b ^1\nb 1.0.0\n  a ^2\na 1.0.0 yanked=old\na 2.0.0\nlock a 1.0.0")
	u.req.Options.Duplicates = DuplicatesWarn
	want := "a 1.0.0 is not the only version of a in the graph; a 1.0.0 is yanked: old"
	if got := strings.Join(u.mustResolve(t).Warnings, "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestHeld: why packages are not at their newest.
func TestHeld(t *testing.T) {
	u := parseUniverse(t, `
root app 1.0.0 gal=1.0.0
  by-root ^1
  by-gal *
  by-age *
  by-lock *
  by-conflict *
  by-feature * [f]
  latest *
  low ^1
by-root 1.0.0 at=2025-01-01
by-root 2.0.0 at=2025-01-01
by-gal 1.0.0 at=2025-01-01
by-gal 1.1.0 gal=2.0.0 at=2025-01-01
by-age 1.0.0 at=2025-01-01
by-age 1.1.0 at=2026-01-01
by-lock 1.0.0 at=2025-01-01
by-lock 1.1.0 at=2025-01-01
by-conflict 1.0.0 at=2025-01-01
by-conflict 1.1.0 at=2025-01-01
  low ^1.9
by-feature 1.0.0 at=2025-01-01
  feature f =
by-feature 1.1.0 at=2025-01-01
latest 1.0.0 at=2025-01-01
latest 1.1.0 yanked at=2025-01-01
latest 2.0.0-rc.1 at=2025-01-01
low 1.0.0 at=2025-01-01
lock by-lock 1.0.0`)
	u.req.Options.ExcludeNewer = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	var lines []string
	for _, h := range u.mustResolve(t).Held {
		lines = append(lines, h.ID.Name+" "+h.Version.String()+" ("+h.Newest.String()+"): "+h.Reason)
	}
	want := []string{
		"by-age 1.0.0 (1.1.0): newer than 2025-06-01T00:00:00Z (published 2026-01-01T00:00:00Z)",
		"by-conflict 1.0.0 (1.1.0): conflicts with low 1.0.0: it needs ^1.9",
		"by-feature 1.0.0 (1.1.0): app asks for feature `f`, which it lacks",
		"by-gal 1.0.0 (1.1.0): needs gal-version 2.0.0",
		"by-lock 1.0.0 (1.1.0): kept by gal.lock",
		"by-root 1.0.0 (2.0.0): app requires ^1 (gal.toml:3)",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// TestExplain: the reasons for one package, and the proof that its newest version is impossible.
func TestExplain(t *testing.T) {
	u := parseUniverse(t, `
root app 1.0.0
  a *
  b *
a 1.0.0
a 1.1.0
  c =1.0.0
a 1.2.0-rc.1
a 1.3.0 yanked=broken
b 1.0.0
  c =1.1.0
c 1.0.0
c 1.1.0`)
	got, err := Explain(context.Background(), u.req, u, "a")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Version.String() != "1.0.0" || strings.Join(got[0].RequiredBy, ", ") != "app * (gal.toml:3)" {
		t.Fatalf("got %+v", got)
	}
	var newer []string
	for _, s := range got[0].Newer {
		newer = append(newer, s.Version.String()+" "+s.Reason)
	}
	if text := strings.Join(newer, "; "); text != `1.3.0 yanked: "broken"; 1.2.0-rc.1 app requires * (gal.toml:3); 1.1.0 conflicts with c 1.1.0: it needs =1.0.0` {
		t.Errorf("got %s", text)
	}
	if got[0].Proof == nil || !strings.Contains(got[0].Proof.Text(), "b 1.0.0 depends on c =1.1.0") {
		t.Errorf("got the proof %v", got[0].Proof)
	}
	if _, err := Explain(context.Background(), u.req, u, "x"); !fault.IsCode(err, "not-in-graph") {
		t.Errorf("a package that is not there: got %v", err)
	}
}

// TestSuggestionsStop: the clock ends the search for suggestions; without one, the search is the same every time.
func TestSuggestionsStop(t *testing.T) {
	u := parseUniverse(t, "root app 1.0.0\n  a ^2\n  b ^2\na 1.0.0\nb 1.0.0\n  a ^1")
	now := time.Unix(0, 0)
	u.req.Options.Suggestions = Suggesting{Limit: time.Second, Now: func() time.Time {
		now = now.Add(2 * time.Second)
		return now
	}}
	var none *NoSolution
	if _, err := u.resolve(t); !errors.As(err, &none) || len(none.Suggestions) != 0 {
		t.Errorf("got %v with %+v", err, none.Suggestions)
	}
}

// TestNoSolutionForPrograms: the error is a fault with the right code, and its JSON holds the proof.
func TestNoSolutionForPrograms(t *testing.T) {
	u := parseUniverse(t, "root app 1.0.0\n  a ^2\na 1.0.0")
	_, err := u.resolve(t)
	if !fault.IsCode(err, "no-solution") || fault.KindOf(err) != fault.NoSolution {
		t.Fatalf("got %v", err)
	}
	data, err := json.Marshal(err)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"subject":"gal.toml","sentences":["Because app depends on a ^2 (gal.toml:2), which no version fits (published: 1.0.0), app cannot be resolved."],` +
		`"steps":[{"id":1,"kind":"fact","text":"app depends on a ^2 (gal.toml:2), which no version fits (published: 1.0.0)"}],` +
		`"suggestions":[{"change":"a = \"1\"","where":"gal.toml:2","result":"a 1.0.0"}]}`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
}

// TestSourceErrors: an error that is not "no such package" ends the resolution, and so does the context.
func TestSourceErrors(t *testing.T) {
	u := parseUniverse(t, "root app 1.0.0\n  a ^1\na 1.0.0")
	broken := fault.New(fault.Network, "unreachable", "no route")
	if _, err := Resolve(context.Background(), u.req, failing{broken}); !errors.Is(err, broken) || fault.KindOf(err) != fault.Network {
		t.Errorf("got %v", err)
	}
	if _, err := Resolve(context.Background(), Request{}, u); err == nil {
		t.Error("a request without roots passes")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	u = parseUniverse(t, botoBudget)
	if _, err := Resolve(ctx, u.req, u); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Candidates(context.Context, PackageID) ([]Candidate, error) { return nil, f.err }
func (f failing) Prefetch([]Hint)                                            {}

// FuzzResolve: what is found is valid, and where nothing is found there is nothing.
func FuzzResolve(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, deny bool) {
		u := parseUniverse(t, randomUniverse(rand.New(rand.NewPCG(seed, 8))))
		u.req.Options.Suggestions.Off = true
		if deny {
			u.req.Options.Duplicates = DuplicatesDeny
		}
		want, complete, _ := u.brute(3000)
		sol, err := u.resolve(t)
		var none *NoSolution
		switch {
		case err == nil && complete && !want:
			t.Fatalf("found %s, but there is none", summary(sol))
		case err == nil:
			if problems := u.check(sol); len(problems) > 0 {
				t.Fatal(problems)
			}
		case errors.As(err, &none) && want:
			t.Fatal(none.Text())
		}
	})
}

// TestPolicyWords: every word comes back, and others are refused.
func TestPolicyWords(t *testing.T) {
	for _, test := range []struct {
		word string
		to   interface {
			UnmarshalText([]byte) error
			String() string
		}
	}{
		{"lowest-direct", new(Resolution)}, {"highest", new(Resolution)}, {"lowest", new(Resolution)},
		{"fallback", new(GalPolicy)}, {"allow", new(GalPolicy)}, {"deny", new(GalPolicy)},
		{"allow", new(DuplicatePolicy)}, {"warn", new(DuplicatePolicy)}, {"deny", new(DuplicatePolicy)},
	} {
		if err := test.to.UnmarshalText([]byte(test.word)); err != nil || test.to.String() != test.word {
			t.Errorf("%q comes back as %q (%v)", test.word, test.to, err)
		}
		if err := test.to.UnmarshalText([]byte("Deny ")); err == nil {
			t.Errorf("%T takes a word that it does not know", test.to)
		}
	}
}
