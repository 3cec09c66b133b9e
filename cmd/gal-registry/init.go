package main

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/tools/site"
)

type initCmd struct {
	Dir  string `arg:"" placeholder:"DIR" help:"A folder that does not exist, or is empty."`
	ID   string `placeholder:"ID" help:"What signatures, locks and caches are bound to (default: registry- and random characters). It never changes."`
	Name string `placeholder:"NAME" help:"What people call it (default: the id)."`
}

func (initCmd) Help() string {
	return `Makes a whole registry: a git repository, a published tree, and keys. Prints the first token on stdout, which
can upload and push; it is shown once and stored nowhere.

EXAMPLES
  gal-registry init ./registry
  TOKEN=$(gal-registry init ./registry --id packages.example.org --name "Example packages")`
}

func (c *initCmd) Run(a *app) error {
	if c.ID == "" {
		var random [5]byte
		if _, err := rand.Read(random[:]); err != nil {
			return err
		}
		c.ID = "registry-" + hex.EncodeToString(random[:])
	}
	token, err := site.Init(a.ctx, c.Dir, site.InitOptions{ID: c.ID, Name: c.Name, Now: a.now()})
	if err != nil {
		return err
	}
	a.Say("Created registry %s in %s", c.ID, c.Dir)
	a.Say("The line on standard output is its first token; it is shown only now")
	a.Say("Next: gal-registry serve %s", c.Dir)
	return a.Result("init", map[string]string{"id": c.ID, "dir": c.Dir, "token": token}, cmdline.Text(token+"\n"))
}
