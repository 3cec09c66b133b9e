// Package operator runs registries to measure against: it founds one of made-up packages, of any size, and publishes to it.
//
//	DIR/registry/     the registry, as `gal-registry init` and `gal-registry build` make it; see package site
//	DIR/author.pem    the key of its one publisher
//	DIR/names         those of its packages
//
// Everything in it is what a registry has: signed lines in branch main, stamped lines in branch dist, lists, metadata,
// the log and the search catalogue, in git and as a static tree. Only archives are missing, and nobody has judged the
// lines: they go straight to main.
package operator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/site"
)

// ID is the id of the registries.
const ID = "bench.invalid"

// AuthorID is the id of their one publisher.
const AuthorID = "author"

const (
	mainRef = "refs/heads/main"
	distRef = "refs/heads/dist"
)

// Operator holds a registry. Close it after use.
type Operator struct {
	Dir string // of the registry

	repo   *gitrepo.Repo
	author publish.Author
	state  *index.Publisher
}

// Open opens what [Found] has made in a folder.
func Open(dir string) (*Operator, error) {
	o, err := open(dir)
	if err != nil {
		return nil, err
	}
	if o.state, err = o.publisher(); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

func open(dir string) (*Operator, error) {
	key, err := sign.LoadKeyFile(filepath.Join(dir, "author.pem"), nil)
	if err != nil {
		return nil, err
	}
	o := &Operator{Dir: filepath.Join(dir, "registry")}
	o.author = publish.Author{ID: AuthorID, Key: key, Random: rand.Reader}
	o.repo, err = gitrepo.Open(filepath.Join(o.Dir, site.RepoDir))
	return o, err
}

// Close closes the registry's repository.
func (o *Operator) Close() error { return o.repo.Close() }

// Public is the folder of the static tree.
func (o *Operator) Public() string { return filepath.Join(o.Dir, site.PublicDir) }

// Repository is the folder of the git repository.
func (o *Operator) Repository() string { return filepath.Join(o.Dir, site.RepoDir) }

// publisher is the author as the published registry has them.
func (o *Operator) publisher() (*index.Publisher, error) {
	entries, err := o.published(index.PublisherPath(AuthorID))
	if err != nil {
		return nil, err
	}
	p := index.FoldPublisher(ID, AuthorID, entries)
	if !p.Exists() {
		return nil, fmt.Errorf("%s: its author is not registered", o.Dir)
	}
	return p, nil
}

// published reads a file of the published registry.
func (o *Operator) published(path string) ([]index.Entry, error) {
	dist, err := o.repo.Ref(distRef)
	if err != nil {
		return nil, err
	}
	data, err := o.repo.ReadFile(dist, path, index.MaxFile)
	if err != nil {
		return nil, err
	}
	var decoder index.Decoder
	return decoder.ParseStamped(path, data)
}

func (o *Operator) lookup(id string) *index.Publisher {
	if id == AuthorID {
		return o.state
	}
	return nil
}

// Publish merges a further version of each package, one commit after the other. The next build publishes them.
func (o *Operator) Publish(ctx context.Context, names ...string) error {
	o.author.Now = time.Now()
	for _, name := range names {
		path := index.PackagePath(name)
		entries, err := o.published(path)
		if err != nil {
			return err
		}
		state := index.FoldPackage(ID, manifest.Key(name), entries, o.lookup)
		line, err := o.next(state)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := o.merge(ctx, map[string][]byte{path: append(line.Bytes(), '\n')}); err != nil {
			return err
		}
	}
	return nil
}

// next is a version like the newest of a package, with the next patch number.
func (o *Operator) next(p *index.Package) (*index.Line, error) {
	newest := p.Newest()
	if newest == nil {
		return nil, errors.New("every version is yanked")
	}
	body := *newest.Publish
	v := newest.Version
	var err error
	if body.Version, err = patched(v); err != nil {
		return nil, err
	}
	body.Checksum = madeUp(p.Name, body.Version)
	return o.author.Publish(ID, p, &publish.Draft{Name: p.Name, Publish: &body})
}

// merge appends lines to files of main in one commit.
func (o *Operator) merge(ctx context.Context, lines map[string][]byte) error {
	tip, err := o.repo.Ref(mainRef)
	if err != nil {
		return err
	}
	var edits []gitrepo.Edit
	for path, more := range lines {
		data, err := o.repo.ReadFile(tip, path, index.MaxFile)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		edits = append(edits, gitrepo.Edit{Path: path, Data: append(data[:len(data):len(data)], more...)})
	}
	next, err := o.repo.Commit(ctx, []gitrepo.Hash{tip}, edits, gitrepo.CommitInfo{
		AuthorName: AuthorID, AuthorEmail: AuthorID + "@" + ID, When: time.Now(), Message: "publish\n",
		Signer: o.author.Key.CommitSigner(rand.Reader),
	})
	if err != nil {
		return err
	}
	return o.repo.CompareAndSwap(mainRef, tip, next)
}

// Names returns the names of the packages that the registry was founded with.
func (o *Operator) Names() ([]string, error) {
	data, err := os.ReadFile(o.namesFile())
	return strings.Fields(string(data)), err
}

func (o *Operator) namesFile() string { return filepath.Join(filepath.Dir(o.Dir), "names") }
