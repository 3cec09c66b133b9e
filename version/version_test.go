package version_test

import (
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/version"
)

func TestParse(t *testing.T) {
	good := []string{"0.0.0", "1.2.3", "1.0.0-rc.1", "1.0.0-0", "1.0.0+build.5", "18446744073709551615.0.0", "1.0.0-alpha-b"}
	for _, text := range good {
		v, err := version.Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
		} else if v.String() != text {
			t.Errorf("Parse(%q).String() = %q", text, v)
		}
	}
	bad := []string{"", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3+", "1.2.3.4", " 1.2.3", "1.2.3\n", "1.2.-3", "١.2.3",
		"1.0.0-" + string(make([]byte, 100))}
	for _, text := range bad {
		if v, err := version.Parse(text); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", text, v)
		}
	}
}

func TestOrder(t *testing.T) {
	// The example of SemVer's item 11, with its neighbours.
	sorted := []string{"0.0.1", "0.1.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
		"1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.9.0", "1.10.0", "2.0.0"}
	for i, a := range sorted {
		for j, b := range sorted {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := version.MustParse(a).Compare(version.MustParse(b)); got != want {
				t.Errorf("%s against %s: %d, want %d", a, b, got, want)
			}
		}
	}
	if !version.MustParse("1.0.0+a").Equal(version.MustParse("1.0.0+b")) {
		t.Error("build metadata must not count")
	}
}

func TestBucket(t *testing.T) {
	for text, want := range map[string]string{"1.2.3": "1", "12.0.0-rc.1": "12", "0.5.2": "0.5", "0.0.3": "0.0.3", "0.0.0": "0.0.0"} {
		if got := version.MustParse(text).Bucket().String(); got != want {
			t.Errorf("bucket of %s is %s, want %s", text, got, want)
		}
	}
}

// A requirement on the left matches exactly the versions marked + among those on the right.
func TestMatches(t *testing.T) {
	for _, row := range []struct {
		req string
		yes []string
		no  []string
	}{
		{"1.2.3", []string{"1.2.3", "1.9.0"}, []string{"1.2.2", "2.0.0", "1.2.3-rc.1", "1.9.0-alpha", "2.0.0-alpha"}},
		{"1.2", []string{"1.2.0", "1.9.9"}, []string{"1.1.9", "2.0.0", "1.2.0-rc.1"}},
		{"1", []string{"1.0.0", "1.9.9"}, []string{"0.9.0", "2.0.0"}},
		{"0.5", []string{"0.5.0", "0.5.9"}, []string{"0.6.0", "0.4.9", "1.0.0"}},
		{"0", []string{"0.0.0", "0.9.9"}, []string{"1.0.0"}},
		{"^0.0.3", []string{"0.0.3"}, []string{"0.0.4", "0.0.2"}},
		{"^0.0", []string{"0.0.0", "0.0.9"}, []string{"0.1.0"}},
		{"~1.2.3", []string{"1.2.3", "1.2.9"}, []string{"1.3.0", "1.2.2"}},
		{"~1.2", []string{"1.2.0", "1.2.9"}, []string{"1.3.0"}},
		{"~1", []string{"1.0.0", "1.9.0"}, []string{"2.0.0"}},
		{"~0.0.0", []string{"0.0.0", "0.0.5"}, []string{"0.1.0", "1.0.0"}}, // Masterminds lets everything through here
		{"=1.2.3", []string{"1.2.3", "1.2.3+x"}, []string{"1.2.4", "1.2.3-a"}},
		{"=1.2", []string{"1.2.0", "1.2.9"}, []string{"1.3.0"}},
		{">1", []string{"2.0.0"}, []string{"1.9.9", "2.0.0-rc.1"}},
		{">1.2.3", []string{"1.2.4", "9.0.0"}, []string{"1.2.3"}},
		{">=1.2", []string{"1.2.0", "3.0.0"}, []string{"1.1.9"}},
		{"<2", []string{"1.9.9", "0.0.0"}, []string{"2.0.0", "2.0.0-alpha"}},
		{"<=1.2", []string{"1.2.9"}, []string{"1.3.0"}},
		{"<=1.2.3", []string{"1.2.3"}, []string{"1.2.4"}},
		{"*", []string{"0.0.0", "9.9.9"}, []string{"1.0.0-rc.1"}},
		{"1.*", []string{"1.0.0", "1.9.9"}, []string{"2.0.0"}},
		{"1.2.*", []string{"1.2.0"}, []string{"1.3.0"}},
		{">=1.2.0, <1.5", []string{"1.2.0", "1.4.9"}, []string{"1.5.0", "1.1.9"}},
		{"^1.2.0-beta.1", []string{"1.2.0-beta.1", "1.2.0-beta.3", "1.2.0", "1.9.0"}, []string{"1.9.0-alpha", "1.2.0-alpha", "1.2.3-beta.3"}},
		{">=1.0.0-rc.1, <2.0.0", []string{"1.0.0-rc.1", "1.0.0-rc.2", "1.9.0"}, []string{"2.0.0-alpha", "1.9.0-alpha"}},
		{"<=2.0.0-dev", []string{"2.0.0-alpha", "2.0.0-dev", "1.0.0"}, []string{"2.0.0", "1.0.0-alpha"}},
	} {
		r := version.MustParseRequirement(row.req)
		for _, text := range row.yes {
			if !r.Matches(version.MustParse(text)) {
				t.Errorf("%q must match %s", row.req, text)
			}
		}
		for _, text := range row.no {
			if r.Matches(version.MustParse(text)) {
				t.Errorf("%q must not match %s", row.req, text)
			}
		}
	}
}

func TestRequirementErrors(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"", "write * for any version"},
		{"^1 || ^2", "alternatives"},
		{"!=1.2", "!= does not exist"},
		{"==1.0", "write a single ="},
		{"1.2.3 - 2.3.4", "write >=1.2.3, <=2.3.4"},
		{"1.x", "write 1.*"},
		{"v1.2", "write 1.2"},
		{"^v1.2", "write 1.2"},
		{">=1 <2", "write >=1, <2"},
		{"1.*.3", "after a wildcard"},
		{"^*", "wildcard stands alone"},
		{"~>1.2", "write ~"},
		{"latest", "names no version"},
		{"1.b", "is not a number"},
		{"01.2", "leading zero"},
		{"1.2-rc", "all three numbers"},
		{"1,", "missing"},
		{"1.2.3.4", "more than three"},
	} {
		_, err := version.ParseRequirement(row.text)
		if err == nil {
			t.Errorf("%q is accepted", row.text)
			continue
		}
		if !strings.Contains(err.Error(), row.want) {
			t.Errorf("%q: error %q does not say %q", row.text, err, row.want)
		}
	}
}
