package manifest

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/geeknik/gal-pkg/internal/fault"
)

func TestCheckName(t *testing.T) {
	for _, row := range []struct{ name, says, proposes string }{
		{"actor-utils", "", "actor-utils"},
		{"a", "", "a"},
		{"company/x_y2", "", "company/x_y2"},
		{strings.Repeat("a", 64), "", strings.Repeat("a", 64)},
		{"", "is empty", "my-package"},
		{"9bad", "starts with a digit", "gal-9bad"},
		{"Actor Utils", "upper-case", "actor-utils"},
		{"actor utils", `holds ' '`, "actor-utils"},
		{"-x", "starts with -", "x"},
		{"x-", "ends with -", "x"},
		{"x_", "ends with _", "x"},
		{"a/b/c", "more than one slash", "a/c"},
		{"/b", "nothing on one side", "b"},
		{"@scope/pkg", `holds '@'`, "scope/pkg"},
		{"con", "a device on Windows", "gal-con"},
		{"x/lpt9", "a device on Windows", "x/gal-lpt9"},
		{"actor", "a keyword of GAL", "gal-actor"},
		{"unquote", "a keyword of GAL", "gal-unquote"},
		{"gal_std", "is reserved", "gal-gal_std"},
		{"std", "is reserved", "my-std"}, // gal-std is reserved too
		{"test", "is reserved", "gal-test"},
		{"../x", `holds '.'`, "x"},
		{"аctor-utils", "U+0430", "ctor-utils"}, // a Cyrillic letter
		{"x\x1b[2J", "U+001B", "x-2j"},
		{strings.Repeat("a", 65), "a part of 65 bytes", strings.Repeat("a", 40)},
		{strings.Repeat("a", 50) + "/" + strings.Repeat("b", 50), "has 101 bytes", strings.Repeat("a", 40) + "/" + strings.Repeat("b", 40)},
	} {
		err := CheckName(row.name)
		if row.says == "" && err != nil || row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
			t.Errorf("CheckName(%q) = %v, want %q", row.name, err, row.says)
		}
		if err != nil && (!fault.IsCode(err, "bad-name") || !strings.HasSuffix(err.Error(), "try `"+row.proposes+"`")) {
			t.Errorf("CheckName(%q) = %v, want it to propose %s", row.name, err, row.proposes)
		}
		if got := Propose(row.name); got != row.proposes {
			t.Errorf("Propose(%q) = %q, want %q", row.name, got, row.proposes)
		}
	}
}

func TestProposeIsLegal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9_@/.-]{0,120}`)).Draw(t, "text")
		if reason := nameReason(Propose(text)); reason != "" {
			t.Fatalf("Propose(%q) = %q %s", text, Propose(text), reason)
		}
	})
}

func TestPathsOfNames(t *testing.T) {
	for _, row := range []struct{ name, fold, key, shard, ident string }{
		{"a", "a", "a", "1/", "a"},
		{"ab", "ab", "ab", "2/", "ab"},
		{"a_b", "a-b", "a-b", "3/a/", "a_b"},
		{"rand", "rand", "rand", "ra/nd/", "rand"},
		{"actor_utils", "actor-utils", "actor-utils", "ac/to/", "actor_utils"},
		{"company/x-y", "company/x-y", "company~x-y", "co/mp/", "company::x_y"},
	} {
		got := []string{Fold(row.name), Key(row.name), Shard(Key(row.name)), Ident(row.name)}
		if want := []string{row.fold, row.key, row.shard, row.ident}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", row.name, got, want)
		}
	}
	if got := Shard(""); got != "" {
		t.Errorf("Shard of nothing is %q", got)
	}
}

func TestBuiltin(t *testing.T) {
	for name, want := range map[string]bool{"std": true, "gal_std": true, "gal-std": true, "gal": true, "core": false, "": false, "gal std": false, "rand": false} {
		if Builtin(name) != want {
			t.Errorf("Builtin(%q) = %v", name, !want)
		}
	}
}

func TestSuggest(t *testing.T) {
	candidates := []string{"actor-utils", "actor-util", "actors", "rand", "chaos-lib", "dependencies", "actor_utils2", "actor-utilx"}
	for _, row := range []struct {
		word string
		want []string
	}{
		{"actor-utilz", []string{"actor-util", "actor-utils", "actor-utilx"}}, // at most three, equal ones by name
		{"dependancies", []string{"dependencies"}},
		{"ACTOR_UTILS", []string{"actor-utils", "actor-util", "actor-utilx"}},
		{"rnad", []string{"rand"}}, // a swap is one edit
		{"rnda", nil},              // two edits are too many for four bytes
		{"zzzzzzzz", nil},
		{strings.Repeat("x", 1000), nil},
	} {
		got := Suggest(row.word, candidates)
		if row.word == "actor-utilz" {
			slices.Sort(got)
			slices.Sort(row.want)
		}
		if len(got) != len(row.want) || row.word != "ACTOR_UTILS" && !slices.Equal(got, row.want) || len(got) > 0 && got[0] != row.want[0] {
			t.Errorf("Suggest(%.20q) = %q, want %q", row.word, got, row.want)
		}
	}
}
