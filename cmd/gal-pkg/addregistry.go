package main

import (
	"maps"
	"slices"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/settings"
	"github.com/geeknik/gal-pkg/internal/web"
)

// takeRegistry makes --registry that of the packages to add, and of no others: what is locked stays where it is. An address
// is taken for the registry that is configured with its id, since gal.toml can name that alone; one of the default is only
// another way to it, and is kept.
func (c *addCmd) takeRegistry(a *app) error {
	configured, _, _, err := a.settings()
	if err != nil {
		return err
	}
	if _, ok := configured.All[a.g.Registry]; ok {
		c.registry, a.g.Registry = a.g.Registry, ""
		return nil
	}
	if a.g.Registry == "" || c.Path+c.Git != "" {
		return nil
	}
	r, err := a.registry()
	if err != nil {
		return err
	}
	name := nameOf(configured, r)
	if name == "" && configured.All[configured.Default].ID == "" {
		// Nobody has noted which registry the default is: it says so itself, where it can be asked.
		if other, err := a.set.Open(a.ctx, configured.Default); err == nil && other.ID() == r.ID() {
			name = configured.Default
		}
	}
	switch name {
	case configured.Default:
		return nil
	case "":
		address := web.Redact(a.g.Registry)
		return fault.New(fault.NotFound, "registry-unknown", "registry %s at %s is not configured, and gal.toml names registries as they are configured", r.ID(), address).
			WithHelp("gal-pkg registry add NAME %s", shellWord(address))
	default:
		c.registry = name
	}
	err = a.set.Close(a.ctx)
	a.g.Registry, a.set = "", nil
	return err
}

// nameOf is the name under which a registry is configured, by its id or else by its address: the default before the others. The
// built-in one is what an address stands in for where nobody has configured another. "" is none.
func nameOf(configured *settings.Registries, r *remote.Registry) string {
	names := append([]string{configured.Default}, slices.Sorted(maps.Keys(configured.All))...)
	for _, name := range names {
		if configured.All[name].ID == r.ID() {
			return name
		}
	}
	for _, name := range names {
		if one := configured.All[name]; one.ID == "" && one.URL == r.Spec.URL {
			return name
		}
	}
	if unconfigured(configured.All[configured.Default]) {
		return configured.Default
	}
	return ""
}
