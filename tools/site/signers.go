package site

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/sign"
)

// updateAllowedSigners writes the file anew where publishers have changed, or it is missing.
func (s *Site) updateAllowedSigners(ctx context.Context, changes []gitrepo.Change) error {
	changed := slices.ContainsFunc(changes, func(c gitrepo.Change) bool { return strings.HasPrefix(c.Path, index.PublisherDir) })
	if _, err := os.Lstat(s.Path(PublicDir, "allowed_signers")); err == nil && !changed {
		return nil
	}
	return s.writeAllowedSigners(ctx)
}

// writeAllowedSigners writes the file with which `git verify-commit` verifies main: the keys of every publisher, and the
// key of the registry's own jobs.
func (s *Site) writeAllowedSigners(ctx context.Context) error {
	main, err := s.repo.Ref(mainRef)
	if err != nil {
		return err
	}
	signers := []sign.AllowedSigner{{Principal: "registry", Key: s.commit.Public()}}
	var decoder index.Decoder
	err = s.repo.Walk(ctx, main, strings.TrimSuffix(index.PublisherDir, "/"), func(f gitrepo.File) error {
		data, err := s.repo.ReadBlob(f.Hash, index.MaxFile)
		if err != nil {
			return err
		}
		lines, _ := decoder.ParseLines(f.Path, data) // what is malformed is reported by the build
		for _, l := range lines {
			if key, ok := keyOf(l); ok {
				signers = append(signers, sign.AllowedSigner{Principal: l.Subject, Key: key})
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := sign.FormatAllowedSigners(signers)
	if err != nil {
		return err
	}
	return atomicfile.Write(s.Path(PublicDir, "allowed_signers"), text, 0o644)
}

// keyOf returns the key that a line brings to its publisher.
func keyOf(l *index.Line) (sign.PublicKey, bool) {
	text := ""
	switch b := l.Body.(type) {
	case *index.Register:
		text = b.Key
	case *index.AddKey:
		text = b.Key
	}
	key, err := sign.ParsePublicKey(text)
	return key, err == nil
}
