package resolve

import (
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

// TestChoices: small universes, and what must be chosen.
func TestChoices(t *testing.T) {
	for _, test := range []struct{ name, universe, want string }{
		{"newest that fits", `
root app 1.0.0
  a ^1
a 1.0.0
a 1.4.2
a 2.0.0`, "a 1.4.2"},
		{"bare version is caret", `
root app 1.0.0
  a 0.5.2
a 0.5.2
a 0.5.9
a 0.6.0`, "a 0.5.9"},
		{"buckets stand beside each other", `
root app 1.0.0
  a ^1
  b ^1
b 1.0.0
  a ^2
a 1.0.0
a 2.0.0`, "a 1.0.0, a 2.0.0, b 1.0.0"},
		{"direct dependencies come first", `
root app 1.0.0
  boto *
  url *
boto 1.2.0
  core 1.2
boto 1.1.0
  core 1.1
core 1.2.0
  url >=1.0,<1.5
core 1.1.0
  url >=1.0
url 1.0.0
url 1.4.0
url 1.9.0`, "boto 1.2.0, core 1.2.0, url 1.4.0"},
		{"direct dependencies come first again after going back", `
root app 1.0.0
  z *
  build a *
z 1.2.0
  t ^1
z 1.1.0
  c =1.1.0
z 1.0.0
a 1.1.0
  c =1.0.0
a 1.0.0
t 1.0.0
  nowhere ^1
t 1.1.0
  nowhere ^2
c 1.0.0
c 1.1.0`, "a 1.0.0, c 1.1.0, z 1.1.0"},
		{"wide requirement of a root takes the newest bucket", `
root app 1.0.0
  a >=0.6,<0.8
  b *
b 1.0.0
  a 0.6
a 0.6.1
a 0.7.2`, "a 0.6.1, a 0.7.2, b 1.0.0"},
		{"wide requirement of a package takes the bucket that is there", `
root app 1.0.0
  b *
  c *
b 1.0.0
  a >=0.6,<0.8
c 1.0.0
  a 0.6
a 0.6.1
a 0.7.2`, "a 0.6.1, b 1.0.0, c 1.0.0"},
		{"wide requirement of a package takes the newest if none is there", `
root app 1.0.0
  b *
b 1.0.0
  a >=0.6,<0.8
a 0.6.1
a 0.7.2`, "a 0.7.2, b 1.0.0"},
		{"yanked versions are not there", `
root app 1.0.0
  a ^1
a 1.0.0
a 1.1.0 yanked`, "a 1.0.0"},
		{"yanked version stays if locked", `
root app 1.0.0
  a ^1
a 1.0.0
a 1.1.0 yanked
a 1.2.0
lock a 1.1.0`, "a 1.1.0"},
		{"pre-releases only if asked for", `
root app 1.0.0
  a *
  b ^2.0.0-rc
a 1.0.0
a 1.1.0-rc.1
b 1.0.0
b 2.0.0-rc.2
b 2.1.0-rc.1`, "a 1.0.0, b 2.0.0-rc.2"},
		{"lock is kept", `
root app 1.0.0
  a ^1
a 1.0.0
a 1.1.0
lock a 1.0.0`, "a 1.0.0"},
		{"lock gives way where it must", `
root app 1.0.0
  a ^1.1
  b ^1
a 1.0.0
a 1.1.0
a 1.2.0
b 1.0.0
b 1.1.0
lock a 1.0.0
lock b 1.0.0`, "a 1.2.0, b 1.0.0"},
		{"only what must move is unlocked", `
root app 1.0.0
  a ^1
  c ^1.1
a 1.0.0
  b ^1
a 1.1.0
  b ^1
b 1.0.0
  c =1.0.0
  d ^1
b 1.1.0
  c =1.1.0
  d ^1
c 1.0.0
c 1.1.0
d 1.0.0
d 1.1.0
lock a 1.0.0
lock b 1.0.0
lock c 1.0.0
lock d 1.0.0`, "a 1.0.0, b 1.1.0, c 1.1.0, d 1.0.0"},
		{"what the lock held together is read again", `
root app 1.0.0
  a ^1
a 1.0.0
  b ^1.1
b 1.0.0
b 1.1.0
lock a 1.0.0
lock b 1.0.0`, "a 1.0.0, b 1.1.0"},
		{"development dependencies count for roots only", `
root app 1.0.0
  dev a ^1
a 1.0.0
  dev b ^1
  build c ^1
b 1.0.0
c 1.0.0`, "a 1.0.0, c 1.0.0"},
		{"development dependency closes a circle", `
root app 1.0.0
  a ^1
  dev path:app *
a 1.0.0`, "a 1.0.0"},
		{"features add up", `
root app 1.0.0
  a ^1 [x]
  b ^1
b 1.0.0
  ! a ^1 [y]
a 1.0.0
  feature x =
  feature y = z
  feature z =
  feature default = w
  feature w =
  feature unused =`, "a 1.0.0 [default w x y z], b 1.0.0"},
		{"no default where nobody asks for it", `
root app 1.0.0
  ! a ^1
a 1.0.0
  feature default = x
  feature x =`, "a 1.0.0"},
		{"a version without the feature is left out", `
root app 1.0.0
  a ^1 [x]
a 1.0.0
  feature x =
a 1.1.0`, "a 1.0.0 [x]"},
		{"optional dependency by its implicit feature", `
root app 1.0.0
  a ^1 [b]
a 1.0.0
  ? b ^1
  ? c ^1
b 1.0.0
c 1.0.0`, "a 1.0.0 [b], b 1.0.0"},
		{"dep: hides the implicit feature", `
root app 1.0.0
  a ^1 [b]
a 1.1.0
  ? b ^1
  feature x = dep:b
a 1.0.0
  ? b ^1
b 1.0.0`, "a 1.0.0 [b], b 1.0.0"},
		{"strong feature of a dependency turns it on", `
root app 1.0.0
  a ^1 [x]
a 1.0.0
  ? b ^1
  feature x = b/f
b 1.0.0
  feature f =`, "a 1.0.0 [b x], b 1.0.0 [f]"},
		{"weak feature alone does nothing", `
root app 1.0.0
  a ^1 [x]
a 1.0.0
  ? b ^1
  feature x = b?/f
b 1.0.0
  feature f =`, "a 1.0.0 [x]"},
		{"weak feature does not even exclude versions", `
root app 1.0.0
  a ^1 [x]
a 1.0.0
  ? b ^1
  feature x = b?/missing
b 1.0.0`, "a 1.0.0 [x]"},
		{"weak feature holds where something else turns it on", `
root app 1.0.0
  a ^1 [x]
  c ^1
c 1.0.0
  a ^1 [y]
a 1.0.0
  ? b ^1
  feature x = b?/f
  feature y = dep:b
b 1.0.0
  feature f =
b 1.1.0`, "a 1.0.0 [x y], b 1.0.0 [f], c 1.0.0"},
		{"features of a renamed dependency", `
root app 1.0.0
  a ^1 as first
  a ^2 as second
  feature x = first/f
a 1.0.0
  feature f =
a 2.0.0
  feature f =`, "a 1.0.0 [f], a 2.0.0"},
		{"all features of a root are covered", `
root app 1.0.0
  ? a ^1
  ? b ^1
  feature x = dep:a b?/f
a 1.0.0
b 1.0.0
  feature f =`, "a 1.0.0, b 1.0.0 [f]"},
		{"one package for a link", `
root app 1.0.0
  a *
  b *
a 1.0.0 links=z
a 1.1.0
b 1.0.0 links=z`, "a 1.1.0, b 1.0.0"},
		{"members of a workspace depend on each other", `
root app 1.0.0
  path:tools *
root tools 2.0.0
  a ^1
a 1.0.0`, "a 1.0.0"},
		{"versions that need a newer GAL are used last", `
root app 1.0.0 gal=1.5.0
  a *
  b *
a 1.0.0
a 1.1.0 gal=1.5.0
a 1.2.0 gal=1.6.0
b 1.0.0 gal=2.0.0`, "a 1.1.0, b 1.0.0"},
		{"the lowest gal-version of a workspace counts", `
root app 1.0.0 gal=1.5.0
  a *
root tools 1.0.0 gal=1.2.0
a 1.0.0
a 1.1.0 gal=1.5.0`, "a 1.0.0"},
		{"unusable versions are not there", `
root app 1.0.0
  a *
a 1.0.0
a 1.1.0 unusable`, "a 1.0.0"},
		{"a package that is missing rules out what needs it", `
root app 1.0.0
  a *
a 1.0.0
a 1.1.0
  nowhere ^1`, "a 1.0.0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := parseUniverse(t, test.universe)
			if got := summary(u.mustResolve(t)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

const policies = `
root app 1.0.0 gal=1.0.0
  a ^1
  b ^1
a 1.0.0 at=2025-01-01
a 1.1.0 at=2026-01-01 gal=2.0.0
  c ^1.1
a 1.2.0
b 1.0.0 at=2025-01-01
  c ^1
b 1.1.0 at=2025-06-01 yanked=broken
  c ^1
c 1.0.0 at=2025-01-01
c 1.1.0 at=2025-03-01
c 1.2.0 at=2025-09-01
c 2.0.0 at=2025-10-01
lock b 1.0.0
lock c 1.0.0`

// TestOptions: one universe, and what each option changes.
func TestOptions(t *testing.T) {
	day := func(text string) time.Time {
		d, err := time.Parse("2006-01-02", text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	precise := func(name, v string) map[string]version.Version {
		return map[string]version.Version{name: version.MustParse(v)}
	}
	for _, test := range []struct {
		name string
		opts Options
		want string
	}{
		{"none", Options{}, "a 1.2.0, b 1.0.0, c 1.0.0"},
		{"unlock all", Options{Unlock: Unlock{All: true}}, "a 1.2.0, b 1.0.0, c 1.2.0"},
		{"unlock one", Options{Unlock: Unlock{Names: []string{"c"}}}, "a 1.2.0, b 1.0.0, c 1.2.0"},
		{"unlock another", Options{Unlock: Unlock{Names: []string{"b"}}}, "a 1.2.0, b 1.0.0, c 1.0.0"},
		{"unlock with what is below", Options{Unlock: Unlock{Names: []string{"b"}, Recursive: true}}, "a 1.2.0, b 1.0.0, c 1.2.0"},
		{"lowest", Options{Resolution: Lowest, Unlock: Unlock{All: true}}, "a 1.0.0, b 1.0.0, c 1.0.0"},
		{"lowest direct", Options{Resolution: LowestDirect, Unlock: Unlock{All: true}}, "a 1.0.0, b 1.0.0, c 1.2.0"},
		{"cutoff hides new and undated versions", Options{ExcludeNewer: day("2025-07-01"), Unlock: Unlock{All: true}}, "a 1.0.0, b 1.0.0, c 1.1.0"},
		{"cutoff keeps locked versions", Options{ExcludeNewer: day("2024-01-01"), ExcludeNewerFor: map[string]time.Time{"a": day("2025-02-01")}}, "a 1.0.0, b 1.0.0, c 1.0.0"},
		{"cutoff with an exempt package", Options{ExcludeNewer: day("2025-07-01"), ExcludeNewerFor: map[string]time.Time{"a": {}}}, "a 1.2.0, b 1.0.0, c 1.0.0"},
		{"cutoff of a registry", Options{ExcludeNewerFor: map[string]time.Time{"registry+r": day("2025-07-01")}, Unlock: Unlock{All: true}}, "a 1.0.0, b 1.0.0, c 1.1.0"},
		{"precise", Options{Precise: precise("c", "1.1.0")}, "a 1.2.0, b 1.0.0, c 1.1.0"},
		{"precise takes yanked versions", Options{Precise: precise("b", "1.1.0")}, "a 1.2.0, b 1.1.0, c 1.0.0"},
		{"precise takes new versions", Options{Precise: precise("c", "1.2.0"), ExcludeNewer: day("2025-07-01")}, "a 1.0.0, b 1.0.0, c 1.2.0"},
		{"deny newer GAL", Options{GalVersions: GalDeny, ExcludeNewer: day("2026-06-01")}, "a 1.0.0, b 1.0.0, c 1.0.0"},
		{"fall back to newer GAL", Options{ExcludeNewer: day("2026-06-01")}, "a 1.0.0, b 1.0.0, c 1.0.0"},
		{"allow newer GAL, and unlock only what must move", Options{GalVersions: GalAllow, ExcludeNewer: day("2026-06-01")}, "a 1.1.0, b 1.0.0, c 1.2.0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := parseUniverse(t, policies)
			u.req.Options = test.opts
			sol, err := u.resolve(t)
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(sol); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestRefusals: requests that fail in their own way.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name, universe, code, want string
		opts                       Options
	}{
		{name: "circle", code: "dependency-cycle", want: "a 1.0.0 -> b 1.0.0 -> a 1.0.0", universe: `
root app 1.0.0
  a *
a 1.0.0
  b *
b 1.0.0
  build a *`},
		{name: "precise that nothing allows", code: "precise-not-used", universe: `
root app 1.0.0
  a ^1
a 1.0.0
a 2.0.0`, opts: Options{Precise: map[string]version.Version{"a": version.MustParse("2.0.0")}}},
		{name: "precise that nothing needs", code: "precise-not-used", universe: "root app 1.0.0",
			opts: Options{Precise: map[string]version.Version{"a": version.MustParse("2.0.0")}}},
		{name: "budget", code: "step-budget", universe: botoBudget, opts: Options{StepBudget: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := parseUniverse(t, test.universe)
			u.req.Options = test.opts
			_, err := u.resolve(t)
			if !fault.IsCode(err, test.code) {
				t.Fatalf("got %v, want the code %s", err, test.code)
			}
			if facts := fault.Of(err).Facts; test.want != "" && (len(facts) == 0 || facts[0] != test.want) {
				t.Errorf("got %q, want %q", facts, test.want)
			}
		})
	}
}

// botoBudget needs two conflicts.
const botoBudget = `
root app 1.0.0
  a *
  z *
a 1.2.0
  c =1.0.0
a 1.1.0
  c =1.1.0
a 1.0.0
z 1.0.0
  c =1.2.0
c 1.0.0
c 1.1.0
c 1.2.0`
