package main

import (
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/settings"
)

type registryCmd struct {
	Add        registryAddCmd        `cmd:"" help:"Add a registry."`
	List       registryListCmd       `cmd:"" help:"List the registries."`
	Remove     registryRemoveCmd     `cmd:"" aliases:"rm" help:"Remove a registry, its credentials and its index."`
	Reset      registryResetCmd      `cmd:"" help:"Trust a registry anew, as if never seen."`
	SetDefault registrySetDefaultCmd `cmd:"" help:"Make a registry the default."`
}

func (registryCmd) Help() string {
	return `Keeps registries.toml, which may also be edited by hand. gal-pkg help registries tells what a registry is.

EXAMPLES
  gal-pkg registry add company https://packages.company.com
  gal-pkg registry list --check
  gal-pkg registry set-default company
  gal-pkg registry remove company`
}

// registryResult is the document of registry add, remove, reset and set-default.
type registryResult struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	ID      string `json:"id"`   // "" where it was not looked at
	Root    string `json:"root"` // fingerprint of the root of trust that is pinned, likewise
	Default bool   `json:"default"`
}

type registrySetDefaultCmd struct {
	Name string `arg:"" help:"What you call it."`
}

func (registrySetDefaultCmd) Help() string {
	return `Makes a registry the one that is used where nothing names another.

EXAMPLES
  gal-pkg registry set-default company`
}

func (c *registrySetDefaultCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	if err := user.Registries.SetDefault(a.ctx, c.Name); err != nil {
		return err
	}
	r, err := user.Registries.Find(c.Name)
	if err != nil {
		return err
	}
	a.Status("Default", "is now %s", r.Name)
	return a.Result("registry-set-default", registryResult{r.Name, r.URL, r.ID, r.Root, true}, nil)
}

// unconfigured reports whether a registry is the built-in one, and nobody has ever used it.
func unconfigured(r settings.Registry) bool { return r.ID == "" && r.URL == settings.DefaultURL }

// withoutRegistry says, where the built-in registry cannot be reached and nobody has configured another, that this is what is
// missing. Whoever works offline has not tried to reach it.
func (a *app) withoutRegistry(err error) error {
	f := fault.Of(err)
	if f == nil || f.Kind != fault.Network || a.g.Offline || a.g.Registry != "" {
		return err
	}
	registries, _, _, settingsErr := a.settings()
	host := strings.TrimPrefix(settings.DefaultURL, "https://")
	if settingsErr != nil || !unconfigured(registries.All[registries.Default]) || !strings.Contains(f.Message+strings.Join(f.Facts, " "), host) {
		return err
	}
	f.Code, f.Message = "no-registry-configured", "no registry is configured, and the built-in one is not there: "+f.Message
	f.WithHelp("gal-pkg registry add NAME URL --default")
	return err
}

// forget drops what is kept of a registry, but for what another one that is configured needs.
func forget(user *settings.User, r settings.Registry) error {
	set := remote.New(remote.Options{Specs: specs(user.Registries.All), CacheDir: user.Dirs.Cache, StateDir: user.Dirs.State})
	return set.Forget(r.URL, r.ID)
}
