package gitrepo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// Change is one path whose entry differs between two snapshots. Hash and mode are zero on the side where it is absent.
type Change struct {
	Path             string
	Old, New         Hash
	OldMode, NewMode Mode
}

// Diff lists the paths that differ between two snapshots (commits, trees, or the zero hash for nothing), sorted by path.
// It reads only trees that differ, and no blob. A rename is a removal and an addition; a change of mode alone is a change.
// More than [MaxAgain] folders that were met before, [MaxEntries] changes, or [MaxPaths] are a fault of kind Integrity,
// and it ends with ctx.
func (r *Repo) Diff(ctx context.Context, old, new Hash) ([]Change, error) {
	a, err := r.TreeOf(old)
	if err != nil {
		return nil, err
	}
	b, err := r.TreeOf(new)
	if err != nil {
		return nil, err
	}
	d := differ{budget: r.budget(ctx, cmp.Or(new, old))}
	if err := d.compare(r, "", a, b); err != nil {
		return nil, err
	}
	slices.SortFunc(d.changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return d.changes, nil
}

// differ collects what differs: the changes, and the objects that the new side has at those places.
type differ struct {
	budget  *budget
	changes []Change
	objects []Hash // new trees and blobs; an object that moved from elsewhere counts as new
}

func (d *differ) compare(r *Repo, prefix string, a, b Hash) error {
	if a == b {
		return nil
	}
	now := a // of what is gone, the folder that was there
	if !b.IsZero() {
		now = b
		d.objects = append(d.objects, b)
	}
	if err := d.budget.folder(now, b.IsZero()); err != nil {
		return err
	}
	before, err := r.readTree(a)
	if err != nil {
		return fmt.Errorf("reading folder %q: %w", prefix, err)
	}
	after, err := r.readTree(b)
	if err != nil {
		return fmt.Errorf("reading folder %q: %w", prefix, err)
	}
	was := make(map[string]entry, len(before))
	for _, e := range before {
		was[e.name] = e
	}
	for _, e := range after {
		if err := d.entry(r, prefix, was[e.name], e); err != nil {
			return err
		}
		delete(was, e.name)
	}
	for _, e := range before {
		if _, gone := was[e.name]; gone {
			if err := d.entry(r, prefix, e, entry{name: e.name}); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry compares one name on both sides; a side without it is the zero entry.
func (d *differ) entry(r *Repo, prefix string, a, b entry) error {
	path, err := join(prefix, b.name)
	if err != nil || a.mode == b.mode && a.hash == b.hash {
		return err
	}
	treeA, treeB := Hash{}, Hash{}
	c := Change{Path: path}
	if a.mode == ModeDir {
		treeA = a.hash
	} else {
		c.Old, c.OldMode = a.hash, a.mode
	}
	if b.mode == ModeDir {
		treeB = b.hash
	} else {
		c.New, c.NewMode = b.hash, b.mode
	}
	if c.OldMode != 0 || c.NewMode != 0 {
		if err := d.budget.entry(path); err != nil {
			return err
		}
		d.changes = append(d.changes, c)
		if c.NewMode.Regular() || c.NewMode == ModeLink {
			d.objects = append(d.objects, b.hash)
		}
	}
	return d.compare(r, path, treeA, treeB)
}
