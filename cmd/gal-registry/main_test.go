package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/gate"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

func now() time.Time { return sitetest.Now }

// call runs the program to its end.
func call(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return callWith(t, func(string) string { return "" }, args...)
}

func callWith(t *testing.T, env func(string) string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, system{&out, &errs, now, env})
	return out.String(), errs.String(), code
}

func TestExitCodesAndWords(t *testing.T) {
	empty, registry := t.TempDir(), sitetest.New(t)
	for _, test := range []struct {
		args           string // REG is a registry, DIR an empty folder
		code           int
		stdout, stderr string // parts of them; "" holds that there is nothing
	}{
		{"", 0, "Usage: gal-registry", ""},
		{"--version", 0, "gal-registry 0.", ""},
		{"version", 0, "registry format 1", ""},
		{"version --format json", 0, `"schema": "gal-registry/version/v1"`, ""},
		{"help", 0, "Usage: gal-registry", ""},
		{"help exit-codes", 0, "SECURITY", ""},
		{"help gate", 0, "--approve", ""},
		{"help token add", 0, "tokens.toml", ""},
		{"help nonsense", 5, "", "error[no-topic]"},
		{"gate --help", 0, "EXAMPLES", ""},
		{"biuld DIR", 2, "", `did you mean "build"`},
		{"build --speed", 2, "", "unknown flag --speed"},
		{"build", 2, "", "gal-registry build --help"},
		{"build REG --format xml", 2, "", "must be one of"},
		{"biuld DIR", 2, "", "help: gal-registry --help"},
		{"build --speed --format json", 2, `"code": "usage"`, "unknown flag --speed"},
		{"build --format=json", 2, `"schema": "gal-registry/usage/v1"`, "gal-registry build --help"},
		{"build DIR", 5, "", "error[no-registry]"},
		{"build DIR --format json", 5, `"code": "no-registry"`, "help: gal-registry init"},
		{"serve DIR", 5, "", "error[no-registry]"},
		{"gate DIR", 5, "", "error[no-registry]"},
		{"signers DIR", 5, "", "error[no-registry]"},
		{"token add DIR ada", 5, "", "error[no-registry]"},
		{"token add REG -- -x", 2, "", "error[bad-user]"},
		{"init REG", 3, "", "error[not-empty]"},
		{"init NEW --id UPPER", 2, "", "error[bad-registry-id]"},
		{"serve REG --listen 0.0.0.0:0", 2, "", "error[not-loopback]"},
		{"serve REG --listen :0", 2, "", "--insecure-http"},
		{"serve REG --listen nonsense", 2, "", "error[bad-address]"},
		{"gate", 2, "", "folder is missing"},
		{"gate REG", 0, "", "no open proposals"},
		{"gate REG -q", 0, "", ""},
		{"gate REG --format json", 0, `"outcomes": []`, ""},
		{"gate REG publish/none/0123456789abcdef", 5, "", "error[no-proposal]"},
		{"gate REG --approve publish/none/0123456789abcdef", 2, "", "--approve goes with --merge"},
		{"gate REG --merge --approve publish/none/0123456789abcdef", 5, "", "error[no-proposal]"},
		{"gate REG publish/none/0123456789abcdef --merge", 2, "", "takes every open proposal"},
		{"gate --explain g31", 0, "G31: no requirement is open", ""},
		{"gate --explain G98", 5, "", "G20  the version is new"},
		{"gate --explain G31 --format json", 0, `"schema": "gal-registry/check/v1"`, ""},
		{"signers REG", 0, `registry namespaces="git" ecdsa-sha2-nistp256 `, ""},
		{"build REG", 0, "0 new lines\nroot sha256:", ""},
		{"refresh REG", 0, "0 new lines\nroot sha256:", ""},
		{"refresh DIR", 5, "", "error[no-registry]"},
		{"recover", 2, "", "gal-registry recover --help"},
		{"recover --help", 0, "recover package", ""},
		{"help recover key", 0, "gal-pkg proposal sign", ""},
		{"recover package REG mailbox --owner ada", 2, "", "--reason"},
		{"recover package DIR mailbox --owner ada --reason x", 5, "", "error[no-registry]"},
		{"recover package REG mailbox --owner ada --reason x", 5, "", "error[package-not-found]"},
		{"recover package REG Mailbox --owner ada --reason x", 2, "", "error[bad-name]"},
		{"recover package REG mailbox --owner ada --reason x --format json", 5, `"code": "package-not-found"`, "error[package-not-found]"},
		{"recover key REG ../x --key REG/keys/targets.pem --reason x", 2, "", "error[bad-publisher]"},
		{"recover package REG mailbox --owner ada --reason x --root-key DIR/absent.pem", 5, "", "error[package-not-found]"},
		{"recover key REG ada --key DIR/absent.pem --reason x", 2, "", "error[key-unreadable]"},
		{"recover revoke REG ada 0123456789 --reason x", 5, "", "error[publisher-not-found]"},
		{"recover sign DIR/absent.proposal", 5, "", "error[proposal-unreadable]"},
		{"recover submit REG DIR/absent.proposal", 5, "", "error[proposal-unreadable]"},
		{"yank REG mailbox@1.0.0 --reason x", 5, "", "error[package-not-found]"},
		{"yank REG mailbox@1.0.0", 2, "", "error[usage]"},
		{"yank REG mailbox --reason x", 2, "", "gal-registry yank"},
		{"yank REG ../x@1.0.0 --reason x", 2, "", "error[bad-name]"},
		{"yank DIR mailbox@1.0.0 --reason x", 5, "", "error[no-registry]"},
		{"deprecate REG mailbox --message x", 5, "", "error[package-not-found]"},
		{"deprecate REG mailbox", 2, "", "--undo"},
		{"mirror", 2, "", "gal-registry mirror update --help"},
		{"mirror --help", 0, "mirror bundle", ""},
		{"mirror REG DIR/m", 0, "test.example: 0 packages and 0 archives, root sha256:", ""},
		{"mirror update REG DIR/m --prune --format json", 0, `"schema": "gal-registry/mirror-update/v1"`, ""},
		{"mirror REG DIR/m --id other.example", 7, "", "error[registry-changed]"},
		{"mirror REG REG", 3, "", "error[not-a-mirror]"},
		{"mirror DIR/absent DIR/m2", 5, "", "error[no-mirror-there]"},
		{"mirror ftp://x DIR/m2", 2, "", "error[bad-registry-url]"},
		{"mirror REG DIR/m2 --lock DIR/gal.lock", 3, "", "error[lock-unreadable]"},
		{"mirror check DIR/m", 0, "all of test.example: 0 packages", ""},
		{"mirror check DIR/m --format json", 0, `"damaged": []`, ""},
		{"mirror check DIR/m --root sha256:0", 7, "", "error[registry-untrusted]"},
		{"mirror check DIR/absent", 5, "", "error[no-mirror-there]"},
		{"mirror bundle DIR/m DIR/m.tar", 0, "test.example: ", ""},
		{"mirror bundle DIR/absent DIR/m.tar", 5, "", "error[no-mirror-there]"},
		{"mirror import DIR/m.tar DIR/m3", 0, "test.example: 0 packages", ""},
		{"mirror import DIR/m/registry.toml DIR/m4", 7, "", "error[bundle-damaged]"},
		{"root show REG", 0, "root: 1 of 1 key\n", ""},
		{"root show REG --format json", 0, `"fingerprint": "sha256:`, ""},
		{"root show DIR", 5, "", "error[no-registry]"},
		{"root rotate REG --role timestamp --role targets", 0, "root sha256:", "Published root 2"},
		{"root rotate REG --role everything", 2, "", "must be one of"},
		{"root rotate REG --new-root-key x", 2, "", "--new-root-key goes with --role root"},
		{"root rotate REG --root-key DIR/absent", 8, "", "error[key-not-found]"},
	} {
		line := strings.NewReplacer("REG", registry.Dir, "DIR", empty, "NEW", filepath.Join(empty, "new")).Replace(test.args)
		stdout, stderr, code := call(t, strings.Fields(line)...)
		holds := func(got, want string) bool {
			return want == "" && got == "" || want != "" && strings.Contains(got, want)
		}
		if code != test.code || !holds(stdout, test.stdout) || !holds(stderr, test.stderr) {
			t.Errorf("gal-registry %s: %d, want %d\nstdout %q, want %q\nstderr %q, want %q", test.args, code, test.code, stdout, test.stdout, stderr, test.stderr)
		}
	}
}

