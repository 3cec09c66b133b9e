package gitindex

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// Ref names a commit of any repository, by at most one of its fields; with none it is that of the default branch.
type Ref struct {
	Tag    string
	Branch string
	Rev    string // 7 to 40 lower-case hex digits; fewer than 40 must begin the commit of a branch or a tag
}

// Resolve returns the commit, 40 hex digits, that a ref of the repository at Options.URL stands for now. A tag that is an
// object of its own stands for what it points to. A Rev of 40 digits is its own answer, and nobody is asked.
//
// Faults: those of [Open] and [Store.Refresh]; "git-branch-not-found" (NotFound) for any ref; "git-dependency"
// (Manifest) for a Rev that names no commit.
func Resolve(ctx context.Context, opts Options, ref Ref) (string, error) {
	if len(ref.Rev) >= 40 {
		return checkCommit(ref.Rev)
	}
	at, err := parseLocation(opts.URL, opts.AllowInsecure)
	if err != nil {
		return "", err
	}
	tips, err := tipsOf(ctx, at, opts)
	if err != nil {
		return "", err
	}
	commit, err := tips.find(ref, opts.URL)
	if err != nil {
		return "", err
	}
	return commit.String(), nil
}

func checkCommit(id string) (string, error) {
	h, err := gitrepo.ParseHash(id)
	if err != nil || len(id) != 40 {
		return "", fault.New(fault.Manifest, "git-dependency", "%q is not a commit id of 40 hex digits, the only kind that is supported", id)
	}
	return h.String(), nil
}

// tip is a branch or a tag of a repository.
type tip struct {
	name   string       // in full
	object gitrepo.Hash // what it points to: a commit, or a tag object
	commit gitrepo.Hash // what that comes to
}

// tips are the branches and tags of a repository, sorted by name; head is the commit of the default branch, zero for none.
type tips struct {
	head gitrepo.Hash
	list []tip
}

func tipsOf(ctx context.Context, at location, opts Options) (tips, error) {
	if at.scheme == "file" {
		return localTips(at.path)
	}
	r := newRemote(at, filled(opts))
	defer r.hangUp()
	return r.tips(ctx)
}

