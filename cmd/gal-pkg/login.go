package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/download"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/settings"
	"github.com/geeknik/gal-pkg/internal/web"
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

--registry also takes the address that cache.shared has, for a cache that asks who you are.

In CI, set GAL_REGISTRY_TOKEN (default registry) or GAL_REGISTRIES_<NAME>_TOKEN instead.

EXAMPLES
  gal-pkg login
  gal-pkg login --registry company --token - < token.txt
  gal-pkg login --registry company --username ada --password -
  gal-pkg login --registry https://cache.example.org      # the cache that your team shares`
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
	account, err := a.account()
	if err != nil {
		return err
	}
	credential, err := c.credential(a)
	if err != nil {
		return err
	}
	if !c.NoCheck && !a.g.Offline {
		if err := c.check(a, account, credential); err != nil {
			return err
		}
	}
	if err := account.set(a.ctx, credential); err != nil {
		return err
	}
	stored, _, err := account.find()
	if err != nil {
		return err
	}
	a.Status("Stored", "credential for %s; it is sent to %s only", account.name, account.origin)
	if stored.Source != settings.CredentialsFile {
		a.Warn("%s is set and goes before what was stored", stored.Source)
	}
	return a.Result("login", loginResult{account.name, account.origin, true}, nil)
}

// check asks whether a credential is taken. Only a refusal is an error: who cannot be asked now may take it later.
func (c *loginCmd) check(a *app, account account, credential settings.Credential) error {
	credential.Origin = account.origin
	err := account.check(credential)
	switch {
	case err == nil || a.ctx.Err() != nil:
		return a.ctx.Err()
	case fault.KindOf(err) == fault.Auth:
		return fault.New(fault.Auth, "login-refused", "%s does not take this credential; nothing was stored", account.what).
			WithFact("%v", err).WithHelp("gal-pkg login --registry %s --no-check      # to store it all the same", account.name)
	}
	a.Warn("the credential was not checked: %v", err)
	return nil
}

// account is where a credential is for: a registry, or the cache that a team shares.
type account struct {
	what, name string // in a sentence, and as --registry names it
	origin     string // where its credential is sent
	find       func() (settings.Credential, bool, error)
	set        func(context.Context, settings.Credential) error
	remove     func(context.Context) (bool, error)
	check      func(settings.Credential) error // whether it takes one
}

// account is the one that --registry names.
func (a *app) account() (account, error) {
	user, err := a.configured()
	if err != nil {
		return account{}, err
	}
	if strings.Contains(a.g.Registry, "://") {
		return a.sharedAccount(user)
	}
	r, err := user.Registries.Find(a.g.Registry)
	return account{
		what: fmt.Sprintf("registry %q", r.Name), name: r.Name, origin: r.Origin(),
		find:   func() (settings.Credential, bool, error) { return user.Credentials.For(r.Name) },
		set:    func(ctx context.Context, c settings.Credential) error { return user.Credentials.Set(ctx, r.Name, c) },
		remove: func(ctx context.Context) (bool, error) { return user.Credentials.Remove(ctx, r.Name) },
		check:  func(c settings.Credential) error { return a.checkRegistry(user, r, c) },
	}, err
}

// sharedAccount is that of the cache that a team shares, which goes by its address.
func (a *app) sharedAccount(user *settings.User) (account, error) {
	shared := user.Config.Values().Shared
	address, err := web.Canonical(a.g.Registry)
	configured, none := web.Canonical(shared)
	if err != nil || none != nil || strings.TrimSuffix(configured, "/") != strings.TrimSuffix(address, "/") {
		named := web.Redact(a.g.Registry)
		return account{}, fault.New(fault.Usage, "registry-not-configured", "credentials are kept for registries that have a name, and for the cache that cache.shared names").
			WithHelp("gal-pkg registry add NAME %s", named).WithHelp("gal-pkg config set cache.shared %s      # if it is one", named)
	}
	origin, err := web.Origin(address)
	name := strings.TrimSuffix(web.Redact(shared), "/")
	return account{
		what: "the shared cache " + name, name: name, origin: origin,
		find: func() (settings.Credential, bool, error) { return user.Credentials.ForShared(shared) },
		set: func(ctx context.Context, c settings.Credential) error {
			return user.Credentials.SetShared(ctx, shared, c)
		},
		remove: user.Credentials.RemoveShared,
		check: func(c settings.Credential) error {
			cache, err := download.NewShared(shared, false, web.Options{UserAgent: "gal-pkg/" + programVersion, Credentials: c.AuthorizationFor})
			if err != nil {
				return err
			}
			return cache.Check(a.ctx)
		},
	}, err
}

// formerAccount is that of a shared cache for which a credential is stored, though cache.shared names it no more; false where
// --registry is no address of it.
func (a *app) formerAccount() (account, bool) {
	user, err := a.configured()
	if err != nil {
		return account{}, false
	}
	origin, err := web.Origin(a.g.Registry)
	kept, keptErr := user.Credentials.SharedOrigin()
	return account{
		name: web.Redact(a.g.Registry), origin: origin, remove: user.Credentials.RemoveShared,
		find: func() (settings.Credential, bool, error) { return settings.Credential{}, false, nil },
	}, err == nil && keptErr == nil && kept == origin
}

// checkRegistry asks a registry whether it takes a credential.
func (a *app) checkRegistry(user *settings.User, r settings.Registry, credential settings.Credential) error {
	set := remote.New(remote.Options{
		Specs: map[string]remote.Spec{r.Name: spec(r)}, Default: r.Name, CacheDir: user.Dirs.Cache, StateDir: user.Dirs.State,
		Now: a.now(), Clock: a.now, UserAgent: "gal-pkg/" + programVersion, Notice: a.Note,
		Authorization: func(string) (func(string) string, error) { return credential.AuthorizationFor, nil },
	})
	defer set.Close(a.ctx)
	return set.CheckLogin(a.ctx, r.Name)
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
	return `Forgets the credential of the default registry, or that of --registry, which also takes the address that cache.shared
has. The token stays valid at its host.

EXAMPLES
  gal-pkg logout
  gal-pkg logout --registry company`
}

func (c *logoutCmd) Run(a *app) error {
	account, err := a.account()
	if former, ok := a.formerAccount(); err != nil && ok {
		account, err = former, nil
	}
	if err != nil {
		return err
	}
	had, err := account.remove(a.ctx)
	if err != nil {
		return err
	}
	if had {
		a.Status("Removed", "credential for %s", account.name)
		a.Note("this does not revoke the token at the host")
	} else {
		a.Note("there was no credential for %s", account.name)
	}
	if left, ok, err := account.find(); err == nil && ok {
		a.Note("%s is still set", left.Source)
	}
	return a.Result("logout", loginResult{Registry: account.name}, nil)
}