// TestFormatOfTheEnvironment: the command line goes before it, and an empty variable is none.
func TestFormatOfTheEnvironment(t *testing.T) {
	for _, row := range []struct {
		preset, args   string
		code           int
		stdout, stderr string
	}{
		{"", "version", 0, "registry format 1", ""},
		{"json", "version", 0, `"schema"`, ""},
		{"json", "version --format text", 0, "registry format 1", ""},
		{"json", "version --speed", 2, `"code": "usage"`, "unknown flag"},
		{"xml", "version", 2, "", `GAL_FORMAT is "xml"; it is one of text, json`},
		{"xml", "version --format text", 0, "registry format 1", ""},
	} {
		env := func(name string) string { return map[string]string{"GAL_FORMAT": row.preset}[name] }
		stdout, stderr, code := callWith(t, env, strings.Fields(row.args)...)
		if code != row.code || !strings.Contains(stdout, row.stdout) || (row.stdout == "") != (stdout == "") || !strings.Contains(stderr, row.stderr) {
			t.Errorf("GAL_FORMAT=%q gal-registry %s: %d\n%s%s", row.preset, row.args, code, stdout, stderr)
		}
	}
}

// TestFolderThatCannotBeWritten: a disk on which nothing can be written is no bug of this program.
func TestFolderThatCannotBeWritten(t *testing.T) {
	r := sitetest.New(t)
	place := filepath.Join(t.TempDir(), "place")
	if err := os.Mkdir(place, 0o500); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Create(filepath.Join(place, "x")); err == nil {
		f.Close()
		place = "/sys" // where nobody may
		if _, err := os.Stat("/sys/kernel"); err != nil {
			t.Skip("there is no place here that cannot be written to")
		}
	}
	for _, args := range [][]string{{"init", filepath.Join(place, "new")}, {"mirror", r.Dir, filepath.Join(place, "mirror")}, {"mirror", "bundle", r.Path(site.PublicDir), filepath.Join(place, "part.tar")}} {
		if _, stderr, code := call(t, args...); code != 3 || !strings.Contains(stderr, "error[not-writable]") {
			t.Errorf("%v: exit code %d\n%s", args, code, stderr)
		}
	}
}

