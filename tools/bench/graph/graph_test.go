package graph

import (
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

var sample = Package{Name: "mailbox", Versions: []Version{
	{Number: Number{0, 1, 0}, Published: 1600000000},
	{
		Number: Number{1, 2, 3}, Published: 1700000000, Yanked: true, Path: "payload/mailbox",
		Features: map[string][]string{"std": {"retry/std"}, "default": {"std"}},
		Dependencies: []Dependency{
			{Name: "retry", Requirement: "1.2", Kind: "normal", Features: []string{"std"}},
			{Name: "log-io", Requirement: ">=0.2.1, <0.4.0", Kind: "build", Optional: true, NoDefault: true},
		},
	},
}}

func TestNeutral(t *testing.T) {
	got, err := sample.Neutral(nil)
	want := `{"name":"mailbox","version":"0.1.0","deps":[],"published":1600000000}
{"name":"mailbox","version":"1.2.3","deps":[` +
		`{"name":"retry","req":"1.2","kind":"normal","optional":false,"features":["std"],"default_features":true},` +
		`{"name":"log-io","req":"\u003e=0.2.1, \u003c0.4.0","kind":"build","optional":true,"features":[],"default_features":false}],` +
		`"features":{"default":["std"],"std":["retry/std"]},"yanked":true,"published":1700000000,"path":"payload/mailbox"}
`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestCargo(t *testing.T) {
	got, err := sample.Cargo(func(Number) (sum [32]byte) { return sum })
	zeros := strings.Repeat("00", 32)
	want := `{"name":"mailbox","vers":"0.1.0","deps":[],"cksum":"` + zeros + `","features":{},"yanked":false}
{"name":"mailbox","vers":"1.2.3","deps":[` +
		`{"name":"retry","req":"^1.2","features":["std"],"optional":false,"default_features":true,"target":null,"kind":"normal"},` +
		`{"name":"log-io","req":"\u003e=0.2.1, \u003c0.4.0","features":[],"optional":true,"default_features":false,"target":null,"kind":"build"}],` +
		`"cksum":"` + zeros + `","features":{"default":["std"],"std":["retry/std"]},"yanked":true}
`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestCargoPath(t *testing.T) {
	for name, want := range map[string]string{"a": "1/a", "ab": "2/ab", "abc": "3/a/abc", "mailbox": "ma/il/mailbox"} {
		if got := CargoPath(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestShare(t *testing.T) {
	for _, test := range []struct {
		total   int64
		weights []float64
	}{
		{10, []float64{1, 1, 1}},
		{3, []float64{5, 0, 1}}, // one each is the least
		{1_000_003, []float64{0.1, 7, 3.3, 1e-9}},
	} {
		var sum int64
		for i, n := range Share(test.total, test.weights) {
			sum += n
			if n < 1 {
				t.Errorf("%v: part %d is %d", test, i, n)
			}
		}
		if sum != test.total {
			t.Errorf("%v: the parts add up to %d", test, sum)
		}
	}
}

func TestNames(t *testing.T) {
	first := NewNamer(NewChance(1, 1)).Name()
	namer, seen := NewNamer(NewChance(1, 1), first), map[string]bool{manifest.Key(first): true}
	for range 5000 {
		name := namer.Name()
		if seen[manifest.Key(name)] {
			t.Fatalf("%s comes twice", name)
		}
		if err := manifest.CheckName(name); err != nil {
			t.Fatal(err)
		}
		seen[manifest.Key(name)] = true
	}
}

// Versions rise, in number and in time, and every caret can be met.
func TestHistory(t *testing.T) {
	chance := NewChance(1, 2)
	for _, maxMajor := range []int{1, 12} {
		for range 200 {
			releases := History(chance, 1+chance.IntN(80), maxMajor)
			kept := map[Number]bool{}
			for i, r := range releases {
				if i > 0 {
					before := releases[i-1]
					if r.At < before.At || !version.MustParse(before.Number.String()).Less(version.MustParse(r.Number.String())) {
						t.Fatalf("%v comes behind %v", r, before)
					}
				}
				if r.Number.Major > maxMajor || r.At < Begin || r.At > End {
					t.Fatalf("%v", r)
				}
				kept[r.Number.Bucket()] = !r.Yanked
			}
			for bucket, ok := range kept {
				if !ok {
					t.Fatalf("the newest of %v is yanked", bucket)
				}
			}
		}
	}
}

func TestNewest(t *testing.T) {
	releases := []Release{{At: 10}, {At: 20}, {At: 30}}
	for at, want := range map[int64]int{5: 0, 10: 0, 19: 0, 20: 1, 35: 2} {
		if got := Newest(releases, at); got != want {
			t.Errorf("at %d: %d, want %d", at, got, want)
		}
	}
}

// A Zipf choice takes the first of a thousand about as often as the rest of the first hundred together takes one of four.
func TestZipf(t *testing.T) {
	chance, counts := NewChance(1, 3), make([]int, 1000)
	for range 100_000 {
		counts[chance.Zipf(1000)]++
	}
	if first, tenth := counts[0], counts[9]; first < 8*tenth/2 || first > 20*tenth || counts[999] > tenth {
		t.Errorf("the first %d times, the tenth %d, the last %d", first, tenth, counts[999])
	}
	if one := chance.Zipf(1); one != 0 {
		t.Errorf("one of one is %d", one)
	}
}
