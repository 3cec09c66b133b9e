package manifest

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"pgregory.net/rapid"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

func spec(requirement string, features ...string) DependencySpec {
	return DependencySpec{Requirement: version.MustParseRequirement(requirement), Features: features, DefaultFeatures: true}
}

func TestAddDependency(t *testing.T) {
	const head = "[package]\nname = \"x\" # mine\n\n"
	path := DependencySpec{Path: "../p", DefaultFeatures: true}
	bare := spec("^2")
	bare.DefaultFeatures = false
	for _, row := range []struct {
		why, before, table, name string
		spec                     DependencySpec
		after                    string
	}{
		{"no table yet", head, "dependencies", "a", spec("1"), head + "[dependencies]\na = \"1\"\n"},
		{"no final line break", "[package]", "dependencies", "a", spec("1"), "[package]\n\n[dependencies]\na = \"1\""},
		{"carriage returns", "[package]\r\nname = \"x\"\r\n", "dev-dependencies", "a", spec("1"), "[package]\r\nname = \"x\"\r\n\r\n[dev-dependencies]\r\na = \"1\"\r\n"},
		{"an empty file", "", "dependencies", "a", spec("1"), "[dependencies]\na = \"1\"\n"},
		{"an empty table", "[dependencies] # none\n\n[features]\n", "dependencies", "a", spec("1"), "[dependencies] # none\na = \"1\"\n\n[features]\n"},
		{"in order", "[dependencies]\na = \"1\" # a\n# about c\nc = \"1\"\n", "dependencies", "b", spec("1"), "[dependencies]\na = \"1\" # a\nb = \"1\"\n# about c\nc = \"1\"\n"},
		{"first in order", "[dependencies]\n  b = \"1\"\n", "dependencies", "a", spec("1"), "[dependencies]\n  a = \"1\"\n  b = \"1\"\n"},
		{"no order", "[dependencies]\nc = \"1\"\na = [\n]\n\n[x]\n", "dependencies", "b", spec("1"), "[dependencies]\nc = \"1\"\na = [\n]\nb = \"1\"\n\n[x]\n"},
		{"the last line", "[dependencies]\na = \"1\"", "dependencies", "b", spec("1"), "[dependencies]\na = \"1\"\nb = \"1\""},
		{"the table's other spelling", "[dev_dependencies]\n", "dev-dependencies", "a", spec("1"), "[dev_dependencies]\na = \"1\"\n"},
		{"a scope", "[dependencies]\n", "dependencies", "s/a", spec("1"), "[dependencies]\n\"s/a\" = \"1\"\n"},
		{"an inline table of tables", "dependencies = { b = \"1\" } # all\n", "dependencies", "a", spec("1"), "dependencies = { b = \"1\", a = \"1\" } # all\n"},
		{"an empty inline table", "dependencies = {}\n", "dependencies", "a", spec("1"), "dependencies = { a = \"1\" }\n"},
		{"dotted keys", "dependencies.b = \"1\" # b\n[package]\n", "dependencies", "a", spec("1"), "dependencies.b = \"1\" # b\ndependencies.a = \"1\"\n[package]\n"},
		{"only tables below it", "[dependencies.b]\nversion = \"1\"\n", "dependencies", "a", spec("1"), "[dependencies.b]\nversion = \"1\"\n\n[dependencies]\na = \"1\"\n"},
		{"a full spec", "[dependencies]\n", "dependencies", "a", DependencySpec{Requirement: version.MustParseRequirement("=1.0.0"), Features: []string{"f", "g"}, Optional: true, Registry: "company", Package: "b"},
			"[dependencies]\na = { version = \"=1.0.0\", package = \"b\", registry = \"company\", features = [\"f\", \"g\"], default-features = false, optional = true }\n"},
		{"replace a requirement", "[dependencies]\n'a'  =  '1' # why\nb = \"1\"\n", "dependencies", "a", spec("2"), "[dependencies]\n'a'  =  \"2\" # why\nb = \"1\"\n"},
		{"replace in the other spelling", "[dependencies]\na_b = \"1\"\n", "dependencies", "a-b", spec("2"), "[dependencies]\na_b = \"2\"\n"},
		{"from requirement to table", "[dependencies]\na = \"1\" # why\n", "dependencies", "a", spec("1", "f"), "[dependencies]\na = { version = \"1\", features = [\"f\"] } # why\n"},
		{"within an inline table", "[dependencies]\na = {version='1',features = ['f', 'g'],x=1} # why\n", "dependencies", "a", spec("2", "f", "g"), "[dependencies]\na = {version=\"2\",features = ['f', 'g'],x=1} # why\n"},
		{"drop and add within", "[dependencies]\na = { path = \"../a\", optional = false }\n", "dependencies", "a", spec("2"), "[dependencies]\na = { optional = false, version = \"2\" }\n"},
		{"a table of its own", "[dependencies.a]\n# the version\nversion = \"1\"\nfeatures = [\n  \"f\", # f\n]\n\n[x]\n", "dependencies", "a", bare, "[dependencies.a]\n# the version\nversion = \"^2\"\ndefault-features = false\n\n[x]\n"},
		{"dotted keys of its own", "[dependencies]\na.workspace = true\nb = \"1\"\n", "dependencies", "a", spec("1"), "[dependencies]\na.version = \"1\"\nb = \"1\"\n"},
		{"nothing to do", "[dependencies]\na={version=\"1\",\tdefault_features=true}\n", "dependencies", "a", spec("1"), "[dependencies]\na={version=\"1\",\tdefault_features=true}\n"},
		{"a path", "[dependencies]\n", "dependencies", "p", path, "[dependencies]\np = { path = \"../p\" }\n"},
		{"text that looks like a table", "[package]\ndescription = \"\"\"\n[dependencies]\na = \"1\"\n\"\"\"\n[dependencies]\n", "dependencies", "a", spec("1"), "[package]\ndescription = \"\"\"\n[dependencies]\na = \"1\"\n\"\"\"\n[dependencies]\na = \"1\"\n"},
		{"the toolchain's", "[dependencies]\n", "dependencies", "gal_std", spec("1.0"), "[dependencies]\ngal_std = \"1.0\"\n"},
	} {
		e, err := Open([]byte(row.before))
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if err := e.AddDependency(row.table, row.name, row.spec); err != nil {
			t.Errorf("%s: %v", row.why, err)
		}
		if got := string(e.Bytes()); got != row.after {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", row.why, got, row.after)
		}
		// The second time there is nothing to do.
		if err := e.AddDependency(row.table, row.name, row.spec); err != nil || string(e.Bytes()) != row.after {
			t.Errorf("%s, again: %v\n%s", row.why, err, e.Bytes())
		}
	}
}

