package main

import (
	"crypto/rand"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/build"
)

// metadataLife is how long the metadata of a made registry counts. Its keys are thrown away, so nobody can renew it.
const metadataLife = 20 * 365 * 24 * time.Hour

// vouch writes the lists and the metadata of the whole tree, with keys that nobody keeps.
func (c *converter) vouch() error {
	now := time.Now()
	root, err := sign.FormatTrustedRoot([]sign.TrustedLog{{Key: c.log, Start: unpublished}})
	if err != nil {
		return err
	}
	if err := c.write(index.TrustedRootPath, root); err != nil {
		return err
	}
	n := build.Notary{Old: c.tree, Sign: tuf.SignOptions{Now: now, Targets: metadataLife, Snapshot: metadataLife, Timestamp: metadataLife}}
	for _, role := range []*[]*sign.PrivateKey{&n.Keys.Root, &n.Keys.Targets, &n.Keys.Snapshot, &n.Keys.Timestamp} {
		key, err := sign.Generate(rand.Reader)
		if err != nil {
			return err
		}
		*role = append(*role, key)
	}
	if n.State.Root, err = tuf.NewRoot(n.Keys.Roles(1), tuf.RootOptions{Now: now, Lifetime: metadataLife}, n.Keys.Root); err != nil {
		return err
	}
	vouched, err := n.Change(c.written)
	if err != nil {
		return err
	}
	for name, data := range vouched.Files {
		if err := c.tree.write(name, data); err != nil {
			return err
		}
	}
	return nil
}
