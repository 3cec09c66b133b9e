package project

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/githttp"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
)

// desk is a project with folders of its own for everything that gal-pkg keeps.
type desk struct {
	t     *testing.T
	dir   string
	store *cache.Cache
}

func newDesk(t *testing.T, dependencies string) desk {
	home := t.TempDir()
	t.Setenv("HOME", home)
	for _, name := range []string{"CONFIG", "CACHE", "DATA"} {
		t.Setenv("GAL_"+name+"_DIR", filepath.Join(home, strings.ToLower(name)))
	}
	store, err := cache.NewCache(filepath.Join(home, "cache"), fetch.Events{})
	if err != nil {
		t.Fatal(err)
	}
	d := desk{t, t.TempDir(), store}
	d.write(dependencies)
	return d
}

func (d desk) write(dependencies string) {
	d.t.Helper()
	text := "[package]\nname = \"desk\"\nversion = \"0.1.0\"\n\n[dependencies]\n" + dependencies + "\n"
	if err := os.WriteFile(filepath.Join(d.dir, manifest.FileName), []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

func (d desk) set(offline bool) *remote.Set {
	home := os.Getenv("HOME")
	return remote.New(remote.Options{Offline: offline, CacheDir: filepath.Join(home, "cache"), StateDir: filepath.Join(home, "state")})
}

// install does what the command does.
func (d desk) install(o Locking, offline bool) (*Project, error) {
	p, err := Open(d.dir)
	if err != nil {
		return nil, err
	}
	o.Now, o.Clock = time.Unix(1_700_000_000, 0), time.Now
	plan, err := p.Plan(d.t.Context(), d.set(offline), o)
	if err != nil {
		return nil, err
	}
	if _, err := plan.Install(d.t.Context(), Choice{}, Fetching{Cache: d.store}); err != nil {
		return nil, err
	}
	return Open(d.dir)
}

func (d desk) installed(folder string) string {
	d.t.Helper()
	data, err := os.ReadFile(filepath.Join(d.dir, ".gal", "packages", filepath.FromSlash(folder)))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(data)
}

// host serves repositories over http, by the names of their packages.
type host struct {
	url      string
	mux      *http.ServeMux
	requests atomic.Int64
}

func newHost(t *testing.T) *host {
	h := &host{mux: http.NewServeMux()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.requests.Add(1)
		h.mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *host) serve(t *testing.T, name, dependencies string, files map[string]string) (*gitrepo.Repo, gitrepo.Hash) {
	all := map[string]string{manifest.FileName: gitPackage(name, dependencies)}
	for path, text := range files {
		all[path] = text
	}
	repo, commit := gittest.Repo(t, "main", all)
	handler, err := githttp.Handler(repo.Dir(), githttp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.mux.Handle("/"+name+"/", http.StripPrefix("/"+name, handler))
	return repo, commit
}

func gitPackage(name, dependencies string) string {
	return fmt.Sprintf("[package]\nname = %q\nversion = \"1.2.0\"\n\n[dependencies]\n%s\n", name, dependencies)
}

// A package from git brings another one; both are locked to commits, and nothing is asked again until they are to move.
func TestGitOverHTTP(t *testing.T) {
	h := newHost(t)
	_, inner := h.serve(t, "inner", "", map[string]string{"src/lib.gal": "inside"})
	outer, first := h.serve(t, "outer", fmt.Sprintf("inner = { git = %q, rev = %q }", h.url+"/inner", inner), map[string]string{"src/lib.gal": "one"})
	d := newDesk(t, fmt.Sprintf("outer = { git = %q, branch = \"main\" }", h.url+"/outer"))
	p, err := d.install(Locking{}, false)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"inner": fmt.Sprintf("git+%s/inner?rev=%s#%s", h.url, inner, inner),
		"outer": fmt.Sprintf("git+%s/outer?branch=main#%s", h.url, first),
	} {
		found := p.Lock.Find(name)
		if len(found) != 1 || found[0].Source.String() != want || found[0].Checksum != "" {
			t.Errorf("%s is locked as %+v, want %s", name, found, want)
		}
	}
	if got := d.installed("inner-1.2.0/src/lib.gal") + d.installed("outer-1.2.0/src/lib.gal"); got != "insideone" {
		t.Errorf("installed %q", got)
	}
	second := gittest.Commit(t, outer, "main", map[string]string{"src/lib.gal": "two"})
	h.requests.Store(0)
	for _, offline := range []bool{false, true} {
		if err := os.RemoveAll(filepath.Join(d.dir, ".gal")); err != nil {
			t.Fatal(err)
		}
		if _, err := d.install(Locking{}, offline); err != nil {
			t.Fatal(err)
		}
		if got := d.installed("outer-1.2.0/src/lib.gal"); got != "one" {
			t.Errorf("offline %v: the branch has moved to %q", offline, got)
		}
	}
	if n := h.requests.Load(); n != 0 {
		t.Errorf("%d requests for what is locked and here", n)
	}
	p, err = d.install(Locking{Unlock: resolve.Unlock{Names: []string{"inner"}}}, false)
	if err != nil || p.Lock.Find("outer")[0].Source.Commit != first.String() {
		t.Errorf("moving inner moves outer too: %v", err)
	}
	p, err = d.install(Locking{Unlock: resolve.Unlock{Names: []string{"outer"}}}, false)
	if err != nil || p.Lock.Find("outer")[0].Source.Commit != second.String() || d.installed("outer-1.2.0/src/lib.gal") != "two" {
		t.Errorf("outer does not move: %v", err)
	}
}

// Verify packs the commits again, and says of each package what is wrong with it.
func TestVerifyGit(t *testing.T) {
	h := newHost(t)
	h.serve(t, "wire", "", map[string]string{"src/lib.gal": "code"})
	d := newDesk(t, fmt.Sprintf("wire = { git = %q }", h.url+"/wire"))
	p, err := d.install(Locking{}, false)
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.Verify(t.Context(), d.set(true), d.store)
	if err != nil || len(v.Mismatches)+len(v.Unchecked) > 0 || v.Packages != 1 || v.Archives != 1 || v.Trees != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	file := filepath.Join(d.dir, ".gal", "packages", "wire-1.2.0", "src", "lib.gal")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("evil"), 0o644); err != nil {
		t.Fatal(err)
	}
	v, err = p.Verify(t.Context(), d.set(true), d.store)
	if err != nil || len(v.Mismatches) != 1 || v.Mismatches[0].What != "store" || v.Mismatches[0].Package != "wire" {
		t.Errorf("an altered tree: %+v, %v", v, err)
	}
}

// What a repository cannot be, or ask for. Nothing is installed or locked then.
func TestGitRefused(t *testing.T) {
	h := newHost(t)
	h.serve(t, "path", `near = { path = "near" }`, map[string]string{"near/gal.toml": gitPackage("near", "")})
	h.serve(t, "folder", `near = { git = "file:///srv/near" }`, nil)
	h.serve(t, "other", "", nil)
	h.serve(t, "lfs", "", map[string]string{"data.bin": lfsPointer + "v1\noid sha256:00\nsize 5\n"})
	h.serve(t, "case", "", map[string]string{"a": "1", "A": "2"})
	h.serve(t, "device", "", map[string]string{"src/aux.gal": ""})
	link, base := h.serve(t, "link", "", map[string]string{"target": "x"})
	addEntry(t, link, base, "120000")
	submodule, base := h.serve(t, "submodule", "", nil)
	addEntry(t, submodule, base, "160000")
	empty, _ := gittest.Repo(t, "main", map[string]string{"README.md": "no package"})
	for _, test := range []struct{ name, spec, code, words string }{
		{"path", "", "git-dependency", "is a path inside a git repository"},
		{"folder", "", "git-dependency", "only the project's own gal.toml can name"},
		{"another", fmt.Sprintf("git = %q", h.url+"/other"), "wrong-package", "is not the package `another`"},
		{"lfs", "", "git-dependency", `"data.bin" is kept in Git LFS`},
		{"case", "", "git-dependency", "cannot both exist on every system"},
		{"device", "", "git-dependency", "is a device on Windows"},
		{"link", "", "git-dependency", `"odd" is a symbolic link`},
		{"submodule", "", "git-dependency", `"odd" is a submodule`},
		{"absent", "", "git-repository-not-found", "dependency `absent`"},
		{"empty", fmt.Sprintf("git = %q", "file://"+empty.Dir()), "git-dependency", "has no gal.toml"},
		{"tag", fmt.Sprintf("git = %q, tag = \"v9\"", h.url+"/other"), "git-branch-not-found", `has no tag "v9"`},
		{"insecure", `git = "http://git.example.org/x"`, "git-dependency", "is not encrypted"},
		{"scp", `git = "git@git.example.org:x"`, "git-dependency", "is not the address"},
		{"daemon", `git = "git://git.example.org/x"`, "git-dependency", "begins with none of"},
		{"relative", `git = "../x"`, "git-dependency", "is not the address"},
		{"escaped", `git = "https://git.example.org/a/%2e%2e/b"`, "git-dependency", "an address that is not allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.spec == "" {
				test.spec = fmt.Sprintf("git = %q", h.url+"/"+test.name)
			}
			d := newDesk(t, test.name+" = { "+test.spec+" }")
			_, err := d.install(Locking{}, false)
			if !fault.IsCode(err, test.code) || !strings.Contains(message(err), test.words) {
				t.Errorf("got %v, want %s: %s", err, test.code, test.words)
			}
			if _, err := os.Stat(filepath.Join(d.dir, LockName)); err == nil {
				t.Error("there is a gal.lock")
			}
		})
	}
}

