package server

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	helper "github.com/geeknik/gal-pkg/internal/keyless"
)

// loginTime is how long a person has.
const loginTime = 5 * time.Minute

// browser sends a person's browser to the issuer, and waits on loopback for it to come back with a code: RFC 8252.
func (l login) browser(ctx context.Context, config oauth2.Config) (*oauth2.Token, string, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	config.RedirectURL = fmt.Sprintf("http://localhost:%d%s", port, callbackPath)
	back := &callback{port: port, state: rand.Text(), issuer: l.issuer, came: make(chan result, 1)}
	server := &http.Server{Handler: back, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 64 << 10}
	go server.Serve(listener) // ends with Close
	defer server.Close()

	nonce, verifier := rand.Text(), oauth2.GenerateVerifier()
	page := config.AuthCodeURL(back.state, oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce))
	if err := l.checkPage(page); err != nil {
		return nil, "", err
	}
	if err := l.prompt(helper.Prompt{Way: helper.WayBrowser, URL: page}); err != nil {
		return nil, "", err
	}
	_ = openBrowser(l.env, page) // the address was told, too
	select {
	case <-ctx.Done():
		return nil, "", ctx.Err()
	case r := <-back.came:
		if r.err != nil {
			return nil, "", r.err
		}
		tokens, err := config.Exchange(ctx, r.code, oauth2.VerifierOption(verifier))
		return tokens, nonce, err
	}
}

const callbackPath = "/auth/callback"

// callback is what the browser comes back to. Whoever else on this machine, or whichever page in the browser, asks it
// something does not know the state, and changes nothing.
type callback struct {
	port   int
	state  string
	issuer string
	came   chan result // the first answer
}

type result struct {
	code string
	err  error
}

func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	host := r.Host == fmt.Sprintf("localhost:%d", c.port) || r.Host == fmt.Sprintf("127.0.0.1:%d", c.port)
	known := subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(c.state)) == 1
	issuer := q.Get("iss") // RFC 9207
	if r.Method != http.MethodGet || r.URL.Path != callbackPath || !host || !known || issuer != "" && issuer != c.issuer {
		http.Error(w, "this is no answer to a login that is under way", http.StatusBadRequest)
		return
	}
	came, words := result{code: q.Get("code")}, "You are logged in. You can close this page and go back to the terminal."
	switch {
	case q.Get("error") == "access_denied":
		came.err, words = errDenied, "The login was refused. You can close this page."
	case q.Get("error") != "" || came.code == "":
		came.err, words = fmt.Errorf("it says %q", q.Get("error")), "The login did not work. You can close this page."
	}
	select {
	case c.came <- came:
	default: // another answer was first
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	fmt.Fprintln(w, words)
}

// hasBrowser reports whether a browser can be opened that the person at the terminal sees.
func hasBrowser(env func(string) string) bool {
	switch {
	case env("BROWSER") != "":
		return true
	case runtime.GOOS == "windows" || runtime.GOOS == "darwin":
		return env("SSH_CONNECTION") == ""
	case env("DISPLAY") == "" && env("WAYLAND_DISPLAY") == "":
		return false
	}
	_, err := exec.LookPath("xdg-open")
	return err == nil
}

// openBrowser opens a page, with the program that BROWSER names where it names one. No shell is in between.
func openBrowser(env func(string) string, page string) error {
	u, err := url.Parse(page)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%q is no page", page)
	}
	command := exec.Command("xdg-open", page)
	first, _, _ := strings.Cut(env("BROWSER"), ":")
	switch {
	case first != "":
		command = exec.Command(first, page)
	case runtime.GOOS == "windows":
		command = exec.Command("rundll32", "url.dll,FileProtocolHandler", page)
	case runtime.GOOS == "darwin":
		command = exec.Command("open", page)
	}
	if err := command.Start(); err != nil {
		return err
	}
	go command.Wait() // so that nothing of it is left
	return nil
}
