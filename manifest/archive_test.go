package manifest

import (
	"errors"
	"strings"
	"testing"
)

func TestResolvedForArchive(t *testing.T) {
	root, err := Parse("ws/gal.toml", []byte(workspaceRoot))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ why, text, want string }{
		{"nothing to resolve", "# x\n[package]\nname='b'\nversion = \"1.0.0\"\n[dependencies]\na = {version='1'}\n", ""},
		{"inherited", `# mine
[package]
name = "b"
version.workspace = true # from above
license = { workspace = true }
  keywords.workspace = true
publish.workspace = true

[dependencies]
chaos-lib.workspace = true
near = { workspace = true, features = ["f"] } # close
`, `# mine
[package]
name = "b"
version = "1.2.3" # from above
license = "MIT"
  keywords = ["k"]
publish = false

[dependencies]
chaos-lib.version = "0.5"
chaos-lib.features = ["x"]
chaos-lib.default-features = false
near = { features = ["f"], version = "1" } # close
`},
		{"local places", `[package]
name = "b"
version = "1.0.0"
[dependencies]
p = { path = "../p", version = "1" }
g = { version = "^2", git = "https://h/g", tag = "v2", optional = true }
[dev-dependencies.q]
path = "../q"
version = "3" # three
`, `[package]
name = "b"
version = "1.0.0"
[dependencies]
p = { version = "1" }
g = { version = "^2", optional = true }
[dev-dependencies.q]
version = "3" # three
`},
	} {
		m, err := Parse("ws/a/b/gal.toml", []byte(row.text))
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		text, original, err := m.ResolvedForArchive(root)
		want := row.want
		if want == "" {
			want = row.text
		}
		if err != nil || string(text) != want || original != (row.want != "") {
			t.Errorf("%s: %v %v\n%s", row.why, original, err, text)
		}
	}
}

func TestUnpublishable(t *testing.T) {
	m := parse(t, "[dependencies]\np = { path = \"../p\" }\nq = { version = \"1\", path = \"../q\" }\n[dev-dependencies]\ng = { git = \"https://h/g\" }\n")
	_, _, err := m.ResolvedForArchive(nil)
	var ps Problems
	if !errors.As(err, &ps) || brief(ps) != "5:1 path-without-version, 8:1 path-without-version" {
		t.Errorf("%v", err)
	}
	inherits := parse(t, "[dependencies]\np.workspace = true\n")
	if _, _, err := inherits.ResolvedForArchive(nil); err == nil || !strings.Contains(err.Error(), "there is none above it") {
		t.Errorf("%v", err)
	}
}
