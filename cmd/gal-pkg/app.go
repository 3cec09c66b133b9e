package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/download"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/settings"
	"github.com/geeknik/gal-pkg/internal/web"
)

// app is what a command runs with. What takes time to open is opened when it is first asked for.
type app struct {
	*cmdline.Printer
	ctx  context.Context
	sys  system
	g    *globals
	kong *kong.Context
	now  func() time.Time

	level  cache.Level // how closely the store is checked before it is used
	links  install.LinkMode
	jobs   int // downloads at once; 0 means the default
	set    *remote.Set
	caches []*cache.Cache // that were opened, for counting
	pace   pace

	showing sync.Once
	shown   *cmdline.Progress // nil while nothing is shown

	rehearsal *rehearsal // nil without --chaos
}

func newApp(ctx context.Context, sys system, g *globals, k *kong.Context) *app {
	if g.Frozen {
		g.Offline, g.Locked = true, true
	}
	return &app{
		Printer: &cmdline.Printer{
			Program: "gal-pkg", Stdout: sys.stdout, Stderr: sys.stderr, JSON: g.Format == "json", Quiet: g.Quiet, Verbose: g.Verbose,
			Colour: useColour(g.Color, sys.env, sys.stderr),
		},
		ctx: ctx, sys: sys, g: g, kong: k, now: time.Now,
	}
}

func (a *app) close() {
	a.endProgress()
	a.count()
	if a.set == nil {
		return
	}
	if err := a.set.Close(a.ctx); err != nil {
		a.Debug("closing registries: %v", err)
	}
}

func (a *app) dirs() (settings.Dirs, error) {
	dirs, warnings, err := settings.FindDirs(a.sys.env)
	for _, w := range warnings {
		a.Warn("%s", w)
	}
	return dirs, err
}

// dir is the folder that commands work in.
func (a *app) dir() (string, error) { return filepath.Abs(a.g.Directory) }

// project opens the project that the working directory, or --manifest-path, is in.
func (a *app) project() (*project.Project, error) {
	var p *project.Project
	var err error
	if a.g.ManifestPath != "" {
		file := a.g.ManifestPath
		if !filepath.IsAbs(file) {
			file = filepath.Join(a.g.Directory, file)
		}
		if file, err = filepath.Abs(file); err != nil {
			return nil, err
		}
		p, err = project.OpenFile(file)
	} else {
		dir, dirErr := a.dir()
		if dirErr != nil {
			return nil, dirErr
		}
		p, err = project.Open(dir)
	}
	if err != nil {
		return nil, err
	}
	for _, w := range p.Current.Manifest.Warnings {
		a.Warn("%s", w)
	}
	if text := p.HalfWritten(); text != "" {
		a.Warn("%s", text)
	}
	return p, nil
}

// settings are the user's files.
func (a *app) settings() (*settings.Registries, *settings.Credentials, settings.Dirs, error) {
	dirs, err := a.dirs()
	if err != nil {
		return nil, nil, dirs, err
	}
	configured, err := settings.LoadRegistries(filepath.Join(dirs.Config, "registries.toml"))
	if err != nil {
		return nil, nil, dirs, err
	}
	return configured, settings.OpenCredentials(filepath.Join(dirs.Config, "credentials.toml"), a.sys.env, configured), dirs, nil
}

// registries returns the configured registries; each is opened when it is first needed.
func (a *app) registries() (*remote.Set, error) {
	if a.set != nil {
		return a.set, nil
	}
	configured, credentials, dirs, err := a.settings()
	if err != nil {
		return nil, err
	}
	for _, w := range configured.Warnings {
		a.Warn("%s", w)
	}
	a.set = remote.New(remote.Options{
		Git:   a.gitBinary,
		Specs: specs(configured.All), Default: configured.Default, Override: a.g.Registry,
		CacheDir: dirs.Cache, StateDir: dirs.State, Offline: a.g.Offline, Now: a.now(), Clock: a.now,
		UserAgent: "gal-pkg/" + programVersion, Around: a.around(),
		Authorization: func(name string) (func(origin string) string, error) {
			if _, ok := configured.All[name]; !ok {
				return a.tokenFor(name), nil
			}
			return credentials.Authorizer(name)
		},
		Notice:  func(format string, args ...any) { a.Note(format, args...) },
		Warning: func(format string, args ...any) { a.Warn(format, args...) },
	})
	return a.set, nil
}

