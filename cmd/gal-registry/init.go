package main

import (
	"crypto/rand"
	"encoding/hex"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/site"
)

type initCmd struct {
	Dir  string `arg:"" placeholder:"DIR" help:"A folder that does not exist, or is empty."`
	ID   string `placeholder:"ID" help:"What signatures, locks and caches are bound to (default: registry- and random characters). It never changes."`
	Name string `placeholder:"NAME" help:"What people call it (default: the id)."`

	Production bool `help:"Make three root keys, of which two must sign a change of keys, in a folder that you then move away."`
}

func (initCmd) Help() string {
	return `Makes a whole registry: a git repository, a published tree, and keys. Prints the first token on stdout, which
can upload and push; it is shown once and stored nowhere. On stderr stands the fingerprint of its root of trust, which
users compare or pin when they add the registry. Run gal-registry refresh once a day: clients refuse a registry that has
not been signed for three days.

With --production no key that can replace keys stays here: move root-keys/ to offline media, one key each, before others
use the registry. Builds and refreshes do not need them; gal-registry root rotate needs two, once a year at least.

EXAMPLES
  gal-registry init ./registry
  gal-registry init /srv/registry --production
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
	token, err := site.Init(a.ctx, c.Dir, site.InitOptions{ID: c.ID, Name: c.Name, Now: a.now(), Production: c.Production})
	if err != nil {
		return err
	}
	root, err := rootOf(c.Dir)
	if err != nil {
		return err
	}
	a.Say("Created registry %s in %s", c.ID, c.Dir)
	a.Say("Its root of trust is %s", root.Fingerprint)
	if c.Production {
		a.Say("Now move the three keys in %s to where no program reads them; any two of them replace all others", filepath.Join(c.Dir, site.RootKeysDir))
	}
	a.Say("The line on standard output is its first token; it is shown only now")
	a.Say("Next: gal-registry serve %s", c.Dir)
	return a.Result("init", map[string]string{"id": c.ID, "dir": c.Dir, "token": token, "root": root.Fingerprint}, cmdline.Text(token+"\n"))
}

func rootOf(dir string) (*tuf.Root, error) {
	s, err := site.Open(dir)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	root, _, err := s.Root()
	return root, err
}
