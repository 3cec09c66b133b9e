package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// Remote is the side of a registry that takes proposals. Git and Upload are required for what uses them.
type Remote struct {
	Git           string // address of the index repository, as package gitindex takes it
	Upload        string // URL or folder that takes archives under their digests
	Client        *web.Client
	Dir           string // where the sparse copy of the repository is kept
	Scratch       string // where short-lived copies of open proposals are made
	AllowInsecure bool
}

// Index is the open repository of a registry, at branch main. Close it after use.
type Index struct {
	// Bundles are those of signatures by identities; Propose brings them along with the lines that name them.
	Bundles map[index.Digest][]byte

	remote Remote
	store  *gitindex.Store
}

// Open brings a sparse copy of branch main up to date.
func Open(ctx context.Context, r Remote) (*Index, error) {
	if r.Git == "" {
		return nil, fault.New(fault.Manifest, "no-git-url", "the registry does not say where proposals go (git-url in registry.toml)")
	}
	store, err := gitindex.Open(r.Dir, gitindex.Options{URL: r.Git, Branch: "main", HTTP: r.Client.HTTP(), AllowInsecure: r.AllowInsecure})
	if err != nil {
		return nil, err
	}
	if _, err := store.Refresh(ctx); err != nil {
		store.Close()
		return nil, err
	}
	return &Index{remote: r, store: store}, nil
}

// Close closes the repository.
func (x *Index) Close() error { return x.store.Close() }

// Files reads files of branch main; those that do not exist are absent.
func (x *Index) Files(ctx context.Context, paths []string) (map[string][]byte, error) {
	return x.store.Fetch(ctx, paths)
}

// Waiting is a proposal that has neither been merged nor closed.
type Waiting struct {
	Branch string
	Commit string // 40 hex digits
}

// Pending is what an open proposal says of a package or a publisher.
type Pending struct {
	Waiting
	Key   string        // hint of the key that signed the commit, "" for none
	Lines []*index.Line // of the file that was asked for
}

// maxPending bounds how many open proposals of one package are looked into.
const maxPending = 32

// Branches lists the open proposals that are named after a package or a publisher; "" is for all of them.
func (x *Index) Branches(ctx context.Context, subject string) ([]Waiting, error) {
	prefix := "refs/heads/" + index.ProposalPrefix
	if subject != "" {
		prefix += subject + "/"
	}
	refs, err := x.store.Refs(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var open []Waiting
	for _, ref := range refs {
		branch := strings.TrimPrefix(ref.Name, "refs/heads/")
		if name, _, ok := index.ParseProposalBranch(branch); ok && (subject == "" || name == subject) {
			open = append(open, Waiting{branch, ref.Hash.String()})
		}
	}
	return open, nil
}

// Pending lists the open proposals for a package or a publisher, with the lines that they append to its file: that of the
// package for an event of packages, else that of the publisher.
func (x *Index) Pending(ctx context.Context, event index.Event, subject string) ([]Pending, error) {
	branches, err := x.Branches(ctx, subject)
	if err != nil {
		return nil, err
	}
	branches = branches[:min(len(branches), maxPending)]
	path := index.SubjectPath(event, subject)
	known, err := x.store.Fetch(ctx, []string{path})
	if err != nil {
		return nil, err
	}
	var list []Pending
	for _, open := range branches {
		p, err := x.proposed(ctx, open.Branch, path, known[path])
		if err != nil {
			return nil, err
		}
		list = append(list, *p)
	}
	return list, nil
}

// proposed reads what a branch appends to a file. A proposal that does not parse is the gate's matter.
func (x *Index) proposed(ctx context.Context, branch, path string, main []byte) (*Pending, error) {
	if err := os.MkdirAll(x.remote.Scratch, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(x.remote.Scratch, atomicfile.TempPrefix+"*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	store, err := gitindex.Open(dir, gitindex.Options{URL: x.remote.Git, Branch: branch, HTTP: x.remote.Client.HTTP(), AllowInsecure: x.remote.AllowInsecure})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	if _, err := store.Refresh(ctx); err != nil {
		return nil, err
	}
	files, err := store.Fetch(ctx, []string{path})
	if err != nil {
		return nil, err
	}
	commit, err := store.Head()
	if err != nil {
		return nil, err
	}
	p := &Pending{Waiting: Waiting{branch, commit.Hash.String()}}
	if key, ok := SignerOf(commit); ok {
		p.Key = key.Hint()
	}
	var decoder index.Decoder
	before, _ := decoder.ParseLines("", main)
	lines, _ := decoder.ParseLines("", files[path])
	common := 0 // main may have grown since
	for common < min(len(lines), len(before)) && lines[common].Digest() == before[common].Digest() {
		common++
	}
	p.Lines = lines[common:]
	return p, nil
}

// PutArchive brings an archive to where the registry takes uploads. An archive that is there already is success.
func (x *Index) PutArchive(ctx context.Context, a *archive.Archive) error {
	digest := index.Digest(a.Digest)
	switch upload := x.remote.Upload; {
	case upload == "":
		return fault.New(fault.Manifest, "no-upload", "the registry does not say where archives go (upload in registry.toml)")
	case strings.Contains(upload, "://"):
		header := http.Header{"Content-Type": {"application/zstd"}}
		_, err := x.remote.Client.Put(ctx, upload+"/"+digest.Hex(), a.Bytes, header)
		return err
	default:
		if _, err := os.Stat(upload); errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.NotFound, "no-upload", "the registry's folder for uploads, %s, is not there", upload)
		}
		return atomicfile.Write(filepath.Join(upload, digest.Hex()), a.Bytes, 0o600)
	}
}

