package site

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/build"
)

// writePublic brings the static tree up to a commit of dist. What it was last brought to stands in state/public, written
// last, so that a run that was cut off is repeated.
func (s *Site) writePublic(ctx context.Context, dist gitrepo.Hash, now time.Time) error {
	if err := s.expire(dist, now); err != nil {
		return err
	}
	last, err := s.lastPublic()
	if err != nil {
		return err
	}
	if last == dist {
		return s.mendMetadata(dist)
	}
	changes, err := s.repo.Diff(ctx, last, dist)
	if err != nil {
		return err
	}
	if err := s.keepRecent(last, changes, now); err != nil {
		return err
	}
	slices.SortStableFunc(changes, func(a, b gitrepo.Change) int { return uploadRank(a.Path) - uploadRank(b.Path) })
	for _, c := range changes {
		if err := s.writeChange(c); err != nil {
			return err
		}
	}
	if err := s.updateAllowedSigners(ctx, changes); err != nil {
		return err
	}
	return atomicfile.Write(s.Path("state", "public"), []byte(dist.String()+"\n"), 0o644)
}

// mendMetadata writes the files anew without which nobody can read anything, where they are not what dist has: they are few.
// For all others there is verify, and a build without state/public.
func (s *Site) mendMetadata(dist gitrepo.Hash) error {
	state, err := build.OldState(tree{s.repo, dist})
	if err != nil {
		return err
	}
	for _, name := range state.Paths() {
		want, err := s.repo.ReadFile(dist, name, index.MaxFile)
		if err != nil {
			return err
		}
		if got, err := atomicfile.Read(s.Path(PublicDir, filepath.FromSlash(name)), index.MaxFile); err == nil && bytes.Equal(got, want) {
			continue
		}
		if err := s.writeFile(name, want); err != nil {
			return err
		}
	}
	return nil
}

func (s *Site) lastPublic() (gitrepo.Hash, error) {
	data, err := atomicfile.Read(s.Path("state", "public"), 100)
	if errors.Is(err, fs.ErrNotExist) {
		return gitrepo.Hash{}, nil
	}
	if err != nil {
		return gitrepo.Hash{}, err
	}
	return gitrepo.ParseHash(strings.TrimSpace(string(data)))
}

// uploadRank orders what is written: what others vouch for comes before what vouches, the timestamp last.
func uploadRank(name string) int {
	switch top, _, _ := strings.Cut(name, "/"); {
	case name == tuf.TimestampPath:
		return 9
	case strings.HasSuffix(name, ".snapshot.json"):
		return 8
	case strings.HasSuffix(name, ".targets.json"):
		return 7
	case top == "publishers":
		return 0
	case top == "index":
		return 1
	case top == "search":
		return 2
	case top == "shards":
		return 3
	case top == "log":
		return 4
	}
	return 5
}

func (s *Site) writeChange(c gitrepo.Change) error {
	target := s.Path(PublicDir, filepath.FromSlash(c.Path))
	if c.New.IsZero() {
		if outlives(c.Path) {
			return nil // until it expires: somebody may be reading what names it
		}
		return os.RemoveAll(target)
	}
	data, err := s.repo.ReadBlob(c.New, index.MaxFile)
	if err != nil {
		return err
	}
	return s.writeFile(c.Path, data)
}

func (s *Site) writeFile(name string, data []byte) error {
	target := s.Path(PublicDir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(target, data, 0o644)
}

// outlives reports whether a file stays in public/ for a while when dist has it no more: its name tells it from others.
func outlives(name string) bool {
	return strings.HasPrefix(name, listing.Dir) || strings.HasPrefix(name, index.LogDir) || strings.HasPrefix(name, tuf.Dir)
}

// isVouched reports whether clients hold a file against a digest, under a name that stays while the file changes.
func isVouched(name string) bool {
	return index.IsListed(name) || name == index.ConfigPath || strings.HasPrefix(name, index.SearchDir)
}

// onlyGrows reports whether the beginning of a file is what it was before: then who has an older digest needs no copy.
func onlyGrows(name string) bool {
	return strings.HasPrefix(name, index.PackageDir) || strings.HasPrefix(name, index.PublisherDir)
}

// keepRecent puts a copy of what changes under the name of its digest, for clients whose host or cache shows a file and
// metadata of two different moments, and notes what is to go in a week.
func (s *Site) keepRecent(last gitrepo.Hash, changes []gitrepo.Change, now time.Time) error {
	if last.IsZero() {
		return nil // all is new, and nobody has read anything
	}
	var expiring []string
	keep := func(blob gitrepo.Hash) error {
		if blob.IsZero() {
			return nil
		}
		data, err := s.repo.ReadBlob(blob, index.MaxFile)
		if err != nil {
			return err
		}
		name := RecentPath(index.DigestOf(data))
		expiring = append(expiring, name)
		return s.writeFile(name, data)
	}
	for _, c := range changes {
		switch {
		case isVouched(c.Path):
			if err := keep(c.New); err != nil {
				return err
			}
			if onlyGrows(c.Path) {
				continue
			}
			if err := keep(c.Old); err != nil {
				return err
			}
		case c.New.IsZero() && outlives(c.Path):
			expiring = append(expiring, c.Path)
		}
	}
	return s.noteExpiring(expiring, now)
}

// RecentPath is where a static tree keeps a copy of a file that has changed lately, named by its digest.
func RecentPath(d index.Digest) string { return "recent/" + d.Hex() }
