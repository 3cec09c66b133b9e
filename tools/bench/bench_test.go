package main

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/tools/bench/host"
	"github.com/geeknik/gal-pkg/tools/bench/measure"
)

func TestMain(m *testing.M) {
	measure.Main()
	os.Exit(m.Run())
}

// Every scenario runs, at sizes that take seconds, with gal-pkg and go; and what must be asked and what must not be is.
func TestScenarios(t *testing.T) {
	out := filepath.Join(t.TempDir(), "figures.json")
	o, chosen, err := parse([]string{"--small", "-n", "1", "--tools", "go,git", "--work", t.TempDir(), "--json", out, "install", "start", "lock", "scale", "find", "grow", "cut", "flip"})
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), o, chosen, t.Output()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, table := range got.Tables {
		title, _, _ := strings.Cut(table.Title, ",")
		titles = append(titles, title)
		for _, r := range table.Rows {
			if len(r.Samples) == 0 || len(r.Samples) != len(r.Counts) || r.Samples[0].Wall <= 0 {
				t.Errorf("%s, %s: %+v", table.Title, r.Name, r)
			}
		}
	}
	want := []string{
		"s1: cold cache", "s2: cold cache", "s3: warm cache", "s4: nothing to do", "s5: warm cache", "start: say the version",
		"lock: choose versions", "lock: it is right", "search: offline",
		"scale: first use", "scale: 30 package files", "scale: 30 packages", "scale: refresh", "scale: first use",
		"find: lock", "find: first search", "find: search", "find: search of a slip", "find: search of what is in every third package",
		"grow: build after 1 publish", "grow: refresh after 100 publishes",
	}
	if !slices.Equal(titles, want) {
		t.Fatalf("%q", titles)
	}
	cold, idle := got.Tables[0].Rows[0], got.Tables[3].Rows[0]
	if cold.Name != "gal-pkg" || cold.Counts[0].Requests < 30 || cold.Counts[0].Sent < 100_000 {
		t.Errorf("a cold install asks %+v", cold.Counts)
	}
	if idle.Counts[0].Requests != 0 {
		t.Errorf("where there is nothing to do, %+v is asked", idle.Counts)
	}
	for _, of := range got.Tables[9:] {
		checkSizes(t, of)
	}
	for _, c := range got.Cuts {
		if c.Exit != 6 || c.After.Sent+c.Before.Sent > c.Whole.Sent+c.Whole.Sent/5 {
			t.Errorf("%+v", c)
		}
	}
	if len(got.Cuts) != 4 {
		t.Errorf("%d runs were cut", len(got.Cuts))
	}
	outcomes := map[string]string{}
	for _, f := range got.Flips {
		outcomes[f.Tool] = f.Outcome
		if f.Exit != 0 || strings.HasPrefix(f.Tool, "gal-pkg") != strings.Contains(f.Words, "was damaged") {
			t.Errorf("%+v", f)
		}
	}
	if want := map[string]string{"gal-pkg": flipHealed, "gal-pkg stat": flipHealed, "go": flipUsed}; !maps.Equal(outcomes, want) {
		t.Errorf("flipped bits are %v", outcomes)
	}
	if other := got.Tables[0].Rows[2]; other.Name != "go" || !other.Base || other.Counts[0].Requests != 90 {
		t.Errorf("%+v", other)
	}
}

// checkSizes holds what a table of registries of two sizes says of requests: what does not depend on time.
func checkSizes(t *testing.T, of table) {
	t.Helper()
	most := map[string]float64{"scale: refresh, nothing new": 2, "find: search, offline": 0, "find: lock, offline": 0, "grow: build after 1 publish": 0}
	for _, r := range of.Rows {
		got := r.count(func(c host.Counts) float64 { return float64(c.Requests) })
		if want, ok := most[of.Title]; ok && got > want {
			t.Errorf("%s, %s: %v requests", of.Title, r.Name, got)
		}
		if r.Size == 0 || r.Client == "" {
			t.Errorf("%s, %s: whose figures are these?", of.Title, r.Name)
		}
	}
}

