// Package sitetest makes registries, authors, packages and proposals for tests: all of them real, on disk, signed.
package sitetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/site"
)

// ID is the id of the registries that tests make, and Now the time in them.
const ID = "test.example"

// Now is the time in tests.
var Now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Author returns a publisher with a new key.
func Author(t testing.TB, id string) publish.Author {
	t.Helper()
	key, err := sign.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return publish.Author{ID: id, Key: key, Random: rand.Reader, Now: Now}
}

// Draft returns a package that can be published. More is added to its gal.toml, below [package].
func Draft(t testing.TB, name, version, more string) *publish.Draft {
	t.Helper()
	text := fmt.Sprintf("[package]\nname = %q\nversion = %q\ndescription = \"a package for tests\"\nlicense = \"MIT\"\n%s\n", name, version, more)
	return Pack(t, name, version, []archive.File{
		{Path: manifest.FileName, Data: []byte(text)}, {Path: "src/lib.gal", Data: []byte("// " + name + "\n")},
	})
}

// Pack returns the draft of files, of which one is gal.toml.
func Pack(t testing.TB, name, version string, files []archive.File) *publish.Draft {
	t.Helper()
	packed, err := archive.Pack(index.ArchivePrefix(name, version), files)
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(manifest.FileName, files[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := publish.Describe(m, func(string) (string, error) { return "other.example", nil })
	if err != nil {
		t.Fatal(err)
	}
	p.Checksum, p.Size, p.Unpacked = index.Digest(packed.Digest), packed.Size, packed.Unpacked
	return &publish.Draft{Name: name, Publish: p, Archive: packed}
}

// Line ends the test where a line could not be made.
func Line(t testing.TB) func(*index.Line, error) *index.Line {
	return func(l *index.Line, err error) *index.Line {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
}

// Registry is a registry in a temporary folder.
type Registry struct {
	*site.Site
	Repo  *gitrepo.Repo // its index
	Dir   string
	Token string

	t testing.TB
}

// New makes a registry.
func New(t testing.TB) *Registry {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "registry")
	token, err := site.Init(t.Context(), dir, site.InitOptions{ID: ID, Name: "Tests", Now: Now})
	if err != nil {
		t.Fatal(err)
	}
	r := Open(t, dir)
	r.Token = token
	return r
}

// Open opens the registry in a folder.
func Open(t testing.TB, dir string) *Registry {
	t.Helper()
	r := &Registry{Dir: dir, t: t}
	var err error
	if r.Site, err = site.Open(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Site.Close() })
	if r.Repo, err = gitrepo.Open(filepath.Join(dir, site.RepoDir)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Repo.Close() })
	return r
}

// Main is the tip of branch main.
func (r *Registry) Main() gitrepo.Hash {
	r.t.Helper()
	h, err := r.Repo.Ref("refs/heads/main")
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// Upload uploads the archive of a draft.
func (r *Registry) Upload(d *publish.Draft) {
	r.t.Helper()
	if err := r.Site.Upload(index.Digest(d.Archive.Digest), bytes.NewReader(d.Archive.Bytes), archive.MaxPacked); err != nil {
		r.t.Fatal(err)
	}
}

// Snapshot is the registry as a client sees it now.
func (r *Registry) Snapshot() *index.Snapshot {
	r.t.Helper()
	dir, err := index.OpenDir(r.Path(site.PublicDir))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { dir.Close() })
	s, err := index.Open(context.Background(), dir, index.Options{Pin: ID})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// Package is what clients see of a package, nil where there is none.
func (r *Registry) Package(name string) *index.Package {
	r.t.Helper()
	p, err := r.Snapshot().Package(context.Background(), name)
	if err != nil && !fault.IsCode(err, "package-not-found") {
		r.t.Fatal(err)
	}
	return p
}

// Propose pushes lines as one commit of an author on top of a commit of main, and returns its branch.
func (r *Registry) Propose(author publish.Author, on gitrepo.Hash, lines ...*index.Line) (branch string) {
	r.t.Helper()
	files := map[string][]byte{}
	for _, l := range lines {
		path := index.SubjectPath(l.Event, l.Subject)
		if _, ok := files[path]; !ok {
			data, err := r.Repo.ReadFile(on, path, index.MaxFile)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				r.t.Fatal(err)
			}
			files[path] = data
		}
		files[path] = append(append(files[path], l.Bytes()...), '\n')
	}
	last := lines[len(lines)-1]
	branch = index.ProposalBranch(last.Subject, last.Digest())
	r.Push(branch, author, on, files)
	return branch
}

// Push makes a branch of one commit with files on top of another commit.
func (r *Registry) Push(branch string, author publish.Author, on gitrepo.Hash, files map[string][]byte) gitrepo.Hash {
	r.t.Helper()
	return r.PushSaying("publish\n", branch, author, on, files)
}

// PushSaying is Push with a message. What an author without a key pushes is not signed.
func (r *Registry) PushSaying(message, branch string, author publish.Author, on gitrepo.Hash, files map[string][]byte) gitrepo.Hash {
	r.t.Helper()
	var edits []gitrepo.Edit
	for path, data := range files {
		edits = append(edits, gitrepo.Edit{Path: path, Data: data})
	}
	info := gitrepo.CommitInfo{AuthorName: author.ID, AuthorEmail: author.ID + "@example.org", When: Now, Message: message}
	if author.Key != nil {
		info.Signer = author.Key.CommitSigner(rand.Reader)
	}
	h, err := r.Repo.Commit(context.Background(), []gitrepo.Hash{on}, edits, info)
	if err == nil {
		err = r.Repo.CompareAndSwap("refs/heads/"+branch, gitrepo.Hash{}, h)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// Register returns the line that makes an author known.
func (r *Registry) Register(a publish.Author) *index.Line {
	r.t.Helper()
	return Line(r.t)(a.Register(ID, a.ID+"@example.org", nil))
}

// Publish uploads a draft and returns its line, for the package as clients see it now.
func (r *Registry) Publish(a publish.Author, d *publish.Draft) *index.Line {
	r.t.Helper()
	r.Upload(d)
	return Line(r.t)(a.Publish(ID, r.Package(d.Name), d))
}

// Merge runs the gate, and fails the test where a proposal does not come to the verdict.
func (r *Registry) Merge(want string, approved ...string) []site.Outcome {
	r.t.Helper()
	outcomes, err := r.Site.Merge(context.Background(), Now, approved)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, o := range outcomes {
		if string(o.Report.Verdict) != want {
			r.t.Fatalf("%s: %s, want %s: %+v", o.Branch, o.Report.Verdict, want, o.Report.Findings)
		}
	}
	return outcomes
}
