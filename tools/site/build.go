package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/build"
)

const maxArchive = archive.MaxPacked

// BuildReport says what a build did.
type BuildReport struct {
	Commit  string   `json:"commit"` // of dist
	Lines   int      `json:"lines"`  // that were stamped
	Dropped []string `json:"dropped,omitempty"`
	Root    string   `json:"root"` // fingerprint of the newest root of trust
	// RootUntil is when the root expires; Renew says that people should sign a new one soon.
	RootUntil time.Time `json:"root-until"`
	Renew     bool      `json:"renew,omitempty"`
	// Lost are the roles that have no key here any more: what was asked for could be done without, the next may not.
	Lost []string `json:"lost-keys,omitempty"`
}

// Build brings dist and public/ up to branch main.
func (s *Site) Build(ctx context.Context, now time.Time) (*BuildReport, error) {
	release, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return s.build(ctx, now)
}

func (s *Site) build(ctx context.Context, now time.Time) (*BuildReport, error) {
	return s.buildAnd(ctx, now, false)
}

// buildAnd publishes what is new on main, and signs anew where it is time, or asked for.
func (s *Site) buildAnd(ctx context.Context, now time.Time, refresh bool) (*BuildReport, error) {
	main, err := s.repo.Ref(mainRef)
	if err != nil {
		return nil, err
	}
	dist, done, err := s.published()
	if err != nil {
		return nil, err
	}
	if dist, err = s.moveLists(ctx, dist); err != nil {
		return nil, err
	}
	report := &BuildReport{}
	due, err := s.isDue(dist, now)
	if err != nil {
		return nil, err
	}
	if done.main != main || due || refresh {
		if dist, err = s.publish(ctx, now, main, dist, done, report); err != nil {
			return nil, s.lostKeys(err)
		}
	}
	report.Commit = dist.String()
	if err := s.writePublic(ctx, dist, now); err != nil {
		return nil, err
	}
	root, _, err := s.Root()
	if err != nil {
		return nil, err
	}
	report.Root, report.RootUntil, report.Renew = root.Fingerprint, root.Expires, isOld(root, now)
	report.Lost, err = s.lostRoles(root)
	return report, err
}

// isDue reports whether dist is to be signed anew although nothing is new on main: it has no metadata yet, that grows old,
// or a root waits.
func (s *Site) isDue(dist gitrepo.Hash, now time.Time) (bool, error) {
	state, err := build.OldState(tree{s.repo, dist})
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	root, err := tuf.ParseRoot(state.Root)
	if err != nil {
		return false, err
	}
	next, err := s.nextRoot(root.Version + 1)
	return next != nil || state.IsDue(now), err
}

// state is what the newest commit of dist says of itself in its trailers.
type state struct {
	main gitrepo.Hash // the commit of main that it was made from
	size int64        // of the log
	at   time.Time    // when it was made
}

func (s *Site) published() (dist gitrepo.Hash, done state, err error) {
	dist, err = s.ref(distRef)
	if err != nil || dist.IsZero() {
		return dist, done, err
	}
	c, err := s.repo.ReadCommit(dist)
	if err != nil {
		return dist, done, err
	}
	done.at = c.Committer.When
	for _, line := range strings.Split(c.Message, "\n") {
		if text, ok := strings.CutPrefix(line, "Main: "); ok {
			done.main, err = gitrepo.ParseHash(text)
		} else if text, ok := strings.CutPrefix(line, "Log-Size: "); ok {
			done.size, err = strconv.ParseInt(text, 10, 64)
		}
		if err != nil {
			return dist, done, fmt.Errorf("commit %s of dist: %w", dist, err)
		}
	}
	if done.main.IsZero() {
		return dist, done, fmt.Errorf("commit %s of dist does not name a commit of main", dist)
	}
	return dist, done, nil
}

// publish stamps what is new on main and commits it to dist.
func (s *Site) publish(ctx context.Context, now time.Time, main, dist gitrepo.Hash, done state, report *BuildReport) (gitrepo.Hash, error) {
	if now.Before(done.at) {
		now = done.at // a clock that was set back must not make a file unreadable: stamps never fall
	}
	config, _, err := s.config(main)
	if err != nil {
		return dist, err
	}
	published := tree{s.repo, dist}
	b, err := build.New(config.ID, published, done.size, s.log)
	if err != nil {
		return dist, err
	}
	if b.Bundles, err = s.bundles(main, published); err != nil {
		return dist, err
	}
	if b.Roots, err = s.roots(published); err != nil {
		return dist, err
	}
	if err := s.stamp(ctx, b, now, main, done.main, report); err != nil {
		return dist, err
	}
	out, err := b.Finish()
	if err != nil {
		return dist, err
	}
	edits, err := s.copies(ctx, main, done.main)
	if err != nil {
		return dist, err
	}
	size := done.size
	if out != nil {
		size = out.Size
		if err := s.placeArchives(out); err != nil {
			return dist, err
		}
		for name, data := range out.Files {
			edits = append(edits, gitrepo.Edit{Path: name, Data: data})
		}
	}
	if edits, err = s.notarize(ctx, published, now, size, edits); err != nil {
		return dist, err
	}
	slices.SortFunc(edits, func(a, b gitrepo.Edit) int { return strings.Compare(a.Path, b.Path) })
	message := fmt.Sprintf("dist: %d lines\n\nMain: %s\nLog-Size: %d\n", report.Lines, main, size)
	var parents []gitrepo.Hash
	if !dist.IsZero() {
		parents = []gitrepo.Hash{dist}
	}
	next, err := s.repo.Commit(ctx, parents, edits, s.info(now, message))
	if err != nil {
		return dist, err
	}
	return next, s.repo.CompareAndSwap(distRef, dist, next)
}

