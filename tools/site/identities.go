package site

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/sign"
)

// SigstoreFile is the file of a site's folder that lets identities sign: the trusted root of their Sigstore instance.
const SigstoreFile = "sigstore.json"

// maxSigstore is the greatest length of that file, in bytes.
const maxSigstore = 512 << 10

// trustedRoot returns the edit that gives dist the log's key in the form that Sigstore's tools take: with it they verify
// the bundle beside an archive together with its place in the log, and ask nobody. What sigstore.json names is trusted
// beside it, for signatures of identities; without that file, what was published stays.
func (s *Site) trustedRoot(published tree, start time.Time) ([]gitrepo.Edit, error) {
	before, err := published.ReadFile(index.TrustedRootPath)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	data := before
	if data == nil {
		data, err = atomicfile.Read(s.Path(PublicDir, filepath.FromSlash(index.TrustedRootPath)), index.MaxConfig)
		if errors.Is(err, fs.ErrNotExist) {
			data, err = sign.FormatTrustedRoot([]sign.TrustedLog{{Key: s.log.Verifier(), Start: start.UTC().Truncate(time.Second)}})
		}
		if err != nil {
			return nil, err
		}
	}
	if data, err = s.withIdentities(data); err != nil || bytes.Equal(data, before) {
		return nil, err
	}
	return []gitrepo.Edit{{Path: index.TrustedRootPath, Data: data}}, nil
}

// withIdentities puts what sigstore.json names beside the log's own keys.
func (s *Site) withIdentities(root []byte) ([]byte, error) {
	instance, err := atomicfile.Read(s.Path(SigstoreFile), maxSigstore)
	if errors.Is(err, fs.ErrNotExist) {
		return root, nil
	}
	if err != nil {
		return nil, err
	}
	logs, err := sign.ParseTrustedRoot(root, s.log.Verifier().Origin())
	if err != nil {
		return nil, err
	}
	own, err := sign.FormatTrustedRoot(logs)
	if err != nil {
		return nil, err
	}
	return sign.WithInstance(own, instance)
}

// bundles is what signatures of identities are verified with: bundles of branch main, and the published trusted root.
func (s *Site) bundles(main gitrepo.Hash, published tree) (index.Bundles, error) {
	root, err := published.ReadFile(index.TrustedRootPath)
	if errors.Is(err, fs.ErrNotExist) {
		root, err = nil, nil
	}
	return index.Bundles{Verify: s.VerifyBundle, Root: root, Read: func(d index.Digest) ([]byte, error) {
		return s.repo.ReadFile(main, index.BundlePath(d), sign.MaxBundle)
	}}, err
}
