package publish

import (
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/version"
)

// AddKey returns the line that gives the author a further key. After is the publisher's last line. The line needs the
// signature of the new key too: it is made here where the private key is given, else left to whoever holds it.
func (a Author) AddKey(registry string, after index.Digest, key sign.PublicKey, private *sign.PrivateKey, reason string) (*index.Line, error) {
	var also []Author
	if private != nil {
		also = []Author{{ID: a.ID, Key: private, Random: a.Random}}
	}
	body := &index.AddKey{Key: key.String(), Reason: reason}
	return a.Sign(registry, &index.Line{Event: index.EventAddKey, Subject: a.ID, Body: body, After: after}, also...)
}

// RevokeKey returns the line that ends one of the author's keys. Since is the log index from which on what the key signed
// is suspect, nil where nobody else had it.
func (a Author) RevokeKey(registry string, after index.Digest, hint, reason string, since *int64) (*index.Line, error) {
	body := &index.RevokeKey{Key: hint, Reason: reason, CompromisedSince: since}
	return a.Sign(registry, &index.Line{Event: index.EventRevokeKey, Subject: a.ID, Body: body, After: after})
}

// AddIdentity returns the line after which an identity speaks for the author in packages, without a key.
func (a Author) AddIdentity(registry string, after index.Digest, who sign.Identity) (*index.Line, error) {
	body := &index.AddIdentity{Issuer: who.Issuer, Subject: who.Subject}
	return a.Sign(registry, &index.Line{Event: index.EventAddIdentity, Subject: a.ID, Body: body, After: after})
}

// RemoveIdentity returns the line that ends that. What the identity signed before stays good.
func (a Author) RemoveIdentity(registry string, after index.Digest, who sign.Identity) (*index.Line, error) {
	body := &index.RemoveIdentity{Issuer: who.Issuer, Subject: who.Subject}
	return a.Sign(registry, &index.Line{Event: index.EventRemoveIdentity, Subject: a.ID, Body: body, After: after})
}

// Rotate returns the two lines that put a new key in the place of the author's: the old one signs that it goes.
func (a Author) Rotate(registry string, after index.Digest, next *sign.PrivateKey) ([]*index.Line, error) {
	add, err := a.AddKey(registry, after, next.Public(), next, "rotation")
	if err != nil {
		return nil, err
	}
	revoke, err := a.RevokeKey(registry, add.Digest(), a.Key.Public().Hint(), "superseded", nil)
	return []*index.Line{add, revoke}, err
}

// Owners returns the line that gives a package other owners, in any order, of whom threshold must sign the next such line.
func (a Author) Owners(registry string, state *index.Package, owners []string, threshold int, reason string) (*index.Line, error) {
	owners = slices.Compact(slices.Sorted(slices.Values(owners)))
	return a.about(registry, state, index.EventOwners, version.Version{}, &index.Owners{Owners: owners, Threshold: int64(threshold), Reason: reason})
}

// Deprecate returns the line that advises against a package; with neither message nor replacement it takes that back.
func (a Author) Deprecate(registry string, state *index.Package, message, replacement string) (*index.Line, error) {
	return a.about(registry, state, index.EventDeprecate, version.Version{}, &index.Deprecate{Message: message, Replacement: replacement})
}

// Tombstone returns the line that closes a package.
func (a Author) Tombstone(registry string, state *index.Package, reason string) (*index.Line, error) {
	return a.about(registry, state, index.EventTombstone, version.Version{}, &index.Tombstone{Reason: reason})
}

// Cosign adds the author's signature to a line that others have signed, and returns the line with it. The statement, and
// with it the line's digest, stays what it was.
//
// Errors: fault.Negative "signed-already" for a key whose signature is there, fault.Usage "not-cosigned" for an event
// that takes no further signatures.
func (a Author) Cosign(registry string, l *index.Line) (*index.Line, error) {
	hint := a.Key.Public().Hint()
	if !takesMore(l, a.ID) {
		return nil, fault.New(fault.Usage, "not-cosigned", "a %s line takes one signature, and has it", l.Event)
	}
	if l.Sig.Key == hint || slices.ContainsFunc(l.Sig.Also, func(c index.Cosignature) bool { return c.Key == hint }) {
		return nil, fault.New(fault.Negative, "signed-already", "the line has a signature of key %s already", hint)
	}
	// A line that was read keeps its bytes, so this is a new one of the same members.
	signed := &index.Line{V: l.V, Event: l.Event, Subject: l.Subject, Body: l.Body, Root: l.Root, By: l.By, After: l.After, Until: l.Until, Sig: l.Sig}
	value, err := a.Key.Sign(a.Random, signed.Claim(registry))
	if err != nil {
		return nil, err
	}
	signed.Sig.Also = sortCosignatures(append(slices.Clone(l.Sig.Also), index.Cosignature{By: a.ID, Key: hint, Value: value}))
	return signed, signed.Check()
}

// takesMore reports whether a further signature of an author can be of use to a line: those of @root take several of root
// keys.
func takesMore(l *index.Line, author string) bool {
	switch l.Body.(type) {
	case *index.Owners, *index.Tombstone, *index.AddKey:
		return true
	}
	return l.By == index.ByRoot && author == index.ByRoot
}

// Missing returns how many signatures a line still needs before it can count. State is the package that it is about, nil
// for the lines of publishers. That those who signed may sign is the gate's to say.
func Missing(state *index.Package, l *index.Line) int {
	switch b := l.Body.(type) {
	case *index.AddKey:
		key, err := sign.ParsePublicKey(b.Key)
		if err == nil && slices.ContainsFunc(l.Sig.Also, func(c index.Cosignature) bool { return c.Key == key.Hint() }) {
			return 0
		}
		return 1
	case *index.Owners, *index.Tombstone:
		if state == nil {
			return 0
		}
		return max(0, int(state.Threshold)-len(Signers(state, l)))
	}
	return 0
}

// Signers returns the owners of a package who have signed a line, sorted.
func Signers(state *index.Package, l *index.Line) []string {
	var ids []string
	for _, id := range state.Owners {
		if id == l.By || slices.ContainsFunc(l.Sig.Also, func(c index.Cosignature) bool { return c.By == id }) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