// Proposal is a pull request that was made.
type Proposal struct {
	Branch string
	Commit string
	Line   index.Digest // that the branch is named after
}

// Propose appends lines to branch main in one commit of the author and pushes it as a branch of its own, which is named
// after the last line. The commit is signed with the author's key; an author without a key brings lines that others have
// signed, and the registry commits them in its own name.
func (x *Index) Propose(ctx context.Context, author Author, registry string, lines []*index.Line, message string) (*Proposal, error) {
	edits, err := x.appended(ctx, lines)
	if err != nil {
		return nil, err
	}
	last := lines[len(lines)-1]
	p := &Proposal{Branch: index.ProposalBranch(last.Subject, last.Digest()), Line: last.Digest()}
	info := gitindex.CommitInfo{
		AuthorName: author.ID, AuthorEmail: fmt.Sprintf("%s@%s", author.ID, registry), When: author.Now, Message: message + "\n",
	}
	if author.Key != nil {
		info.Signer = author.Key.CommitSigner(author.Random)
	}
	if p.Commit, err = x.store.Commit(ctx, edits, info); err != nil {
		return nil, err
	}
	return p, x.store.Push(ctx, "refs/heads/"+p.Branch, p.Commit, gitindex.PushOptions{})
}

// appended returns the files of branch main with the lines at their ends.
func (x *Index) appended(ctx context.Context, lines []*index.Line) ([]gitindex.Edit, error) {
	var paths []string
	for _, l := range lines {
		if path := index.SubjectPath(l.Event, l.Subject); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	now, err := x.store.Fetch(ctx, paths)
	if err != nil {
		return nil, err
	}
	edits := make([]gitindex.Edit, len(paths))
	for i, path := range paths {
		edits[i] = gitindex.Edit{Path: path, Data: bytes.Clone(now[path])}
	}
	for _, l := range lines {
		e := &edits[slices.Index(paths, index.SubjectPath(l.Event, l.Subject))]
		e.Data = append(append(e.Data, l.Bytes()...), '\n')
	}
	for _, l := range lines {
		for _, digest := range l.Bundles() {
			if data, ok := x.Bundles[digest]; ok {
				edits = append(edits, gitindex.Edit{Path: index.BundlePath(digest), Data: data})
			}
		}
	}
	return edits, nil
}
