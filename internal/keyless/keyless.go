// Package keyless speaks with the program gal-keyless, which verifies and makes signatures of identities for programs that
// start often: what that takes needs milliseconds to start and megabytes to hold, and most commands meet no such signature.
//
// The program lies beside the one that asks, and nowhere else is looked for it. It is started with the first question, is
// asked over its standard streams, a line of JSON for a line of JSON, and ends with them. A token that it finds in its
// environment never leaves it but for the certificate authority. Where a person must log in, lines with a prompt come before
// the answer.
package keyless

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// Program is the name of the program, without what some systems add.
const Program = "gal-keyless"

// MaxLine is the greatest length of a question or an answer, in bytes.
const MaxLine = 4 << 20

// Question is asked of the program: to verify a bundle, or, where there is none, to sign.
type Question struct {
	Root       []byte          `json:"root"`
	Claim      sign.Claim      `json:"claim"`
	Bundle     []byte          `json:"bundle,omitempty"`
	Identities []sign.Identity `json:"identities,omitempty"` // that may have signed, or may sign
	Token      string          `json:"token,omitempty"`      // to sign with, where the user has brought one
	Login      *Login          `json:"login,omitempty"`      // nil where nobody can log in
	Dry        bool            `json:"dry,omitempty"`        // sign nothing: say whether it could be done, as far as that is known without a login
}

// Login says how a person may log in where a job would have a token.
type Login struct {
	Way     string   `json:"way"`               // WayAuto, WayBrowser or WayDevice
	Only    bool     `json:"only,omitempty"`    // the token of a job is not wanted
	Issuer  string   `json:"issuer,omitempty"`  // of OpenID Connect; "" where the user does not say
	Issuers []string `json:"issuers,omitempty"` // those of the publisher's identities
}

// Ways to log in.
const (
	WayAuto    = "auto"    // in a browser where one can be opened, else on another device
	WayBrowser = "browser" // in a browser here
	WayDevice  = "device"  // with a code, on any device
)

// Prompt asks a person to go to a page: it is opened in a browser, too, or has a code typed into it.
type Prompt struct {
	Way  string `json:"way"` // WayBrowser or WayDevice
	URL  string `json:"url"`
	Code string `json:"code,omitempty"`
}

// Answer is what it says: nothing for a good bundle, a bundle and whose it is for a claim to sign, or an error. One with a
// prompt is none yet.
type Answer struct {
	Prompt   *Prompt       `json:"prompt,omitempty"`
	Bundle   []byte        `json:"bundle,omitempty"`
	Identity sign.Identity `json:"identity"`
	Error    *Failure      `json:"error,omitempty"`
}

// Failure is a [fault.Error] on its way.
type Failure struct {
	Kind    fault.Kind `json:"kind"`
	Code    string     `json:"code"`
	Message string     `json:"message"`
	Facts   []string   `json:"facts,omitempty"`
	Help    []string   `json:"help,omitempty"`
}

// FailureOf puts an error on its way.
func FailureOf(err error) *Failure {
	f := fault.Of(err)
	if f == nil {
		f = fault.New(fault.Internal, "keyless-failed", "%v", err)
	}
	return &Failure{f.Kind, f.Code, f.Message, f.Facts, f.Help}
}

func (f *Failure) err() error {
	if f == nil {
		return nil
	}
	return &fault.Error{Kind: f.Kind, Code: f.Code, Message: f.Message, Facts: f.Facts, Help: f.Help}
}