func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	stdout, stderr, code := call(t, "init", dir, "--name", "Ada's")
	if code != 0 || !strings.HasPrefix(stdout, "galr_") || strings.Count(stdout, "\n") != 1 {
		t.Fatalf("%d %q %q", code, stdout, stderr)
	}
	if !strings.Contains(stderr, "root of trust is sha256:") {
		t.Error("the fingerprint is not said")
	}
	if strings.Contains(stderr, strings.TrimSpace(stdout)) {
		t.Error("the token is on stderr as well")
	}
	s, err := site.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	config, _, err := s.Config()
	if err != nil || !strings.HasPrefix(config.ID, "registry-") || len(config.ID) != len("registry-")+10 || config.Name != "Ada's" {
		t.Errorf("%+v, %v", config, err)
	}
}

// TestProduction: an operator is told to move the root keys away, and needs two of them for new keys.
func TestProduction(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	stdout, stderr, code := call(t, "init", dir, "--production", "--format", "json")
	keys := filepath.Join(dir, site.RootKeysDir)
	if code != 0 || !strings.Contains(stdout, `"root": "sha256:`) || !strings.Contains(stderr, keys) {
		t.Fatalf("%d %q %q", code, stdout, stderr)
	}
	offline := filepath.Join(t.TempDir(), "offline")
	if err := os.Rename(keys, offline); err != nil {
		t.Fatal(err)
	}
	rotate := []string{"root", "rotate", dir, "--role", "targets", "--root-key", filepath.Join(offline, "root-2.pem")}
	if _, stderr, code := call(t, rotate...); code == 0 || !strings.Contains(stderr, "error[key-missing]") || !strings.Contains(stderr, "--root-key") {
		t.Errorf("%d %q", code, stderr)
	}
	if _, stderr, code := call(t, append(rotate, "--root-key", filepath.Join(offline, "root-1.pem"))...); code != 0 {
		t.Errorf("%d %q", code, stderr)
	}
}

