package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/geeknik/gal-pkg/internal/keyless/server"
	"github.com/geeknik/gal-pkg/sign/keyless/keylesstest"
)

// keylessProgram is the program gal-keyless, beside gal-pkg.
func keylessProgram() {
	if err := server.Serve(context.Background(), os.Stdin, os.Stdout, os.Getenv, time.Now); err != nil {
		log.Fatal(err)
	}
}

// browse is a browser: it goes to a page, and wherever that leads.
func browse() {
	answer, err := http.Get(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	answer.Body.Close()
}

// instances are the Sigstore instances of the scripts, by their URLs.
var instances sync.Map

func sigstore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sigstore FILE")
	}
	i, err := keylesstest.Start()
	ts.Check(err)
	ts.Defer(i.Close)
	i.Quick = true
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), i.TrustedRoot(), 0o644))
	ts.Setenv("SIGSTORE_URL", i.URL)
	instances.Store(i.URL, i)
}

func identify(ts *testscript.TestScript, neg bool, args []string) {
	i, ok := instances.Load(ts.Getenv("SIGSTORE_URL"))
	switch {
	case neg || len(args) > 1 || !ok:
		ts.Fatalf("usage: identity [SUBJECT], after sigstore")
	case len(args) == 0:
		ts.Setenv("SIGSTORE_ID_TOKEN", "")
	default:
		ts.Setenv("SIGSTORE_ID_TOKEN", i.(*keylesstest.Instance).Token(args[0], "127.0.0.1"))
	}
}

// TestStartsLight: what verifies identities takes milliseconds to start, and is in a program of its own.
func TestStartsLight(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, heavy := range []string{"github.com/sigstore/sigstore-go/", "github.com/sigstore/rekor", "google.golang.org/grpc"} {
		if strings.Contains(string(out), heavy) {
			t.Errorf("gal-pkg is linked with %s; package internal/keyless asks the program that has it", heavy)
		}
	}
}
