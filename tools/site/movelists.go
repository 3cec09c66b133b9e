package site

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// moveLists puts the lists of dist where they belong, which earlier versions of this program kept in folders of two hex
// digits. Nothing is made anew: what names a list names its digest, and the place follows from that.
func (s *Site) moveLists(ctx context.Context, dist gitrepo.Hash) (gitrepo.Hash, error) {
	if dist.IsZero() {
		return dist, nil
	}
	var edits []gitrepo.Edit
	err := s.repo.Walk(ctx, dist, strings.TrimSuffix(listing.Dir, "/"), func(f gitrepo.File) error {
		list, old := earlierList(f.Path)
		if !old {
			return nil
		}
		data, err := s.repo.ReadBlob(f.Hash, index.MaxFile)
		edits = append(edits, gitrepo.Edit{Path: list.Path(), Data: data}, gitrepo.Edit{Path: f.Path})
		return err
	})
	if err != nil || len(edits) == 0 {
		return dist, err
	}
	c, err := s.repo.ReadCommit(dist)
	if err != nil {
		return dist, err
	}
	_, trailers, _ := strings.Cut(c.Message, "\n")
	next, err := s.repo.Commit(ctx, []gitrepo.Hash{dist}, edits, s.info(c.Committer.When, "dist: lists are in other folders\n"+trailers))
	if err != nil {
		return dist, err
	}
	return next, s.repo.CompareAndSwap(distRef, dist, next)
}

// earlierList returns the list at a path of earlier versions.
func earlierList(path string) (listing.File, bool) {
	folder, name, ok := strings.Cut(strings.TrimPrefix(path, listing.Dir), "/")
	sum, err := hex.DecodeString(name)
	var f listing.File
	if !ok || err != nil || len(folder) != 2 || len(sum) != len(f.SHA256) || !strings.HasPrefix(name, folder) {
		return f, false
	}
	f.SHA256 = [len(f.SHA256)]byte(sum)
	return f, true
}
