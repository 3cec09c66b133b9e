package main

import (
	"crypto/rand"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/site"
)

type recoverCmd struct {
	Package recoverPackageCmd `cmd:"" help:"Give a package other owners, where nobody can sign for the old ones."`
	Key     recoverKeyCmd     `cmd:"" help:"Give a publisher a new key, where they have lost every old one."`
	Revoke  recoverRevokeCmd  `cmd:"" help:"End a publisher's key that others have."`
	Sign    recoverSignCmd    `cmd:"" help:"Add the signature of a root key to what was written with --output."`
	Submit  recoverSubmitCmd  `cmd:"" help:"Publish what was written with --output and signed since."`
}

type recoverPackageCmd struct {
	rootSigning
	Dir       string   `arg:"" placeholder:"DIR" help:"The registry's folder."`
	Package   string   `arg:"" placeholder:"NAME" help:"The package."`
	Owner     []string `required:"" placeholder:"ID" help:"A publisher who owns it from now on. Can be repeated."`
	Threshold int      `default:"1" placeholder:"N" help:"How many of the owners must sign the next change of owners (default: 1)."`
	Reason    string   `required:"" placeholder:"TEXT" help:"Why; everybody who uses the package reads it."`
	Output    string   `placeholder:"FILE" help:"Publish nothing: write it into a file, for other root keys to sign."`
}

func (recoverPackageCmd) Help() string {
	return `The root keys of the registry speak, as many as its threshold says. What was published stays as it is; proposals of the
old owners that are open can not be merged any more, and a package that was closed is open again. Users of the package
are warned until one of the new owners has signed something in it.

Look twice who asks: this is how a package would be taken from its owner. Publishers who lost a key and nothing else are
better given a new key: gal-registry recover key.

EXAMPLES
  gal-registry recover package ./registry mailbox --owner cleo --reason "ada has died" --root-key 1.pem --root-key 3.pem
  gal-registry recover package ./registry mailbox --owner cleo --owner dora --threshold 2 --reason "ada is gone" --root-key 1.pem --output mailbox.proposal`
}

func (c *recoverPackageCmd) Run(a *app) error {
	owners := slices.Compact(slices.Sorted(slices.Values(c.Owner)))
	return a.speak("recover-package", c.Dir, c.Output, site.Statement{
		Event: index.EventRecover, Subject: c.Package, RootKeys: c.RootKey, Passphrase: c.passphrase(),
		Body: &index.Recover{Owners: owners, Threshold: int64(c.Threshold), Reason: c.Reason},
	})
}

type recoverKeyCmd struct {
	rootSigning
	Dir       string `arg:"" placeholder:"DIR" help:"The registry's folder."`
	Publisher string `arg:"" placeholder:"ID" help:"The publisher."`
	Key       string `required:"" placeholder:"FILE" help:"The publisher's new public key (or the private one, where you are the publisher)."`
	Reason    string `required:"" placeholder:"TEXT" help:"Why; everybody who uses their packages reads it."`
	Output    string `placeholder:"FILE" help:"Where the statement is written that they must sign too (default: ID-recovery.proposal)."`
}

func (recoverKeyCmd) Help() string {
	return `The root keys of the registry say that a further key speaks for the publisher. The new key must sign that too, and it is
the publisher's: so they send you its public file, this writes a proposal, and they sign and submit it:

  gal-pkg keygen --output new.pem                                        (the publisher, who sends new.pem.pub)
  gal-registry recover key ./registry ada --key new.pem.pub ...          (you, who send ada-recovery.proposal)
  gal-pkg proposal sign ada-recovery.proposal --as ada --sign new.pem    (the publisher)
  gal-pkg proposal submit ada-recovery.proposal

Old keys stay as they are; end those that others have with gal-registry recover revoke. Users of the publisher's packages
are warned until the publisher has signed something in them.

EXAMPLES
  gal-registry recover key ./registry ada --key new.pem.pub --reason "disk failed; seen in person" --root-key 1.pem --root-key 2.pem`
}

func (c *recoverKeyCmd) Run(a *app) error {
	public, private, err := c.open()
	if err != nil {
		return err
	}
	if private == nil && c.Output == "" {
		c.Output = c.Publisher + "-recovery" + publish.ProposalSuffix
	}
	return a.speak("recover-key", c.Dir, c.Output, site.Statement{
		Event: index.EventAddKey, Subject: c.Publisher, NewKey: private, RootKeys: c.RootKey, Passphrase: c.passphrase(),
		Body: &index.AddKey{Key: public.String(), Reason: c.Reason},
	})
}

// open reads the new key; private is nil for a public file.
func (c *recoverKeyCmd) open() (sign.PublicKey, *sign.PrivateKey, error) {
	text, err := atomicfile.Read(c.Key, 16<<10)
	if err != nil {
		return sign.PublicKey{}, nil, fault.New(fault.Usage, "key-unreadable", "the key %s cannot be read", c.Key).Because(err)
	}
	if strings.HasPrefix(string(text), "-----BEGIN PUBLIC KEY-----") {
		public, err := sign.ParsePublicKey(string(text))
		return public, nil, err
	}
	private, err := sign.LoadKeyFile(c.Key, c.passphrase())
	if err != nil {
		return sign.PublicKey{}, nil, err
	}
	return private.Public(), private, nil
}

