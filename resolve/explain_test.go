package resolve

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/version"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestExplanations holds the whole text of each failure against testdata/explanations.txt; -update writes it anew, to
// be read in the diff.
func TestExplanations(t *testing.T) {
	var b builder
	for _, test := range explanations() {
		u := parseUniverse(t, test.universe)
		u.req.Options = test.opts
		_, err := u.resolve(t)
		none, ok := err.(*NoSolution)
		if !ok {
			t.Fatalf("%s: got %v", test.name, err)
		}
		b.printf("## %s\n%s\n", test.name, none.Text())
	}
	compareGolden(t, "explanations.txt", b.String())
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	wanted := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(wanted) || line != wanted[i] {
			t.Fatalf("%s:%d\ngot  %s\nwant %s", path, i+1, line, strings.Join(wanted[min(i, len(wanted)):min(i+1, len(wanted))], ""))
		}
	}
	t.Fatalf("%s has more lines than there are", path)
}

type explanation struct {
	name     string
	universe string
	opts     Options
}

func explanations() []explanation {
	return []explanation{
		{name: "link", universe: `
root my-app 1.0.0
  actor-net ^3
  chaos-lib ^0.5.1
actor-net 2.8.0
  wire ^1
actor-net 3.0.0
  wire ^2.0
actor-net 3.1.0
  wire ^2.0
chaos-lib 0.4.9
chaos-lib 0.5.0
chaos-lib 0.5.1
  wire =1.9.3
chaos-lib 0.5.2
  wire =1.9.3
wire 1.9.3 links=wire
wire 2.3.1 links=wire`},
		{name: "a pre-release would do", universe: `
root my-app 1.0.0
  actor-net ^3
  chaos-lib ^0.5.1
actor-net 3.0.0
  wire ^2.0
chaos-lib 0.5.1
  wire =1.9.3
chaos-lib 0.6.0-rc.1
  wire ^2
wire 1.9.3 links=wire
wire 2.3.1 links=wire`},
		{name: "one bucket", universe: `
root my-app 1.0.0
  pin-a ^1
  pin-b ^1
pin-a 1.0.0
  rand =0.8.5
pin-a 1.1.0
  rand =0.8.5
pin-b 1.0.0
  rand =0.8.4
rand 0.8.4
rand 0.8.5`},
		{name: "no such package", universe: `
root my-app 1.0.0
  nowhere ^1`},
		{name: "no such version", universe: `
root my-app 1.0.0
  a ^2
a 1.0.0
a 1.1.0`},
		{name: "only yanked", universe: `
root my-app 1.0.0
  a ^2
a 1.0.0
a 2.0.0 yanked=broken`},
		{name: "only pre-releases", universe: `
root my-app 1.0.0
  a ^2
a 1.0.0
a 2.0.0-rc.1`},
		{name: "too new, and of unknown age", opts: Options{ExcludeNewer: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, universe: `
root my-app 1.0.0
  a ^2
a 1.0.0 at=2025-01-01
a 2.0.0 at=2026-02-01
a 2.1.0`},
		{name: "newer GAL", opts: Options{GalVersions: GalDeny}, universe: `
root my-app 1.0.0 gal=1.0.0
  a ^2
a 2.0.0 gal=2.0.0`},
		{name: "unusable", universe: `
root my-app 1.0.0
  a ^2
a 2.0.0 unusable`},
		{name: "missing feature", universe: `
root my-app 1.0.0
  a ^1 [tls]
a 1.0.0
  feature json =
a 1.1.0
  feature json =
  feature yaml =`},
		{name: "feature of some versions", universe: `
root my-app 1.0.0
  a ^1 [tls]
  b ^1
a 1.0.0
  feature tls =
a 1.1.0
b 1.0.0
  a ^1.1`},
		{name: "two members with one link", universe: `
root app 1.0.0 links=z
root tools 1.0.0 links=z`},
		{name: "members that do not agree", universe: `
root app 1.0.0
  path:tools ^3
root tools 2.0.0
  a =1.0.0
a 1.0.0`},
		{name: "feature of a root", universe: `
root app 1.0.0
  a ^1
  feature x = a/f
a 1.0.0`},
		{name: "precise", opts: Options{Precise: map[string]version.Version{"a": version.MustParse("1.0.0")}}, universe: `
root app 1.0.0
  a ^1.1
a 1.0.0
a 1.1.0`},
		{name: "duplicates", opts: Options{Duplicates: DuplicatesDeny}, universe: `
root my-app 1.0.0
  a ^1
  b ^1
a 1.0.0
b 1.0.0
  a ^2
a 2.0.0`},
		{name: "optional dependency of a feature", universe: `
root my-app 1.0.0
  a ^1 [tls]
a 1.0.0
  ? ssl ^3
  feature tls = dep:ssl
ssl 2.0.0`},
		{name: "wide requirement", universe: `
root my-app 1.0.0
  a ^1
a 1.0.0
  x >=0.1,<0.3
x 0.1.0
  z ^3
x 0.2.0
  z ^4
z 1.0.0`},
		{name: "two causes, one of them twice", universe: `
root my-app 1.0.0
  foo ^1
foo 1.0.0
  a ^1
  b ^1
foo 1.1.0
  x ^1
  y ^1
a 1.0.0
  b ^2
b 1.0.0 links=b
b 2.0.0 links=b
x 1.0.0
  y ^2
y 1.0.0 links=y
y 2.0.0 links=y`},
		{name: "weak feature", universe: `
root my-app 1.0.0
  a ^1 [x y]
a 1.0.0
  ? b ^1
  feature x = b?/f
  feature y = dep:b
b 1.0.0`},
		{name: "pinned for another reason", universe: `
root my-app 1.0.0
  a =1.0.0
  b =1.0.0
a 1.0.0
  c ~1.1
a 1.1.0
  c ^1
b 1.0.0
  c ~1.2
c 1.1.0
c 1.2.0`},
	}
}
