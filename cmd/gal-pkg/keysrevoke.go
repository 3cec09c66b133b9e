package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
)

type keysRevokeCmd struct {
	signing
	proposing
	Key    string `arg:"" name:"key" help:"Hint or fingerprint of the key, or six or more characters of its beginning."`
	Reason string `required:"" enum:"superseded,compromised" help:"Why: superseded, or compromised where somebody else may have had it."`
	Since  *int64 `placeholder:"LOG" help:"With compromised: the log index from which on what it signed is suspect."`
}

func (keysRevokeCmd) Help() string {
	return `Proposes the end of a key: nothing that it signs after the merge counts. What it signed before stays good, unless
--since says from which place in the log on somebody else had it: versions from there on are not offered any more, and keys
that it brought since are suspect too. gal-pkg keys list tells log indexes and their times. Only the key itself can say so
of the past, and a person at the registry looks at it.

A compromised key that is your only one is not revoked: nobody could sign for you afterwards. Add another first, gal-pkg keys
add, and revoke this one while that is live. If you have lost all keys, the operator of the registry can help, who knows you
from elsewhere.

EXAMPLES
  gal-pkg keys revoke XFUQjL+d --reason superseded
  gal-pkg keys revoke SHA256:Zk3 --reason compromised --since 1182 --sign stolen.pem`
}

func (c *keysRevokeCmd) Run(a *app) error {
	if err := a.onlineUnless(c.Output != ""); err != nil {
		return err
	}
	if c.Since != nil && (c.Reason != "compromised" || *c.Since < 0) {
		return fault.New(fault.Usage, "usage", "--since is a log index, and goes with --reason compromised").WithHelp("gal-pkg keys revoke --help")
	}
	me, err := a.identity(c.signing)
	if err != nil {
		return err
	}
	key, err := me.find(c.Key)
	if err != nil {
		return err
	}
	hint := key.Public.Hint()
	if key.Revoked != nil {
		return a.nothingToDo(me.registry, "key %s is revoked already", hint)
	}
	if c.Since != nil && hint != me.author.Key.Public().Hint() {
		return fault.New(fault.Auth, "since-needs-key", "only the key itself can say that it was compromised before").
			WithFact("to end  %s", hint).WithFact("signing %s", me.author.Key.Public().Hint()).
			WithHelp("pass --sign FILE with that key, or leave --since out")
	}
	last := !slices.ContainsFunc(me.keys, func(k desk.Key) bool { return k.Revoked == nil && k.Public != key.Public })
	if last && c.Reason == "compromised" {
		return fault.New(fault.Negative, "last-key", "%s is the only key of %s: nobody could sign for %s afterwards, nor undo what others have signed with it", hint, me.author.ID, me.author.ID).
			WithHelp("gal-pkg keygen --output NEW.pem").WithHelp("gal-pkg keys add NEW.pem      # then revoke this one").
			WithHelp("or ask the registry's operator: gal-registry recover")
	}
	if last {
		if err := a.confirm(fmt.Sprintf("This is the last key of %s; nobody can sign for %s afterwards. Revoke it?", me.author.ID, me.author.ID), "--yes"); err != nil {
			return err
		}
	}
	line, err := me.author.RevokeKey(me.registry.ID(), me.publisher.Head(), hint, c.Reason, c.Since)
	if err != nil {
		return badLine(err)
	}
	return a.bring(&proposal{registry: me.registry, author: me.author, lines: []*index.Line{line}, flags: c.proposing})
}

// minKeyText is how much of a hint or fingerprint names a key.
const minKeyText = 6

// find returns the key that a hint, a fingerprint or the beginning of one names.
func (me *identity) find(text string) (*desk.Key, error) {
	var found []desk.Key
	short := strings.TrimPrefix(text, "SHA256:")
	for _, k := range me.keys {
		hint, print := k.Public.Hint(), strings.TrimPrefix(k.Public.SSHFingerprint(), "SHA256:")
		if len(short) >= minKeyText && (strings.HasPrefix(hint, text) || strings.HasPrefix(print, short)) {
			found = append(found, k)
		}
	}
	if len(found) == 1 {
		return &found[0], nil
	}
	problem := "%s has no key %q"
	if len(short) < minKeyText {
		problem = "of the keys of %s none can be named by %q, which is too short: six or more characters of the beginning do"
	}
	if len(found) > 1 {
		problem = "%s has several keys that begin with %q"
	}
	err := fault.New(fault.NotFound, "no-such-key", problem, me.author.ID, text)
	for _, k := range me.keys {
		err.WithFact("key %s  %s", k.Public.Hint(), k.Public.SSHFingerprint())
	}
	return nil, err
}
