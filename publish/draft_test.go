package publish_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
)

// folder writes a package, given as path and content in turn.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, filepath.FromSlash(files[i]))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const wellDone = "[package]\nname = \"mailbox\"\nversion = \"1.0.0\"\ndescription = \"d\"\nlicense = \"MIT\"\n"

// TestPrepare tells what keeps a package from being published, and what is only said.
func TestPrepare(t *testing.T) {
	for _, test := range []struct {
		story string
		files []string
		want  string // level and code of each problem
	}{
		{"nothing is wrong", []string{"gal.toml", wellDone, "src/lib.gal", "", "README.md", "", "tests/a.gal", ""}, ""},
		{"a program instead of a library", []string{"gal.toml", wellDone, "src/main.gal", "", "readme", "", "tests/a.gal", ""}, ""},
		{"no README, no tests", []string{"gal.toml", wellDone, "src/lib.gal", ""}, "warning readme, warning tests"},
		{"no code", []string{"gal.toml", wellDone, "README.md", "", "tests/a.gal", ""}, "error layout"},
		{"nothing is said of it", []string{"gal.toml", "[package]\nname = \"mailbox\"\nversion = \"1.0.0\"\n", "src/lib.gal", "", "README.md", "", "tests/a.gal", ""},
			"error description, error license"},
		{"a slip in a key", []string{"gal.toml", wellDone + "lisence = \"MIT\"\n", "src/lib.gal", "", "README.md", "", "tests/a.gal", ""}, "error unknown-key"},
		{"build metadata", []string{"gal.toml", strings.Replace(wellDone, "1.0.0", "1.0.0+5", 1), "src/lib.gal", "", "README.md", "", "tests/a.gal", ""}, "error version"},
		{"it is private", []string{"gal.toml", wellDone + "publish = false\n", "src/lib.gal", "", "README.md", "", "tests/a.gal", ""}, "error publish"},
		{"it is for another registry", []string{"gal.toml", wellDone + "publish = [\"work\"]\n", "src/lib.gal", "", "README.md", "", "tests/a.gal", ""}, "error publish"},
		{"it is for this registry", []string{"gal.toml", wellDone + "publish = [\"home\"]\n", "src/lib.gal", "", "README.md", "", "tests/a.gal", ""}, ""},
		{"dependencies that others do not have", []string{"gal.toml", wellDone + "[dependencies]\nfar = { git = \"https://example.org/far\" }\nnear = { path = \"../near\" }\n",
			"src/lib.gal", "", "README.md", "", "tests/a.gal", ""}, "error git-dependency, error path-dependency"},
		{"requirements without an end", []string{"gal.toml", wellDone + "[dependencies]\nany = \"*\"\nmore = \">=1\"\n",
			"src/lib.gal", "", "README.md", "", "tests/a.gal", ""}, "error wildcard, warning no-upper-bound"},
		{"the toolchain's own", []string{"gal.toml", wellDone + "[dependencies]\ngal_std = \"*\"\n", "src/lib.gal", "", "README.md", "", "tests/a.gal", ""}, ""},
	} {
		t.Run(test.story, func(t *testing.T) {
			d, err := publish.Prepare(folder(t, test.files...), publish.Options{Target: "home"})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range d.Problems {
				got = append(got, string(p.Level)+" "+p.Code)
			}
			slices.Sort(got)
			if strings.Join(got, ", ") != test.want {
				t.Errorf("%s, want %s", strings.Join(got, ", "), test.want)
			}
			if refused := strings.Contains(test.want, "error"); refused != (d.Err() != nil) || refused != (d.Archive == nil) {
				t.Errorf("error %v, archive %v", d.Err(), d.Archive != nil)
			}
		})
	}
}

// TestPrepareTwice: the same files make the same archive.
func TestPrepareTwice(t *testing.T) {
	var digests []string
	for range 2 {
		d, err := publish.Prepare(folder(t, "gal.toml", wellDone, "src/lib.gal", "fn a() {}\n", "README.md", ""), publish.Options{})
		if err != nil || d.Err() != nil {
			t.Fatal(err, d.Err())
		}
		digests = append(digests, d.Archive.Digest)
	}
	if digests[0] != digests[1] {
		t.Error(digests)
	}
}

// TestPrepareLeavesOutWhatIsInherited: what a workspace leaves out, its members leave out.
func TestPrepareLeavesOutWhatIsInherited(t *testing.T) {
	dir := folder(t,
		"gal.toml", "[workspace]\nmembers = [\"mailbox\"]\n[workspace.package]\nexclude = [\"notes\"]\n",
		"mailbox/gal.toml", wellDone+"exclude.workspace = true\n",
		"mailbox/src/lib.gal", "", "mailbox/notes/plan.txt", "not for everybody")
	workspace, err := manifest.Load(filepath.Join(dir, "gal.toml"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := publish.Prepare(filepath.Join(dir, "mailbox"), publish.Options{Workspace: workspace})
	if err != nil || d.Err() != nil {
		t.Fatal(err, d.Err())
	}
	if want := []string{"gal.toml", "src/lib.gal"}; !slices.Equal(d.Files, want) {
		t.Errorf("%q is packed, want %q", d.Files, want)
	}
}

// TestPrepareInherits: what a member inherits is packed in full, and what its author wrote beside it.
func TestPrepareInherits(t *testing.T) {
	dir := folder(t,
		"gal.toml", "[workspace]\nmembers = [\"mailbox\"]\n[workspace.package]\nversion = \"2.0.0\"\nlicense = \"MIT\"\n",
		"mailbox/gal.toml", "[package]\nname = \"mailbox\"\nversion.workspace = true\nlicense.workspace = true\ndescription = \"d\"\n",
		"mailbox/src/lib.gal", "")
	workspace, err := manifest.Load(filepath.Join(dir, "gal.toml"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := publish.Prepare(filepath.Join(dir, "mailbox"), publish.Options{Workspace: workspace})
	if err != nil || d.Err() != nil {
		t.Fatal(err, d.Err())
	}
	var names []string
	for _, f := range d.Archive.Files {
		names = append(names, f.Path)
	}
	if d.Publish.Version.String() != "2.0.0" || !slices.Contains(names, "gal.toml.orig") {
		t.Errorf("version %s, files %v", d.Publish.Version, names)
	}
}

func TestPrepareWorkspace(t *testing.T) {
	_, err := publish.Prepare(folder(t, "gal.toml", "[workspace]\nmembers = [\"a\"]\n"), publish.Options{})
	if !fault.IsCode(err, "no-package") {
		t.Error(err)
	}
	if _, err := publish.Prepare(t.TempDir(), publish.Options{}); err == nil {
		t.Error("an empty folder can be published")
	}
}

func TestPrepareOtherRegistry(t *testing.T) {
	dir := folder(t, "gal.toml", wellDone+"[dependencies]\nours = { version = \"1\", registry = \"work\" }\n", "src/lib.gal", "")
	d, err := publish.Prepare(dir, publish.Options{Registry: func(string) (string, error) { return "", errors.New("work is not configured") }})
	if err != nil {
		t.Fatal(err)
	}
	if d.Err() == nil || !strings.Contains(d.Err().(*fault.Error).Facts[0], "work is not configured") {
		t.Errorf("%v", d.Err())
	}
}
