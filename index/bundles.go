package index

import (
	"context"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
)

// VerifyBundle verifies the bundle of a keyless signature on a claim by one of the identities, under the registry's trusted
// root: keyless.Verify does. It is for use by several goroutines at once.
type VerifyBundle func(trustedRoot, bundle []byte, c sign.Claim, identities []sign.Identity) error

// Bundles is what signatures of identities are verified with. The zero value refuses them all.
type Bundles struct {
	Verify VerifyBundle
	Root   []byte // the registry's trusted root
	// Read returns a bundle by its digest; of one that is not there the error matches fs.ErrNotExist. What it returns is
	// held against the digest.
	Read func(Digest) ([]byte, error)
}

// read returns a bundle that has its digest.
func (b Bundles) read(d Digest) ([]byte, error) {
	if b.Read == nil {
		return nil, b.unsupported()
	}
	data, err := b.Read(d)
	if err != nil {
		return nil, fault.New(fault.Integrity, "bundle-missing", "SECURITY: the bundle of a signature is not there").
			WithFact("file  %s", BundlePath(d)).Because(err)
	}
	if got := DigestOf(data); got != d {
		return nil, fault.New(fault.Integrity, "index-mismatch", "SECURITY: the bundle of a signature is not the one that its line names").
			WithFact("file      %s", BundlePath(d)).WithFact("expected  %s", d).WithFact("actual    %s", got)
	}
	return data, nil
}

func (b Bundles) unsupported() error {
	return fault.New(fault.Integrity, "keyless-untrusted", "the registry takes no signatures of identities")
}

// bundles fetches the bundles of those obligations that are signatures of identities, in one round; where there are none,
// nothing.
func (s *Snapshot) bundles(ctx context.Context, list []Obligation) (Bundles, error) {
	paths := []string{TrustedRootPath}
	for _, o := range list {
		if o.bundle != "" {
			paths = append(paths, BundlePath(o.bundle))
		}
	}
	if len(paths) == 1 {
		return Bundles{}, nil
	}
	files, err := s.transport.Fetch(ctx, paths)
	if err != nil {
		return Bundles{}, err
	}
	s.forgetSpoilt(list, files)
	return Bundles{Verify: s.options.VerifyBundle, Root: files[TrustedRootPath], Read: func(d Digest) ([]byte, error) {
		if data, ok := files[BundlePath(d)]; ok {
			return data, nil
		}
		return nil, ErrNotFound
	}}, nil
}

// forgetSpoilt drops bundles that are not what their names say: else a transport that keeps what never changes would have
// them for ever.
func (s *Snapshot) forgetSpoilt(list []Obligation, files map[string][]byte) {
	for _, o := range list {
		if o.bundle == "" {
			continue
		}
		if path := BundlePath(o.bundle); files[path] != nil && DigestOf(files[path]) != o.bundle {
			s.Forget([]string{path})
		}
	}
}

// Bundles returns what the signatures of a line are verified with that is not this snapshot's own: a proposal's, or one that
// was read from its files.
func (s *Snapshot) Bundles(ctx context.Context) (Bundles, error) {
	files, err := s.transport.Fetch(ctx, []string{TrustedRootPath})
	return Bundles{Verify: s.options.VerifyBundle, Root: files[TrustedRootPath], Read: func(d Digest) ([]byte, error) {
		path := BundlePath(d)
		files, err := s.transport.Fetch(ctx, []string{path})
		if data, ok := files[path]; ok && err == nil {
			return data, nil
		}
		if err == nil {
			err = ErrNotFound
		}
		return nil, err
	}}, err
}