func TestAddDependencyRefuses(t *testing.T) {
	for _, row := range []struct {
		before, name string
		spec         DependencySpec
	}{
		{"[dependencies]\n", "Bad", spec("1")},
		{"[dependencies]\n", "a", DependencySpec{DefaultFeatures: true}},
		{"[dependencies]\n", "a", DependencySpec{Path: "x", Git: "https://h/x", DefaultFeatures: true}},
		{"[dependencies]\na = {version = \"1\"}\n", "a", DependencySpec{Git: "ext::x", DefaultFeatures: true}},
		{"dependencies = 1\n", "a", spec("1")},
		{"[[dependencies]]\nx = 1\n", "a", spec("1")},
	} {
		e, err := Open([]byte(row.before))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.AddDependency("dependencies", row.name, row.spec); fault.Of(err) == nil {
			t.Errorf("%q %+v: %v", row.before, row.spec, err)
		}
		if got := string(e.Bytes()); got != row.before {
			t.Errorf("changed to %q", got)
		}
	}
}

func TestRemoveDependency(t *testing.T) {
	for _, row := range []struct{ why, before, after string }{
		{"a line", "# top\n[dependencies]\n# of a\na = \"1\" # why\nb = \"1\"\n", "# top\n[dependencies]\n# of a\nb = \"1\"\n"},
		{"the last line", "[dependencies]\na = \"1\"", "[dependencies]"},
		{"the last line of several", "[dependencies]\r\nb = \"1\"\r\na = \"1\"", "[dependencies]\r\nb = \"1\""},
		{"several lines", "[dependencies]\na = { version = \"1\", features = [\n\"x\",\n] }\nb = \"1\"\n", "[dependencies]\nb = \"1\"\n"},
		{"first of an inline table", "dependencies = { a = \"1\", b = \"2\" }\n", "dependencies = { b = \"2\" }\n"},
		{"last of an inline table", "dependencies = { b = \"2\", a = \"1\" }\n", "dependencies = { b = \"2\" }\n"},
		{"only one of an inline table", "dependencies = { a = \"1\" }\n", "dependencies = {}\n"},
		{"dotted in an inline table", "dependencies = { b = \"2\", a.version = \"1\", a.features = [] }\n", "dependencies = { b = \"2\" }\n"},
		{"beside a dotted one", "dependencies = { b.version = \"2\", a = \"1\" }\n", "dependencies = { b = { version = \"2\" } }\n"},
		{"dotted keys", "[dependencies]\na.version = \"1\"\nb = \"1\"\na.optional = true\n", "[dependencies]\nb = \"1\"\n"},
		{"dotted from the root", "dependencies.a = \"1\"\n[package]\n", "[package]\n"},
		{"a table", "[package]\n\n[dependencies.a]\nversion = \"1\"\n# inside\noptional = true\n\n# of b\n[dependencies.b]\nversion = \"1\"\n", "[package]\n\n# of b\n[dependencies.b]\nversion = \"1\"\n"},
		{"the last table", "[package]\n\n[dependencies.a]\nversion = \"1\"\n", "[package]\n\n"},
		{"the other spelling", "[dependencies]\n\"a\" = \"1\"\n", "[dependencies]\n"},
		{"carriage returns", "[dependencies]\r\na = \"1\"\r\nb = \"1\"\r\n", "[dependencies]\r\nb = \"1\"\r\n"},
	} {
		e, err := Open([]byte(row.before))
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if err := e.RemoveDependency("dependencies", "a"); err != nil {
			t.Errorf("%s: %v", row.why, err)
		}
		if got := string(e.Bytes()); got != row.after {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", row.why, got, row.after)
		}
	}
}

