package main

import (
	"fmt"
	"io"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/settings"
)

type configCmd struct {
	Get   configGetCmd   `cmd:"" help:"Print a setting."`
	Set   configSetCmd   `cmd:"" help:"Write a setting."`
	Unset configUnsetCmd `cmd:"" help:"Remove a setting."`
	List  configListCmd  `cmd:"" help:"Print all settings."`
}

func (configCmd) Help() string {
	return `Reads and writes config.toml; default-registry lives in registries.toml and auth.token in credentials.toml, where it is
only shown, masked. gal-pkg help config lists the keys.

EXAMPLES
  gal-pkg config set publisher ada
  gal-pkg config get default-registry
  gal-pkg config list --show-origin`
}

// configured is what the user has configured; warnings about it are said.
func (a *app) configured() (*settings.User, error) {
	dir, err := a.dir()
	if err != nil {
		return nil, err
	}
	user, err := settings.Load(a.sys.env, dir)
	if err != nil {
		return nil, err
	}
	for _, w := range user.Warnings {
		a.Warn("%s", w)
	}
	return user, nil
}

type configGetCmd struct {
	Key        string `arg:"" help:"A key, such as signing.key."`
	ShowOrigin bool   `help:"Also print where the value comes from."`
	Reveal     bool   `help:"Print a secret as it is."`
}

func (configGetCmd) Help() string {
	return `Prints the value of a key; exit code 1 where it is not set.

EXAMPLES
  gal-pkg config get signing.key
  gal-pkg config get auth.token            # masked`
}

func (c *configGetCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	entry, err := user.Config.Lookup(c.Key)
	if err != nil {
		return err
	}
	if c.Reveal && entry.Key == settings.KeyAuthToken {
		found, _, err := user.Credentials.For("")
		if err != nil {
			return err
		}
		if entry.Value = found.Token; found.Token == "" {
			entry.Value = found.Password
		}
	}
	return a.Result("config-get", entry, func(w io.Writer) { writeEntry(w, entry, c.ShowOrigin, false) })
}

func writeEntry(w io.Writer, e settings.Entry, origin, key bool) {
	line := e.Value
	if key {
		line = e.Key + " = " + e.Value
	}
	if origin {
		line += "  (" + e.Origin + ")"
	}
	fmt.Fprintln(w, line)
}

type configSetCmd struct {
	Key   string `arg:"" help:"A key, such as signing.key."`
	Value string `arg:"" help:"Its new value."`
}

func (configSetCmd) Help() string {
	return `Writes a value; comments and everything else in the file stay as they are.

EXAMPLES
  gal-pkg config set default-registry company
  gal-pkg config set jobs 16`
}

func (c *configSetCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	if err := user.Config.Set(a.ctx, c.Key, c.Value); err != nil {
		return err
	}
	entry, err := user.Config.Lookup(c.Key)
	if err != nil {
		return err
	}
	return a.Result("config-set", entry, nil)
}

type configUnsetCmd struct {
	Key string `arg:"" help:"A key, such as signing.key."`
}

func (configUnsetCmd) Help() string {
	return `Removes a value, so that the default counts again. A key that is not set is no error.

EXAMPLES
  gal-pkg config unset jobs`
}

// configUnsetResult is the document of config unset.
type configUnsetResult struct {
	Key string `json:"key"`
}

func (c *configUnsetCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	if err := user.Config.Unset(a.ctx, c.Key); err != nil {
		return err
	}
	return a.Result("config-unset", configUnsetResult{c.Key}, nil)
}

type configListCmd struct {
	ShowOrigin bool `help:"Also print where each value comes from."`
}

func (configListCmd) Help() string {
	return `Prints every value that is set, sorted by key; secrets are masked.

EXAMPLES
  gal-pkg config list --show-origin`
}

// configListResult is the document of config list.
type configListResult struct {
	Entries []settings.Entry `json:"entries"`
}

func (c *configListCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	entries, err := user.Config.List()
	if err != nil {
		// The other settings are known all the same; the credentials have their own message.
		if fault.Of(err) == nil {
			return err
		}
		a.Warn("%v", err)
	}
	return a.Result("config-list", configListResult{orEmpty(entries)}, func(w io.Writer) {
		for _, e := range entries {
			writeEntry(w, e, c.ShowOrigin, true)
		}
	})
}
