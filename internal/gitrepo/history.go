package gitrepo

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// Log calls fn for the commits from the commit from, newest first, along first parents, down to but without the commit
// to; with to the zero hash, down to the first commit. Where to is not among them the error matches [ErrUnrelated], after
// fn has seen all. An error of fn ends the walk and is returned; [fs.SkipAll] ends it without one.
//
// A merge is one step: [Commit.Parents] shows it, for callers that want a linear history.
func (r *Repo) Log(ctx context.Context, from, to Hash, fn func(Commit) error) error {
	edge, err := r.shallow()
	if err != nil {
		return err
	}
	for at := from; at != to; {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := r.ReadCommit(at)
		if err != nil {
			return err
		}
		if err := fn(c); err != nil {
			if err == fs.SkipAll {
				return nil
			}
			return err
		}
		if len(c.Parents) > 0 && !edge[at] {
			at = c.Parents[0]
			continue
		}
		if to.IsZero() {
			return nil
		}
		return fmt.Errorf("from %s to %s: %w", from, to, ErrUnrelated)
	}
	return nil
}

// IsAncestor reports whether b descends from a, or is a, along any parents. In a shallow repository it sees only the
// history that is there.
func (r *Repo) IsAncestor(ctx context.Context, a, b Hash) (bool, error) {
	edge, err := r.shallow()
	if err != nil {
		return false, err
	}
	seen := map[Hash]bool{b: true}
	for queue := []Hash{b}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == a {
			return true, nil
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		c, err := r.ReadCommit(queue[0])
		if err != nil {
			return false, err
		}
		if edge[c.Hash] {
			continue
		}
		for _, p := range c.Parents {
			if !seen[p] {
				seen[p] = true
				queue = append(queue, p)
			}
		}
	}
	return false, nil
}

// NewObjects lists what a repository that has the commit base, and all before it, lacks of the commit tip, which must
// descend from base along first parents (else [ErrUnrelated]): the commits between, and at each place that differs the
// trees and blobs. No base means everything.
func (r *Repo) NewObjects(ctx context.Context, base, tip Hash) ([]Hash, error) {
	var commits []Commit
	err := r.Log(ctx, tip, base, func(c Commit) error {
		if len(c.Parents) > 1 {
			return fmt.Errorf("commit %s is a merge", c.Hash)
		}
		commits = append(commits, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	before, err := r.TreeOf(base)
	if err != nil {
		return nil, err
	}
	var d differ
	for i := len(commits) - 1; i >= 0; i-- {
		d.budget = r.budget(ctx, commits[i].Hash)
		d.objects = append(d.objects, commits[i].Hash)
		if err := d.compare(r, "", before, commits[i].Tree); err != nil {
			return nil, err
		}
		before = commits[i].Tree
	}
	return unique(d.objects), nil
}

func unique(hashes []Hash) []Hash {
	seen := make(map[Hash]bool, len(hashes))
	kept := hashes[:0]
	for _, h := range hashes {
		if !seen[h] {
			seen[h] = true
			kept = append(kept, h)
		}
	}
	return kept
}

// maxShallow bounds the file shallow: 41 bytes a commit.
const maxShallow = 4 << 20

// shallow returns the commits whose parents are not in the repository, from git's file of that name.
func (r *Repo) shallow() (map[Hash]bool, error) {
	data, err := atomicfile.Read(r.path("shallow"), maxShallow)
	edge := map[Hash]bool{}
	if isNotExist(err) {
		return edge, nil
	}
	if err != nil {
		return nil, err
	}
	for _, line := range lines(data) {
		h, err := ParseHash(line)
		if err != nil {
			return nil, unsafe("the file shallow of %s is malformed", r.dir).Because(err)
		}
		edge[h] = true
	}
	return edge, nil
}

// AddShallow records that the parents of a commit are not in the repository. Calls must not overlap.
func (r *Repo) AddShallow(h Hash) error {
	edge, err := r.shallow()
	if err != nil || edge[h] {
		return err
	}
	old, err := atomicfile.Read(r.path("shallow"), maxShallow)
	if err != nil && !isNotExist(err) {
		return err
	}
	return atomicfile.Write(r.path("shallow"), append(old, h.String()+"\n"...), 0o644)
}
