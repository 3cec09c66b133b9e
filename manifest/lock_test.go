package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

const canonicalLock = `version = 1
root = "my-package"
exclude-newer = "2026-01-31T00:00:00Z"

[[packages]]
name = "actor-utils"
version = "1.2.3"
source = "registry+packages.example.org"
checksum = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
features = ["default", "std"]
dependencies = ["rand 0.8.5", "rand 0.9.0 (path+../rand)"]

[[packages]]
name = "my-package"
version = "1.0.0"
source = "path+."
dependencies = ["actor-utils"]

[[packages]]
name = "rand"
version = "0.8.5"
source = "registry+packages.example.org"
checksum = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

[[packages]]
name = "rand"
version = "0.9.0"
source = "git+https://example.org/rand?tag=v0.9.0#` + commit + `"

[[packages]]
name = "rand"
version = "0.9.0"
source = "path+../rand"
`

func TestSampleLock(t *testing.T) {
	l, err := ParseLock("gal.lock", read(t, "sample.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if l.Version != 1 || l.Root != "my-package" || len(l.Packages) != 3 {
		t.Errorf("%+v", l)
	}
	chaos := l.Find("chaos_lib")
	if len(chaos) != 1 || chaos[0].Dependencies[0].String() != "rand 0.8.5" || chaos[0].Checksum != "sha256:def456..." || !chaos[0].Source.IsZero() {
		t.Errorf("%+v", chaos)
	}
	if !bytes.Equal(l.Format(), read(t, "sample.lock")) {
		t.Errorf("formatted:\n%s", l.Format())
	}
}

func TestLockFormat(t *testing.T) {
	l, err := ParseLock("gal.lock", []byte(canonicalLock))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(l.Format()); got != canonicalLock {
		t.Errorf("formatted:\n%s", got)
	}
	if !l.ExcludeNewer.Equal(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%v", l.ExcludeNewer)
	}
	if _, ok := readCanonical(canonicalLock); !ok {
		t.Error("the short way does not read the canonical form")
	}
	if err := l.Check(); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(l.Packages[0])
	want := `{"name":"actor-utils","version":"1.2.3","source":"registry+packages.example.org","checksum":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","features":["default","std"],"dependencies":["rand 0.8.5 (registry+packages.example.org)","rand 0.9.0 (path+../rand)"]}`
	if string(text) != want || err != nil {
		t.Errorf("%s %v", text, err)
	}
	var back LockedPackage
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, l.Packages[0]) {
		t.Errorf("%+v %v", back, err)
	}
}

// TestHandMadeLock: what people and other tools write means what it says, whatever its form.
func TestHandMadeLock(t *testing.T) {
	want, err := ParseLock("gal.lock", []byte(canonicalLock))
	if err != nil {
		t.Fatal(err)
	}
	for why, text := range map[string]string{
		"carriage returns": strings.ReplaceAll(canonicalLock, "\n", "\r\n"),
		"comments":         "# hello\n" + strings.ReplaceAll(canonicalLock, "root =", "# root\nroot  ="),
		"literal strings":  strings.ReplaceAll(canonicalLock, `"`, `'`),
		"a real time":      strings.Replace(canonicalLock, `"2026-01-31T00:00:00Z"`, `2026-01-31T01:00:00+01:00`, 1),
		"longer than needed": strings.Replace(canonicalLock, `dependencies = ["actor-utils"]`,
			`dependencies = ["actor-utils 1.2.3 (registry+packages.example.org)"]`, 1),
		"another order of lists": strings.Replace(canonicalLock, `["default", "std"]`, `["std", "default"]`, 1),
		"another order of keys":  strings.Replace(canonicalLock, "name = \"my-package\"\nversion = \"1.0.0\"", "version = \"1.0.0\"\nname = \"my-package\"", 1),
		"empty lists":            strings.Replace(canonicalLock, "source = \"path+.\"", "source = \"path+.\"\nfeatures = []", 1),
		"escapes":                strings.Replace(canonicalLock, "std", `st\u0064`, 1),
	} {
		l, err := ParseLock("gal.lock", []byte(text))
		if err != nil || !reflect.DeepEqual(l, want) {
			t.Errorf("%s: %v\n%+v", why, err, l)
			continue
		}
		if got := string(l.Format()); got != canonicalLock {
			t.Errorf("%s:\n%s", why, got)
		}
	}
}

