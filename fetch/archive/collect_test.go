package archive

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/geeknik/gal-pkg/internal/needs"
)

// write makes files below dir; a name with a slash at the end is a folder.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(p, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func collect(t testing.TB, dir string, o CollectOptions) (paths string, problems []Problem) {
	t.Helper()
	files, problems, err := Collect(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		all = append(all, f.Path)
	}
	return strings.Join(all, " "), problems
}

func TestCollect(t *testing.T) {
	files := map[string]string{
		"gal.toml": "x", "README.md": "x", "src/lib.gal": "x", "src/target/x.gal": "x", "target/out": "x", ".git/config": "x", ".gal/state": "x",
		"src/.gal/state": "x", "a.chaos": "x", "src/b.gal-replay": "x", "c.trace": "x", "docs/x.md": "x", "docs/y.txt": "x", "build/z": "x", "notes.log": "x",
	}
	for _, tt := range []struct {
		name             string
		ignore           string
		include, exclude []string
		want             string
	}{
		{"all", "", nil, nil, "README.md build/z docs/x.md docs/y.txt gal.toml notes.log src/lib.gal src/target/x.gal"},
		{"ignored", "build/\n*.log\n", nil, nil, ".gitignore README.md docs/x.md docs/y.txt gal.toml src/lib.gal src/target/x.gal"},
		{"the manifest stays", "*\n", nil, nil, "gal.toml"},
		{"excluded", "", nil, []string{"/docs", "*.log", "build", "src/target"}, "README.md gal.toml src/lib.gal"},
		{"excluded but one", "", nil, []string{"docs/*", "!docs/x.md", "build", "*.log", "target"}, "README.md docs/x.md gal.toml src/lib.gal"},
		{"included", "", []string{"src/**/*.gal", "/README.md"}, nil, "README.md gal.toml src/lib.gal src/target/x.gal"},
		{"included folder", "", []string{"docs"}, nil, "docs/x.md docs/y.txt gal.toml"},
		{"included, but excluded", "", []string{"docs", "src"}, []string{"*.txt"}, "docs/x.md gal.toml src/lib.gal src/target/x.gal"},
		{"included although ignored", "docs/\n", []string{"docs"}, nil, "docs/x.md docs/y.txt gal.toml"},
		{"never, even included", "", []string{"*.trace", "target", ".git", ".gal"}, nil, "gal.toml src/target/x.gal"},
	} {
		dir := t.TempDir()
		write(t, dir, files)
		if tt.ignore != "" {
			write(t, dir, map[string]string{".gitignore": tt.ignore})
		}
		got, problems := collect(t, dir, CollectOptions{Include: tt.include, Exclude: tt.exclude})
		if got != tt.want || len(problems) > 0 {
			t.Errorf("%s:\ngot  %s\nwant %s\n%v", tt.name, got, tt.want, problems)
		}
	}
}

// TestCollectLeavesItsOutputOut: what was made of a package before is no part of it.
func TestCollectLeavesItsOutputOut(t *testing.T) {
	bundle := strings.Repeat("0a", 32) + ".bundle.json"
	files := map[string]string{
		"gal.toml": "x", "mailbox-1.0.0.tar.zst": "x", "mailbox.tar.zst": "x", "mailbox-old.tar.zst": "x", "inbox-1.0.0.tar.zst": "x", "m.proposal": "x",
		"a/m.proposal": "x", "a/" + bundle: "x", "b/mailbox-2.0.0-rc.1.tar.zst": "x", "b/m.proposal": "x", "b/" + bundle: "x", "b/my.bundle.json": "x", "out/m.proposal": "x",
	}
	const kept = "inbox-1.0.0.tar.zst mailbox-old.tar.zst mailbox.tar.zst"
	for _, tt := range []struct {
		name     string
		o        CollectOptions
		want     string
		problems int
	}{
		{"the name is not told", CollectOptions{}, "", 0},
		{"it is", CollectOptions{Name: "mailbox"}, "a/" + bundle + " a/m.proposal b/my.bundle.json gal.toml " + kept + " out/m.proposal", 0},
		{"the output is there", CollectOptions{Name: "mailbox", Output: "out"}, "a/" + bundle + " a/m.proposal b/my.bundle.json gal.toml " + kept, 0},
		{"it is not yet", CollectOptions{Name: "mailbox", Output: "none"}, "a/" + bundle + " a/m.proposal b/my.bundle.json gal.toml " + kept + " out/m.proposal", 0},
		{"it is the package", CollectOptions{Name: "mailbox", Output: "."}, "a/" + bundle + " a/m.proposal b/my.bundle.json gal.toml " + kept + " out/m.proposal", 0},
		{"something else is in it", CollectOptions{Name: "mailbox", Output: "b"}, "a/" + bundle + " a/m.proposal gal.toml " + kept + " out/m.proposal", 1},
		{"include names one", CollectOptions{Name: "mailbox", Include: []string{"mailbox-1.0.0.tar.zst"}}, "gal.toml mailbox-1.0.0.tar.zst", 0},
	} {
		dir := t.TempDir()
		write(t, dir, files)
		if tt.o.Output != "" {
			tt.o.Output = filepath.Join(dir, tt.o.Output)
		}
		if tt.want == "" {
			tt.want = strings.Join(slices.Sorted(maps.Keys(files)), " ")
		}
		if got, problems := collect(t, dir, tt.o); got != tt.want || len(problems) != tt.problems {
			t.Errorf("%s:\ngot  %s\nwant %s\n%v", tt.name, got, tt.want, problems)
		}
	}
}