// Helper is the program, running or not yet. It is for use by several goroutines at once; close it after use.
type Helper struct {
	Path string // of the program; "" is the one beside this one

	running atomic.Pointer[os.Process] // to end it in the middle of an answer

	mu      sync.Mutex
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

// Verify has a bundle verified, as the function of that name in package sign/keyless does it.
//
// Errors: those of that function; fault.NotFound "keyless-missing" where the program is not there, fault.Internal
// "keyless-failed" where it does not answer.
func (h *Helper) Verify(trustedRoot, bundle []byte, c sign.Claim, identities []sign.Identity) error {
	if len(bundle) == 0 || len(bundle) > sign.MaxBundle {
		return fault.New(fault.Integrity, "bundle-invalid", "the bundle has %d bytes, not 1 to %d", len(bundle), sign.MaxBundle)
	}
	answer, err := h.ask(context.Background(), Question{Root: trustedRoot, Claim: c, Bundle: bundle, Identities: identities}, nil)
	if err != nil {
		return err
	}
	return answer.Error.err()
}

// Signer says as whom to sign: without a token or a login, as the job that this runs in.
type Signer struct {
	Identities []sign.Identity // one of whom it must be

	Token  string             // an identity token, "" for none
	Login  *Login             // nil where nobody can log in
	Prompt func(Prompt) error // tells a person where to; required with Login
	Dry    bool               // nobody logs in and nothing is signed, what can be known before is found out
}

// Sign has a claim signed by an identity; a dry one returns no bundle. A token that is of none of the signer's identities is
// not signed with, as far as a token says that.
//
// Errors: those of Verify and of package sign/keyless; fault.Auth "identity-unknown".
func (h *Helper) Sign(ctx context.Context, trustedRoot []byte, c sign.Claim, as Signer) (bundle []byte, who sign.Identity, err error) {
	defer context.AfterFunc(ctx, h.stop)()
	answer, err := h.ask(ctx, Question{Root: trustedRoot, Claim: c, Identities: as.Identities, Token: as.Token, Login: as.Login, Dry: as.Dry}, as.Prompt)
	if ctx.Err() != nil {
		return nil, who, context.Cause(ctx)
	}
	if err == nil {
		err = answer.Error.err()
	}
	return answer.Bundle, answer.Identity, err
}

func (h *Helper) ask(ctx context.Context, q Question, prompt func(Prompt) error) (answer Answer, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.start(); err != nil {
		return answer, err
	}
	if err := ctx.Err(); err != nil { // what ended it before may have found nothing to stop
		return answer, err
	}
	line, err := json.Marshal(q)
	if err != nil {
		return answer, err
	}
	if _, err := h.in.Write(append(line, '\n')); err != nil {
		return answer, failed(err)
	}
	for {
		if answer, err = h.read(); err != nil || answer.Prompt == nil {
			return answer, err
		}
		if prompt == nil {
			return answer, failed(errors.New("it asks for somebody"))
		}
		if err := prompt(*answer.Prompt); err != nil {
			h.stop() // what it would answer then is not for the next question
			return answer, err
		}
	}
}

func (h *Helper) read() (answer Answer, err error) {
	if !h.out.Scan() {
		if err = h.out.Err(); err == nil {
			err = io.ErrUnexpectedEOF
		}
		return answer, failed(err)
	}
	if err := json.Unmarshal(h.out.Bytes(), &answer); err != nil {
		return answer, failed(err)
	}
	return answer, nil
}

func failed(err error) error {
	return fault.New(fault.Internal, "keyless-failed", "the program %s does not answer", Program).Because(err)
}

// start starts the program where it does not run yet.
func (h *Helper) start() error {
	if h.command != nil {
		return nil
	}
	path, err := h.find()
	if err != nil {
		return err
	}
	command := exec.Command(path)
	in, err := command.StdinPipe()
	if err != nil {
		return err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return failed(err)
	}
	h.running.Store(command.Process)
	h.command, h.in, h.out = command, in, bufio.NewScanner(out)
	h.out.Buffer(make([]byte, 64<<10), MaxLine)
	return nil
}

func (h *Helper) find() (string, error) {
	path := h.Path
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		if self, err = filepath.EvalSymlinks(self); err != nil {
			return "", err
		}
		if path = filepath.Join(filepath.Dir(self), Program); runtime.GOOS == "windows" {
			path += ".exe"
		}
	}
	if _, err := os.Stat(path); err != nil {
		return "", fault.New(fault.NotFound, "keyless-missing", "signatures of identities need the program %s, which is not installed", Program).
			WithFact("expected %s", path).WithHelp("install %s beside this program: it comes with it", Program)
	}
	return path, nil
}

// stop ends the program, in the middle of an answer if need be.
func (h *Helper) stop() {
	if process := h.running.Load(); process != nil {
		process.Kill()
	}
}

// Close ends the program, if it was ever started.
func (h *Helper) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.command == nil {
		return nil
	}
	err := errors.Join(h.in.Close(), h.command.Wait())
	h.command = nil
	if err != nil {
		return fmt.Errorf("%s: %w", Program, err)
	}
	return nil
}
