package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/settings"
)

type loginCmd struct {
	Token    string `placeholder:"TOKEN|-" xor:"way" help:"Token; - reads it from standard input."`
	Username string `placeholder:"NAME" xor:"way" help:"Name, for registries that want name and password."`
	Password string `placeholder:"PASSWORD|-" help:"Password for --username; - reads it from standard input."`
	NoCheck  bool   `help:"Do not ask the registry whether it takes the credential."`
	OAuth2   bool   `name:"oauth2" xor:"way" help:"Ask the registry's host for a token in the browser (not available yet)."`
}

func (loginCmd) Help() string {
	return `Stores a credential for the default registry, or that of --registry, in credentials.toml, which only you can read. The
registry is asked whether it takes it; it is sent to the registry's own address and to no other. Without flags the token is
asked for, or read from standard input where that is no terminal. What is on a command line can be seen by others on the
machine: prefer standard input.

In CI, set GAL_REGISTRY_TOKEN (default registry) or GAL_REGISTRIES_<NAME>_TOKEN instead.

EXAMPLES
  gal-pkg login
  gal-pkg login --registry company --token - < token.txt
  gal-pkg login --registry company --username ada --password -`
}

// loginResult is the document of login and logout.
type loginResult struct {
	Registry string `json:"registry"`
	Origin   string `json:"origin,omitempty"` // where the credential is sent
	Stored   bool   `json:"stored"`           // after the command
}

func (c *loginCmd) Run(a *app) error {
	if c.OAuth2 {
		return fault.New(fault.Usage, "oauth2-planned", "--oauth2 is planned: no registry format names a host for it yet").
			WithHelp("gal-pkg login --token -      # with a token that the registry's operator gave you")
	}
	if c.Password != "" && c.Username == "" {
		return fault.New(fault.Usage, "usage", "--password needs --username")
	}
	user, r, err := a.registryToLogin()
	if err != nil {
		return err
	}
	credential, err := c.credential(a)
	if err != nil {
		return err
	}
	if !c.NoCheck && !a.g.Offline {
		if err := c.check(a, user, r, credential); err != nil {
			return err
		}
	}
	if err := user.Credentials.Set(a.ctx, r.Name, credential); err != nil {
		return err
	}
	stored, _, err := user.Credentials.For(r.Name)
	if err != nil {
		return err
	}
	a.Status("Stored", "credential for %s; it is sent to %s only", r.Name, r.Origin())
	if stored.Source != settings.CredentialsFile {
		a.Warn("%s is set and goes before what was stored", stored.Source)
	}
	return a.Result("login", loginResult{r.Name, r.Origin(), true}, nil)
}

// check asks the registry whether it takes a credential. Only a refusal is an error: a registry that cannot be asked now may
// take it later.
func (c *loginCmd) check(a *app, user *settings.User, r settings.Registry, credential settings.Credential) error {
	credential.Origin = r.Origin()
	set := remote.New(remote.Options{
		Specs: map[string]remote.Spec{r.Name: spec(r)}, Default: r.Name, CacheDir: user.Dirs.Cache, StateDir: user.Dirs.State,
		UserAgent: "gal-pkg/" + programVersion, Notice: a.Note,
		Authorization: func(string) (func(string) string, error) { return credential.AuthorizationFor, nil },
	})
	defer set.Close(a.ctx)
	err := set.CheckLogin(a.ctx, r.Name)
	switch {
	case err == nil || a.ctx.Err() != nil:
		return a.ctx.Err()
	case fault.KindOf(err) == fault.Auth:
		return fault.New(fault.Auth, "login-refused", "registry %q does not take this credential; nothing was stored", r.Name).
			WithFact("%v", err).WithHelp("gal-pkg login --registry %s --no-check      # to store it all the same", r.Name)
	}
	a.Warn("the credential was not checked: %v", err)
	return nil
}

// registryToLogin is the configured registry that credentials are for.
func (a *app) registryToLogin() (*settings.User, settings.Registry, error) {
	user, err := a.configured()
	if err != nil {
		return nil, settings.Registry{}, err
	}
	if strings.Contains(a.g.Registry, "://") {
		return nil, settings.Registry{}, fault.New(fault.Usage, "registry-not-configured", "credentials are kept for registries that have a name").
			WithHelp("gal-pkg registry add NAME %s", a.g.Registry)
	}
	r, err := user.Registries.Find(a.g.Registry)
	return user, r, err
}

// credential takes the secret from wherever the flags say.
func (c *loginCmd) credential(a *app) (settings.Credential, error) {
	given, what := c.Token, "token"
	if c.Username != "" {
		given, what = c.Password, "password"
	}
	secret, err := secretFrom(a, given, what)
	if err != nil {
		return settings.Credential{}, err
	}
	if c.Username != "" {
		return settings.Credential{Username: c.Username, Password: secret}, nil
	}
	return settings.Credential{Token: secret}, nil
}

// maxSecret bounds what is read from standard input.
const maxSecret = 16 << 10

// secretFrom returns the secret that a flag gives: itself, the first line of standard input for "-", the answer to a
// question for "".
func secretFrom(a *app, given, what string) (string, error) {
	switch {
	case given != "" && given != "-":
		a.Warn("the %s is visible to others in the process list and the shell's history; use --%s -", what, what)
		return given, nil
	case given == "" && a.asks():
		return a.secret(what, fmt.Sprintf("pass --%s -", what))
	case given == "" && a.g.NoInput:
		return "", noSecret(what)
	}
	line, err := bufio.NewReader(io.LimitReader(a.sys.stdin, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fault.New(fault.Usage, "bad-credential", "the %s cannot be read from standard input", what).Because(err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", noSecret(what)
	}
	return line, nil
}

func noSecret(what string) error {
	return fault.New(fault.Cancelled, "needs-answer", "a %s is needed, and none came from standard input", what).
		WithHelp("gal-pkg login --%s - < FILE", what)
}

type logoutCmd struct{}

func (logoutCmd) Help() string {
	return `Forgets the credential of the default registry, or that of --registry. The token stays valid at its host.

EXAMPLES
  gal-pkg logout
  gal-pkg logout --registry company`
}

func (c *logoutCmd) Run(a *app) error {
	user, r, err := a.registryToLogin()
	if err != nil {
		return err
	}
	had, err := user.Credentials.Remove(a.ctx, r.Name)
	if err != nil {
		return err
	}
	if had {
		a.Status("Removed", "credential for %s", r.Name)
		a.Note("this does not revoke the token at the host")
	} else {
		a.Note("there was no credential for %s", r.Name)
	}
	if left, ok, err := user.Credentials.For(r.Name); err == nil && ok {
		a.Note("%s is still set", left.Source)
	}
	return a.Result("logout", loginResult{Registry: r.Name}, nil)
}
