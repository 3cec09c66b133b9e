package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// parse parses a manifest of which only the tables after [package] matter.
func parse(t *testing.T, rest string) *Manifest {
	t.Helper()
	m, err := Parse("gal.toml", []byte("[package]\nname = \"x\"\nversion = \"1.0.0\"\n"+rest))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// brief writes problems as `line:column code`.
func brief(ps Problems) string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Code)
	}
	return strings.Join(lines, ", ")
}

func TestSample(t *testing.T) {
	m, err := Load(filepath.Join("testdata", "sample.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Warnings) > 0 {
		t.Errorf("warnings: %v", m.Warnings)
	}
	p := m.Package
	if p.Name != "my-package" || p.Version.String() != "1.0.0" || p.Edition != "2024" || p.GalVersion.String() != "1.0.0" || len(p.Keywords) != 2 {
		t.Errorf("package: %+v", p)
	}
	req := version.MustParseRequirement
	want := map[string]DependencySpec{
		"actor-utils": {Requirement: req("^1.2.0"), DefaultFeatures: true},
		"chaos-lib":   {Requirement: req("0.5"), Features: []string{"scheduling"}, DefaultFeatures: true},
		"local-dep":   {Path: "../local-dep", DefaultFeatures: true},
		"git-dep":     {Git: "https://github.com/user/repo", Tag: "v1.0", DefaultFeatures: true},
	}
	if !reflect.DeepEqual(m.Dependencies, want) {
		t.Errorf("dependencies: %+v", m.Dependencies)
	}
	production := m.ChaosProfiles["production"]
	if production.FaultInjectionRate != 0.001 || production.MaxFaultDuration != Duration(5*time.Second) || production.ChaosSeed != nil {
		t.Errorf("production: %+v", production)
	}
	if seed := m.ChaosProfiles["testing"].ChaosSeed; seed == nil || *seed != 12345 {
		t.Errorf("seed: %v", seed)
	}
	if line, column := m.Where("dependencies", "chaos-lib"); line != 16 || column != 1 {
		t.Errorf("chaos-lib at %d:%d", line, column)
	}
	if line, column := m.Where("package", "gal_version"); line != 12 || column != 1 {
		t.Errorf("gal-version at %d:%d", line, column)
	}
	if line, _ := m.Where("dependencies", "nothing"); line != 0 {
		t.Errorf("nothing at %d", line)
	}
	if _, err := json.Marshal(m); err != nil {
		t.Error(err)
	}
}

func TestParseProblems(t *testing.T) {
	const head = "[package]\nname = \"x\"\nversion = \"1.0.0\"\n" // the tables begin in line 4
	for _, row := range []struct{ text, want string }{
		// [package]
		{"", "1:1 no-package"},
		{"[package]\n", "1:2 missing-key, 1:2 missing-key"},
		{"[package]\nname = \"9x\"\nversion = \"1.0\"\n", "2:8 bad-name, 3:11 bad-version"},
		{"[package]\nname = 1\nversion = 1.0\n", "2:8 wrong-type, 3:11 wrong-type"},
		{"package = 3\n", "1:11 wrong-type"},
		{head + "gal-version = \">=1.0\"\n", "4:15 bad-version"},
		{head + "gal-version = \"1.0\"\ngal_version = \"1.0\"\n", "5:1 duplicate-key"},
		{head + "edition = \"2030\"\n", "4:11 bad-value"},
		{head + "repository = \"ftp://x/y\"\nhomepage = \"https://u:p@x/\"\n", "4:14 bad-url, 5:12 bad-url"},
		{head + "authors = [\"A <a@b>\", \"B <b\", 3, \"\"]\n", "4:23 bad-author, 4:31 wrong-type, 4:34 empty-value"},
		{head + "keywords = [\"a\", \"b c\"]\n", "4:18 bad-keyword"},
		{head + "keywords = [" + strings.Repeat("\"k\",", 1) + "\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\"]\n", "4:12 too-long"},
		{head + "readme = \"C:/x\"\nlicense-file = \"a\\\\b\"\n", "4:10 bad-path, 5:16 bad-path"},
		{head + "publish = \"no\"\n", "4:11 wrong-type"},
		{head + "publish = [\"a b\"]\n", "4:12 bad-registry"},
		{head + "links = \"A B\"\nmetadata = { x = inf }\n", "4:9 bad-value, 5:12 bad-value"},
		{head + "license = { workspace = false }\n", "4:11 wrong-type"},
		// dependencies
		{head + "[dependencies]\na = \"||1\"\nb = \"1 - 2\"\nc = 3\n", "5:5 bad-requirement, 6:5 bad-requirement, 7:5 wrong-type"},
		{head + "[dependencies]\nb = { version = \"^^1\" }\n", "5:17 bad-requirement"},
		{head + "[dependencies]\na-b = \"1\"\na_b = \"1\"\n", "6:1 duplicate-key"},
		{head + "[dependencies]\nself = \"1\"\nX = \"1\"\n", "5:1 bad-name, 6:1 bad-name"},
		{head + "[dependencies]\na = {}\n", "5:5 bad-dependency"},
		{head + "[dependencies]\na = { path = \"x\", git = \"https://h/x\" }\n", "5:19 bad-dependency"},
		{head + "[dependencies]\na = { git = \"https://h/x\", tag = \"1\", rev = \"abcdef0\" }\n", "5:39 bad-dependency"},
		{head + "[dependencies]\na = { version = \"1\", tag = \"1\" }\n", "5:22 bad-dependency"},
		{head + "[dependencies]\na = { git = \"ext::sh -c x\" }\nb = { git = \"--upload-pack=x\" }\nc = { git = \"ext::sh\" }\n", "5:13 bad-url, 6:13 bad-url, 7:13 bad-url"},
		{head + "[dependencies]\na = { git = \"https://tok@h/x\" }\nb = { git = \"ssh://git@h/x\", branch = \"-x\" }\n", "5:13 bad-url, 6:39 bad-dependency"},
		{head + "[dependencies]\na = { path = \"/abs\" }\nb = { path = \"x\", registry = \"r\" }\n", "5:14 bad-path, 6:19 bad-dependency"},
		{head + "[dependencies]\na = { version = \"1\", features = [\"x/y\"] }\n", "5:34 bad-feature"},
		{head + "[dependencies]\na = { workspace = true, version = \"1\" }\nb.workspace = false\n", "5:25 bad-dependency, 6:15 bad-dependency"},
		{head + "[dependencies]\na = { version = \"1\", default-features = false, default_features = true }\n", "5:48 duplicate-key"},
		{head + "[dev-dependencies]\na = { version = \"1\", optional = true }\n", "5:5 bad-dependency"},
		{head + "[dependencies]\n[dev_dependencies]\n[dev-dependencies]\n", "6:2 duplicate-key"},
		{head + "[patch]\na = \"1\"\n", "5:5 bad-dependency"},
		// features
		{head + "[features]\na = [\"b\"]\nb = [\"c\"]\nc = [\"a\"]\n", "5:1 feature-cycle"},
		{head + "[features]\na = [\"a\"]\n", "5:1 feature-cycle"},
		{head + "[features]\na = [\"nope\", \"x/f\", \"dep:y\"]\n", "5:6 unknown-feature, 5:14 unknown-feature, 5:21 unknown-feature"},
		{head + "[dependencies]\nd = \"1\"\n[features]\na = [\"d\", \"dep:d\", \"d?/f\", \"d/f\"]\n", "7:6 bad-feature, 7:11 bad-feature, 7:20 bad-feature"},
		{head + "[dependencies]\nd = { version = \"1\", optional = true }\n[features]\na = [\"d\", \"d?/f\", \"d/f\"]\nd = []\n", "8:1 bad-feature"},
		{head + "[dependencies]\nd = { version = \"1\", optional = true }\n[features]\na = [\"dep:d\"]\nb = [\"d\"]\n", "8:6 unknown-feature"},
		{head + "[dependencies]\n\"s/d\" = \"1\"\n[features]\na = [\"s/d/f\", \"s/d\"]\n\"b c\" = []\n", "7:15 unknown-feature, 8:1 bad-feature"},
		// profiles
		{head + "[profile.dev]\noptimization_level = 4\nlto = \"fatt\"\ndebug = 1\n", "5:22 out-of-range, 6:7 bad-value, 7:9 wrong-type"},
		{head + "[profile.dev]\nchaos_profile = \"x\"\ninherits = \"y\"\n", "5:17 unknown-chaos-profile, 6:12 unknown-profile"},
		{head + "[profile.a]\ninherits = \"b\"\n[profile.b]\ninherits = \"a\"\n", "5:12 profile-cycle"},
		{head + "[profile.c]\ninherits = \"a\"\n[profile.a]\ninherits = \"b\"\n[profile.b]\ninherits = \"a\"\n", "7:12 profile-cycle"}, // once, though c leads there
		{head + "[profile.a]\ninherits = \"a\"\n[profile.b]\ninherits = \"b\"\n", "5:12 profile-cycle, 7:12 profile-cycle"},
		{head + "[profile.dev]\ninherits = \"a\"\n[profile.a]\n", "5:12 profile-cycle"}, // a inherits dev
		// chaos
		{head + "[chaos-profile.a]\nfault_injection_rate = 1.5\nmessage_drop_rate = -1\nnetwork_partition_probability = nan\nactor_crash_rate = \"1\"\n",
			"5:24 chaos-range, 6:21 chaos-range, 7:33 chaos-range, 8:20 wrong-type"},
		{head + "[chaos-profile.a]\nallowed_faults = [\"all\", \"message_drop\"]\n", "5:18 chaos-faults"},
		{head + "[chaos-profile.a]\nallowed_faults = [\"\"]\n", "5:19 empty-value"},
		{head + "[chaos-profile.a]\nmax_fault_duration = \"5\"\nmax_concurrent_faults = -1\nchaos_seed = 1.5\n", "5:22 bad-duration, 6:25 out-of-range, 7:14 wrong-type"},
		{head + "[chaos-profile.a]\nmax_fault_duration = \"0s\"\n", "5:22 bad-duration"},
		{head + "[[chaos-profile.a.fault_schedule]]\n", "4:19 missing-key, 4:19 missing-key"},
		{head + "[[chaos-profile.a.fault_schedule]]\nfault_type = \"message_drop\"\ntrigger = \"on_sned\"\nprobability = 2\nduration = \"1y\"\n", "6:11 bad-trigger, 7:15 chaos-range, 8:12 bad-duration"},
		{head + "[chaos-profile.a]\nallowed_faults = [\"packet_loss\"]\n[[chaos-profile.a.fault_schedule]]\nfault_type = \"MessageDrop\"\ntrigger = \"on_send\"\n", "7:14 chaos-faults"},
		{head + "[chaos-profile.a]\n[chaos.profiles.a]\n", "5:17 duplicate-key"},
		{head + "[chaos]\ndefault-profile = \"a\"\n", "5:19 unknown-chaos-profile"},
		{head + "[chaos.profiles.a]\nnetwork-partition-rate = 0.1\nnetwork_partition_probability = 0.1\n", "5:1 duplicate-key"},
		// the rest
		{head + "[build]\ntargets = \"x\"\noptimization-level = -1\n", "5:11 wrong-type, 6:22 out-of-range"},
		{head + "[security]\nmax_risk_level = \"extreme\"\nmin_release_age = \"7 months\"\nrequire_signatures = \"yes\"\n", "5:18 bad-value, 6:19 bad-duration, 7:22 wrong-type"},
		{head + "[[security.ignore]]\nid = \"A\"\n[[security.ignore]]\nid = \"B\"\nreason = \"r\"\nuntil = \"soon\"\n", "4:12 missing-key, 9:9 bad-time"},
		{head + "[resolver]\nduplicates = \"no\"\nincompatible-gal-versions = true\nexclude-newer = \"1 month\"\n", "5:14 bad-value, 6:29 wrong-type, 7:17 bad-time"},
		{head + "[resolver.exclude-newer-package]\nX = \"1 day\"\nx = true\n", "5:1 bad-name, 6:5 bad-time"},
		{"[workspace]\nmembers = [\"../x\", \"[\", \"/abs\"]\n", "2:12 bad-path, 2:20 bad-path, 2:25 bad-path"},
		{"[workspace.dependencies]\na = { version = \"1\", optional = true }\n", "2:5 bad-dependency"},
		// TOML itself
		{"a = 1\na = 2\n", "2:1 toml-syntax"},
		{"[a]\n[a]\n", "2:2 toml-syntax"},
		{"a.b = 1\n[a]\nc = 1\n", "2:2 toml-syntax"},
		{"[a.b]\n[a]\nb.c = 1\n", "3:3 toml-syntax"},
		{"a = {b = 1}\n[a.c]\n", "2:4 toml-syntax"},
		{"a = {b = 1, b = 2}\n", "1:13 toml-syntax"},
		{"a = []\n[[a]]\n", "2:3 toml-syntax"},
		{"a = 1 b = 2\n", "1:7 toml-syntax"},
		{"é = 1\n", "1:1 toml-syntax"},
		{"x = \"é\" y\n", "1:9 toml-syntax"},
	} {
		_, err := Parse("gal.toml", []byte(row.text))
		var ps Problems
		if !errors.As(err, &ps) || brief(ps) != row.want {
			t.Errorf("%s\ngot  %s\nwant %s\n%v", row.text, brief(ps), row.want, err)
		}
		if fault.KindOf(err) != fault.Manifest {
			t.Errorf("kind %q of %v", fault.KindOf(err), err)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"licence = \"MIT\"\n", "4:1 unknown-key: `licence` is not a known key of [package]; did you mean `license`?"},
		{"homepage = \"http://h/\"\n", "4:12 plain-http: homepage is not protected in transit; write https://"},
		{"[dependancies]\n", "4:2 unknown-key: `dependancies` is not a known table; did you mean `dependencies`?"},
		{"[access]\nread_public = true\n", "4:2 no-effect: [access] has no effect in a manifest; it belongs in access.toml of the registry"},
		{"[dependencies]\na = { version = \"1\", feature = [] }\n", "5:22 unknown-key: `feature` is not a known key of a dependency; did you mean `features`?"},
		{"[chaos-profile.a]\nallowed_faults = [\"mesage_drop\"]\n", "5:19 unknown-fault: `mesage_drop` is not a known fault; did you mean `message_drop` or `message_drops`?"},
		{"[chaos-profile.a]\nmax_fault_duration = \"1s\"\n[[chaos-profile.a.fault_schedule]]\nfault_type = \"delay\"\ntrigger = \"on_send\"\nduration = \"2s\"\n",
			"9:12 chaos-duration: duration = 2s is longer than max_fault_duration = 1s"},
		{"description = \"" + strings.Repeat("x", 513) + "\"\n", "4:15 too-long: description has 513 bytes; a registry takes at most 512"},
		{"[security]\nallowed_licenses = [\"MIT\", \"MIT\"]\n", "5:28 repeated-value: `allowed_licenses` holds `MIT` twice"},
	} {
		m := parse(t, row.text)
		var got []string
		for _, p := range m.Warnings {
			if p.Level != LevelWarning {
				t.Errorf("level %s", p.Level)
			}
			got = append(got, fmt.Sprintf("%d:%d %s: %s", p.Line, p.Column, p.Code, p.Message))
		}
		if strings.Join(got, "\n") != row.want {
			t.Errorf("%s\ngot  %s\nwant %s", row.text, strings.Join(got, "\n"), row.want)
		}
	}
}

func TestSpellings(t *testing.T) {
	kebab := parse(t, "gal-version = \"1\"\n[dev-dependencies]\na = { version = \"1\", default-features = false }\n[chaos-profile.p]\nmessage-drop-rate = 0.5\n[build]\noptimization-level = 1\n")
	snake := parse(t, "gal_version = \"1\"\n[dev_dependencies]\na = { version = \"1\", default_features = false }\n[chaos_profile.p]\nmessage_drop_rate = 0.5\n[build]\noptimization_level = 1\n")
	a, _ := json.Marshal(kebab)
	b, _ := json.Marshal(snake)
	if string(a) != string(b) || len(kebab.Warnings)+len(snake.Warnings) > 0 {
		t.Errorf("%s\n%s\n%v %v", a, b, kebab.Warnings, snake.Warnings)
	}
	if snake.ChaosProfiles["p"].MessageDropRate != 0.5 || snake.DevDependencies["a"].DefaultFeatures {
		t.Errorf("%s", b)
	}
	line, column := snake.Where("chaos-profile.p", "message_drop_rate")
	if line != 8 || column != 1 {
		t.Errorf("at %d:%d", line, column)
	}
}

func TestProblemRendering(t *testing.T) {
	text := "[package]\r\nname = \"x\"\r\nversion = \"1.0.0\"\r\n[chaos-profile.p]\r\n\tfault_injection_rate = 1.5\r\n[profile.dev]\nlto = \"\x7f\xc2\x85\"\n"
	_, err := Parse("dir/gal.toml", []byte(strings.Replace(text, "\x7f", "\u202e", 1)))
	var ps Problems
	if !errors.As(err, &ps) || len(ps) != 2 {
		t.Fatalf("%v", err)
	}
	if got, want := ps[0].String(), "dir/gal.toml:5:25: error[chaos-range]: fault_injection_rate = 1.5 must be between 0 and 1"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want := "5 | \tfault_injection_rate = 1.5\n  | \t                       ^^^"
	if got := strings.Join(ps[0].Excerpt(), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	f := fault.Of(err)
	if f == nil || f.Code != "bad-manifest" || f.Message != "dir/gal.toml:5:25: fault_injection_rate = 1.5 must be between 0 and 1" || len(f.Facts) != 5 {
		t.Errorf("%+v", f)
	}
	// Neither the reordering mark nor the control character of the second line reaches a terminal.
	for _, line := range append(f.Facts, err.Error()) {
		if strings.ContainsAny(line, "\u202e\u0085") {
			t.Errorf("unsafe line %q", line)
		}
	}
}

func TestLongLineExcerpt(t *testing.T) {
	_, err := Parse("gal.toml", []byte("x = \""+strings.Repeat("é", 5000)+"\" y"+strings.Repeat("z", 5000)))
	var ps Problems
	if !errors.As(err, &ps) || ps[0].Column != 5008 {
		t.Fatalf("%.200v", err)
	}
	p := ps[0]
	if n := len([]rune(p.Source)); n > maxExcerpt || []rune(p.Source)[p.Caret] != 'y' {
		t.Errorf("%d characters, caret at %d: %s", n, p.Caret, p.Source)
	}
}

func TestLimits(t *testing.T) {
	deep := strings.Repeat("a.a.a.a.a.a.a.a={", 5)
	for _, row := range []struct{ name, text, code string }{
		{"size", strings.Repeat("#", MaxManifestSize+1), "too-large"},
		{"inline tables", "a=" + strings.Repeat("{a=", 100_00), "too-deep"},
		{"arrays", "a=" + strings.Repeat("[", 100_000), "too-deep"},
		{"headers", strings.Repeat("[", 100_000), "too-deep"},
		{"dotted key", strings.Repeat("a.", 17) + "a=1", "too-deep"},
		{"dotted header", "[" + strings.Repeat("a.", 17) + "a]", "too-deep"},
		{"quoted dotted key", strings.Repeat(`"a" . `, 17) + "a=1", "too-deep"},
		{"dots and braces together", deep + "x=1" + strings.Repeat("}", 5), "too-deep"},
		{"header and keys together", "[" + strings.Repeat("a.", 16) + "a]\n" + strings.Repeat("b.", 16) + "b=[1]", "too-deep"},
		{"tables", strings.Repeat("[[a]]\n", 10_001), "too-many-tables"},
		{"byte order mark", "\ufeff[package]", "byte-order-mark"},
		{"UTF-16", "\xff\xfe[\x00p\x00", "not-utf8"},
		{"Latin-1", "# caf\xe9\n", "not-utf8"},
		{"NUL", "a = 1\n\x00", "nul-byte"},
		{"inline table over lines", "a = { b = 1,\n c = 2 }\n", "toml-version"},
		{"comma at the end", "a = { b = 1, }\n", "toml-version"},
		{"escape", `a = "\e"` + "\n", "toml-version"},
		{"hex escape", `a = "\x41"` + "\n", "toml-version"},
		{"no seconds", "a = 07:32\n", "toml-version"},
		{"no seconds in a date-time", "a = 2026-01-01T07:32Z\n", "toml-version"},
	} {
		_, err := Parse("gal.toml", []byte(row.text))
		var ps Problems
		if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Code != row.code {
			t.Errorf("%s: %.200v, want %s", row.name, err, row.code)
		}
	}
	for _, text := range []string{
		strings.Repeat("a.", 16) + "a=1",
		"a=" + strings.Repeat("[", 32) + strings.Repeat("]", 32),
		"a = '\\e'\n", "a = \"\"\"\n\\\\x{[[[[\"\"\"\n", "a = [1, # [[[[\n 2,\n]\n", "a = { b = [\n1,\n] }\n",
		"a = { b = '},' }\n", "a = \"\\\\e\"\n", "a = 07:32:00\n", "a = 1.5\r\nb = [ 1.5, 2.5 ]\r\n",
		strings.Repeat("[[a]]\nb.c = 1\n", 5000), "a = \"\"\"x\"\"\"\"\"\nb = 1\n", "a = ''''''\n",
	} {
		if _, problem := parseDocument(page{"x", []byte(text)}, manifestLimits); problem != nil {
			t.Errorf("%.60q: %v", text, problem)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(deep); !fault.IsCode(err, "no-manifest") || fault.KindOf(err) != fault.Manifest {
		t.Errorf("%v", err)
	}
	want := filepath.Join(dir, FileName)
	if err := os.WriteFile(want, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(deep); got != want || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if _, err := Load(dir); !fault.IsCode(err, "manifest-unreadable") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "nothing")); !fault.IsCode(err, "manifest-unreadable") || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}