// tokenFor gives the token of the environment to the origin of an address that --registry names, and to no other.
func (a *app) tokenFor(address string) func(origin string) string {
	home, err := web.Origin(strings.TrimPrefix(address, "git+"))
	token := a.sys.env(settings.VariableDefault)
	return func(origin string) string {
		if err != nil || token == "" || origin != home {
			return ""
		}
		return settings.Credential{Token: token, Origin: origin}.Authorization()
	}
}

func specs(configured map[string]settings.Registry) map[string]remote.Spec {
	all := make(map[string]remote.Spec, len(configured))
	for name, r := range configured {
		all[name] = spec(r)
	}
	return all
}

// spec turns a configured registry into what is opened.
func spec(r settings.Registry) remote.Spec {
	s := remote.Spec{
		Name: r.Name, URL: r.URL, ID: r.ID, Root: r.Root, AllowInsecure: r.AllowInsecure,
		Timeout: time.Duration(r.TimeoutSeconds) * time.Second, Retries: r.MaxRetries, Identity: r.Identity,
		Mirrors: r.Mirrors, BlockOrigin: r.BlockOrigin, Patterns: r.Packages, MaxAge: r.MaxAge,
		Trust: index.Trust{Keys: r.PublicKeys, Publishers: r.TrustedPublishers},
	}
	switch r.VerifySignatures {
	case "warn":
		s.Trust.Signatures = index.SignaturesWarn
	case "false":
		s.Trust.Signatures = index.SignaturesOff
	}
	return s
}

// registry opens the registry that --registry names, else the default one.
func (a *app) registry() (*remote.Registry, error) {
	set, err := a.registries()
	if err != nil {
		return nil, err
	}
	return set.Open(a.ctx, set.Default())
}

// withoutNetwork tries something as --offline would do it, and says nothing.
func (a *app) withoutNetwork(try func() error) error {
	set, quiet := a.set, a.Quiet
	a.set, a.g.Offline, a.Quiet = nil, true, true
	defer func() { a.set, a.g.Offline, a.Quiet = set, false, quiet }()
	err := try()
	if a.set != nil {
		a.set.Close(a.ctx) // what cannot be kept does not change the answer
	}
	return err
}

// cache opens the user's cache.
func (a *app) cache() (*cache.Cache, error) {
	dirs, err := a.dirs()
	if err != nil {
		return nil, err
	}
	c, err := cache.NewCache(dirs.Cache, a.events())
	if err == nil {
		a.caches = append(a.caches, c)
	}
	return c, err
}

// events tells of downloads on stderr.
func (a *app) events() fetch.Events {
	return fetch.Events{
		Healed:  func(i fetch.Item, what string) { a.Warn("%s in the cache was damaged (%s); it is made anew", i, what) },
		Waiting: func(what string) { a.Note("waiting for %s", what) },
		Warned:  func(what string) { a.Warn("%s", what) },
		Started: func(fetch.Item) { a.pace.note(a.now()) },
		Done: func(i fetch.Item, cached bool) {
			if !cached {
				a.pace.note(a.now())
				a.Debug("%12s %s", "Downloaded", i)
			}
		},
	}
}

// fetching is how commands bring packages here.
func (a *app) fetching() (project.Fetching, error) {
	c, err := a.cache()
	if err != nil {
		return project.Fetching{}, err
	}
	shared, err := a.shared()
	return project.Fetching{Cache: c, Concurrency: a.jobs, Level: a.level, Links: a.links, Shared: shared, Events: a.showProgress(a.events())}, err
}

