// Package desk is where authors meet a registry: it looks up what the registry has of them, judges what they propose with
// the registry's own gate, hands the proposal over, and reads the answer.
package desk

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/version"
)

// Desk is the side of a registry that takes proposals. Close it after use.
type Desk struct {
	*publish.Index
	// Unsigned has Judge take the bundles for good, whatever they are: in a dry run identities sign nothing.
	Unsigned bool

	registry *remote.Registry
}

// Open brings a sparse copy of the registry's branch main up to date, in the user's cache folder.
func Open(ctx context.Context, r *remote.Registry, cacheDir string) (*Desk, error) {
	config := r.Snapshot.Config()
	open, err := publish.Open(ctx, publish.Remote{
		Git: r.Location.GitURL(config), Upload: r.Location.UploadURL(config), Client: r.Client, AllowInsecure: r.Spec.AllowInsecure,
		Dir: filepath.Join(cacheDir, "index", r.ID()+"-main"), Scratch: filepath.Join(cacheDir, "tmp"),
	})
	if err != nil {
		return nil, err
	}
	return &Desk{Index: open, registry: r}, nil
}

// Known returns what the registry has of a package, nil for nothing.
func Known(ctx context.Context, r *remote.Registry, name string) (*index.Package, error) {
	p, err := r.Snapshot.Package(ctx, name)
	if fault.KindOf(err) == fault.NotFound && (fault.Of(err) == nil || len(fault.Of(err).Help) == 0) {
		return nil, nil
	}
	return p, err
}

// Registration is the line that makes the author known, where the registry does not know them; a key that is not one of
// theirs is told here and not by the gate.
func Registration(ctx context.Context, r *remote.Registry, author publish.Author, contact string) ([]*index.Line, error) {
	publisher, err := r.Snapshot.Publisher(ctx, author.ID)
	if err != nil {
		return nil, err
	}
	if !publisher.Exists() {
		line, err := author.Register(r.ID(), contact, nil)
		return []*index.Line{line}, err
	}
	return nil, checkKey(r, publisher, author)
}

// OfVersion is an open proposal that publishes a version.
type OfVersion struct {
	publish.Pending
	By       string       // publisher that the line names; nobody has verified that
	Checksum index.Digest // of the version's archive
}

// OfVersion lists the open proposals that publish a version, with whatever content.
func (d *Desk) OfVersion(ctx context.Context, name string, v version.Version) ([]OfVersion, error) {
	pending, err := d.Pending(ctx, index.EventPublish, name)
	if err != nil {
		return nil, err
	}
	var list []OfVersion
	for _, p := range pending {
		for _, l := range p.Lines {
			if body, ok := l.Body.(*index.Publish); ok && body.Version.Equal(v) {
				list = append(list, OfVersion{p, l.By, body.Checksum})
				break
			}
		}
	}
	return list, nil
}

// Alike lists the open proposals that would append a line of an event to a file: the first of them to be merged is the
// only one.
func (d *Desk) Alike(ctx context.Context, event index.Event, subject string) ([]string, error) {
	pending, err := d.Pending(ctx, event, subject)
	if err != nil {
		return nil, err
	}
	var branches []string
	for _, p := range pending {
		if slices.ContainsFunc(p.Lines, func(l *index.Line) bool { return l.Event == event }) {
			branches = append(branches, p.Branch)
		}
	}
	return branches, nil
}

// Speaker holds that the author is a publisher of the registry with a key that is live, and returns what the registry has
// of them.
func Speaker(ctx context.Context, r *remote.Registry, author publish.Author) (*index.Publisher, []Key, error) {
	publisher, keys, err := Publisher(ctx, r, author.ID)
	if err != nil {
		return nil, nil, err
	}
	if !publisher.Exists() {
		return nil, nil, Unregistered(r, author.ID).WithHelp("gal-pkg publish      # a first publish registers you")
	}
	return publisher, keys, checkKey(r, publisher, author)
}

// Unregistered is the error of an id that no publisher of the registry has.
func Unregistered(r *remote.Registry, id string) *fault.Error {
	return fault.New(fault.NotFound, "publisher-not-found", "no publisher %s is registered in %s", id, r.ID())
}

func checkKey(r *remote.Registry, publisher *index.Publisher, author publish.Author) error {
	hint := author.Key.Public().Hint()
	switch key := publisher.Key(hint); {
	case key == nil:
		return fault.New(fault.Auth, "key-unknown", "the key is not one of publisher %s in %s", author.ID, r.ID()).
			WithFact("yours %s", hint).WithHelp("gal-pkg keys list %s", author.ID).WithHelp("pass --sign FILE --as ID")
	case key.IsRevoked():
		return fault.New(fault.Auth, "key-revoked", "the key of publisher %s was revoked in %s", author.ID, r.ID()).
			WithFact("yours %s", hint).WithHelp("gal-pkg keys list %s", author.ID)
	}
	return nil
}