// addEntry puts an entry of a mode that gal-pkg never writes on top of the branch main.
func addEntry(t *testing.T, repo *gitrepo.Repo, base gitrepo.Hash, mode string) {
	t.Helper()
	dir := repo.Dir()
	object := gittest.Input(t, dir, "target", "hash-object", "-w", "--stdin")
	if mode == "160000" {
		object = base.String()
	}
	entries := gittest.Run(t, dir, "ls-tree", base.String()) + "\n" + fmt.Sprintf("%s %s %s\todd\n", mode, kindOf(mode), object)
	tree := gittest.Input(t, dir, entries, "mktree")
	commit := gittest.Run(t, dir, "commit-tree", tree, "-p", base.String(), "-m", "odd")
	gittest.Run(t, dir, "update-ref", "refs/heads/main", commit)
}

func kindOf(mode string) string {
	if mode == "160000" {
		return "commit"
	}
	return "blob"
}

func TestCheckAddress(t *testing.T) {
	root, far, near := asker{root: true}, asker{git: "https://git.example.org/x"}, asker{git: "http://127.0.0.1:1/x"}
	for _, test := range []struct {
		by      asker
		address string
		ok      bool
	}{
		{root, "https://git.example.org/x", true},
		{far, "https://git.example.org/x", true},
		{far, "ssh://git@git.example.org/x", true},
		{root, "file:///srv/x", true},
		{far, "file:///srv/x", false},
		{near, "file:///srv/x", false},
		{asker{rel: "near"}, "file:///srv/x", false},
		{root, "http://localhost/x", true},
		{root, "http://[::1]:80/x", true},
		{near, "http://127.0.0.1:2/x", true},
		{far, "http://127.0.0.1:2/x", false},
		{root, "http://127.0.0.1.example.org/x", false},
		{root, "http://git.example.org/x", false},
		{root, "ext::sh -c id", false},
		{root, "--upload-pack=id", false},
		{root, "git@git.example.org:x", false},
		{root, "/srv/x", false},
		{root, "", false},
	} {
		if err := checkAddress(test.by, test.address); (err == nil) != test.ok {
			t.Errorf("%+v %q: %v, want ok %v", test.by, test.address, err, test.ok)
		}
	}
}

func TestGitOfflineMiss(t *testing.T) {
	h := newHost(t)
	h.serve(t, "wire", "", nil)
	d := newDesk(t, fmt.Sprintf("wire = { git = %q }", h.url+"/wire"))
	if _, err := d.install(Locking{}, true); !fault.IsCode(err, "offline-miss") || !strings.Contains(message(err), "`wire`") {
		t.Errorf("got %v", err)
	}
	if n := h.requests.Load(); n != 0 {
		t.Errorf("%d requests offline", n)
	}
}
