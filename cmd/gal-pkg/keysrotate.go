package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

type keysRotateCmd struct {
	signing
	proposing
	NewKey            string `placeholder:"FILE" help:"Where the new key goes (default: beside the old one, with today's date)."`
	NoPassphrase      bool   `xor:"passphrase" help:"Do not encrypt the new key."`
	NewPassphraseFile string `xor:"passphrase" placeholder:"FILE" help:"File with the new key's passphrase (else GAL_KEY_PASSPHRASE, else a question)."`
}

func (keysRotateCmd) Help() string {
	return `Makes a new key and proposes two lines at once: the new key is yours, and the old one is superseded. Both are signed by
the old one, so this is not for a key that somebody else may have: see gal-pkg keys revoke. What the old key signed before
stays good, and it signs until the proposal is merged. No other file is touched: tell your configuration and your other
machines of the new key yourself.

EXAMPLES
  gal-pkg keys rotate
  gal-pkg keys rotate --new-key ada-2026.pem && gal-pkg config set signing.key ada-2026.pem`
}

func (c *keysRotateCmd) Run(a *app) error {
	if err := a.onlineUnless(c.Output != ""); err != nil {
		return err
	}
	me, err := a.identity(c.signing)
	if err != nil {
		return err
	}
	file, err := c.place(a)
	if err != nil {
		return err
	}
	passphrase, err := (&keygenCmd{NoPassphrase: c.NoPassphrase, PassphraseFile: c.NewPassphraseFile}).passphrase(a)
	if err != nil {
		return err
	}
	next, err := sign.Generate(rand.Reader)
	if err != nil {
		return err
	}
	lines, err := me.author.Rotate(me.registry.ID(), me.publisher.Head(), next)
	if err != nil {
		return err
	}
	written := false
	err = a.bring(&proposal{registry: me.registry, author: me.author, lines: lines, flags: c.proposing, ready: func() error {
		if err := writeKey(file, next, passphrase); err != nil {
			return err
		}
		written = true
		a.Status("Created", "%s", a.relative(file))
		a.Note("once it is merged: gal-pkg config set signing.key %s", file)
		return nil
	}})
	if f := fault.Of(err); f != nil && written {
		f.WithFact("the new key is in %s, and not in use", file)
	}
	return err
}

// writeKey writes a key before anything names it: a proposal whose key is lost would lock its publisher out.
func writeKey(file string, key *sign.PrivateKey, passphrase []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fault.New(fault.Manifest, "not-writable", "the folder of the key cannot be made").Because(err)
	}
	return sign.WriteKeyFile(file, key, passphrase)
}

// place is where the new key goes: no file is there yet.
func (c *keysRotateCmd) place(a *app) (string, error) {
	name := c.NewKey
	if name == "" {
		old, err := a.keyFile(c.signing)
		if err != nil {
			return "", err
		}
		name = strings.TrimSuffix(old, ".pem") + "-" + a.now().Format("2006-01-02") + ".pem"
	}
	file, err := a.path(name)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(file); err == nil {
		return "", fault.New(fault.Usage, "key-exists", "there is a file %s already; a key is never overwritten", file).
			WithHelp("gal-pkg keys rotate --new-key OTHER.pem")
	}
	return file, nil
}
