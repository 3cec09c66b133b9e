package main

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/publish"
)

type keysCmd struct {
	List   keysListCmd   `cmd:"" help:"List the keys of a publisher."`
	Add    keysAddCmd    `cmd:"" help:"Let a further key sign for you."`
	Rotate keysRotateCmd `cmd:"" help:"Put a new key in the place of yours."`
	Revoke keysRevokeCmd `cmd:"" help:"End one of your keys."`

	AddIdentity    keysAddIdentityCmd    `cmd:"" help:"Let a job publish for you, without a key."`
	RemoveIdentity keysRemoveIdentityCmd `cmd:"" help:"Let it no longer do so."`
}

type keysListCmd struct {
	ID string `arg:"" optional:"" help:"The publisher (default: config publisher)."`
	As string `placeholder:"ID" help:"The same, as other commands have it."`
}

func (keysListCmd) Help() string {
	return `Lists every key that a publisher has ever had, after the signatures of the publisher's file were verified. A key is
named by its hint, which lines of the index carry, and by the fingerprint that ssh-keygen -l prints. Log indexes are places
in the registry's transparency log: a key signs for lines between those of its beginning and its end.

EXAMPLES
  gal-pkg keys list
  gal-pkg keys list ada --format json`
}

// keysResult is the document of keys list.
type keysResult struct {
	Publisher string      `json:"publisher"`
	Registry  string      `json:"registry"`
	Contact   string      `json:"contact"`
	Keys      []keyResult `json:"keys"` // in the order of their arrival

	Identities []identityResult `json:"identities,omitempty"` // likewise
}

type keyResult struct {
	Hint         string  `json:"hint"`
	Fingerprint  string  `json:"fingerprint"`
	PublicKey    string  `json:"public-key"`
	State        string  `json:"state"` // live or revoked
	Added        moment  `json:"added"`
	Given        *string `json:"given,omitempty"` // why the registry's root keys gave it
	Revoked      *moment `json:"revoked"`
	Reason       string  `json:"reason"`        // of its end
	SuspectSince *int64  `json:"suspect-since"` // log index
}

type moment struct {
	Log int64  `json:"log"`
	At  string `json:"at"`
}

func momentOf(m desk.Moment) moment { return moment{m.Log, m.At.UTC().Format(time.RFC3339)} }

func (c *keysListCmd) Run(a *app) error {
	if c.ID != "" && c.As != "" && c.ID != c.As {
		return fault.New(fault.Usage, "usage", "the publisher is %s or %s; name one", c.ID, c.As).WithHelp("gal-pkg keys list --help")
	}
	if c.ID = cmp.Or(c.ID, c.As); c.ID == "" {
		config, err := a.config()
		if err != nil {
			return err
		}
		if c.ID = config.Values().Publisher; c.ID == "" {
			return fault.New(fault.Usage, "no-publisher", "whose keys to list is not known").
				WithHelp("gal-pkg keys list ID").WithHelp("gal-pkg config set publisher ID      # your id in registries")
		}
	}
	r, err := a.registry()
	if err != nil {
		return err
	}
	p, keys, err := desk.Publisher(a.ctx, r, c.ID)
	if err != nil {
		return err
	}
	if !p.Exists() {
		return desk.Unregistered(r, c.ID)
	}
	result := keysResult{Publisher: c.ID, Registry: r.ID(), Contact: p.Contact, Keys: []keyResult{}}
	for _, k := range keys {
		result.Keys = append(result.Keys, describeKey(k))
	}
	for _, i := range p.Identities {
		result.Identities = append(result.Identities, describeIdentity(i))
	}
	return a.Result("keys-list", result, func(w io.Writer) { writeKeys(w, result) })
}

func describeKey(k desk.Key) keyResult {
	r := keyResult{
		Hint: k.Public.Hint(), Fingerprint: k.Public.SSHFingerprint(), PublicKey: k.Public.String(),
		State: "live", Added: momentOf(k.Added), Given: k.Given, Reason: k.Reason, SuspectSince: k.Suspect,
	}
	if k.Revoked != nil {
		m := momentOf(*k.Revoked)
		r.State, r.Revoked = "revoked", &m
	}
	return r
}

func writeKeys(w io.Writer, r keysResult) {
	fmt.Fprintf(w, "%s in %s: %s\n", r.Publisher, r.Registry, cmdline.Plural(len(r.Keys), "key"))
	for _, k := range r.Keys {
		fmt.Fprintf(w, "\nkey          %s\nfingerprint  %s\nadded        %s  log %d\n", k.Hint, k.Fingerprint, k.Added.At, k.Added.Log)
		if k.Given != nil {
			fmt.Fprintf(w, "given        by the registry's root keys  %s\n", *k.Given)
		}
		if k.Revoked != nil {
			fmt.Fprintf(w, "revoked      %s  log %d  %s\n", k.Revoked.At, k.Revoked.Log, k.Reason)
		}
		if k.SuspectSince != nil {
			fmt.Fprintf(w, "SUSPECT      what it signed from log %d on\n", *k.SuspectSince)
		}
	}
	for _, i := range r.Identities {
		fmt.Fprintf(w, "\nidentity     %s\nissuer       %s\nadded        log %d\n", i.Subject, i.Issuer, i.Added)
		if i.Removed != nil {
			fmt.Fprintf(w, "removed      log %d\n", *i.Removed)
		}
	}
}

// identity is the author as the registry knows them.
type identity struct {
	registry  *remote.Registry
	author    publish.Author
	publisher *index.Publisher // verified
	keys      []desk.Key
}

// identity opens the key, and holds that it is a live one of its publisher.
func (a *app) identity(s signing) (*identity, error) {
	r, err := a.registry()
	if err != nil {
		return nil, err
	}
	author, err := a.author(s)
	if err != nil {
		return nil, err
	}
	p, keys, err := desk.Speaker(a.ctx, r, author)
	return &identity{r, author, p, keys}, err
}
