package index

import (
	"slices"

	"github.com/geeknik/gal-pkg/sign"
)

// signer is who a signature is by: a key of a publisher, or one of its identities.
//
// Which identity it was stands in the bundle, and folding reads no bundles: it would have to fetch one for every version
// there is. So it could be any that was live at that place; whoever discharges the obligation finds out whether it was one
// of them. A line is suspect where one of them is: of two identities at a time, a thief's may be the one.
type signer struct {
	key        *PublisherKey // nil for an identity
	identities []Identity
}

// suspect reports whether somebody else may have signed the line at a place in the log.
func (s signer) suspect(log int64) bool {
	if s.key != nil {
		return s.key.Compromised <= log
	}
	return slices.ContainsFunc(s.identities, func(i Identity) bool { return i.Compromised <= log })
}

// own is the line's own signature, as one of those that it may have.
func (l *Line) own() Cosignature {
	return Cosignature{By: l.By, Key: l.Sig.Key, Value: l.Sig.Value, Bundle: l.Sig.Bundle}
}

// liveSigner finds the key that a signature names among those of the publisher that it is by, or the identities that were
// live then. It never tries another key.
func liveSigner(p *Publisher, c Cosignature, log int64) (signer, error) {
	switch {
	case official(c.By):
		return signer{}, dead(DeadRoot, "%s signs its own lines alone", c.By)
	case p == nil || p.ID != c.By || !p.Exists():
		return signer{}, dead(DeadUnknown, "publisher %s is not registered", c.By)
	case c.Bundle != "":
		return liveIdentity(p, log)
	}
	key := p.Key(c.Key)
	switch {
	case key == nil || key.Added >= log:
		return signer{}, dead(DeadUnknown, "key %s is not one of publisher %s", c.Key, c.By)
	case !key.Live(log):
		return signer{}, dead(DeadRevoked, "key %s of publisher %s was revoked at log index %d", c.Key, c.By, key.Revoked)
	}
	return signer{key: key}, nil
}

func liveIdentity(p *Publisher, log int64) (signer, error) {
	var live []Identity
	for _, i := range p.Identities {
		if i.Live(log) {
			live = append(live, i)
		}
	}
	switch {
	case len(live) > 0:
		return signer{identities: live}, nil
	case len(p.Identities) > 0:
		return signer{}, dead(DeadRevoked, "it is signed by an identity, and publisher %s had none at that time", p.ID)
	}
	return signer{}, dead(DeadUnknown, "it is signed by an identity, and publisher %s has none", p.ID)
}

// known returns the identities in the form of their signatures.
func (s signer) known() []sign.Identity {
	list := make([]sign.Identity, len(s.identities))
	for n, i := range s.identities {
		list[n] = sign.Identity{Issuer: i.Issuer, Subject: i.Subject}
	}
	return list
}
