package gitrepo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Edit sets the content of one file, which then has mode 0644, or with nil Data removes it. Empty, not nil, Data makes
// an empty file. Removing what is not there changes nothing; folders come and go with their files.
type Edit struct {
	Path string
	Data []byte
}

// BuildTree writes the tree that results from base (a commit, a tree, or the zero hash for an empty one) and the edits,
// in any order, each path once. Only the folders on the edited paths are read and written; blobs are not read at all.
// A file where another edit or the base has a folder, or the other way round, is an error.
func (r *Repo) BuildTree(base Hash, edits []Edit) (Hash, error) {
	tree, objects, err := r.buildTree(base, edits)
	if err != nil {
		return Hash{}, err
	}
	return tree, r.put(objects)
}

// Commit writes a commit with the content of its first parent, or of nothing where it has none, after the edits. It
// moves no ref.
func (r *Repo) Commit(ctx context.Context, parents []Hash, edits []Edit, info CommitInfo) (Hash, error) {
	if err := ctx.Err(); err != nil {
		return Hash{}, err
	}
	var base Hash
	if len(parents) > 0 {
		base = parents[0]
	}
	tree, objects, err := r.buildTree(base, edits)
	if err != nil {
		return Hash{}, err
	}
	data, err := encodeCommit(tree, parents, info)
	if err != nil {
		return Hash{}, err
	}
	c := newObject(plumbing.CommitObject, data)
	return c.hash, r.put(append(objects, c))
}

func (r *Repo) buildTree(base Hash, edits []Edit) (Hash, []object, error) {
	root, err := r.TreeOf(base)
	if err != nil {
		return Hash{}, nil, err
	}
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b Edit) int { return strings.Compare(sortKey(a.Path), sortKey(b.Path)) })
	for i, e := range edits {
		if err := CheckPath(e.Path); err != nil {
			return Hash{}, nil, err
		}
		if i > 0 && edits[i-1].Path == e.Path {
			return Hash{}, nil, fmt.Errorf("%q is edited twice", e.Path)
		}
	}
	b := builder{repo: r}
	tree, _, err := b.folder("", root, edits)
	return tree, b.objects, err
}

// builder collects the objects that the new tree needs and the base may not have.
type builder struct {
	repo    *Repo
	objects []object
}

// folder applies edits, whose paths begin with prefix, to the folder of that name, and returns the new tree and whether
// it is empty.
func (b *builder) folder(prefix string, base Hash, edits []Edit) (Hash, bool, error) {
	before, err := b.repo.readTree(base)
	if err != nil {
		return Hash{}, false, fmt.Errorf("reading folder %q: %w", prefix, err)
	}
	names := make(map[string]entry, len(before))
	for _, e := range before {
		names[e.name] = e
	}
	for len(edits) > 0 {
		name, _, _ := strings.Cut(edits[0].Path[len(prefix):], "/")
		group := edits[:groupLen(edits, prefix+name)]
		edits = edits[len(group):]
		e, err := b.name(prefix, names[name], name, group)
		if err != nil {
			return Hash{}, false, err
		}
		if e.mode == 0 {
			delete(names, name)
		} else {
			names[name] = e
		}
	}
	after := make([]entry, 0, len(names))
	for _, e := range names {
		after = append(after, e)
	}
	o := newObject(plumbing.TreeObject, encodeTree(after))
	if o.hash != base {
		b.objects = append(b.objects, o)
	}
	return o.hash, len(after) == 0, nil
}

// sortKey makes what is below a folder follow the folder's own name at once: "a", "a/b", "a.b".
func sortKey(path string) string { return strings.ReplaceAll(path, "/", "\x00") }

// groupLen returns how many of the sorted edits are at path or below it, from the first on.
func groupLen(edits []Edit, path string) int {
	n := 0
	for n < len(edits) && (edits[n].Path == path || strings.HasPrefix(edits[n].Path, path+"/")) {
		n++
	}
	return n
}

// name applies the edits at or below one name of a folder, whose entry is e (the zero entry where there is none), and
// returns its new entry, the zero entry where nothing remains.
func (b *builder) name(prefix string, e entry, name string, edits []Edit) (entry, error) {
	path := prefix + name
	isFile := edits[0].Path == path
	clash := isFile && (len(edits) > 1 || e.mode == ModeDir) || !isFile && e.mode != 0 && e.mode != ModeDir
	if clash {
		return entry{}, fmt.Errorf("%q would be a file and a folder", path)
	}
	if !isFile {
		tree, empty, err := b.folder(path+"/", e.hash, edits)
		if err != nil || empty {
			return entry{}, err
		}
		return entry{name, ModeDir, tree}, nil
	}
	if edits[0].Data == nil {
		return entry{}, nil
	}
	o := newObject(plumbing.BlobObject, edits[0].Data)
	b.objects = append(b.objects, o)
	return entry{name, ModeFile, o.hash}, nil
}
