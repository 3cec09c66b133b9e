// Package site is a whole registry in one folder, for one machine: what `gal-registry init` makes and `gal-registry
// serve` serves.
//
//	DIR/index.git/     the index: branches main, dist and publish/...
//	DIR/public/        the static tree: dist's files, packages/, gate/ and allowed_signers
//	DIR/uploads/       archives that were uploaded, each under its digest, until a proposal names them
//	DIR/keys/          log.key signs checkpoints of the log, commit.pem the commits of the registry's own jobs; root.pem,
//	                   targets.pem, snapshot.pem and timestamp.pem the metadata. Keys that were replaced are in old/
//	DIR/root-keys/     only after `init --production`: the three root keys, to be moved to where no program reads them
//	DIR/sigstore.json  where there is one: the trusted root of the Sigstore instance whose identities may sign
//	DIR/tokens.toml    who may upload and push; tokens are stored as their sha256
//	DIR/state/         what has been written to public/ and when it expires, a root that waits, and the lock of the jobs
//
// Every build signs metadata of what it publishes, of package tuf, in the same commit of dist; see [build.Notary]. A folder
// without any, of an older program, is given keys and metadata by its next build. Public/recent/<sha256> has, for a week,
// a copy of each file that clients hold against a digest and that has changed; lists and metadata that have been replaced
// stay as long.
//
// public/gate/<key>/<hex>.json is the gate's answer to the proposal publish/<name>/<hex>. public/allowed_signers is what
// `git verify-commit` needs to verify the commits of main.
//
// Branch main is changed by [Site.Merge] alone, and public/ and dist by [Site.Build]: both hold one lock, so a registry
// has one writer. Every step can be cut off: the next run finishes it.
package site

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofrs/flock"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
)

const (
	mainRef = "refs/heads/main"
	distRef = "refs/heads/dist"
	// RepoDir is the folder of the index below a site's folder, and its path on a server.
	RepoDir = "index.git"
	// PublicDir is the folder of the static tree.
	PublicDir = "public"
	// UploadsDir is the folder, and the path on a server, of uploads.
	UploadsDir = "uploads"
)

// Site is an open registry folder. Close it after use.
type Site struct {
	// VerifyBundle verifies signatures of identities; nil refuses them.
	VerifyBundle index.VerifyBundle

	dir    string
	repo   *gitrepo.Repo
	log    *translog.PrivateKey
	commit *sign.PrivateKey
	lock   *flock.Flock  // of this and other processes
	busy   chan struct{} // of the goroutines of this one: a Flock that is held says yes to whoever asks again
	random io.Reader
	census census
}

// InitOptions shape a new registry. ID and Now are required.
type InitOptions struct {
	ID     string
	Name   string
	Now    time.Time
	Random io.Reader // nil means crypto/rand.Reader
	// Production makes three root keys, of which two must sign, in a folder that is to be moved away; else there is one,
	// beside the others.
	Production bool
}

// Init makes a registry in a folder that does not exist or is empty, and returns the one token that may upload and push. What
// an Init has left that was cut off is removed first: until it has ended there is no registry.
func Init(ctx context.Context, dir string, o InitOptions) (token string, err error) {
	if err := index.CheckRegistryID(o.ID); err != nil {
		return "", fault.New(fault.Usage, "bad-registry-id", "%v", err)
	}
	if !utf8.ValidString(o.Name) || strings.ContainsFunc(o.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", fault.New(fault.Usage, "bad-registry-name", "the name %q holds what cannot be printed", o.Name)
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	made, err := beginIn(ctx, dir)
	if err != nil {
		return "", err
	}
	defer made.lock.Release()
	if token, err = initIn(ctx, dir, o); err != nil {
		return "", err
	}
	return token, made.end()
}

func initIn(ctx context.Context, dir string, o InitOptions) (token string, err error) {
	for _, sub := range []string{PublicDir, UploadsDir, "keys", "state"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return "", err
		}
	}
	if err := os.Chmod(filepath.Join(dir, "keys"), 0o700); err != nil {
		return "", err
	}
	if err := makeKeys(dir, o); err != nil {
		return "", err
	}
	repo, err := gitrepo.Init(filepath.Join(dir, RepoDir), "main")
	if err != nil {
		return "", err
	}
	repo.Close()
	if err := writeHook(dir); err != nil {
		return "", err
	}
	s, err := open(dir)
	if err != nil {
		return "", err
	}
	defer s.Close()
	s.random = o.Random
	if err := s.makeTrustKeys(o.Now, o.Production); err != nil {
		return "", err
	}
	if err := s.firstCommit(ctx, o); err != nil {
		return "", err
	}
	if _, err := s.Build(ctx, o.Now); err != nil {
		return "", err
	}
	return s.AddToken(ctx, "first", o.Now)
}

