package project

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/download"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
)

// checkManifests holds the gal.toml of every unpacked package of a registry against the line by which its version was
// chosen: a line that names other dependencies than builds will read would deceive the resolver, and whoever looks at one
// of the two. It is done once for a line and an archive, and remembered with the registry's other proofs.
func (p *Plan) checkManifests(ctx context.Context, r *remote.Registry, artifacts []index.Artifact, results []download.Result, store *cache.Cache) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, result := range results {
		proof := packedProof(artifacts[i])
		if result.Tree == "" || r.Proved(proof) {
			continue
		}
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := checkManifest(artifacts[i], result.Tree); err != nil {
				return store.Blame(err, result.Item)
			}
			r.Prove(proof)
			return nil
		})
	}
	return group.Wait()
}

// packedProof stands for: the archive of this line has a gal.toml that says the same.
func packedProof(a index.Artifact) index.Digest {
	line := index.Line{V: index.LineVersion, Event: index.EventPublish, Subject: a.Name(), Body: a.Publish()}
	return index.DigestOf([]byte("gal.toml as its line 1\n" + line.Digest()))
}

// checkManifest compares a line with the gal.toml of a tree, which has the line's digest.
func checkManifest(a index.Artifact, tree string) error {
	differs := fault.New(fault.Integrity, "manifest-mismatch", "SECURITY: the archive of `%s %s` is not the package that its line describes", a.Name(), a.Version())
	text, err := atomicfile.Read(filepath.Join(tree, manifest.FileName), manifest.MaxManifestSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		differs.WithFact("the archive has no %s", manifest.FileName)
	case err != nil:
		return err
	default:
		m, err := manifest.Parse(manifest.FileName, text)
		switch {
		case err != nil:
			differs.WithFact("its %s does not parse: %v", manifest.FileName, err)
		case m.Package == nil || m.Package.Name != a.Name():
			differs.WithFact("its %s is that of another package", manifest.FileName)
		default:
			difference := publish.CompareUse(m, a.Publish())
			if difference == "" {
				return nil
			}
			differs.WithFact("%s", difference)
		}
	}
	return differs.WithFact("signed by %s, archive %s", a.Signer(), a.Publish().Checksum).WithFact("nothing was installed").
		WithHelp("tell the operator of the registry: its gate should have refused this")
}
