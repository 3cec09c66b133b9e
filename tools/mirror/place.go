package mirror

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// place gives the staged files their places, and the timestamp last.
func (r *run) place(ctx context.Context) error {
	if err := r.stageNote(); err != nil {
		return err
	}
	staged := slices.Sorted(maps.Keys(r.from.staged))
	slices.SortStableFunc(staged, func(a, b string) int { return rank(a) - rank(b) })
	var timestamp []byte
	for _, path := range staged {
		data := r.from.onStage(path)
		if data == nil {
			return fault.New(fault.Manifest, "mirror-in-use", "%s went while the mirror was brought up to date", r.from.stagePath(path))
		}
		if path == tuf.TimestampPath {
			timestamp = data
			continue
		}
		if err := r.put(path, data); err != nil {
			return err
		}
	}
	if err := r.readBack(ctx); err != nil || timestamp == nil {
		return err
	}
	r.report.Changed++
	return r.tree.write(tuf.TimestampPath, timestamp)
}

// put gives one file its place. What does not only grow stays as it was under its digest, for those who read the old state.
func (r *run) put(path string, data []byte) error {
	old := r.tree.read(path)
	if bytes.Equal(old, data) && old != nil {
		return nil
	}
	if old != nil && !index.IsFixed(path) && !grows(path) {
		if err := r.tree.write(recentDir+index.DigestOf(old).Hex(), old); err != nil {
			return err
		}
	}
	r.report.Changed++
	if old != nil || !grows(path) {
		return r.tree.write(path, data)
	}
	// What nobody can have read yet need not be on the disk before the next: the timestamp is, after all of it, and every
	// file is compared with its digest before it counts as there.
	name, err := r.tree.room(path)
	if err != nil {
		return err
	}
	return os.Rename(r.from.stagePath(path), filepath.Clean(name))
}

// rank orders what is placed: what others vouch for comes before what vouches.
func rank(path string) int {
	switch {
	case strings.HasSuffix(path, ".root.json"):
		return 6
	case strings.HasSuffix(path, ".snapshot.json"):
		return 8
	case strings.HasSuffix(path, ".targets.json"):
		return 7
	case strings.HasPrefix(path, index.PublisherDir):
		return 1
	case strings.HasPrefix(path, index.PackageDir):
		return 2
	case strings.HasPrefix(path, listing.Dir):
		return 4
	case strings.HasPrefix(path, index.LogDir):
		return 5
	case path == index.ConfigPath, path == index.TrustedRootPath:
		return 3
	}
	return 0
}

// stageNote writes what the mirror is to hold.
func (r *run) stageNote() error {
	n := index.CopyNote{V: 1, Registry: r.report.Registry, Whole: r.o.Scope.Whole}
	if r.o.Scope.Found {
		if theirs, ok := parseNote(r.read(context.Background(), scopePath)); ok {
			n.Whole = theirs.Whole
		}
	}
	for _, a := range r.archives {
		n.Releases = append(n.Releases, a.Name+" "+a.Version.String())
	}
	if old, ok := parseNote(r.tree.read(scopePath)); ok && r.o.Scope.Found && old.Registry == n.Registry {
		n = joined(n, old)
	}
	data, err := joined(n, index.CopyNote{}).Bytes()
	if err != nil {
		return err
	}
	return r.from.stage(scopePath, data)
}

// readBack opens what has been placed, with the new timestamp, as a client does who has never seen the registry.
func (r *run) readBack(ctx context.Context) (err error) {
	dir, err := index.OpenDir(r.tree.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	timestamp := r.standing.now.Metadata.Timestamp
	s, err := index.Open(ctx, dated{dir, timestamp}, index.Options{Pin: r.report.Registry, Root: r.report.Root, Now: r.o.Now, VerifyBundle: r.o.VerifyBundle})
	if err != nil {
		return err
	}
	names := make([]string, 0, batchSize)
	for _, a := range r.archives[:min(len(r.archives), batchSize)] {
		names = append(names, a.Name)
	}
	return s.Load(ctx, names)
}

// dated is a tree with another timestamp.
type dated struct {
	*index.Dir
	timestamp []byte
}

// Fetch implements [index.Transport].
func (d dated) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	found, err := d.Dir.Fetch(ctx, paths)
	if err == nil && slices.Contains(paths, tuf.TimestampPath) {
		found[tuf.TimestampPath] = d.timestamp
	}
	return found, err
}