func TestCollectReadsTheRepositorysIgnores(t *testing.T) {
	top := t.TempDir()
	write(t, top, map[string]string{
		".git/": "", ".gitignore": "*.secret\n/packages/*/gen/\n", "packages/.gitignore": "two.md\n",
		"packages/one/gal.toml": "x", "packages/one/a.secret": "x", "packages/one/gen/x": "x", "packages/one/src/gen/x": "x", "packages/one/two.md": "x",
		"packages/one/sub/.gitignore": "/local\n!keep.secret\n", "packages/one/sub/local": "x", "packages/one/sub/deep/local": "x", "packages/one/sub/keep.secret": "x",
	})
	if got, _ := collect(t, filepath.Join(top, "packages", "one"), CollectOptions{}); got != "gal.toml src/gen/x sub/.gitignore sub/deep/local sub/keep.secret" {
		t.Errorf("got %s", got)
	}
}

func TestCollectReportsProblems(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs links and pipes")
	}
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	key := "-----BEGIN %sPRIVATE KEY%s-----\nMIG\n"
	write(t, dir, map[string]string{
		"gal.toml": "x", "keys/me.pem": fmt.Sprintf(key, "", ""), "keys/rsa": "text\n  " + fmt.Sprintf(key, "RSA ", ""), "keys/gpg": fmt.Sprintf(key, "PGP ", " BLOCK"),
		"keys/cosign": fmt.Sprintf(key, "ENCRYPTED SIGSTORE ", ""), "about.md": "a file with a PRIVATE KEY begins with `-----BEGIN PRIVATE KEY-----`",
		"member/gal.toml": "x", "member/src/lib.gal": "x", "A.gal": "x", "a.gal": "x", "what?.gal": "x", "ignored/.gitignore": "*",
	})
	if err := os.WriteFile(secret, []byte("do not pack"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"link", "ignored/link"} {
		if err := os.Symlink(secret, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, problems := collect(t, dir, CollectOptions{Exclude: []string{"[z-"}})
	if want := "A.gal a.gal about.md gal.toml what?.gal"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var lines []string
	for _, p := range problems {
		lines = append(lines, fmt.Sprint(p.Path, " ", p.Code, " ", p.Fatal))
	}
	want := []string{
		"a.gal bad-path true", "gal.toml bad-pattern true", "keys/cosign private-key true", "keys/gpg private-key true", "keys/me.pem private-key true",
		"keys/rsa private-key true", "link symlink true", "member nested-package false", "pipe special-file true", "what?.gal bad-path true",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
}

// TestIgnoreAgreesWithGit asks git itself about random patterns and paths.
func TestIgnoreAgreesWithGit(t *testing.T) {
	needs.Program(t, "git", "git")
	r := rand.New(rand.NewPCG(3, 5))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	var paths []string
	for range 120 {
		p := pick("a", "b", "ab", "a.b", "foo", "Foo", "x y", "[z]", "q\\")
		for range r.IntN(4) {
			p += "/" + pick("a", "b", "ab", "a.b", "foo", "bar", "a-b", "c1")
		}
		paths = append(paths, p)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	atoms := []string{"a", "b", "*", "?", "**", "a*", "*b", "[ab]", "[!a]", "[a-c]*", "[^b]", "foo", "a?b", "\\a", "[[:alpha:]]", "[[:digit:]]", "a**b", "*.*", "\\*", "x y", "\\[z]", "[]a]", "[a-]", "q\\\\", "***"}
	for round := range 40 {
		dir := t.TempDir()
		for _, args := range [][]string{{"init", "-q", "."}, {"config", "core.ignorecase", "false"}} {
			if out, err := git(dir, "", args...); err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
		}
		var lines []string
		for range 1 + r.IntN(6) {
			line := pick("", "", "", "!", "/", "!/")
			line += atoms[r.IntN(len(atoms))]
			for range r.IntN(3) {
				line += "/" + atoms[r.IntN(len(atoms))]
			}
			lines = append(lines, line+pick("", "", "", "/", "  ", "\\ ", "\r"))
		}
		ignore := strings.Join(lines, "\n") + "\n# comment\n\n"
		write(t, dir, map[string]string{".gitignore": ignore})
		out, err := git(dir, strings.Join(paths, "\x00")+"\x00", "check-ignore", "-z", "--stdin", "--no-index")
		if err != nil && out != "" {
			t.Fatalf("git check-ignore: %v\n%s", err, out)
		}
		ignored := map[string]bool{}
		for p := range strings.SplitSeq(out, "\x00") {
			ignored[p] = true
		}
		list := &ignoreList{}
		list.addLines([]byte(ignore), "")
		for _, p := range paths {
			if got := ignoredBy(list, p); got != ignored[p] {
				t.Errorf("round %d: %q is ignored: %v, git says %v, with\n%s", round, p, got, ignored[p], ignore)
			}
		}
	}
}

func git(dir, stdin string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	return string(out), err
}

// ignoredBy walks down as Collect does: a folder that is ignored hides what is below it.
func ignoredBy(list *ignoreList, p string) bool {
	parts := strings.Split(p, "/")
	for i := 1; i < len(parts); i++ {
		if list.match(path.Join(parts[:i]...), true) == matchOut {
			return true
		}
	}
	return list.match(p, false) == matchOut
}

// FuzzGlob holds that matching ends soon and that a pattern without wildcards matches itself alone.
func FuzzGlob(f *testing.F) {
	f.Add("a/**/b*c", "a/x/y/bc")
	f.Add("[[:alpha:]-z]\\*", "q*")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > maxPattern || len(text) > MaxPath {
			return
		}
		g, err := parseGlob(pattern)
		if err != nil {
			return
		}
		got := g.match(text)
		if !strings.ContainsAny(pattern, `*?[\`) && strings.ToValidUTF8(pattern, "") == pattern && strings.ToValidUTF8(text, "") == text && got != (pattern == text) {
			t.Errorf("%q matches %q: %v", pattern, text, got)
		}
	})
}
