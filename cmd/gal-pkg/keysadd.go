package main

import (
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
)

type keysAddCmd struct {
	signing
	proposing
	File              string `arg:"" name:"keyfile" help:"The new key: its private file, or its public one where the private key is on another machine."`
	NewPassphraseFile string `placeholder:"FILE" help:"File with the new key's passphrase (else GAL_KEY_PASSPHRASE, else a question)."`
	Reason            string `placeholder:"TEXT" help:"What the key is for; everybody can read it."`
}

func (keysAddCmd) Help() string {
	return `Proposes a line, signed with your key and with the new one, after which either signs for you. A key belongs to one
publisher for ever, and one that was revoked never comes back.

Where you have the new key's public file only, the proposal is written into a file: take it to the machine that has the
private key, sign it there with gal-pkg proposal sign, and hand it in.

EXAMPLES
  gal-pkg keygen --output ci.pem --no-passphrase && gal-pkg keys add ci.pem --reason "continuous integration"
  gal-pkg keys add laptop.pem.pub`
}

func (c *keysAddCmd) Run(a *app) error {
	if err := a.onlineUnless(c.Output != ""); err != nil {
		return err
	}
	public, private, err := c.open(a)
	if err != nil {
		return err
	}
	me, err := a.identity(c.signing)
	if err != nil {
		return err
	}
	if known := me.publisher.Key(public.Hint()); known != nil {
		if known.IsRevoked() {
			return fault.New(fault.Negative, "key-spent", "the key was one of %s before and was revoked; it never comes back", me.author.ID).
				WithFact("key %s", public.Hint()).WithHelp("gal-pkg keygen --output FILE")
		}
		return a.nothingToDo(me.registry, "the key is one of %s already", me.author.ID)
	}
	line, err := me.author.AddKey(me.registry.ID(), me.publisher.Head(), public, private, c.Reason)
	if err != nil {
		return badLine(err)
	}
	return a.bring(&proposal{
		registry: me.registry, author: me.author, lines: []*index.Line{line}, flags: c.proposing, missing: publish.Missing(nil, line),
	})
}

// open reads the new key; private is nil for a public file.
func (c *keysAddCmd) open(a *app) (sign.PublicKey, *sign.PrivateKey, error) {
	path, err := a.path(c.File)
	if err != nil {
		return sign.PublicKey{}, nil, err
	}
	if text, err := atomicfile.Read(path, 16<<10); err == nil && strings.HasPrefix(string(text), "-----BEGIN PUBLIC KEY-----") {
		public, err := sign.ParsePublicKey(string(text))
		return public, nil, err
	}
	private, err := sign.LoadKeyFile(path, func() ([]byte, error) { return a.passphrase(c.NewPassphraseFile) })
	if err != nil {
		return sign.PublicKey{}, nil, err
	}
	return private.Public(), private, nil
}

// nothingToDo is the success of a command whose outcome is there already.
func (a *app) nothingToDo(r *remote.Registry, format string, args ...any) error {
	a.Status("Finished", format, args...)
	result := newProposalResult(nil, 0)
	result.Registry, result.State = r.ID(), "published"
	return a.Result(commandName(a.kong), result, nil)
}

// badLine is the error of a line that the format does not allow: the texts that it was made from are too long, or hold
// what cannot be printed.
func badLine(err error) error {
	if fault.Of(err) != nil {
		return err
	}
	return fault.New(fault.Usage, "bad-line", "the index cannot hold this").Because(err)
}