func TestLockProblems(t *testing.T) {
	const head, pkg = "version = 1\nroot = \"r\"\n", "\n[[packages]]\nname = \"a\"\nversion = \"1.0.0\"\n"
	for _, row := range []struct{ text, want, says string }{
		{"", "1:1 bad-lock, 1:1 bad-lock", "no version"},
		{"version = 2\nfuture = true\n", "1:11 lock-too-new", "lock version 2 is newer"},
		{"version = 0\nroot = \"r\"\n", "1:11 bad-lock", "must be between 1 and 1"},
		{"version = \"1\"\nroot = \"r\"\n", "1:11 bad-lock", "must be an integer"},
		{head + "unknown = 1\n", "3:1 bad-lock", "`unknown` is not a known table"},
		{"version = 1\nroot = \"R\"\n", "1:1 bad-lock", "upper-case"},
		{head + "exclude-newer = \"yesterday\"\n", "1:1 bad-lock", "must be a time"},
		{head + "exclude-newer = \"0000-01-01T00:00:00Z\"\n", "1:1 bad-lock", "must be a time"},
		{head + pkg + "x = 1\n", "7:1 bad-lock", "`x` is not a known key of [[packages]]"},
		{head + "packages = [1]\n", "3:13 bad-lock", "must be tables"},
		{head + "\n[[packages]]\n", "4:3 bad-lock, 4:3 bad-lock", "no name"},
		{head + pkg + pkg, "9:8 bad-lock", "listed twice"},
		{head + pkg + "source = \"path+a\"\n" + pkg, "10:8 bad-lock", "listed twice"}, // without a source they cannot be told apart
		{head + pkg + "source = \"registry+abc\"\n", "5:8 bad-lock", "version 1.0.0 is of a registry and has no checksum"},
		{head + pkg + "source = \"svn+x\"\n", "5:8 bad-lock", "unknown kind"},
		{head + pkg + "checksum = \"md5:00\"\n", "5:8 bad-lock", "sha256:"},
		{head + pkg + "checksum = \"sha256:" + strings.Repeat("a", 65) + "\"\n", "5:8 bad-lock", "lower-case hex"},
		{head + pkg + "features = [\"x\", \"x\"]\n", "5:8 bad-lock", "listed twice"},
		{head + pkg + "features = [1]\n", "7:13 bad-lock", "array of strings"},
		{head + pkg + "dependencies = [\"b\"]\n", "5:8 bad-lock", "`b` is not among the packages"},
		{head + pkg + "dependencies = [\"a 2.0.0\"]\n", "5:8 bad-lock", "`a 2.0.0` is not among"},
		{head + pkg + "dependencies = [\"a 1.0\"]\n", "5:8 bad-lock", "needs three numbers"},
		{head + pkg + "dependencies = [\"a\", \"a 1.0.0\"]\n", "5:8 bad-lock", "listed twice"},
		{head + pkg + "dependencies = [\"a 1.0.0 registry+abc\"]\n", "5:8 bad-lock", "must be `name`"},
		{head + pkg + strings.Replace(pkg, "1.0.0", "2.0.0", 1) + "dependencies = [\"a\"]\n", "9:8 bad-lock", "ambiguous: it may be `a 1.0.0`, `a 2.0.0`"},
		{head + pkg + "version = \"1.0.0\"\n", "7:1 bad-lock", "already"},
		{head + strings.Replace(pkg, "1.0.0", "1.0", 1), "5:8 bad-lock", "needs three numbers"},
		{canonicalLock[:60] + "\n<<<<<<< HEAD\n=======\n>>>>>>> x\n", "4:1 lock-conflict", "gal.lock contains merge conflict markers (line 4)"},
		{"=======\n", "1:1 lock-conflict", "(line 1)"},
		{strings.Repeat("#", MaxLockSize+1), "0:0 bad-lock", "at most 16777216"},
		{head + "a = " + strings.Repeat("[", 100), "3:9 bad-lock", "nested"},
		{"\ufeff" + head, "1:1 bad-lock", "byte order mark"},
	} {
		_, err := ParseLock("gal.lock", []byte(row.text))
		var ps Problems
		if !errors.As(err, &ps) || brief(ps) != row.want || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%.200s\ngot  %s %v\nwant %s %s", row.text, brief(ps), err, row.want, row.says)
			continue
		}
		if f := fault.Of(err); f.Code != ps[0].Code || f.Kind != fault.Manifest {
			t.Errorf("%+v", f)
		}
	}
}

func TestLoadLock(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, LockName)
	if _, err := LoadLock(path); !errors.Is(err, os.ErrNotExist) || !fault.IsCode(err, "lock-unreadable") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(path, []byte(canonicalLock), 0o644); err != nil {
		t.Fatal(err)
	}
	if l, err := LoadLock(path); err != nil || l.Root != "my-package" {
		t.Errorf("%v %v", l, err)
	}
}

