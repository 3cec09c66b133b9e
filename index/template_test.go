package index

import "testing"

// TestExpand: a template is filled in once, from left to right; what is put in is not looked at again.
func TestExpand(t *testing.T) {
	for template, want := range map[string]string{
		"packages/{key}/{key}-{version}.tar.zst": "packages/@acme~net/@acme~net-1.0.0.tar.zst",
		"{name}/{sha256}":                        "@acme/net/abc", "plain": "plain", "": "",
		"{sh{name}256}": "", "{other}": "", "{name": "", "name}": "", "{}": "", "{{name}}": "", "}{": "",
	} {
		got, err := expand(template, "@acme/net", "1.0.0", "abc")
		if got != want || (err != nil) != (want == "" && template != "") {
			t.Errorf("%s: %q, %v, want %q", template, got, err, want)
		}
	}
}