type recoverRevokeCmd struct {
	rootSigning
	Dir       string `arg:"" placeholder:"DIR" help:"The registry's folder."`
	Publisher string `arg:"" placeholder:"ID" help:"The publisher."`
	Key       string `arg:"" placeholder:"HINT" help:"The key, by its hint or the beginning of it: gal-pkg keys list ID."`
	Since     *int64 `placeholder:"LOG" help:"What it signed from this log index on is not offered any more."`
	Reason    string `required:"" placeholder:"TEXT" help:"Why; everybody can read it."`
	Output    string `placeholder:"FILE" help:"Publish nothing: write it into a file, for other root keys to sign."`
}

func (recoverRevokeCmd) Help() string {
	return `The root keys of the registry end a key of a publisher who cannot do it: because it was stolen, and there is no other
key. Where the key was in other hands before, --since names the place in the log from which on nothing that it signed is
offered. A key that was revoked can be given an earlier --since.

EXAMPLES
  gal-registry recover revoke ./registry ada 9zBwT4hJ --since 1204 --reason "stolen laptop" --root-key 1.pem --root-key 2.pem`
}

func (c *recoverRevokeCmd) Run(a *app) error {
	hint, err := c.hint()
	if err != nil {
		return err
	}
	return a.speak("recover-revoke", c.Dir, c.Output, site.Statement{
		Event: index.EventRevokeKey, Subject: c.Publisher, RootKeys: c.RootKey, Passphrase: c.passphrase(),
		Body: &index.RevokeKey{Key: hint, Reason: c.Reason, CompromisedSince: c.Since},
	})
}

// hint finds the key that is meant.
func (c *recoverRevokeCmd) hint() (string, error) {
	s, err := openSite(c.Dir)
	if err != nil {
		return "", err
	}
	defer s.Close()
	p, err := s.Publisher(c.Publisher)
	if err != nil {
		return "", err
	}
	var hints, found []string
	for _, k := range p.Keys {
		hints = append(hints, k.Public.Hint())
		if strings.HasPrefix(k.Public.Hint(), c.Key) {
			found = append(found, k.Public.Hint())
		}
	}
	if len(found) == 1 && len(c.Key) >= 6 {
		return found[0], nil
	}
	bad := fault.New(fault.NotFound, "key-unknown", "%q is not the hint of one key of %s, nor six or more characters of its beginning", c.Key, c.Publisher)
	for _, hint := range hints {
		bad.WithFact("%s", hint)
	}
	return "", bad
}

type recoverSignCmd struct {
	rootSigning
	File string `arg:"" placeholder:"FILE" help:"What was written with --output; it is written anew."`
	Yes  bool   `help:"Sign: you have read what it says."`
}

func (recoverSignCmd) Help() string {
	return `For the keeper of a root key, on a machine that needs neither the registry nor a network. Says what is to be signed, and
signs it with --yes.

EXAMPLES
  gal-registry recover sign mailbox.proposal
  gal-registry recover sign mailbox.proposal --root-key /media/b/root-3.pem --yes`
}

func (c *recoverSignCmd) Run(a *app) error {
	f, err := publish.LoadFile(c.File)
	if err != nil {
		return err
	}
	result := said{Registry: f.Registry, Says: strings.Join(wordsOf(f.Lines), "; "), File: c.File}
	for _, l := range f.Lines {
		if l.By != index.ByRoot {
			return fault.New(fault.Usage, "not-cosigned", "%s holds a %s line of %s, which no root key signs", c.File, l.Event, l.By)
		}
		a.Say("in %s: %s", f.Registry, desk.Words(l))
		result.Line = string(l.Digest())
	}
	if !c.Yes || len(c.RootKey) == 0 {
		a.Say("nothing was signed; to sign it: gal-registry recover sign %s --root-key KEY --yes", c.File)
		return a.Result("recover-sign", result, nil)
	}
	for _, file := range c.RootKey {
		key, err := sign.LoadKeyFile(file, c.passphrase())
		if err != nil {
			return err
		}
		for i, l := range f.Lines {
			if f.Lines[i], err = (publish.Author{ID: index.ByRoot, Key: key, Random: rand.Reader}).Cosign(f.Registry, l); err != nil {
				return err
			}
		}
	}
	if err := atomicfile.Write(c.File, f.Bytes(), 0o644); err != nil {
		return fault.New(fault.Manifest, "not-writable", "%s cannot be written", c.File).Because(err)
	}
	return a.Result("recover-sign", result, cmdline.Text("signed "+c.File+"\n"))
}

type recoverSubmitCmd struct {
	Dir  string `arg:"" placeholder:"DIR" help:"The registry's folder."`
	File string `arg:"" placeholder:"FILE" help:"What was written with --output, and signed."`
}

func (recoverSubmitCmd) Help() string {
	return `The registry's gate looks at it as at any proposal. Whoever may push can hand it in as well: gal-pkg proposal submit.

EXAMPLES
  gal-registry recover submit ./registry mailbox.proposal`
}

func (c *recoverSubmitCmd) Run(a *app) error {
	f, err := publish.LoadFile(c.File)
	if err != nil {
		return err
	}
	s, err := openSite(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	config, _, err := s.Config()
	if err != nil {
		return err
	}
	if config.ID != f.Registry {
		return fault.New(fault.Usage, "other-registry", "the proposal is for registry %s, not for %s", f.Registry, config.ID)
	}
	result := said{Registry: f.Registry, Says: strings.Join(wordsOf(f.Lines), "; "), Line: string(f.Lines[len(f.Lines)-1].Digest())}
	if result.Build, err = s.Submit(a.ctx, a.now(), f.Lines); err != nil {
		return err
	}
	return a.published("recover-submit", f.Lines, result)
}
