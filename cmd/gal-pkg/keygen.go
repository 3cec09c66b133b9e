package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

type keygenCmd struct {
	Output         string `placeholder:"FILE" help:"Where the key goes (default: keys/default.pem in the configuration folder)."`
	NoPassphrase   bool   `xor:"passphrase" help:"Do not encrypt the key."`
	PassphraseFile string `xor:"passphrase" placeholder:"FILE" help:"File with the passphrase (else GAL_KEY_PASSPHRASE, else a question)."`
}

func (keygenCmd) Help() string {
	return `Makes an ECDSA P-256 key that signs what you publish. The private key goes to FILE with mode 0600, encrypted with a
passphrase; the public key goes to FILE.pub and to standard output. A file that is there is never overwritten. cosign reads
both files.

EXAMPLES
  gal-pkg keygen
  gal-pkg keygen --output ci-key.pem --no-passphrase
  GAL_KEY_PASSPHRASE=... gal-pkg keygen --output my-key.pem`
}

// keygenResult is the document of keygen.
type keygenResult struct {
	File        string `json:"file"`
	PublicFile  string `json:"public-file"`
	Encrypted   bool   `json:"encrypted"`
	PublicKey   string `json:"public-key"`  // base64 of the SPKI
	Hint        string `json:"hint"`        // base64 of its sha256: how lines name it
	Fingerprint string `json:"fingerprint"` // as ssh-keygen -l prints it
}

func (c *keygenCmd) Run(a *app) error {
	file, err := c.place(a)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(file); err == nil {
		return fault.New(fault.Usage, "key-exists", "there is a file %s already; a key is never overwritten", file).
			WithHelp("gal-pkg keygen --output OTHER.pem")
	}
	passphrase, err := c.passphrase(a)
	if err != nil {
		return err
	}
	key, err := sign.Generate(rand.Reader)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fault.New(fault.Manifest, "not-writable", "the folder of the key cannot be made").Because(err)
	}
	if err := sign.WriteKeyFile(file, key, passphrase); err != nil {
		return err
	}
	public := key.Public()
	r := keygenResult{file, file + ".pub", passphrase != nil, public.String(), public.Hint(), public.SSHFingerprint()}
	a.Status("Created", "%s", a.relative(file))
	if passphrase == nil {
		a.Warn("the key is not encrypted: whoever reads the file can publish in your name")
	}
	a.Note("to sign with it: gal-pkg config set signing.key %s", file)
	return a.Result("keygen", r, func(w io.Writer) {
		fmt.Fprintf(w, "public key   %s\nhint         %s\nfingerprint  %s\n", r.PublicKey, r.Hint, r.Fingerprint)
	})
}

// place is the absolute path of the new key.
func (c *keygenCmd) place(a *app) (string, error) {
	if c.Output == "" {
		dirs, err := a.dirs()
		return filepath.Join(dirs.Config, "keys", "default.pem"), err
	}
	return a.path(c.Output)
}

// passphrase is nil for a key that is not encrypted. From the terminal it is asked for twice.
func (c *keygenCmd) passphrase(a *app) ([]byte, error) {
	if c.NoPassphrase {
		return nil, nil
	}
	const flag = "set GAL_KEY_PASSPHRASE, or pass --passphrase-file FILE or --no-passphrase"
	text := a.sys.env("GAL_KEY_PASSPHRASE")
	switch {
	case c.PassphraseFile != "":
		data, err := a.passphrase(c.PassphraseFile)
		if err != nil {
			return nil, err
		}
		text = string(data)
	case text == "":
		var err error
		if text, err = a.secret("new passphrase", flag); err != nil {
			return nil, err
		}
		again, err := a.secret("the same again", flag)
		if err != nil {
			return nil, err
		}
		if text != again {
			return nil, fault.New(fault.Usage, "passphrase-differs", "the two passphrases differ; no key was made")
		}
	}
	if text == "" {
		return nil, fault.New(fault.Usage, "passphrase-empty", "the passphrase is empty").WithHelp("gal-pkg keygen --no-passphrase")
	}
	return []byte(text), nil
}