func makeKeys(dir string, o InitOptions) error {
	log, err := translog.GenerateKey(o.Random, o.ID)
	if err != nil {
		return err
	}
	if err := translog.WriteKeyFile(filepath.Join(dir, "keys", "log.key"), log); err != nil {
		return err
	}
	commit, err := sign.Generate(o.Random)
	if err != nil {
		return err
	}
	return sign.WriteKeyFile(filepath.Join(dir, "keys", "commit.pem"), commit, nil)
}

// updateHook lets a push make proposals and nothing else: main and dist belong to the registry's own jobs, and a proposal
// that others could replace would not be what a person has approved.
const updateHook = `#!/bin/sh
case "$1" in
refs/heads/publish/*) ;;
*)
	echo "only branches publish/... can be pushed; $1 is the registry's own" >&2
	exit 1
	;;
esac
case "$2" in
*[!0]*)
	echo "$1 is there already; a proposal is never changed" >&2
	exit 1
	;;
esac
`

func writeHook(dir string) error {
	hooks := filepath.Join(dir, RepoDir, "hooks")
	if err := os.MkdirAll(hooks, 0o755); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(hooks, "update"), []byte(updateHook), 0o755)
}

// firstFiles is what branch main begins with.
func firstFiles(o InitOptions) []gitrepo.Edit {
	name := o.Name
	if name == "" {
		name = o.ID
	}
	config := fmt.Sprintf(`id = %q
name = %q
format = 1
# Relative places are found from where the registry itself was found.
git-url = %q
upload = %q

# Whoever can push here was given a token by this registry's operator, so a person has looked at every publisher already.
[policy]
new-publisher = "auto"
new-owner = "auto"
`, o.ID, name, RepoDir, UploadsDir)
	access := "[access]\nread_public = true\nwrite_requires_auth = true\nadmin_users = []\n"
	return []gitrepo.Edit{
		{Path: index.ConfigPath, Data: []byte(config)},
		{Path: index.AccessPath, Data: []byte(access)},
		{Path: "categories.txt", Data: []byte(strings.Join(categories, "\n") + "\n")},
		{Path: "reserved.txt", Data: []byte(strings.Join(reserved, "\n") + "\n")},
		{Path: ".gitattributes", Data: []byte("* -text\n")},
	}
}

// categories is the list that a registry begins with; it is its own to change.
var categories = []string{
	"actor-model", "applications", "caching", "chaos-engineering", "code-generation", "command-line", "concurrency",
	"cryptography", "data-structures", "meta-programming", "networking", "observability", "parsing", "resilience",
	"testing", "utilities", "verification",
}

// reserved are GAL's ambient modules: a package of that name could not be imported, or would be taken for the module.
var reserved = []string{
	"alert", "chaos", "compiler", "crypto", "debugger", "distributed", "fs", "http", "io", "log", "meta", "metrics", "ml",
	"net", "quine", "reflection", "replay", "time", "zk",
}

func (s *Site) firstCommit(ctx context.Context, o InitOptions) error {
	hash, err := s.repo.Commit(ctx, nil, firstFiles(o), s.info(o.Now, "registry: begin\n"))
	if err != nil {
		return err
	}
	return s.repo.CompareAndSwap(mainRef, gitrepo.Hash{}, hash)
}