func TestRemoveDependencyElsewhere(t *testing.T) {
	e, err := Open([]byte("[dependencies]\nactor-utils = \"1\"\n[dev-dependencies]\nkit = \"1\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	f := fault.Of(e.RemoveDependency("dependencies", "kit"))
	if f == nil || f.Kind != fault.NotFound || f.Code != "dependency-not-found" || f.Facts[0] != "found in [dev-dependencies]" || f.Help[0] != "gal-pkg remove kit --dev" {
		t.Errorf("%+v", f)
	}
	f = fault.Of(e.RemoveDependency("dependencies", "actor-utilz"))
	if f == nil || len(f.Help) != 1 || f.Help[0] != "gal-pkg remove actor-utils" {
		t.Errorf("%+v", f)
	}
}

func TestRemoveFeatureRefs(t *testing.T) {
	const features = "[features]\ndefault = [\"fast\", \"a\", \"b/x\"]\nfast = [\n  \"dep:a\", # first\n  \"b/x\",\n  \"a?/y\",\n]\nonly = [\"a/z\"]\n"
	e, err := Open([]byte("[dependencies]\na = \"1\"\n" + features))
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := e.RemoveFeatureRefs("a"); removed != nil || err != nil {
		t.Errorf("removed %v of a dependency that is there, %v", removed, err)
	}
	if err := e.RemoveDependency("dependencies", "a"); err != nil {
		t.Fatal(err)
	}
	removed, err := e.RemoveFeatureRefs("a")
	want := []string{"default: a", "fast: dep:a", "fast: a?/y", "only: a/z"}
	if err != nil || !reflect.DeepEqual(removed, want) {
		t.Errorf("%q %v", removed, err)
	}
	after := "[dependencies]\n[features]\ndefault = [\"fast\", \"b/x\"]\nfast = [\n  \"b/x\",\n]\nonly = []\n"
	if got := string(e.Bytes()); got != after {
		t.Errorf("got\n%s\nwant\n%s", got, after)
	}
}

func TestSetKey(t *testing.T) {
	for _, row := range []struct {
		before string
		path   []string
		value  any
		after  string
	}{
		{"[package]\nversion = '1.0.0' # now\n", []string{"package", "version"}, "1.1.0", "[package]\nversion = \"1.1.0\" # now\n"},
		{"[package]\ngal_version = \"1\"\n", []string{"package", "gal-version"}, "2", "[package]\ngal_version = \"2\"\n"},
		{"[package]\n", []string{"package", "keywords"}, []string{"a", "b\"c"}, "[package]\nkeywords = [\"a\", \"b\\\"c\"]\n"},
		{"[package]\n", []string{"profile", "dev", "debug"}, false, "[package]\n\n[profile.dev]\ndebug = false\n"},
		{"[profile.dev]\n", []string{"profile", "my.own", "optimization_level"}, 2, "[profile.dev]\n\n[profile.\"my.own\"]\noptimization_level = 2\n"},
		{"[package]\n", []string{"top"}, "x", "top = \"x\"\n[package]\n"},
		{"profile = { dev = { debug = true } }\n", []string{"profile", "release", "debug"}, true, "profile = { dev = { debug = true }, release.debug = true }\n"},
		{"[features]\na-b = []\n", []string{"features", "a_b"}, []string{"x"}, "[features]\na-b = []\na_b = [\"x\"]\n"}, // two features
	} {
		e, err := Open([]byte(row.before))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.SetKey(row.value, row.path...); err != nil {
			t.Errorf("%q: %v", row.path, err)
		}
		if got := string(e.Bytes()); got != row.after {
			t.Errorf("%q:\ngot\n%s\nwant\n%s", row.path, got, row.after)
		}
	}
	e, err := Open([]byte("[package]\n[package.metadata]\nx = 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.SetKey("x", "package", "metadata"); !fault.IsCode(err, "edit-refused") {
		t.Errorf("a value over a table: %v", err)
	}
	if err := e.SetKey(1.5, "package", "x"); err == nil {
		t.Error("a fraction was written")
	}
	if err := e.SetKey("x"); err == nil {
		t.Error("no path is a path")
	}
}

func TestOpenRefuses(t *testing.T) {
	_, err := Open([]byte("[dependencies\n"))
	var ps Problems
	if !errors.As(err, &ps) {
		t.Errorf("%v", err)
	}
}

// documents draws texts in all the shapes that TOML has for the same things; some are not well-formed.
func documents() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		pick := func(label string, texts ...string) string { return rapid.SampledFrom(texts).Draw(t, label) }
		br := pick("line break", "\n", "\n", "\r\n")
		var b strings.Builder
		for range rapid.IntRange(0, 12).Draw(t, "lines") {
			indent := pick("indent", "", "", "  ", "\t")
			switch rapid.IntRange(0, 9).Draw(t, "line") {
			case 0:
				b.WriteString(indent + pick("comment", "# [dependencies]", "#a = \"1\"", "# é \" '''", ""))
			case 1, 2:
				b.WriteString(indent + pick("header", "[dependencies]", "[ dependencies ] # x", "[package]", "[dependencies.b]",
					"[dependencies.\"c-c\"]", "[dev_dependencies]", "[features]", "[[x.y]]", "[x]", "[profile.dev]", "['dependencies'.c]"))
			default:
				key := pick("key", "a", "b", "c-c", "c_c", "zz", "\"s/d\"", "'e'", "b.version", "b . features", "dependencies.b", "dependencies.\"c-c\".path", "f.workspace")
				value := pick("value", "\"1\"", "'1'", "{ version = \"1\" }", "{}", "{ }", "{version='1',features=[ 'x' ], p.q = 1}", "[]", "[\n \"x\", # ]\n '''y''',\n]",
					"\"\"\"\n[dependencies]\nb = \"1\"\"\"\"", "1_000", "nan", "2026-01-01", "2026-01-01T00:00:00Z", "true")
				b.WriteString(indent + key + pick("equals", " = ", "=", "\t=  ") + strings.ReplaceAll(value, "\n", br) + pick("end", "", " # why", "\t"))
			}
			b.WriteString(br)
		}
		return strings.TrimSuffix(b.String(), pick("last", "", br))
	})
}