// TestGate tells the day of an operator: look, explain, approve, look again.
func TestGate(t *testing.T) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	config, err := os.ReadFile(r.Path(site.PublicDir, index.ConfigPath))
	if err != nil {
		t.Fatal(err)
	}
	asking := strings.Replace(string(config), `new-publisher = "auto"`, `new-publisher = "human"`, 1)
	gittest.Commit(t, r.Repo, "main", map[string]string{index.ConfigPath: asking})
	branch := r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))

	// A person is needed; nothing fails.
	stdout, _, code := call(t, "gate", r.Dir)
	if code != 0 || !strings.HasPrefix(stdout, "human "+branch+"\n      register ada by ada\n      publish mailbox 1.0.0 by ada\n      G61 human: publishers/") {
		t.Errorf("%d\n%s", code, stdout)
	}
	// To merge without the approval leaves it open.
	if stdout, _, code = call(t, "gate", r.Dir, "--merge"); code != 0 || strings.Contains(stdout, "merged as") {
		t.Errorf("%d\n%s", code, stdout)
	}
	stdout, _, code = call(t, "gate", r.Dir, "--merge", "--approve", branch)
	if code != 0 || !strings.HasPrefix(stdout, "pass  "+branch) || !strings.Contains(stdout, "merged as "+r.Main().String()) {
		t.Errorf("%d\n%s", code, stdout)
	}
	if r.Package("mailbox") == nil {
		t.Error("mailbox is not there")
	}

	// A stranger's proposal fails: exit 1, and JSON that programs can read.
	bob := sitetest.Author(t, "bob")
	branch = r.Propose(bob, r.Main(), r.Publish(bob, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	stdout, stderr, code := call(t, "gate", r.Dir, branch, "--format", "json")
	var doc struct {
		Schema   string
		OK       bool
		Outcomes []site.Outcome
	}
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	if code != 1 || stderr != "" || doc.OK || doc.Schema != "gal-registry/outcomes/v1" || doc.Outcomes[0].Report.Verdict != gate.Fail {
		t.Errorf("%d %q %+v", code, stderr, doc)
	}
	if stdout, _, code = call(t, "gate", r.Dir); code != 1 || !strings.Contains(stdout, "G50 fail: index/ma/il/mailbox: ") {
		t.Errorf("%d\n%s", code, stdout)
	}
}

// TestBuildSaysWhatItDrops: lines that do not count are named on stderr.
func TestBuildSaysWhatItDrops(t *testing.T) {
	r, eve := sitetest.New(t), sitetest.Author(t, "eve")
	line := r.Publish(eve, sitetest.Draft(t, "evil", "1.0.0", ""))
	gittest.Commit(t, r.Repo, "main", map[string]string{index.PackagePath("evil"): string(line.Bytes()) + "\n"})
	stdout, stderr, code := call(t, "build", r.Dir)
	if code != 0 || !strings.Contains(stdout, "0 new lines") || !strings.Contains(stderr, "warning: sha256:") || !strings.Contains(stderr, "publisher eve is not registered") {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
}

// operated is a registry in which ada has published mailbox, with all of its keys.
func operated(t *testing.T) (*sitetest.Registry, publish.Author) {
	t.Helper()
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	r.Merge("pass")
	return r, ada
}

// TestYankTwice: programs are told whether a yank has changed something.
func TestYankTwice(t *testing.T) {
	r, _ := operated(t)
	for _, changed := range []bool{true, false} {
		stdout, stderr, code := call(t, "yank", r.Dir, "mailbox@1.0.0", "--reason", "steals", "--format", "json")
		var doc map[string]any
		if err := json.Unmarshal([]byte(stdout), &doc); err != nil || code != 0 {
			t.Fatalf("%d %v %q %q", code, err, stdout, stderr)
		}
		if _, line := doc["line"]; doc["changed"] != changed || line != changed || doc["registry"] != sitetest.ID {
			t.Errorf("changed %t: %v", changed, doc)
		}
	}
}

// TestSubmitSaysAll: of a proposal with two lines both are told.
func TestSubmitSaysAll(t *testing.T) {
	r, ada := operated(t)
	dir := t.TempDir()
	both := filepath.Join(dir, "both.proposal")
	var text []byte
	for n, args := range [][]string{
		{"recover", "package", r.Dir, "mailbox", "--owner", "ada", "--reason", "it was hers"},
		{"recover", "revoke", r.Dir, "ada", ada.Key.Public().Hint(), "--reason", "stolen"},
	} {
		file := filepath.Join(dir, "one.proposal"+strconv.Itoa(n))
		if _, stderr, code := call(t, append(args, "--output", file)...); code != 0 {
			t.Fatal(stderr)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, lines, _ := bytes.Cut(data, []byte("\n")); n > 0 {
			data = lines // without the head
		}
		text = append(text, data...)
	}
	if err := os.WriteFile(both, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"sign", "submit"} {
		args := []string{"recover", command, r.Dir, both, "--format", "json"}
		if command == "sign" {
			args = slices.Delete(args, 2, 3)
		}
		stdout, stderr, code := call(t, args...)
		for _, says := range []string{"it was hers", "stolen"} {
			if code != 0 || !strings.Contains(stderr, says) || !strings.Contains(stdout, says) {
				t.Errorf("%s: %d, without %q: %q %q", command, code, says, stderr, stdout)
			}
		}
	}
}

// TestWrittenTwice: a statement that is written already stays, and it is said what to do with it.
func TestWrittenTwice(t *testing.T) {
	r, _ := operated(t)
	file := filepath.Join(t.TempDir(), "one.proposal")
	args := []string{"recover", "package", r.Dir, "mailbox", "--owner", "ada", "--reason", "it was hers", "--output", file}
	for n, want := range []string{"Written", "help: to hand in what is there: gal-registry recover submit DIR " + file} {
		if _, stderr, code := call(t, args...); code != 3*n || !strings.Contains(stderr, want) {
			t.Errorf("%d: %d %q", n, code, stderr)
		}
	}
}

// TestPassphraseFile: the file of a passphrase is read to the end of a passphrase, and no further.
func TestPassphraseFile(t *testing.T) {
	r, ada := operated(t)
	key, passphrase := filepath.Join(t.TempDir(), "new.pem"), filepath.Join(t.TempDir(), "passphrase")
	if err := sign.WriteKeyFile(key, sitetest.Author(t, "ada").Key, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		text, stderr string
		code         int
	}{
		{"secret" + strings.Repeat("\n", 5000), "error[passphrase-unreadable]", 8},
		{"wrong", "error[passphrase-wrong]", 8},
		{"secret\r\n", "speak for publisher ada", 0},
	} {
		if err := os.WriteFile(passphrase, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, stderr, code := call(t, "recover", "key", r.Dir, ada.ID, "--key", key, "--reason", "lost", "--passphrase-file", passphrase)
		if code != row.code || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%d bytes: %d %s", len(row.text), code, stderr)
		}
	}
}

// pipe is a stream that a test reads while the program writes.
type pipe struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wrote chan struct{}
}

func newPipe() *pipe { return &pipe{wrote: make(chan struct{}, 1000)} }

func (p *pipe) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.wrote <- struct{}{} }()
	return p.text.Write(data)
}

func (p *pipe) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// TestServe starts the program, publishes over HTTP, and ends it as a signal does. What was proposed while it was down is
// merged when it starts.
func TestServe(t *testing.T) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	missed := r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout, stderr, ended := newPipe(), newPipe(), make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", r.Dir, "--listen", "127.0.0.1:0"}, system{stdout, stderr, now, os.Getenv})
	}()
	select {
	case <-stdout.wrote:
	case code := <-ended:
		t.Fatalf("ended with %d: %s", code, stderr)
	}
	url := strings.TrimSuffix(stdout.String(), "\n")
	if !strings.HasPrefix(url, "http://127.0.0.1:") || strings.ContainsAny(url, "\n ") {
		t.Fatalf("stdout %q is not one URL", url)
	}
	if !strings.Contains(stderr.String(), missed+": pass ") {
		t.Errorf("stderr %q", stderr)
	}
	for path, want := range map[string]int{"/registry.toml": 200, "/" + index.PackagePath("mailbox"): 200, "/keys/log.key": 404} {
		response, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, response.StatusCode, want)
		}
	}
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("ended with %d: %s", code, stderr)
	}
	if _, err := http.Get(url + "/registry.toml"); err == nil {
		t.Error("it still listens")
	}
}