// info is the commit information of the registry's own jobs.
func (s *Site) info(now time.Time, message string) gitrepo.CommitInfo {
	return gitrepo.CommitInfo{
		AuthorName: "gal-registry", AuthorEmail: "registry@localhost", When: now, Message: message,
		Signer: s.commit.CommitSigner(s.random),
	}
}

// Open opens a registry folder.
func Open(dir string) (*Site, error) {
	if err := checkMade(dir); err != nil {
		return nil, err
	}
	return open(dir)
}

func open(dir string) (*Site, error) {
	repo, err := gitrepo.Open(filepath.Join(dir, RepoDir))
	if err != nil {
		return nil, fault.New(fault.NotFound, "no-registry", "%s holds no registry", dir).WithHelp("gal-registry init %s", dir).Because(err)
	}
	s := &Site{dir: dir, repo: repo, lock: flock.New(filepath.Join(dir, "state", "lock")), busy: make(chan struct{}, 1), random: rand.Reader}
	if err := s.jobKeys(); err != nil {
		repo.Close()
		return nil, err
	}
	return s, nil
}

// Close closes the registry's repository.
func (s *Site) Close() error { return s.repo.Close() }

// Path returns the path of something below the site's folder.
func (s *Site) Path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// hold takes the lock of the jobs; it waits for others, here and in other processes.
func (s *Site) hold(ctx context.Context) (release func(), err error) {
	select {
	case s.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the registry's lock: %w", context.Cause(ctx))
	}
	if _, err := s.lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		<-s.busy
		return nil, fmt.Errorf("waiting for the registry's lock: %w", err)
	}
	return func() {
		s.lock.Unlock()
		<-s.busy
	}, nil
}

// config reads registry.toml and access.toml as main has them.
func (s *Site) config(main gitrepo.Hash) (*index.Config, *index.Access, error) {
	files, err := s.repo.ReadFiles(main, []string{index.ConfigPath, index.AccessPath}, index.MaxConfig)
	if err != nil {
		return nil, nil, err
	}
	config, err := index.ParseConfig(files[index.ConfigPath])
	if err != nil {
		return nil, nil, err
	}
	access, err := index.ParseAccess(files[index.AccessPath])
	return config, access, err
}

// Config reads registry.toml and access.toml of branch main.
func (s *Site) Config() (*index.Config, *index.Access, error) {
	main, err := s.repo.Ref(mainRef)
	if err != nil {
		return nil, nil, err
	}
	return s.config(main)
}

// tree is the published tree of a commit of dist; of the zero hash it is empty.
type tree struct {
	repo   *gitrepo.Repo
	commit gitrepo.Hash
}

func (t tree) ReadFile(path string) ([]byte, error) {
	if t.commit.IsZero() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return t.repo.ReadFile(t.commit, path, index.MaxFile)
}

// ref returns where a ref points, zero where it does not exist.
func (s *Site) ref(name string) (gitrepo.Hash, error) {
	h, err := s.repo.Ref(name)
	if errors.Is(err, fs.ErrNotExist) {
		return gitrepo.Hash{}, nil
	}
	return h, err
}

// Upload takes an archive from r and keeps it under its digest, which must be the one that is announced.
func (s *Site) Upload(digest index.Digest, r io.Reader, limit int64) error {
	if err := digest.Check(); err != nil {
		return fault.New(fault.Usage, "bad-digest", "%v", err)
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return err
	}
	if int64(len(data)) > limit {
		return fault.New(fault.Usage, "upload-too-large", "the upload is longer than %d bytes", limit)
	}
	if got := index.DigestOf(data); got != digest {
		return fault.New(fault.Usage, "upload-digest", "the upload has digest %s, not %s", got, digest)
	}
	return atomicfile.Write(s.Path(UploadsDir, digest.Hex()), data, 0o600)
}

// archive returns what was uploaded under a digest.
func (s *Site) archive(digest index.Digest) ([]byte, error) {
	return atomicfile.Read(s.Path(UploadsDir, digest.Hex()), maxArchive)
}

func randomHex(random io.Reader, n int) (string, error) {
	data := make([]byte, n)
	if _, err := io.ReadFull(random, data); err != nil {
		return "", err
	}
	return hex.EncodeToString(data), nil
}
