package main

import (
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/tools/site"
)

type signersCmd struct {
	Dir string `arg:"" placeholder:"DIR" help:"The registry's folder."`
}

func (signersCmd) Help() string {
	return `Prints the keys of every publisher and of the registry's own jobs in the form of ssh's allowed-signers file. With
it git verifies the commits of main, without this program.

EXAMPLES
  gal-registry signers ./registry > allowed_signers
  git -C ./registry/index.git -c gpg.ssh.allowedSignersFile=$PWD/allowed_signers verify-commit main`
}

// maxSigners bounds the file that is printed.
const maxSigners = 256 << 20

func (c *signersCmd) Run(a *app) error {
	s, err := site.Open(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	text, err := atomicfile.Read(s.Path(site.PublicDir, "allowed_signers"), maxSigners)
	if err != nil {
		return err
	}
	return a.Result("signers", map[string]string{"allowed_signers": string(text)}, cmdline.Text(string(text)))
}
