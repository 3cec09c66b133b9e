package publish

import (
	"cmp"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/version"
)

// DefaultUntil is how long a proposal may wait for its merge.
const DefaultUntil = 14 * 24 * time.Hour

// Author is a publisher with a key; or, with the id @root or @registry, the registry itself with one of its own keys.
type Author struct {
	ID     string
	Root   *int64 // for the registry itself: the version of the root that names its key
	Key    *sign.PrivateKey
	Random io.Reader // for signatures: crypto/rand.Reader
	Now    time.Time
}

// Register returns the line that makes the author known to a registry.
func (a Author) Register(registry, contact string, accounts []string) (*index.Line, error) {
	body := &index.Register{Key: a.Key.Public().String(), Contact: contact, Accounts: accounts}
	return a.Sign(registry, &index.Line{Event: index.EventRegister, Subject: a.ID, Body: body})
}

// Publish returns the line of a new version. State is the package in the registry, nil where there is none.
func (a Author) Publish(registry string, state *index.Package, d *Draft) (*index.Line, error) {
	l := &index.Line{Event: index.EventPublish, Subject: d.Name, Body: d.Publish}
	if state != nil {
		l.After = state.After(index.EventPublish, d.Publish.Version, a.ID)
	}
	return a.Sign(registry, l)
}

// PublishKeyless is Publish for a publisher of whom only an identity is here: signing is called with what it is to sign, and
// returns the bundle, which the line names by its digest.
func (a Author) PublishKeyless(registry string, state *index.Package, d *Draft, signing func(sign.Claim) ([]byte, error)) (*index.Line, []byte, error) {
	l := &index.Line{V: index.LineVersion, Event: index.EventPublish, Subject: d.Name, Body: d.Publish, By: a.ID}
	if state != nil {
		l.After = state.After(index.EventPublish, d.Publish.Version, a.ID)
	}
	l.Until = a.Now.UTC().Add(DefaultUntil).Truncate(time.Second)
	bundle, err := signing(l.Claim(registry))
	if err != nil {
		return nil, nil, err
	}
	l.Sig = index.Signature{Bundle: index.DigestOf(bundle)}
	return l, bundle, l.Check()
}

// Yank returns the line that takes a version out of new resolutions.
func (a Author) Yank(registry string, state *index.Package, y *index.Yank) (*index.Line, error) {
	return a.about(registry, state, index.EventYank, y.Version, y)
}

// Unyank returns the line that undoes a yank.
func (a Author) Unyank(registry string, state *index.Package, v version.Version, reason string) (*index.Line, error) {
	return a.about(registry, state, index.EventUnyank, v, &index.Unyank{Version: v, Reason: reason})
}

func (a Author) about(registry string, state *index.Package, event index.Event, v version.Version, body index.Body) (*index.Line, error) {
	return a.Sign(registry, &index.Line{Event: event, Subject: state.Name, Body: body, After: state.After(event, v, a.ID)})
}

// Sign completes a line of any event: who speaks, until when where the line does not say, and the signature. Also are
// further authors whose signatures the line needs: other owners, or the same publisher with a new key.
func (a Author) Sign(registry string, l *index.Line, also ...Author) (*index.Line, error) {
	signed := *l
	signed.V, signed.By, signed.Root, signed.Sig = index.LineVersion, a.ID, a.Root, index.Signature{}
	if signed.Until.IsZero() {
		signed.Until = a.Now.UTC().Add(DefaultUntil).Truncate(time.Second)
	}
	value, err := a.Key.Sign(a.Random, signed.Claim(registry))
	if err != nil {
		return nil, err
	}
	signed.Sig = index.Signature{Key: a.Key.Public().Hint(), Value: value}
	for _, other := range also {
		value, err := other.Key.Sign(other.Random, signed.Claim(registry))
		if err != nil {
			return nil, err
		}
		signed.Sig.Also = append(signed.Sig.Also, index.Cosignature{By: other.ID, Key: other.Key.Public().Hint(), Value: value})
	}
	signed.Sig.Also = sortCosignatures(signed.Sig.Also)
	return &signed, signed.Check()
}

func sortCosignatures(list []index.Cosignature) []index.Cosignature {
	slices.SortFunc(list, func(x, y index.Cosignature) int {
		return cmp.Or(strings.Compare(x.By, y.By), strings.Compare(x.Key, y.Key))
	})
	return list
}
