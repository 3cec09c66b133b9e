package index

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/sign"
)

// never is the log index of what has not happened.
const never = math.MaxInt64

// maxUntil is how far after its merge a line may say that it is still good.
const maxUntil = 90 * 24 * time.Hour

// Ineffective says why a line does not count. A line that does not count changes nothing: no head, no name, no version.
type Ineffective struct {
	Code   string // one of the codes below
	Reason string
}

const (
	DeadSubject   = "other-subject"   // the line is about another package or publisher than its file
	DeadReplayed  = "replayed"        // it does not build on the line that is last
	DeadExpired   = "expired"         // it was merged after its `until`, or `until` is too far away
	DeadClosed    = "closed"          // the file is closed by a tombstone or by a line of a newer format
	DeadUnknown   = "unknown-key"     // its key is not one of the publisher that it names
	DeadRevoked   = "revoked-key"     // its key had been revoked
	DeadNotOwner  = "not-owner"       // its signer does not own the package
	DeadThreshold = "below-threshold" // too few owners signed
	DeadTaken     = "taken"           // the version, key or identity is there already
	DeadMissing   = "nothing-there"   // there is no such version, key, identity or owner to act on
	DeadRoot      = "no-root"         // it is by @registry or @root, and the root that it names is not in force at its place
	DeadKeyless   = "keyless"         // it is signed by an identity, where only a key may sign
)

func (e *Ineffective) Error() string { return e.Reason }