// decode is the meaning of a text by a parser that the editor's places do not come from.
func decode(t *rapid.T, text []byte) map[string]any {
	m := map[string]any{}
	if _, err := toml.Decode(string(text), &m); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

// dependencyTable returns the table of a meaning, and whether it is there.
func dependencyTable(m map[string]any) (map[string]any, bool) {
	d, ok := m["dependencies"].(map[string]any)
	return d, ok
}

// TestAddInserts: adding a dependency that is not there only inserts, removing it again takes out what was inserted.
func TestAddInserts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := documents().Draw(t, "text")
		e, err := Open([]byte(text))
		if err != nil {
			t.Skip("not well-formed")
		}
		before := decode(t, []byte(text))
		if _, isTable := dependencyTable(before); before["dependencies"] != nil && !isTable {
			t.Skip("dependencies is no table")
		}
		name := rapid.SampledFrom([]string{"aa", "m", "zzz", "s/fresh"}).Draw(t, "name")
		form := closed
		if d := e.root.get("dependencies"); d != nil {
			form = d.node.form
		}
		if err := e.AddDependency("dependencies", name, spec("1.5", "f")); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		added := e.Bytes()
		if !insertion(text, string(added)) {
			t.Fatalf("not an insertion:\n%s\n---\n%s", text, added)
		}
		want := before
		table, there := dependencyTable(want)
		if !there {
			table = map[string]any{}
			want["dependencies"] = table
		}
		table[name] = map[string]any{"version": "1.5", "features": []any{"f"}}
		if got := decode(t, added); !equal(got, want) {
			t.Fatalf("means %v, want %v", got, want)
		}
		if err := e.RemoveDependency("dependencies", name); err != nil {
			t.Fatal(err)
		}
		if there && form == headed && string(e.Bytes()) != text {
			t.Fatalf("added and removed:\n%q\nwas\n%q", e.Bytes(), text)
		}
	})
}

