package mirror

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

const (
	tileLeaves  = 256
	tilesAtOnce = 16
)

// copyRest copies what no package needs and the whole registry has.
func (r *run) copyRest(ctx context.Context) error {
	whole := r.o.Scope.Whole
	if r.o.Scope.Found {
		n, _ := parseNote(r.read(ctx, scopePath))
		whole = n.Whole
	}
	if !whole {
		return nil
	}
	// The catalogue was read for its names. These two nothing vouches for: they are copied as they are.
	paths := []string{index.AccessPath, "allowed_signers"}
	listed := slices.DeleteFunc(slices.Clone(r.source.Paths), func(path string) bool {
		return !strings.HasPrefix(path, index.AdvisoryDir) && !strings.HasPrefix(path, index.PublisherDir)
	})
	if _, err := r.snapshot.Files(ctx, append(paths, listed...)); err != nil {
		return err
	}
	if err := r.copyLog(ctx); err != nil {
		return err
	}
	named, err := listedFiles(ctx, r.snapshot, r.standing.now.Metadata)
	if err != nil {
		return err
	}
	for path := range r.from.needed {
		if index.IsListed(path) {
			named--
		}
	}
	if r.report.Unnamed = max(named, 0); r.report.Unnamed > 0 && r.o.Scope.Whole {
		r.o.Say("warning: the lists of %s name %d more files; its search catalogue does not lead to them, so they are not copied", r.source.Name, r.report.Unnamed)
	}
	return nil
}

func (r *run) read(ctx context.Context, path string) []byte {
	found, err := r.source.Transport.Fetch(ctx, []string{path})
	if err != nil {
		return nil
	}
	return found[path]
}

// listedFiles returns how many files the lists of a state vouch for.
func listedFiles(ctx context.Context, s *index.Snapshot, state tuf.State) (int64, error) {
	targets, err := tuf.TargetsOf(state)
	if err != nil {
		return 0, err
	}
	top := targets[listing.TopTarget]
	path := listing.File(top).Path()
	found, err := s.Files(ctx, []string{path})
	if err == nil {
		err = top.Check(path, found[path])
	}
	if err != nil {
		return 0, err
	}
	lookup, err := listing.NewLookup(found[path])
	if err != nil {
		return 0, err
	}
	return lookup.Files(), nil
}

// copyLog reads every leaf of the log, and with them every tile, and holds them against the checkpoint.
func (r *run) copyLog(ctx context.Context) error {
	return readLog(ctx, r.snapshot, r.standing.now.Metadata)
}

// readLog reads the log of a state whole. A registry in which nothing was published has none.
func readLog(ctx context.Context, s *index.Snapshot, state tuf.State) error {
	checkpoint, err := openCheckpoint(ctx, s, state)
	if err != nil || checkpoint == nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(tilesAtOnce)
	log := translog.Open(storage{ctx, s}, *checkpoint)
	for n := range (checkpoint.Size + tileLeaves - 1) / tileLeaves {
		group.Go(func() error {
			_, err := log.Entries(n)
			return err
		})
	}
	return group.Wait()
}

// openCheckpoint returns the checkpoint that a state names, nil where it names none.
func openCheckpoint(ctx context.Context, s *index.Snapshot, state tuf.State) (*translog.Checkpoint, error) {
	targets, err := tuf.TargetsOf(state)
	if err != nil {
		return nil, err
	}
	name := ""
	for target := range targets {
		if strings.HasPrefix(target, index.CheckpointPrefix) {
			name = target
		}
	}
	if name == "" {
		return nil, nil
	}
	found, err := s.Files(ctx, []string{name, index.TrustedRootPath})
	if err != nil {
		return nil, err
	}
	logs, err := sign.ParseTrustedRoot(found[index.TrustedRootPath], s.Config().ID)
	if err != nil {
		return nil, err
	}
	var keys []translog.Verifier
	for _, l := range logs {
		keys = append(keys, l.Key)
	}
	c, err := translog.OpenCheckpoint(found[name], s.Config().ID, keys...)
	return &c, err
}

// storage reads the log's files as the registry shows them.
type storage struct {
	ctx      context.Context
	snapshot *index.Snapshot
}

// Read implements [translog.Storage].
func (s storage) Read(path string) ([]byte, error) {
	found, err := s.snapshot.Files(s.ctx, []string{index.LogDir + path})
	if err != nil {
		return nil, err
	}
	data, ok := found[index.LogDir+path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return data, nil
}

// checkScope refuses to make a mirror smaller by an import: what it holds beside would be vouched for no more.
func (r *run) checkScope(context.Context) error {
	if !r.o.Scope.Found {
		return nil
	}
	paths, err := r.tree.paths()
	if err != nil {
		return err
	}
	more := 0
	for _, path := range paths {
		if strings.HasPrefix(path, index.PackageDir) && !r.from.needed[path] {
			more++
		}
	}
	if more == 0 {
		return nil
	}
	return fault.New(fault.Manifest, "mirror-larger", "the mirror holds %d packages that %s does not have", more, r.source.Name).
		WithFact("the metadata of one state vouches for all of a mirror; theirs would be lost").
		WithHelp("gal-registry mirror import %s OTHERDIR", r.source.Name)
}