// tips asks the server for its branches and tags.
func (r *remote) tips(ctx context.Context) (tips, error) {
	refs, err := r.list(ctx, "HEAD", "refs/heads/", "refs/tags/")
	if err != nil {
		return tips{}, err
	}
	var all tips
	for _, ref := range refs {
		commit := ref.Peeled
		if commit.IsZero() {
			commit = ref.Object
		}
		if ref.Name == "HEAD" {
			all.head = commit
		}
		if isTip(ref.Name) {
			all.list = append(all.list, tip{ref.Name, ref.Object, commit})
		}
	}
	slices.SortFunc(all.list, func(a, b tip) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

func isTip(name string) bool {
	return (strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/")) && gitrepo.CheckRefName(name) == nil
}

// find returns the commit that a ref stands for. Tags and branches are looked up in full, so that neither can stand in for
// the other, and a commit id is never taken for a name.
func (t tips) find(ref Ref, url string) (gitrepo.Hash, error) {
	switch {
	case ref.Tag != "":
		return t.named("refs/tags/"+ref.Tag, fmt.Sprintf("tag %q", ref.Tag), url)
	case ref.Branch != "":
		return t.named("refs/heads/"+ref.Branch, fmt.Sprintf("branch %q", ref.Branch), url)
	case ref.Rev != "":
		return t.beginning(ref.Rev, url)
	case t.head.IsZero():
		return t.head, fault.New(fault.NotFound, "git-branch-not-found", "the git repository at %q has no default branch", url)
	}
	return t.head, nil
}

func (t tips) named(name, what, url string) (gitrepo.Hash, error) {
	if err := gitrepo.CheckRefName(name); err != nil {
		return gitrepo.Hash{}, err
	}
	for _, tip := range t.list {
		if tip.name == name {
			return tip.commit, nil
		}
	}
	return gitrepo.Hash{}, fault.New(fault.NotFound, "git-branch-not-found", "the git repository at %q has no %s", url, what)
}

// beginning finds the commit that an abbreviated id means, among those that the server names: it cannot be asked for others.
func (t tips) beginning(rev, url string) (gitrepo.Hash, error) {
	var found gitrepo.Hash
	for _, tip := range t.list {
		if !strings.HasPrefix(tip.commit.String(), rev) {
			continue
		}
		if !found.IsZero() && found != tip.commit {
			found = gitrepo.Hash{}
			break
		}
		found = tip.commit
	}
	if found.IsZero() {
		return found, fault.New(fault.Manifest, "git-dependency", "%q is not enough of a commit id for the repository at %q", rev, url).
			WithFact("only commits at the tip of a branch or a tag can be abbreviated").WithHelp("write all 40 digits of the commit")
	}
	return found, nil
}

// wants returns what to ask a server for to get a commit. Many give only what their refs point to, and that may be the
// tag object around the commit.
func (t tips) wants(commit gitrepo.Hash) gitrepo.Hash {
	want := commit
	for _, tip := range t.list {
		if tip.object == commit {
			return commit
		}
		if tip.commit == commit {
			want = tip.object
		}
	}
	return want
}

func (t tips) objects() []gitrepo.Hash {
	var all []gitrepo.Hash
	for _, tip := range t.list {
		if !slices.Contains(all, tip.object) {
			all = append(all, tip.object)
		}
	}
	return all
}

// openRepository opens a bare repository, or the one in the .git of a work tree.
func openRepository(path string) (*gitrepo.Repo, error) {
	if isDir(filepath.Join(path, ".git")) {
		path = filepath.Join(path, ".git")
	}
	return gitrepo.Open(path)
}

const maxHead = 4 << 10

func localTips(path string) (tips, error) {
	repo, err := openRepository(path)
	if err != nil {
		return tips{}, err
	}
	defer repo.Close()
	refs, err := repo.Refs("refs/")
	if err != nil {
		return tips{}, err
	}
	var all tips
	for _, r := range refs {
		if !isTip(r.Name) {
			continue
		}
		commit, err := peel(repo.Dir(), r.Hash)
		if err != nil {
			return tips{}, fmt.Errorf("reading %s of %s: %w", r.Name, path, err)
		}
		all.list = append(all.list, tip{r.Name, r.Hash, commit})
	}
	text, err := atomicfile.Read(filepath.Join(repo.Dir(), "HEAD"), maxHead)
	if err != nil {
		return tips{}, err
	}
	if name, symbolic := strings.CutPrefix(strings.TrimSpace(string(text)), "ref: "); symbolic {
		all.head, _ = all.named(name, "", path) // none: an empty repository
	} else if all.head, err = gitrepo.ParseHash(strings.TrimSpace(string(text))); err != nil {
		return tips{}, err
	}
	return all, nil
}

// Bounds on tag objects.
const (
	maxTag  = 1 << 20
	maxTags = 8 // tags of tags
)

// peel follows tag objects to what they point to. Whoever reads that finds out whether it is a commit.
func peel(dir string, h gitrepo.Hash) (gitrepo.Hash, error) {
	objects := filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRU(maxTag))
	defer objects.Close()
	for range maxTags {
		o, err := objects.EncodedObject(plumbing.AnyObject, h)
		if err != nil {
			return h, err
		}
		if o.Type() != plumbing.TagObject {
			return h, nil
		}
		if h, err = tagged(o); err != nil {
			return h, err
		}
	}
	return h, fault.New(fault.Integrity, "git-content-unsafe", "a tag of a tag of a tag goes on for more than %d", maxTags)
}

// tagged reads the first line of a tag object, "object HASH".
func tagged(o plumbing.EncodedObject) (gitrepo.Hash, error) {
	bad := fault.New(fault.Integrity, "git-content-unsafe", "tag object %s is malformed", o.Hash())
	if o.Size() > maxTag {
		return gitrepo.Hash{}, bad
	}
	r, err := o.Reader()
	if err != nil {
		return gitrepo.Hash{}, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return gitrepo.Hash{}, err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	id, ok := strings.CutPrefix(line, "object ")
	if h, err := gitrepo.ParseHash(id); ok && err == nil {
		return h, nil
	}
	return gitrepo.Hash{}, bad
}
