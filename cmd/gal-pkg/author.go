package main

import (
	"cmp"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
)

// signing are the flags of commands that speak for a publisher.
type signing struct {
	As             string `placeholder:"ID" help:"Publisher to speak for (default: config publisher)."`
	Sign           string `placeholder:"FILE" help:"Private key (default: config signing.key)."`
	PassphraseFile string `placeholder:"FILE" help:"File with the key's passphrase (else GAL_KEY_PASSPHRASE, else a question)."`
}

// author is the publisher that signs, with the key opened.
func (a *app) author(s signing) (publish.Author, error) {
	var author publish.Author
	var err error
	if s.As, err = a.speaker(s); err != nil {
		return author, err
	}
	if s.Sign, err = a.keyFile(s); err != nil {
		return author, err
	}
	if s.Sign == "" {
		return author, fault.New(fault.Usage, "no-key", "there is no key to sign with").
			WithHelp("gal-pkg keygen --output KEY.pem").WithHelp("gal-pkg config set signing.key KEY.pem")
	}
	key, err := sign.LoadKeyFile(s.Sign, func() ([]byte, error) { return a.passphrase(s.PassphraseFile) })
	if err != nil {
		return author, err
	}
	a.Debug("%12s with key %s (%s)", "Signing", key.Public().Hint(), s.Sign)
	return publish.Author{ID: s.As, Key: key, Random: rand.Reader, Now: a.now()}, nil
}

// speaker is the id of the publisher to speak for.
func (a *app) speaker(s signing) (string, error) {
	config, err := a.config()
	if err != nil {
		return "", err
	}
	id := cmp.Or(s.As, config.Values().Publisher)
	if id == "" {
		return "", fault.New(fault.Usage, "no-publisher", "who publishes is not known").
			WithHelp("gal-pkg config set publisher ID      # your id in registries").WithHelp("or pass --as ID")
	}
	return id, nil
}

// keyFile is the absolute path of the key that author opens, "" for none.
func (a *app) keyFile(s signing) (string, error) {
	if s.Sign != "" {
		return a.path(s.Sign)
	}
	config, err := a.config()
	if err != nil {
		return "", err
	}
	return cmp.Or(config.Values().SigningKey, a.defaultKey()), nil
}

// standing is what a command that speaks for a package begins with.
type standing struct {
	registry *remote.Registry
	pkg      *index.Package // verified
	author   publish.Author // one of its owners
}

// standing opens the key, and holds that its publisher owns a package.
func (a *app) standing(s signing, name string) (*standing, error) {
	if err := manifest.CheckName(name); err != nil {
		return nil, err
	}
	r, err := a.registry()
	if err != nil {
		return nil, err
	}
	pkg, err := desk.Package(a.ctx, r, name)
	if err != nil {
		return nil, project.WithSimilar(a.ctx, r, name, err)
	}
	author, err := a.author(s)
	if err != nil {
		return nil, err
	}
	if _, _, err := desk.Speaker(a.ctx, r, author); err != nil {
		return nil, err
	}
	if !slices.Contains(pkg.Owners, author.ID) {
		return nil, fault.New(fault.Auth, "not-owner", "%s does not own %s in %s", author.ID, name, r.ID()).
			WithFact("owners: %s", strings.Join(pkg.Owners, ", ")).WithHelp("ask an owner to do it, or to make you one")
	}
	return &standing{r, pkg, author}, nil
}

// defaultKey is where keygen puts a key that is not told where to go, "" where there is none.
func (a *app) defaultKey() string {
	dirs, err := a.dirs()
	if err != nil {
		return ""
	}
	file := filepath.Join(dirs.Config, "keys", "default.pem")
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// passphrase comes from a file, else from the environment, else from the terminal.
func (a *app) passphrase(file string) ([]byte, error) {
	if file != "" {
		path, err := a.path(file)
		if err != nil {
			return nil, err
		}
		return cmdline.ReadPassphrase(path)
	}
	if text := a.sys.env("GAL_KEY_PASSPHRASE"); text != "" {
		return []byte(text), nil
	}
	text, err := a.secret("passphrase of the signing key", "set GAL_KEY_PASSPHRASE, or pass --passphrase-file FILE")
	return []byte(text), err
}