func TestSources(t *testing.T) {
	for _, row := range []struct {
		text string
		want Source
	}{
		{"registry+packages.example.org", Registry("packages.example.org")},
		{"path+.", Local(".")},
		{"path+../a (b)", Local("../a (b)")},
		{"git+https://example.org/r#" + commit, Source{GitSource, "https://example.org/r", "", "", commit}},
		{"git+https://example.org/r?tag=v1#2#" + commit, Source{GitSource, "https://example.org/r", "tag", "v1#2", commit}},
		{"git+git@example.org:r?branch=a/b#" + commit, Source{GitSource, "git@example.org:r", "branch", "a/b", commit}},
		{"git+ssh://git@example.org/r?rev=0123456#" + commit, Source{GitSource, "ssh://git@example.org/r", "rev", "0123456", commit}},
	} {
		got, err := ParseSource(row.text)
		if err != nil || got != row.want || got.String() != row.text {
			t.Errorf("%s: %+v %v", row.text, got, err)
		}
	}
	for _, text := range []string{"", "registry", "registry+", "registry+ab", "registry+A.example", "registry+https://x", "path+", "path+/abs", "path+a/", "path+a//b",
		"path+a\\b", "path+./a", "git+https://x/y", "git+https://x/y#abc", "git+https://x/y#" + strings.ToUpper(commit), "git+#" + commit, "git+https://x/y?#" + commit,
		"git+https://x/y?tag=#" + commit, "git+https://x/y?tag=-x#" + commit, "git+https://x/y?ref=a#" + commit, "git+ext::sh#" + commit, "git+https://u:p@x/y#" + commit, "hg+x"} {
		if got, err := ParseSource(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestLockIndex(t *testing.T) {
	l, err := ParseLock("gal.lock", []byte(canonicalLock))
	if err != nil {
		t.Fatal(err)
	}
	x := l.Index()
	for _, row := range []struct{ ref, means, short string }{
		{"actor-utils", "actor-utils 1.2.3 (registry+packages.example.org)", "actor-utils"},
		{"actor-utils 1.2.3 (registry+packages.example.org)", "actor-utils 1.2.3 (registry+packages.example.org)", "actor-utils"},
		{"actor-utils 1.2.3 (path+.)", "", "actor-utils 1.2.3 (path+.)"},
		{"rand", "", "rand"},
		{"rand 0.8.5", "rand 0.8.5 (registry+packages.example.org)", "rand 0.8.5"},
		{"rand 0.9.0", "", "rand 0.9.0"},
		{"rand 0.9.0 (path+../rand)", "rand 0.9.0 (path+../rand)", "rand 0.9.0 (path+../rand)"},
		{"rand 0.9.1", "", "rand 0.9.1"},
		{"nothing", "", "nothing"},
	} {
		r, err := ParseRef(row.ref)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if p, err := x.Resolve(r); err == nil {
			got = p.Ref().String()
		}
		if short := x.Shorten(r).String(); got != row.means || short != row.short {
			t.Errorf("%s means %q, shortly %q", row.ref, got, short)
		}
	}
	if n := len(l.Find("rand")); n != 3 {
		t.Errorf("%d packages", n)
	}
}

func TestLockCheck(t *testing.T) {
	a := LockedPackage{Name: "a", Version: version.MustParse("1.0.0"), Source: Local("."), Dependencies: []Ref{{Name: "b"}}}
	b := LockedPackage{Name: "b", Version: version.MustParse("1.0.0"), Source: Registry("abc"), Checksum: "sha256:00", Features: []string{"z", "a"}}
	l := &Lock{Root: "a", Packages: []LockedPackage{b, a}}
	if err := l.Check(); err != nil {
		t.Error(err)
	}
	if l.Packages[0].Name != "b" || l.Packages[0].Features[0] != "z" {
		t.Error("Check or Format changed the lock")
	}
	many := &Lock{Root: "a"}
	for i := range MaxLockedVersions + 1 {
		many.Packages = append(many.Packages, LockedPackage{Name: "a", Version: version.MustParse(fmt.Sprintf("1.0.%d", i))})
	}
	for says, bad := range map[string]*Lock{
		"not among":          {Root: "a", Packages: []LockedPackage{a}},
		"listed twice":       {Root: "a", Packages: []LockedPackage{b, b}},
		"no version":         {Root: "a", Packages: []LockedPackage{{Name: "a"}}},
		"listed 257 times":   many,
		"holds `actor`":      {Root: "actor"},
		"is no feature's na": {Root: "a", Packages: []LockedPackage{{Name: "a", Version: a.Version, Features: []string{"x y"}}}},
	} {
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
}

func TestConflictSides(t *testing.T) {
	const left, right = "a\nours\nz\n", "a\ntheirs\nz\n"
	for text, ok := range map[string]bool{
		"a\n<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\nz\n":               true,
		"a\n<<<<<<< HEAD\nours\n||||||| base\nold\n=======\ntheirs\n>>>>>>> x\nz\n": true,
		"a\r\n": false, "a\n<<<<<<< HEAD\nours\n": false, "=======\n": false, ">>>>>>> x\n": false,
		"<<<<<<< a\n<<<<<<< b\n=======\n>>>>>>> a\n": false, "<<<<<<< a\n>>>>>>> a\n": false, "|||||||\n": false,
	} {
		ours, theirs, got := ConflictSides([]byte(text))
		if got != ok || ok && (string(ours) != left || string(theirs) != right) {
			t.Errorf("%q: %v %q %q", text, got, ours, theirs)
		}
	}
	_, err := ParseLock("gal.lock", []byte("version = 1\n<<<<<<< a\n"))
	if f := fault.Of(err); f == nil || f.Help[0] != "gal-pkg lock --resolve" {
		t.Errorf("%+v", f)
	}
}

// locks draws locks that pass Check.
func locks() *rapid.Generator[*Lock] {
	return rapid.Custom(func(t *rapid.T) *Lock {
		l := &Lock{Version: 1, Root: "root", Packages: []LockedPackage{}}
		if rapid.Bool().Draw(t, "cutoff") {
			l.ExcludeNewer = time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "time"), 0).UTC()
		}
		seen := map[Ref]bool{}
		for range rapid.IntRange(0, 8).Draw(t, "packages") {
			p := LockedPackage{
				Name:    rapid.SampledFrom([]string{"a", "b", "b-c", "b_c", "s/a"}).Draw(t, "name"),
				Version: version.MustParse(rapid.SampledFrom([]string{"1.0.0", "1.0.0-rc.1", "1.0.0+x", "2.0.0", "10.0.0"}).Draw(t, "version")),
				Source:  rapid.SampledFrom([]Source{Registry("abc"), Registry("abd"), Local("."), Local("../é b"), {GitSource, "https://x/y", "tag", "v#1", commit}}).Draw(t, "source"),
			}
			if seen[p.Ref()] {
				continue
			}
			seen[p.Ref()] = true
			if p.Source.Kind == RegistrySource || rapid.Bool().Draw(t, "checked") {
				p.Checksum = "sha256:" + strings.Repeat("0f", 32)
			}
			p.Features = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z.1"}), 0, 3, rapid.ID).Draw(t, "features")
			if len(p.Features) == 0 {
				p.Features = nil
			}
			l.Packages = append(l.Packages, p)
		}
		for i := range l.Packages {
			for j := range l.Packages {
				if rapid.Bool().Draw(t, "edge") {
					l.Packages[i].Dependencies = append(l.Packages[i].Dependencies, l.Packages[j].Ref())
				}
			}
		}
		return l
	})
}

// TestLockRoundTrip: a lock comes back from its bytes, by both ways of reading, and its bytes are a function of its
// content alone.
func TestLockRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := locks().Draw(t, "lock")
		if err := l.Check(); err != nil {
			t.Fatal(err)
		}
		text := l.Format()
		if _, ok := readCanonical(string(text)); !ok {
			t.Fatalf("the short way refuses\n%s", text)
		}
		short, err := ParseLock("gal.lock", text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		long, err := parseLockTOML(page{"gal.lock", text})
		if err != nil || !reflect.DeepEqual(short, long) || !reflect.DeepEqual(short, l.sorted()) {
			t.Fatalf("%v\n%+v\n%+v\n%+v", err, short, long, l)
		}
		shuffled := *l
		shuffled.Packages = rapid.Permutation(l.Packages).Draw(t, "order")
		if !bytes.Equal(short.Format(), text) || !bytes.Equal(shuffled.Format(), text) {
			t.Fatalf("not the same bytes as\n%s", text)
		}
	})
}

// bigLock is a lock of n packages in a chain with some branches.
func bigLock(n int) []byte {
	l := &Lock{Root: "p0"}
	for i := range n {
		p := LockedPackage{Name: fmt.Sprintf("p%d", i), Version: version.MustParse("1.2.3"), Source: Registry("packages.example.org"),
			Checksum: "sha256:" + strings.Repeat("0f", 32), Features: []string{"default", "std"}}
		for j := i + 1; j < min(n, i+6); j++ {
			p.Dependencies = append(p.Dependencies, Ref{Name: fmt.Sprintf("p%d", j)})
		}
		l.Packages = append(l.Packages, p)
	}
	return l.Format()
}

func BenchmarkParseLock(b *testing.B) {
	text := bigLock(2000)
	for b.Loop() {
		if _, err := ParseLock("gal.lock", text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseLockTOML(b *testing.B) {
	text := bigLock(2000)
	for b.Loop() {
		if _, err := parseLockTOML(page{"gal.lock", text}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFormatLock(b *testing.B) {
	l, err := ParseLock("gal.lock", bigLock(2000))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l.Format()
	}
}