// insertion reports whether long is short with one piece put in.
func insertion(short, long string) bool {
	for i := 0; i <= len(short); i++ {
		if !strings.HasPrefix(long, short[:i]) {
			return false
		}
		if strings.HasSuffix(long, short[i:]) {
			return true
		}
	}
	return false
}

// equal is same for what the decoder returns.
func equal(a, b map[string]any) bool { return same(flat(a), flat(b)) }

// flat turns arrays of tables into arrays.
func flat(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, child := range v {
			m[k] = flat(child)
		}
		return m
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = flat(v[i])
		}
		return list
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = flat(v[i])
		}
		return list
	}
	return v
}

// TestRemoveDeletes: removing a dependency changes nothing else in meaning, and only deletes lines, or bytes where the
// dependency stands within a line.
func TestRemoveDeletes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := documents().Draw(t, "text")
		e, err := Open([]byte(text))
		if err != nil {
			t.Skip("not well-formed")
		}
		want := decode(t, []byte(text))
		table, ok := dependencyTable(want)
		if !ok || len(table) == 0 {
			t.Skip("no dependencies")
		}
		name := rapid.SampledFrom(sortedKeys(table)).Draw(t, "name")
		if err := e.RemoveDependency("dependencies", name); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		got := decode(t, e.Bytes())
		delete(table, name)
		if len(table) == 0 {
			if _, there := dependencyTable(got); !there {
				delete(want, "dependencies")
			}
		}
		if !equal(got, want) {
			t.Fatalf("means %v, want %v", got, want)
		}
		inline := strings.Contains(text, "dependencies = {") || strings.Contains(text, "dependencies={")
		if !inline && !sublines(string(e.Bytes()), text) {
			t.Fatalf("more than deleted:\n%s\n---\n%s", text, e.Bytes())
		}
	})
}

// sublines reports whether the lines of short are lines of long, in the same order.
func sublines(short, long string) bool {
	rest := strings.SplitAfter(long, "\n")
	for _, line := range strings.SplitAfter(short, "\n") {
		if line == "" {
			continue
		}
		i := 0
		for i < len(rest) && strings.TrimRight(rest[i], "\r\n") != strings.TrimRight(line, "\r\n") {
			i++
		}
		if i == len(rest) {
			return false
		}
		rest = rest[i+1:]
	}
	return true
}

func TestSetShared(t *testing.T) {
	const head = "[workspace]\nmembers = [\"m\"]\n\n"
	for _, row := range []struct{ before, after string }{
		{"[workspace.dependencies]\na = \"^1\" # a\n", "[workspace.dependencies]\na = \"^2\" # a\n"},
		{"[workspace.dependencies]\na = { version = \"1\", registry = \"r\" }\n", "[workspace.dependencies]\na = { version = \"^2\", registry = \"r\" }\n"},
		{"[workspace.dependencies.a]\nversion = '1' # a\n", "[workspace.dependencies.a]\nversion = \"^2\" # a\n"},
	} {
		e, err := Open([]byte(head + row.before))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.SetShared("a", version.MustParseRequirement("^2")); err != nil {
			t.Errorf("%q: %v", row.before, err)
		}
		if got := string(e.Bytes()); got != head+row.after {
			t.Errorf("%q became %q", row.before, got)
		}
	}
}