func dead(code, format string, args ...any) error {
	return &Ineffective{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// Dead is a line that stands in a file and does not count.
type Dead struct {
	Entry Entry
	Err   error
}

// PublisherKey is a key that has belonged to a publisher, with the log indexes of its life.
type PublisherKey struct {
	Public      sign.PublicKey
	Added       int64
	Revoked     int64 // never where it is still good
	Compromised int64 // from here on what it signed is suspect; never where nothing is known
}

// Live reports whether the key could sign a line that stands at the given place in the log.
func (k *PublisherKey) Live(log int64) bool { return k.Added < log && log < k.Revoked }

// hint is that of the key, "" where there is none because an identity signed.
func (k *PublisherKey) hint() string {
	if k == nil {
		return ""
	}
	return k.Public.Hint()
}

// IsRevoked reports whether the key has been revoked at any time.
func (k *PublisherKey) IsRevoked() bool { return k.Revoked != never }

// Publisher is what a publisher's file says, folded from its first line to its last.
type Publisher struct {
	ID         string
	Registered int64
	Contact    string
	Accounts   []string
	Keys       []*PublisherKey // in the order of their arrival
	Identities []Identity
	Recovered  *Recovery // the last key that @root gave them, until they have signed a line of this file since
	Dead       []Dead

	registry    string
	roots       Roots
	file        [sha256.Size]byte // digest of the file that it was folded from, where a snapshot did
	head        Digest
	closed      bool
	obligations []Obligation
}

// Identity is an OpenID Connect identity of a publisher, with the log indexes of its life.
type Identity struct {
	Issuer, Subject string
	Added           int64
	Removed         int64 // never where it is still good
	Compromised     int64 // from here on what it signed is suspect; never where nothing is known
}

// Live reports whether the identity could sign a line that stands at the given place in the log.
func (i Identity) Live(log int64) bool { return i.Added < log && log < i.Removed }

// IsRemoved reports whether the identity has been removed.
func (i Identity) IsRemoved() bool { return i.Removed != never }

// NewPublisher returns the state of a publisher's file before its first line, in a registry where nobody speaks as @root.
// Registry is the id that its signatures are bound to.
func NewPublisher(registry, id string) *Publisher { return Roots(nil).NewPublisher(registry, id) }

// NewPublisher is the function of that name, for a registry with these roots.
func (r Roots) NewPublisher(registry, id string) *Publisher {
	return &Publisher{ID: id, registry: registry, roots: r, Registered: never}
}

// FoldPublisher applies every entry of a file; those that do not count are kept in Dead.
func FoldPublisher(registry, id string, entries []Entry) *Publisher {
	return Roots(nil).FoldPublisher(registry, id, entries)
}

// FoldPublisher is the function of that name, for a registry with these roots.
func (r Roots) FoldPublisher(registry, id string, entries []Entry) *Publisher {
	p := r.NewPublisher(registry, id)
	for _, e := range entries {
		if _, err := p.Apply(e); err != nil {
			p.Dead = append(p.Dead, Dead{e, err})
		}
	}
	return p
}

// Exists reports whether a registration counts.
func (p *Publisher) Exists() bool { return p != nil && p.Registered != never }

// Head returns the digest that the publisher's next line must name in `after`.
func (p *Publisher) Head() Digest { return p.head }

// Key returns the key with a hint, nil where the publisher never had it.
func (p *Publisher) Key(hint string) *PublisherKey {
	if p == nil {
		return nil
	}
	for _, k := range p.Keys {
		if k.Public.Hint() == hint {
			return k
		}
	}
	return nil
}

// Apply folds one more entry. It checks everything but the signatures themselves, which it returns, the line's own first;
// an error is an [*Ineffective] and leaves p as it was.
func (p *Publisher) Apply(e Entry) ([]Obligation, error) {
	l := e.Line
	switch {
	case p.closed:
		return nil, dead(DeadClosed, "the file is closed by a line of a newer format; update gal-pkg")
	case l.Subject != p.ID:
		return nil, dead(DeadSubject, "the line is about %q", l.Subject)
	case l.After != p.head:
		return nil, dead(DeadReplayed, "it builds on %s, the last line is %s", orNone(l.After), orNone(p.head))
	}
	if err := checkUntil(e); err != nil {
		return nil, err
	}
	if l.V != LineVersion {
		p.closed = true
		return nil, nil
	}
	before := len(p.obligations)
	if err := p.apply(e); err != nil {
		return nil, err
	}
	if p.head = l.Digest(); l.By == p.ID {
		p.Recovered = nil
	}
	return p.obligations[before:], nil
}

func orNone(d Digest) string {
	if d == "" {
		return "nothing"
	}
	return string(d)
}

func checkUntil(e Entry) error {
	if e.At.After(e.Line.Until) {
		return dead(DeadExpired, "it was good until %s and merged at %s", formatTime(e.Line.Until), formatTime(e.At))
	}
	if e.Line.Until.After(e.At.Add(maxUntil)) {
		return dead(DeadExpired, "its until, %s, is more than 90 days after its merge", formatTime(e.Line.Until))
	}
	return nil
}

func (p *Publisher) apply(e Entry) error {
	if r, ok := e.Line.Body.(*Register); ok {
		return p.applyRegister(e, r)
	}
	if !p.Exists() {
		return dead(DeadMissing, "publisher %s is not registered", p.ID)
	}
	if official(e.Line.By) {
		return p.applyOfficial(e)
	}
	signer, err := p.signer(e)
	if err != nil {
		return err
	}
	own := newObligation(p.registry, e, signer, e.Line.own())
	switch b := e.Line.Body.(type) {
	case *AddKey:
		return p.applyAddKey(e, b, []Obligation{own})
	case *RevokeKey:
		err = p.applyRevokeKey(e, b)
	case *AddIdentity:
		err = p.applyAddIdentity(e, b)
	case *RemoveIdentity:
		err = p.applyRemoveIdentity(e, b)
	default:
		err = dead(DeadSubject, "a %s line does not belong in a publisher's file", e.Line.Event)
	}
	if err == nil {
		p.obligations = append(p.obligations, own)
	}
	return err
}

// applyOfficial folds a line of @root: what it says of keys, it says for a publisher who has none that could.
func (p *Publisher) applyOfficial(e Entry) error {
	obligations, err := p.roots.obligations(p.registry, e)
	if err != nil {
		return err
	}
	switch b := e.Line.Body.(type) {
	case *AddKey:
		if err := p.applyAddKey(e, b, obligations); err != nil {
			return err
		}
		p.Recovered = &Recovery{Publisher: p.ID, At: e.At, Log: e.Log, Reason: b.Reason}
		return nil
	case *RevokeKey:
		if err := p.applyRevokeKey(e, b); err != nil {
			return err
		}
		p.obligations = append(p.obligations, obligations...)
		return nil
	}
	return dead(DeadSubject, "a %s line does not belong in a publisher's file", e.Line.Event)
}

// signer returns the live key of this publisher that signed the line. Identities are those of jobs: they speak for
// packages, and not for who their publisher is.
func (p *Publisher) signer(e Entry) (signer, error) {
	if e.Line.Sig.Bundle != "" && e.Line.By == p.ID {
		return signer{}, dead(DeadKeyless, "it is signed by an identity, and lines of a publisher's own file are signed by keys")
	}
	return liveSigner(p, e.Line.own(), e.Log)
}

func (p *Publisher) applyRegister(e Entry, r *Register) error {
	if p.Exists() {
		return dead(DeadTaken, "publisher %s is registered already", p.ID)
	}
	public, err := sign.ParsePublicKey(r.Key)
	switch {
	case err != nil:
		return dead(DeadUnknown, "%v", err)
	case e.Line.By != p.ID:
		return dead(DeadUnknown, "a registration is by the publisher itself, not by %s", e.Line.By)
	case e.Line.Sig.Bundle != "" || e.Line.Sig.Key != public.Hint():
		return dead(DeadUnknown, "a registration is signed by the key that it names")
	}
	p.Registered, p.Contact, p.Accounts = e.Log, r.Contact, r.Accounts
	p.Keys = []*PublisherKey{{Public: public, Added: e.Log, Revoked: never, Compromised: never}}
	p.obligations = append(p.obligations, newObligation(p.registry, e, signer{key: p.Keys[0]}, e.Line.own()))
	return nil
}

func (p *Publisher) applyAddKey(e Entry, a *AddKey, old []Obligation) error {
	public, err := sign.ParsePublicKey(a.Key)
	if err != nil {
		return dead(DeadUnknown, "%v", err)
	}
	if p.Key(public.Hint()) != nil {
		return dead(DeadTaken, "key %s has been there before, and never comes back", public.Hint())
	}
	own := slices.IndexFunc(e.Line.Sig.Also, func(c Cosignature) bool { return c.By == p.ID && c.Key == public.Hint() })
	if own < 0 {
		return dead(DeadThreshold, "the new key has not signed")
	}
	key := &PublisherKey{Public: public, Added: e.Log, Revoked: never, Compromised: never}
	if e.Line.By == p.ID && p.Key(e.Line.Sig.Key).Compromised <= e.Log {
		key.Compromised = e.Log // what a thief brings is the thief's
	}
	p.Keys = append(p.Keys, key)
	p.obligations = append(append(p.obligations, old...), newObligation(p.registry, e, signer{key: key}, e.Line.Sig.Also[own]))
	return nil
}

func (p *Publisher) applyRevokeKey(e Entry, r *RevokeKey) error {
	key, since := p.Key(r.Key), int64(never)
	if r.CompromisedSince != nil {
		since = *r.CompromisedSince
	}
	switch {
	case key == nil:
		return dead(DeadMissing, "publisher %s has no key %s", p.ID, r.Key)
	case key.IsRevoked() && (e.Line.By != ByRoot || since >= key.Compromised):
		return dead(DeadTaken, "key %s is revoked already", r.Key)
	case since < e.Log && e.Line.Sig.Key != r.Key && e.Line.By != ByRoot:
		return dead(DeadNotOwner, "only the key itself or the root can say that it has been compromised since before")
	}
	key.Revoked, key.Compromised = min(key.Revoked, e.Log), since
	p.compromiseHeirs(key)
	return nil
}

// compromiseHeirs makes every key and identity suspect from its arrival that a compromised key brought in.
func (p *Publisher) compromiseHeirs(thief *PublisherKey) {
	for _, o := range p.obligations {
		if o.Line.By != p.ID || o.Line.Sig.Key != thief.Public.Hint() {
			continue
		}
		if _, ok := o.Line.Body.(*AddIdentity); ok {
			p.compromiseIdentity(o.log, thief.Compromised)
		}
		a, ok := o.Line.Body.(*AddKey)
		if !ok {
			continue
		}
		public, err := sign.ParsePublicKey(a.Key)
		if err != nil {
			continue
		}
		if heir := p.Key(public.Hint()); heir != nil && heir.Added >= thief.Compromised && heir.Compromised > heir.Added {
			heir.Compromised = heir.Added
			p.compromiseHeirs(heir)
		}
	}
}

// compromiseIdentity makes the identity suspect that came at a place in the log, at or after a thief.
func (p *Publisher) compromiseIdentity(added, since int64) {
	for n := range p.Identities {
		if i := &p.Identities[n]; i.Added == added && added >= since {
			i.Compromised = added
		}
	}
}

func (p *Publisher) applyAddIdentity(e Entry, a *AddIdentity) error {
	for _, id := range p.Identities {
		if id.Issuer == a.Issuer && id.Subject == a.Subject && id.Removed == never {
			return dead(DeadTaken, "identity %s of %s is there already", a.Subject, a.Issuer)
		}
	}
	id := Identity{Issuer: a.Issuer, Subject: a.Subject, Added: e.Log, Removed: never, Compromised: never}
	if p.Key(e.Line.Sig.Key).Compromised <= e.Log {
		id.Compromised = e.Log // what a thief brings is the thief's
	}
	p.Identities = append(p.Identities, id)
	return nil
}

func (p *Publisher) applyRemoveIdentity(e Entry, r *RemoveIdentity) error {
	for i := range p.Identities {
		if id := &p.Identities[i]; id.Issuer == r.Issuer && id.Subject == r.Subject && id.Removed == never {
			id.Removed = e.Log
			return nil
		}
	}
	return dead(DeadMissing, "publisher %s has no identity %s of %s", p.ID, r.Subject, r.Issuer)
}

// samePath reports whether a subject belongs into the file with a path key.
func samePath(subject, key string) bool { return manifest.Key(subject) == key }
