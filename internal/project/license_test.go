package project

import (
	"strings"
	"testing"
)

func TestLicensed(t *testing.T) {
	allowed := []string{"MIT", "apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", "BSD-3-Clause/MIT", "LicenseRef-Ours"}
	for text, want := range map[string]bool{
		"MIT":                                true,
		"mit":                                true,
		" MIT ":                              true,
		"Apache-2.0":                         true,
		"GPL-3.0-only":                       false,
		"":                                   false,
		"LicenseRef-Ours":                    true,
		"BSD-3-Clause/MIT":                   true,  // no expression, and listed as it is written
		"MIT/Apache-2.0":                     false, // no expression
		"MIT OR GPL-3.0-only":                true,
		"GPL-3.0-only or MIT":                true,
		"MIT AND GPL-3.0-only":               false,
		"MIT AND Apache-2.0":                 true,
		"GPL-3.0-only OR MIT AND Apache-2.0": true, // AND binds tighter
		"MIT AND Apache-2.0 OR GPL-3.0-only": true,
		"MIT AND GPL-3.0-only OR Unlicense":  false,
		"(MIT OR GPL-3.0-only) AND (Unlicense OR Apache-2.0)": true,
		"(MIT OR GPL-3.0-only) AND Unlicense":                 false,
		"Apache-2.0 WITH LLVM-exception":                      true,
		"GPL-2.0-only WITH Classpath-exception-2.0":           true,
		"GPL-2.0-only":                        false,
		"GPL-2.0-only WITH GCC-exception-2.0": false,
		"MIT OR":                              false, // broken expressions are not allowed, whatever is in them
		"OR MIT":                              false,
		"MIT Apache-2.0":                      false,
		"(MIT":                                false,
		"MIT)":                                false,
		"MIT WITH":                            false,
		"()":                                  false,
		strings.Repeat("(", 30) + "MIT" + strings.Repeat(")", 30):           true,
		strings.Repeat("(", 100_000) + "MIT" + strings.Repeat(")", 100_000): false,
	} {
		if got := licensed(text, allowed); got != want {
			t.Errorf("%.60q: %v", text, got)
		}
	}
	if licensed("MIT", []string{}) {
		t.Error("an empty list allows a licence")
	}
}

// FuzzLicensed holds that a licence is allowed where it is listed as it is written, and that to allow more refuses nothing.
func FuzzLicensed(f *testing.F) {
	for _, text := range []string{"MIT", "(MIT OR GPL-3.0-only) AND Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", "MIT OR", "((", ")", "WITH", "a AND b OR c"} {
		f.Add(text, "MIT", "Apache-2.0")
	}
	f.Fuzz(func(t *testing.T, text, one, other string) {
		blank := strings.TrimSpace(text) == ""
		if licensed(text, []string{text}) == blank {
			t.Errorf("%q is not what it is", text)
		}
		if licensed(text, []string{one}) && !licensed(text, []string{one, other}) {
			t.Errorf("%q is allowed with %q, and not with %q too", text, one, other)
		}
		if licensed(text, nil) {
			t.Errorf("%q is allowed by nothing", text)
		}
	})
}