// notarize adds to the edits what vouches for dist with them. Where there are none, what is published is signed anew.
func (s *Site) notarize(ctx context.Context, published tree, now time.Time, size int64, edits []gitrepo.Edit) ([]gitrepo.Edit, error) {
	t, err := s.trust(published, now, size)
	if err != nil {
		return nil, err
	}
	more, err := s.trustedRoot(published, now)
	if err != nil {
		return nil, err
	}
	edits = append(edits, more...)
	if len(edits) == 0 && !t.whole && !t.rooted {
		refreshed, err := t.notary.Refresh()
		if err != nil {
			return nil, err
		}
		return editsOf(refreshed), nil
	}
	return s.vouch(ctx, t, edits)
}

// stamp walks main's commits since the last build, oldest first, and appends their lines in the order of the format.
func (s *Site) stamp(ctx context.Context, b *build.Builder, now time.Time, main, since gitrepo.Hash, report *BuildReport) error {
	var commits []gitrepo.Commit
	err := s.repo.Log(ctx, main, since, func(c gitrepo.Commit) error {
		commits = append(commits, c)
		return nil
	})
	if err != nil {
		return fmt.Errorf("branch main was rewritten since the last build: %w", err)
	}
	slices.Reverse(commits)
	var decoder index.Decoder
	for _, c := range commits {
		var parent gitrepo.Hash
		if len(c.Parents) > 0 {
			parent = c.Parents[0]
		}
		lines, err := s.linesOf(ctx, &decoder, parent, c.Hash, report)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := b.Append(l, now); err != nil {
				report.Dropped = append(report.Dropped, fmt.Sprintf("%s %s of %s does not count: %v", l.Digest(), l.Event, l.Subject, err))
				continue
			}
			report.Lines++
		}
	}
	return nil
}

// linesOf returns the lines that one commit added: publishers before packages, then by path.
func (s *Site) linesOf(ctx context.Context, decoder *index.Decoder, parent, commit gitrepo.Hash, report *BuildReport) ([]*index.Line, error) {
	changes, err := s.repo.Diff(ctx, parent, commit)
	if err != nil {
		return nil, err
	}
	var publishers, packages []*index.Line
	for _, c := range changes {
		_, publisher, ok := index.KeyOfPath(c.Path)
		if !ok || c.New.IsZero() {
			continue
		}
		lines, err := s.added(decoder, c)
		if err != nil {
			report.Dropped = append(report.Dropped, err.Error())
		}
		if publisher {
			publishers = append(publishers, lines...)
		} else {
			packages = append(packages, lines...)
		}
	}
	return append(publishers, packages...), nil
}

// added returns the lines by which a file has grown. Only the well-formed beginning of a file is ever stamped: behind a
// malformed line nothing is, until an admin has cut what was never published.
func (s *Site) added(decoder *index.Decoder, c gitrepo.Change) ([]*index.Line, error) {
	var before []byte
	var err error
	if !c.Old.IsZero() {
		if before, err = s.repo.ReadBlob(c.Old, index.MaxFile); err != nil {
			return nil, err
		}
	}
	after, err := s.repo.ReadBlob(c.New, index.MaxFile)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(after, before) {
		return nil, fmt.Errorf("%s: lines that were there are changed; nothing of the change is published", c.Path)
	}
	old, err := decoder.ParseLines(c.Path, before)
	if err != nil {
		return nil, err
	}
	all, err := decoder.ParseLines(c.Path, after)
	return all[len(old):], err
}

// copied are the files of main that dist has as they are.
func copied(name string) bool {
	return name == index.ConfigPath || name == index.AccessPath || strings.HasPrefix(name, index.AdvisoryDir) || strings.HasPrefix(name, index.BundleDir)
}

// copies returns the edits that bring dist's copies of main's own files from one commit of main to another.
func (s *Site) copies(ctx context.Context, main, since gitrepo.Hash) ([]gitrepo.Edit, error) {
	changes, err := s.repo.Diff(ctx, since, main)
	if err != nil {
		return nil, err
	}
	var edits []gitrepo.Edit
	for _, c := range changes {
		if !copied(c.Path) {
			continue
		}
		var data []byte
		if !c.New.IsZero() {
			if data, err = s.repo.ReadBlob(c.New, index.MaxFile); err != nil {
				return nil, err
			}
		}
		edits = append(edits, gitrepo.Edit{Path: c.Path, Data: data})
	}
	return edits, nil
}

// placeArchives puts the archives of new releases where downloads look for them, each with a bundle for other tools
// beside it: before anything names them.
func (s *Site) placeArchives(out *build.Output) error {
	for _, r := range out.Releases {
		p := r.Line.Body.(*index.Publish)
		target := s.Path(PublicDir, filepath.FromSlash(index.ArchivePath(r.Name, p.Version.String())))
		data, err := s.archive(p.Checksum)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was placed by a build that was cut off, or lies elsewhere: the gate has seen it
		}
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := atomicfile.Write(target, data, 0o644); err != nil {
			return err
		}
		bundle, err := out.Bundle(r)
		if err != nil {
			return err
		}
		if err := atomicfile.Write(target+sign.BundleSuffix, bundle, 0o644); err != nil {
			return err
		}
	}
	return nil
}