func TestParse(t *testing.T) {
	names := func(chosen []scenario) (out []string) {
		for _, s := range chosen {
			out = append(out, s.name)
		}
		return out
	}
	for _, test := range []struct {
		args  []string
		names []string
		err   string
	}{
		{nil, []string{"install", "latency", "start"}, ""},
		{[]string{"-n", "3", "scale", "lock"}, []string{"lock", "scale"}, ""}, // always in the order of the help
		{[]string{"lock", "lick"}, nil, `"lick" is no scenario`},
		{[]string{"-n", "0"}, nil, "-n is at least 1"},
		{[]string{"--packages", "10"}, nil, "--packages at least 1000"},
	} {
		o, chosen, err := parse(test.args)
		switch {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q: %v", test.args, err)
			}
		case err != nil || !slices.Equal(names(chosen), test.names) || !filepath.IsAbs(o.work):
			t.Errorf("%q: %q, %v", test.args, names(chosen), err)
		}
	}
}

func TestTable(t *testing.T) {
	samples := func(walls ...float64) (out []measure.Sample) {
		for _, wall := range walls {
			out = append(out, measure.Sample{Wall: wall, User: 2 * wall, Memory: 3 << 20})
		}
		return out
	}
	got := table{Title: "t", Rows: []row{
		{Name: "ours", Samples: samples(1, 9, 2)},
		{Name: "slow", Base: true, Samples: samples(8)},
		{Name: "fast", Base: true, Samples: samples(4)},
	}}.text()
	want := `| program | wall s | ratio | CPU s   | ratio | MiB | requests | at once | received KB |
|---      |---     |---    |---      |---    |---  |---       |---      |---          |
| ours    | 2.0000 | 0.50  | 4.0000  | 0.50  | 3   | 0        | 0       | 0.0         |
| slow    | 8.0000 | 2.00  | 16.0000 | 2.00  | 3   | 0        | 0       | 0.0         |
| fast    | 4.0000 | 1.00  | 8.0000  | 1.00  | 3   | 0        | 0       | 0.0         |

n=3
`
	if got != want {
		t.Errorf("\n%s", got)
	}
}

// What is made once is made again when its key changes, and when making it was cut off.
func TestOnce(t *testing.T) {
	b := &bench{options: options{work: t.TempDir()}, report: newReport(t.Output())}
	made := 0
	once := func(key string, fail error) error {
		_, err := b.once("thing", key, func(dir string) error {
			made++
			return errors.Join(fail, os.WriteFile(filepath.Join(dir, "made"), []byte(key), 0o444), os.Chmod(dir, 0o500))
		})
		return err
	}
	for _, step := range []struct {
		key  string
		fail error
		made int
	}{{"a", nil, 1}, {"a", nil, 1}, {"b", nil, 2}, {"b", nil, 2}, {"c", errors.ErrUnsupported, 3}, {"b", nil, 4}, {"b", nil, 4}} {
		if err := once(step.key, step.fail); !errors.Is(err, step.fail) || made != step.made {
			t.Errorf("%v: %d made, %v", step, made, err)
		}
	}
}

func TestTally(t *testing.T) {
	store, project := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"one-1/src/a.gal": "12", "one-1/gal.toml": "x", "two-1/src/deep/b.gal": "345"} {
		path := filepath.Join(store, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"one-1", "two-1"} {
		if err := os.Symlink(filepath.Join(store, name), filepath.Join(project, name)); err != nil {
			t.Skip("links cannot be made here")
		}
	}
	for pattern, want := range map[string]int{filepath.Join(project, "*"): 2, filepath.Join(project, "one-*"): 1, store: 2, filepath.Join(project, "absent"): 0} {
		if files, _, err := tally(pattern); files != want || err != nil {
			t.Errorf("%s: %d files, %v", pattern, files, err)
		}
	}
	if _, bytes, err := tally(filepath.Join(project, "*")); bytes != 5 || err != nil {
		t.Errorf("%d bytes, %v", bytes, err)
	}
}
