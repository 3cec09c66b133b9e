package desk

import (
	"context"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/version"
)

// Unfinished is a proposal that others have begun.
type Unfinished struct {
	Lines   []*index.Line
	Bundles map[index.Digest][]byte                   // of signatures by identities
	State   func(name string) (*index.Package, error) // the package that a line is about, verified
}

// CheckUnfinished holds the lines of a proposal that others have begun against the registry: that each still builds on what
// is last, is in time, and that every signature that it has is one of a live key, or identity, of who is named beside it.
//
// Errors: fault.Negative "proposal-outdated", "proposal-expired", fault.Integrity "signature-invalid", fault.Auth
// "key-unknown", "key-revoked", "identity-unknown"; those of package internal/keyless where its program cannot be asked.
func CheckUnfinished(ctx context.Context, r *remote.Registry, u Unfinished, now time.Time) error {
	c := checker{r, u, map[string]index.Digest{}, map[string]string{}}
	for _, l := range u.Lines {
		if l.Until.Before(now) {
			return fault.New(fault.Negative, "proposal-expired", "the proposal was good until %s", l.Until.UTC().Format(time.RFC3339)).
				WithFact("%s", Words(l)).WithHelp("make it anew")
		}
		after, err := c.expected(ctx, l)
		if err != nil {
			return err
		}
		if l.After != after {
			return fault.New(fault.Negative, "proposal-outdated", "%s has changed since the proposal was made", l.Subject).
				WithFact("%s", Words(l)).WithHelp("make it anew")
		}
		if err := c.signatures(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// checker goes over the lines of a proposal in order; what they bring is there for those behind them.
type checker struct {
	registry *remote.Registry
	proposal Unfinished
	heads    map[string]index.Digest // the last line of a publisher, by id
	keys     map[string]string       // that the proposal brings: the SPKI by id and hint
}

// expected is what a line must name in `after`.
func (c *checker) expected(ctx context.Context, l *index.Line) (index.Digest, error) {
	switch l.Body.(type) {
	case *index.Owners, *index.Tombstone, *index.Deprecate, *index.Recover:
		p, err := c.proposal.State(l.Subject)
		if err != nil {
			return "", err
		}
		return p.After(l.Event, version.Version{}, l.By), nil
	}
	if !l.Event.OfPublisher() {
		return l.After, nil // versions may come with the proposal: the gate looks at them
	}
	head, ok := c.heads[l.Subject]
	if !ok {
		p, _, err := Publisher(ctx, c.registry, l.Subject)
		if err != nil {
			return "", err
		}
		head = p.Head()
	}
	c.heads[l.Subject] = l.Digest()
	return head, nil
}

// signatures verifies what a line is signed with so far. A new key is one of its publisher's for its own signature beside
// that of an old one, and for the lines behind.
func (c *checker) signatures(ctx context.Context, l *index.Line) error {
	if b, ok := l.Body.(*index.Register); ok {
		c.keys[l.Subject+" "+hintOf(b.Key)] = b.Key
	}
	if err := c.signature(ctx, l, index.Cosignature{By: l.By, Key: l.Sig.Key, Value: l.Sig.Value, Bundle: l.Sig.Bundle}); err != nil {
		return err
	}
	if b, ok := l.Body.(*index.AddKey); ok {
		c.keys[l.Subject+" "+hintOf(b.Key)] = b.Key
	}
	for _, s := range l.Sig.Also {
		if err := c.signature(ctx, l, s); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) signature(ctx context.Context, l *index.Line, s index.Cosignature) error {
	if s.Bundle != "" {
		return c.identity(ctx, l, s)
	}
	spki, err := c.key(ctx, l, s)
	if err != nil {
		return err
	}
	return verify(c.registry, l, s.By, spki, s.Value)
}

// identity verifies the bundle of a signature: it is by an identity that the publisher has now.
func (c *checker) identity(ctx context.Context, l *index.Line, s index.Cosignature) error {
	p, _, err := Publisher(ctx, c.registry, s.By)
	if err != nil {
		return err
	}
	var live []sign.Identity
	for _, i := range p.Identities {
		if !i.IsRemoved() {
			live = append(live, sign.Identity{Issuer: i.Issuer, Subject: i.Subject})
		}
	}
	if len(live) == 0 {
		return fault.New(fault.Auth, "identity-unknown", "the proposal is signed by an identity, and publisher %s has none in %s", s.By, c.registry.ID())
	}
	bundles, err := c.registry.Snapshot.Bundles(ctx)
	if err != nil {
		return err
	}
	err = bundles.Verify(bundles.Root, c.proposal.Bundles[s.Bundle], l.Claim(c.registry.ID()), live)
	if err == nil || fault.KindOf(err) != fault.Integrity || fault.IsCode(err, "keyless-untrusted") {
		return err
	}
	return altered(l, s.By).Because(err)
}

// key returns the SPKI of the key that a signature names.
func (c *checker) key(ctx context.Context, l *index.Line, s index.Cosignature) (string, error) {
	if s.By == index.ByRoot || s.By == index.ByRegistry {
		return c.officialKey(ctx, l, s)
	}
	if spki, ok := c.keys[s.By+" "+s.Key]; ok {
		return spki, nil
	}
	p, _, err := Publisher(ctx, c.registry, s.By)
	if err != nil {
		return "", err
	}
	if key := p.Key(s.Key); key != nil && !key.IsRevoked() {
		return key.Public.String(), nil
	}
	return "", c.unknownKey(s)
}

func (c *checker) unknownKey(s index.Cosignature) *fault.Error {
	return fault.New(fault.Auth, "key-unknown", "the proposal is signed by a key that does not speak for %s in %s", s.By, c.registry.ID()).
		WithFact("key %s", s.Key)
}

// MissingOfficial returns how many signatures of the registry's own keys a line by @root or @registry still needs; none for
// other lines.
func MissingOfficial(ctx context.Context, r *remote.Registry, l *index.Line) (int, error) {
	if l.By != index.ByRoot && l.By != index.ByRegistry {
		return 0, nil
	}
	roots, err := r.Snapshot.Roots(ctx)
	if err != nil {
		return 0, err
	}
	_, role, err := roots.Role(l, lastLog)
	if err != nil {
		return 0, fault.New(fault.Negative, "proposal-outdated", "the proposal was signed under another root of trust").
			WithFact("%s", Words(l)).WithHelp("make it anew").Because(err)
	}
	signed := map[string]bool{l.Sig.Key: true}
	for _, c := range l.Sig.Also {
		if c.By == l.By {
			signed[c.Key] = true
		}
	}
	return max(0, role.Threshold-len(signed)), nil
}

// officialKey is key for the registry's own keys, which its roots name.
func (c *checker) officialKey(ctx context.Context, l *index.Line, s index.Cosignature) (string, error) {
	roots, err := c.registry.Snapshot.Roots(ctx)
	if err != nil {
		return "", err
	}
	_, role, err := roots.Role(l, lastLog)
	if err != nil || s.By != l.By {
		return "", c.unknownKey(s).Because(err)
	}
	for _, key := range role.Keys {
		if key.Hint() == s.Key {
			return key.String(), nil
		}
	}
	return "", c.unknownKey(s)
}

func verify(r *remote.Registry, l *index.Line, by, spki, value string) error {
	key, err := sign.ParsePublicKey(spki)
	if err == nil {
		err = sign.Verify(key, l.Claim(r.ID()), value)
	}
	if err == nil {
		return nil
	}
	return altered(l, by).Because(err)
}

func altered(l *index.Line, by string) *fault.Error {
	return fault.New(fault.Integrity, "signature-invalid", "SECURITY: the proposal is not what %s signed", by).
		WithFact("%s", Words(l)).WithFact("it was altered after that, or is for another registry")
}