// shared opens the cache that a team has in common, if one is configured.
func (a *app) shared() (*download.Shared, error) {
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	v := config.Values()
	if v.Shared == "" || a.g.Offline {
		return nil, nil
	}
	_, credentials, _, err := a.settings()
	if err != nil {
		return nil, err
	}
	credential, _, err := credentials.ForShared(v.Shared)
	if err != nil {
		return nil, err
	}
	return download.NewShared(v.Shared, v.SharedWrite, web.Options{
		UserAgent: "gal-pkg/" + programVersion, Around: a.around(), Credentials: credential.AuthorizationFor,
	})
}

// gitBinary is the program git, where a registry's repository may be cloned with it: "" for none.
func (a *app) gitBinary() (string, error) {
	config, err := a.config()
	if err != nil || config.Values().GitBinary == "never" {
		return "", err
	}
	path, err := exec.LookPath("git")
	if err != nil && config.Values().GitBinary == "always" {
		return "", fault.New(fault.Usage, "no-git", "fetch.git-binary is \"always\", and there is no git on the PATH").
			WithHelp("gal-pkg config set fetch.git-binary auto")
	}
	return path, nil
}

// configure takes from config.toml what neither the command line nor the environment says.
func (a *app) configure() error {
	config, err := a.config()
	if err != nil {
		return err
	}
	for _, w := range config.Warnings {
		a.Warn("%s", w)
	}
	values := config.Values()
	a.g.Offline = a.g.Offline || values.Offline
	if a.jobs = values.Jobs; a.g.Jobs != nil {
		a.jobs = *a.g.Jobs
	}
	if a.g.Color == "auto" {
		a.Colour = useColour(values.Color, a.sys.env, a.sys.stderr)
	}
	if values.StoreVerify == "stat" {
		a.level = cache.Stat
	}
	a.links = install.LinkMode(values.LinkMode)
	return nil
}

// config opens config.toml with the keys that live elsewhere.
func (a *app) config() (*settings.Config, error) {
	configured, credentials, dirs, err := a.settings()
	if err != nil {
		return nil, err
	}
	dir, err := a.dir()
	if err != nil {
		return nil, err
	}
	return settings.LoadConfig(filepath.Join(dirs.Config, "config.toml"), settings.Sources{Registries: configured, Credentials: credentials, WorkDir: dir})
}

// asks reports whether a question can be put to the user.
func (a *app) asks() bool { return !a.g.NoInput && isTerminal(a.sys.stdin) && isTerminal(a.sys.stderr) }

// confirm asks a question that is answered with yes or no. Where nobody can be asked, flag says how to answer it.
func (a *app) confirm(question, flag string) error {
	if a.g.Yes {
		return nil
	}
	if !a.asks() {
		return fault.New(fault.Cancelled, "needs-answer", "%s", question).WithHelp("pass %s to say yes", flag)
	}
	answer, err := a.ask(question + " [y/N] ")
	if err != nil {
		return err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return fault.New(fault.Cancelled, "cancelled", "cancelled; nothing was changed")
	}
	return nil
}

// ask returns what the user answers in one line.
func (a *app) ask(question string) (answer string, err error) {
	err = a.Ask(cmdline.Printable(question), func() (err error) {
		answer, err = bufio.NewReader(a.sys.stdin).ReadString('\n')
		return err
	})
	return strings.TrimSpace(answer), err
}

// secret reads a secret without showing it; flag names the other ways to give it.
func (a *app) secret(prompt, flag string) (string, error) {
	if !a.asks() {
		return "", fault.New(fault.Cancelled, "needs-answer", "%s is needed, and there is nobody to ask", prompt).WithHelp("%s", flag)
	}
	file, ok := a.sys.stdin.(interface{ Fd() uintptr })
	if !ok {
		return "", errors.New("standard input is no terminal")
	}
	var text []byte
	err := a.Ask(prompt+": ", func() (err error) {
		text, err = term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(a.Stderr)
		return err
	})
	return string(text), err
}
