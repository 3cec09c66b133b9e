package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/geeknik/gal-pkg/internal/needs"
	"github.com/geeknik/gal-pkg/tools/bench/measure"
)

var update = flag.Bool("update", false, "rewrite the outputs that scripts compare with")

// TestMain makes this test binary the program gal-pkg, and builds the program gal-registry, for scripts to run.
func TestMain(m *testing.M) {
	measure.Main()
	testscript.Main(programs{m}, map[string]func(){"gal-pkg": main, "code": code, "gal-keyless": keylessProgram, "browse": browse})
}

type programs struct{ m *testing.M }

func (p programs) Run() int {
	dir, err := os.MkdirTemp("", "gal-programs-")
	if err != nil {
		log.Print(err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir, "../gal-registry")
	if out, err := build.CombinedOutput(); err != nil {
		log.Printf("building gal-registry: %v\n%s", err, out)
		return 1
	}
	os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return p.m.Run()
}

// code runs a program and fails unless it ends with an exit code: `code 5 gal-pkg info nothing`.
func code() {
	want, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	c := exec.Command(os.Args[2], os.Args[3:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	got := 0
	if err := c.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			log.Fatal(err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		log.Fatalf("exit code %d, want %d", got, want)
	}
}

// TestScripts runs the stories in testdata/script. Each has a home of its own, and these commands beside those of
// package testscript:
//
//	code N PROGRAM ARG...     run a program that must end with exit code N
//	seed DIR ITEM...          make a published tree in DIR: package folders, lie:FOLDER with a line that hides its
//	                          dependencies, yank:NAME@VERSION:REASON or deprecate:NAME:REPLACEMENT:MESSAGE
//	serve DIR                 run gal-registry on DIR, made where it is missing; sets REGISTRY_URL and TOKEN
//	static DIR                serve the files of DIR as any web server would; sets STATIC_URL
//	sigstore FILE             start a Sigstore instance and write its trusted root; sets SIGSTORE_URL
//	identity [SUBJECT]        be a job with that identity of the instance, or none; sets SIGSTORE_ID_TOKEN
//	browse URL                go to a page as a browser does; the instance's person, ada@example.org, always says yes
//	edit FILE OLD NEW         replace the one place where a file has a text
//	damage PATTERN            flip a bit in the middle of the one file that matches
//	age PATTERN...            let what matches be 40 days old
//
// The condition [alone] holds where a program can be run without any network: exec unshare -rn PROGRAM.
func TestScripts(t *testing.T) {
	if os.Getenv("CI") == "true" {
		needs.Program(t, "ssh-keygen", "openssh-client") // with which git verifies; without it a script looks at less
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		UpdateScripts:      *update,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, ".home")
			env.Setenv("HOME", home)
			return os.Mkdir(home, 0o755)
		},
		Condition: func(cond string) (bool, error) {
			if cond != "alone" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			err := exec.Command("unshare", "-rn", "true").Run()
			if err != nil && os.Getenv("CI") == "true" {
				return false, fmt.Errorf("unshare -rn: %w", err)
			}
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sigstore": sigstore, "identity": identify, "seed": seed, "vouch": vouch, "serve": serve, "static": static, "cas": cas, "edit": edit, "damage": damage, "age": makeOld,
		},
	})
}

func edit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	path := ts.MkAbs(args[0])
	text := ts.ReadFile(path)
	if n := strings.Count(text, args[1]); n != 1 {
		ts.Fatalf("%s has %q %d times", args[0], args[1], n)
	}
	ts.Check(os.WriteFile(path, []byte(strings.Replace(text, args[1], args[2], 1)), 0o644))
}

func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage PATTERN")
	}
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%s matches %d files", args[0], len(found))
	}
	data, err := os.ReadFile(found[0])
	ts.Check(err)
	data[len(data)/2] ^= 1
	ts.Check(os.Chmod(found[0], 0o644))
	ts.Check(os.WriteFile(found[0], data, 0o644))
}

func makeOld(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: age PATTERN...")
	}
	long := time.Now().Add(-40 * 24 * time.Hour)
	for _, pattern := range args {
		found, err := filepath.Glob(ts.MkAbs(pattern))
		ts.Check(err)
		if len(found) == 0 {
			ts.Fatalf("nothing matches %s", pattern)
		}
		for _, path := range found {
			ts.Check(os.Chtimes(path, long, long))
		}
	}
}

func static(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: static DIR")
	}
	server := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(server.Close)
	ts.Setenv("STATIC_URL", server.URL)
}

// cas serves a folder as a cache in common: GET and PUT of /cas/<sha256>, below $CAS_URL; where AUTHORIZATION is given, to those
// alone who send it.
func cas(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: cas DIR [AUTHORIZATION]")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Join(dir, "cas"), 0o755))
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(args) == 2 && r.Header.Get("Authorization") != args[1] {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if r.Method != http.MethodPut {
			files.ServeHTTP(w, r)
			return
		}
		data, err := io.ReadAll(r.Body)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "cas", path.Base(r.URL.Path)), data, 0o644)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("CAS_URL", server.URL)
}

// serve starts the registry's program and waits for the line that says where it listens.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve DIR")
	}
	dir := ts.MkAbs(args[0])
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		token, err := exec.Command("gal-registry", "init", dir, "--id", "registry.test").Output()
		ts.Check(err)
		ts.Setenv("TOKEN", strings.TrimSpace(string(token)))
	}
	ctx, stop := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, "gal-registry", "serve", dir, "--listen", "127.0.0.1:0")
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	c.Stderr = io.Discard
	out, err := c.StdoutPipe()
	ts.Check(err)
	ts.Check(c.Start())
	ts.Defer(func() {
		stop()
		_ = c.Wait() // it was told to stop
	})
	var url string
	if _, err := fmt.Fscanln(out, &url); err != nil {
		ts.Fatalf("gal-registry serve says no address: %v", err)
	}
	ts.Setenv("REGISTRY_URL", strings.TrimSuffix(url, "/"))
}
