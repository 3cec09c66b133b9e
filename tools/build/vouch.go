package build

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

// IsTarget reports whether the metadata itself names a file. Access.toml is not among them: no client reads it.
func IsTarget(path string) bool {
	return path == index.ConfigPath || path == index.TrustedRootPath || path == index.SearchSums || strings.HasPrefix(path, index.CheckpointPrefix)
}

// Notary vouches for a published tree: it makes the lists of its files and the metadata that names the lists.
type Notary struct {
	Old   Tree      // before the change
	State tuf.State // of before: only Root in a tree that nobody has vouched for, and then Root is new
	Keys  tuf.Keys
	Sign  tuf.SignOptions // Now is required
}

// Vouched is what vouching adds to a published tree and takes from it.
type Vouched struct {
	Files   map[string][]byte // by path
	Removed []string          // paths of lists, metadata and checkpoints that nothing names any more, sorted
}

// OldState reads the metadata of a tree; its error matches fs.ErrNotExist where nobody has vouched for the tree yet.
func OldState(t Tree) (tuf.State, error) { return tuf.ReadState(t.ReadFile) }

// Change makes what vouches for a tree after a change: changed has the length and digest of every file that is new or
// other, the zero value for one that is gone. Of files that neither the lists nor the metadata name, nothing is noted. In
// a tree that nobody has vouched for, changed is the whole tree.
func (n Notary) Change(changed map[string]listing.File) (*Vouched, error) {
	targets, err := tuf.TargetsOf(n.State)
	if err != nil {
		return nil, err
	}
	listed := map[string]listing.File{}
	for path, f := range changed {
		switch {
		case index.IsListed(path):
			listed[path] = f
		case IsTarget(path) && f == listing.File{}:
			delete(targets, path)
		case IsTarget(path):
			targets[path] = tuf.Target{Length: f.Length, SHA256: f.SHA256}
		}
	}
	stale := dropCheckpoints(targets)
	before := targets[listing.TopTarget]
	lists, err := listing.Make(n.Old, listing.File{Length: before.Length, SHA256: before.SHA256}, listed)
	if err != nil {
		return nil, err
	}
	targets[listing.TopTarget] = tuf.Target{Length: lists.Top.Length, SHA256: lists.Top.SHA256}
	update, err := tuf.Release(n.State, targets, n.Keys, n.Sign)
	if err != nil {
		return nil, err
	}
	return n.vouched(update, lists.Files, append(stale, lists.Removed...))
}

// dropCheckpoints takes all checkpoints out of the targets but that of the greatest size.
func dropCheckpoints(targets map[string]tuf.Target) (dropped []string) {
	newest := int64(-1)
	for name := range targets {
		newest = max(newest, checkpointSize(name))
	}
	for name := range targets {
		if size := checkpointSize(name); size >= 0 && size < newest {
			delete(targets, name)
			dropped = append(dropped, name)
		}
	}
	return dropped
}

// checkpointSize returns the size of the log in the name of a checkpoint, -1 for other files.
func checkpointSize(name string) int64 {
	text, ok := strings.CutPrefix(name, index.CheckpointPrefix)
	size, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil {
		return -1
	}
	return size
}

// Refresh signs once more for a tree that has not changed.
func (n Notary) Refresh() (*Vouched, error) {
	update, err := tuf.Refresh(n.State, n.Keys, n.Sign)
	if err != nil {
		return nil, err
	}
	return n.vouched(update, nil, nil)
}

// vouched puts everything together. The files of the former metadata go, but for the roots, by which clients come from
// any former one to the newest.
func (n Notary) vouched(u *tuf.Update, lists map[string][]byte, removed []string) (*Vouched, error) {
	out := &Vouched{Files: map[string][]byte{}}
	maps.Copy(out.Files, u.Files)
	maps.Copy(out.Files, lists)
	now := u.State.Paths()
	root := now[0]
	if _, err := n.Old.ReadFile(root); errors.Is(err, fs.ErrNotExist) {
		out.Files[root] = u.State.Root
	} else if err != nil {
		return nil, err
	}
	for _, path := range n.State.Paths()[1:] {
		if !slices.Contains(now, path) {
			removed = append(removed, path)
		}
	}
	slices.Sort(removed)
	out.Removed = slices.Compact(removed)
	return out, nil
}
