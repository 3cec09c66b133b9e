package site

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/version"
)

// Statement is what the registry itself has to say of a package or a publisher. Yanks and deprecations are signed by the
// targets key, as @registry; recoveries and what is said of keys by the root keys, as @root.
type Statement struct {
	Event   index.Event
	Subject string // the name of a package, or the id of a publisher
	Body    index.Body

	NewKey     *sign.PrivateKey       // the one that is added, where it is at hand: it signs too
	RootKeys   []string               // files of the root keys that sign, beside those in keys/
	Passphrase func() ([]byte, error) // of these files; nil where they are not encrypted
}

// Spoken is a line of the registry itself.
type Spoken struct {
	Registry string
	Line     *index.Line
	Missing  int // signatures of root keys, and of the new key, that it still needs
}

// Speak makes the line of a statement, for the registry as it stands once all that waited is published. The line is on
// nobody's way yet: [Site.Submit] publishes it.
//
// Errors: fault.Auth "key-missing" where there is no key at all to sign with, fault.NotFound "package-not-found",
// "version-not-found", "publisher-not-found".
func (s *Site) Speak(ctx context.Context, now time.Time, st Statement) (*Spoken, error) {
	if err := st.check(); err != nil {
		return nil, err
	}
	release, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if _, err := s.build(ctx, now); err != nil {
		return nil, err
	}
	root, _, err := s.Root()
	if err != nil {
		return nil, err
	}
	ledger, err := s.ledger()
	if err != nil {
		return nil, err
	}
	by, role := st.speaker(root)
	after, err := st.after(ledger, by)
	if err != nil {
		return nil, err
	}
	keys, err := s.officialKeys(st, by, role)
	if err != nil {
		return nil, err
	}
	author := publish.Author{ID: by, Root: &root.Version, Random: rand.Reader, Now: now}
	return st.sign(ledger.Registry(), author, keys, role.Threshold, after)
}

// speaker is who says it, and with which keys.
func (st Statement) speaker(root *tuf.Root) (by string, role tuf.Role) {
	if st.Event.OfPublisher() || st.Event == index.EventRecover {
		return index.ByRoot, root.Roles.Root
	}
	return index.ByRegistry, root.Roles.Targets
}

// sign signs with all the keys; the author has the keys one after the other.
func (st Statement) sign(registry string, author publish.Author, keys []*sign.PrivateKey, threshold int, after index.Digest) (*Spoken, error) {
	missing := threshold - len(keys)
	var also []publish.Author
	for _, key := range keys[1:] {
		other := author
		other.Key = key
		also = append(also, other)
	}
	if _, ok := st.Body.(*index.AddKey); ok && st.NewKey == nil {
		missing++
	} else if ok {
		also = append(also, publish.Author{ID: st.Subject, Key: st.NewKey, Random: author.Random})
	}
	author.Key = keys[0]
	line, err := author.Sign(registry, &index.Line{Event: st.Event, Subject: st.Subject, Body: st.Body, After: after}, also...)
	if err != nil && fault.Of(err) == nil {
		err = fault.New(fault.Usage, "bad-line", "the index cannot hold this").Because(err)
	}
	return &Spoken{registry, line, missing}, err
}

// Publisher returns what is published of a publisher; the error has code publisher-not-found where there is none.
func (s *Site) Publisher(id string) (*index.Publisher, error) {
	if err := index.CheckID(id); err != nil {
		return nil, fault.New(fault.Usage, "bad-publisher", "%v", err)
	}
	ledger, err := s.ledger()
	if err != nil {
		return nil, err
	}
	p, err := ledger.Publisher(id)
	if err == nil && (!p.Exists() || p.ID != id) {
		return nil, fault.New(fault.NotFound, "publisher-not-found", "no publisher %s is registered here", id)
	}
	return p, err
}

// Package returns what is published of a package, nil for nothing.
func (s *Site) Package(name string) (*index.Package, error) {
	ledger, err := s.ledger()
	if err != nil {
		return nil, err
	}
	p, err := ledger.Package(name)
	if err != nil || !p.Exists() {
		return nil, err
	}
	return p, nil
}

// ledger decides over lines behind those that are published.
func (s *Site) ledger() (*build.Ledger, error) {
	main, err := s.repo.Ref(mainRef)
	if err != nil {
		return nil, err
	}
	config, _, err := s.config(main)
	if err != nil {
		return nil, err
	}
	dist, done, err := s.published()
	if err != nil {
		return nil, err
	}
	ledger := build.NewLedger(config.ID, tree{s.repo, dist}, done.size)
	ledger.Roots, err = s.roots(tree{s.repo, dist})
	return ledger, err
}

// officialKeys are the private keys of a role that are at hand, each once: all of them for @root, one for @registry.
func (s *Site) officialKeys(st Statement, by string, role tuf.Role) ([]*sign.PrivateKey, error) {
	here, err := s.trustKeys()
	if err != nil {
		return nil, err
	}
	list := here.Targets
	if by == index.ByRoot {
		given, err := Rotation{Passphrase: st.Passphrase}.load(st.RootKeys)
		if err != nil {
			return nil, err
		}
		for i, key := range given {
			if !slices.Contains(role.Keys, key.Public()) {
				return nil, fault.New(fault.Auth, "key-unknown", "%s is no key of the registry's root", st.RootKeys[i]).
					WithHelp("gal-registry root show %s", s.dir)
			}
		}
		list = append(given, here.Root...)
	}
	var keys []*sign.PrivateKey
	for _, key := range list {
		known := slices.ContainsFunc(keys, func(k *sign.PrivateKey) bool { return k.Public() == key.Public() })
		if !known && slices.Contains(role.Keys, key.Public()) && len(keys) < role.Threshold {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		missing := fault.New(fault.Auth, "key-missing", "%s signs with %d of its keys, and none is here", by, role.Threshold)
		if by == index.ByRegistry {
			return nil, missing.WithHelp("put the file of a targets key into %s", s.Path("keys"))
		}
		return nil, missing.WithHelp("pass --root-key FILE   (once for each of %d keys)", role.Threshold)
	}
	return keys, nil
}

func (st Statement) check() error {
	if !st.Event.OfPublisher() {
		return manifest.CheckName(st.Subject)
	}
	if err := index.CheckID(st.Subject); err != nil {
		return fault.New(fault.Usage, "bad-publisher", "%v", err)
	}
	return nil
}

// after is what the line of a statement builds on.
func (st Statement) after(ledger *build.Ledger, by string) (index.Digest, error) {
	if st.Event.OfPublisher() {
		p, err := ledger.Publisher(st.Subject)
		if err != nil {
			return "", err
		}
		if !p.Exists() || p.ID != st.Subject {
			return "", fault.New(fault.NotFound, "publisher-not-found", "no publisher %s is registered here", st.Subject)
		}
		return p.Head(), nil
	}
	p, err := ledger.Package(st.Subject)
	if err != nil {
		return "", err
	}
	if !p.Exists() || p.Name != st.Subject {
		return "", fault.New(fault.NotFound, "package-not-found", "no package named `%s` is published here", st.Subject)
	}
	var v version.Version
	switch b := st.Body.(type) {
	case *index.Yank:
		v = b.Version
	case *index.Unyank:
		v = b.Version
	default:
		return p.After(st.Event, v, by), nil
	}
	if p.Release(v) == nil {
		return "", fault.New(fault.NotFound, "version-not-found", "`%s` has no version %s here", st.Subject, v)
	}
	return p.After(st.Event, v, by), nil
}
