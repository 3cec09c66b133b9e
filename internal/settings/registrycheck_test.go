package settings

import (
	"strings"
	"testing"
)

func TestNamesAndPatterns(t *testing.T) {
	long := strings.Repeat("a", 64)
	rows := []struct {
		what  string
		check func(string) bool
		good  []string
		bad   []string
	}{
		{"name", func(s string) bool { return CheckRegistryName(s) == nil }, []string{"a", "9", "a-b_c", long},
			[]string{"", "-a", "a-", "_", "A", "a.b", "a/b", "é", "a b", long + "a", ".."}},
		{"id", isRegistryID, []string{"abc", "a.b-c", "0.0", long}, []string{"", "ab", ".abc", "-abc", "Abc", "a_b", long + "a"}},
		{"pattern", isPattern, []string{"a", "a-b", "s/n", "s/*", "s/a-*", "a*", "gal-*"},
			[]string{"", "*", "/*", "*/a", "a/*/b", "s/", "/n", "a/b/c", "A*", "-*", "9*", "a**", "a*b", long + "a", "a.*"}},
		{"user", isUser, []string{"git", "Some.One_2-x", "_x"}, []string{"", "-o", ".x", "a b", "é", "\u212a", long + "a"}},
	}
	for _, r := range rows {
		for _, s := range r.good {
			if !r.check(s) {
				t.Errorf("%s %q is refused", r.what, s)
			}
		}
		for _, s := range r.bad {
			if r.check(s) {
				t.Errorf("%s %q is accepted", r.what, s)
			}
		}
	}
}
