// Package gitrepo reads and writes bare git repositories: commits, trees, files and refs, without a work tree and
// without the git program. What it writes, real git reads (`git fsck` is clean), and the other way round.
//
// # What it accepts
//
// Repositories are hostile input. Objects are read and never checked out; each is hashed again when it is read. SHA-1
// object format only.
//
//   - A tree is refused whole when an entry is named "", ".", "..", ".git" in any spelling that a file system might take
//     for it, or longer than [MaxName] bytes, when entries are out of order or double, or when a mode is not one of
//     [ModeFile], [ModeExec], [ModeDir], [ModeLink], [ModeSubmodule].
//   - Links and submodules are seen ([Repo.Walk], [Repo.Diff], [Repo.Lookup] give their mode) and never followed:
//     reading one, or a path that leads through one, is an error.
//   - Trees nest at most [MaxDepth] deep; a tree has at most [MaxTree] bytes, a commit [MaxCommit]; files have the limit
//     that the caller gives. Going over a snapshot is bounded by [MaxAgain], [MaxEntries] and [MaxPaths]. Packs are
//     screened before they are used: see [PackLimits].
//
// # What it writes
//
// Files of mode 0644. Few objects are written as loose files, many as one pack; each is synced before anything points to
// it, and a ref changes by rename under git's own NAME.lock, so that a crash leaves the old state or the new.
//
//	repo, err := gitrepo.Init(dir, "main")
//	first, err := repo.Commit(ctx, nil, []gitrepo.Edit{{Path: "registry.toml", Data: data}}, info)
//	err = repo.CompareAndSwap("refs/heads/main", gitrepo.Hash{}, first)
//
// Errors to match: [fs.ErrNotExist] for a path or ref that is not there, [ErrMissingObject], [ErrTooLarge],
// [ErrChanged], [ErrUnrelated]; hostile content is a fault of kind Integrity.
package gitrepo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/config"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// Hash is an object id: the SHA-1 of "type size NUL content". The zero value stands for "no object".
type Hash = plumbing.Hash

// Limits on what is read.
const (
	MaxDepth  = 32       // components of a path
	MaxName   = 255      // bytes of a component
	MaxTree   = 64 << 20 // bytes of one tree object
	MaxCommit = 1 << 20  // bytes of one commit object

	configMax = 1 << 20
)

var (
	// ErrMissingObject is matched where an object is not in the repository, as the blobs of a partial clone are not.
	ErrMissingObject = errors.New("the object is not in the repository")
	// ErrDamaged is matched where what is on disk is not what was written there.
	ErrDamaged = errors.New("the repository is damaged")
	// ErrTooLarge is matched where something is longer than its limit.
	ErrTooLarge = errors.New("it is over the size limit")
	// ErrChanged is matched where a ref is not at the commit that the caller expected.
	ErrChanged = errors.New("the ref has moved")
	// ErrUnrelated is matched where one commit was to descend from another and does not.
	ErrUnrelated = errors.New("the commits are not in one line")
)

// Repo is a repository on disk. Its methods may be called concurrently, and other processes, git among them, may write to
// the same repository. Close it after use.
type Repo struct {
	dir string

	mu      sync.Mutex // guards objects
	objects *store
	packs   string // names of the packs that objects knows
}

// bareConfig lets clients fetch without blobs and ask for single objects, and keeps pushes from rewriting history,
// deleting branches or storing malformed objects. A pack that git makes comes with a table of what is where, as it does by
// default from 2.41 on: without one, git sorts all objects of the pack for every request. Real git honours all of it.
const bareConfig = `[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
[uploadpack]
	allowFilter = true
	allowAnySHA1InWant = true
[receive]
	denyNonFastForwards = true
	denyDeletes = true
	fsckObjects = true
[gc]
	autoDetach = false
[pack]
	writeReverseIndex = true
`

// Init makes an empty bare repository in dir, whose default branch is branch (as in "main"), and opens it. A repository
// that is there already is an error that matches [fs.ErrExist]; an Init that was interrupted can be repeated.
func Init(dir, branch string) (*Repo, error) { return create(dir, branch, bareConfig) }

// partialConfig tells git that missing objects are not a fault. The remote has no address, so that git never fetches
// them by itself.
const partialConfig = `[core]
	repositoryformatversion = 1
	filemode = true
	bare = true
[extensions]
	partialClone = origin
[remote "origin"]
	promisor = true
[gc]
	auto = 0
`

// InitPartial is [Init] for a private copy of a part of some other repository.
func InitPartial(dir, branch string) (*Repo, error) { return create(dir, branch, partialConfig) }

func create(dir, branch, config string) (*Repo, error) {
	if err := CheckRefName("refs/heads/" + branch); err != nil {
		return nil, err
	}
	head := filepath.Join(dir, "HEAD")
	if _, err := os.Lstat(head); err == nil {
		return nil, fmt.Errorf("making a repository in %s: %w", dir, fs.ErrExist)
	}
	for _, sub := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(sub)), 0o755); err != nil {
			return nil, err
		}
	}
	if err := atomicfile.Write(filepath.Join(dir, "config"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	// HEAD comes last: without it, nothing takes the folder for a repository.
	if err := atomicfile.Write(head, []byte("ref: refs/heads/"+branch+"\n"), 0o644); err != nil {
		return nil, err
	}
	return Open(dir)
}

// Open opens the repository in dir, or in dir/.git where dir has a work tree. It runs no program and needs no network.
// A folder that holds no repository is a fault with code "git-repository-not-found", one in a format that is not
// understood (SHA-256, reftable) "git-format-unknown".
func Open(dir string) (*Repo, error) {
	if isRepository(filepath.Join(dir, ".git")) {
		dir = filepath.Join(dir, ".git")
	}
	if !isRepository(dir) {
		return nil, fault.New(fault.NotFound, "git-repository-not-found", "there is no git repository in %s", dir)
	}
	if err := checkFormat(dir); err != nil {
		return nil, err
	}
	r := &Repo{dir: dir}
	r.reload()
	return r, nil
}

func isRepository(dir string) bool {
	if info, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil || info.IsDir() {
		return false
	}
	info, err := os.Stat(filepath.Join(dir, "objects"))
	return err == nil && info.IsDir()
}

// checkFormat refuses what would be misread. The extensions that are let through change nothing about reading objects.
func checkFormat(dir string) error {
	data, err := atomicfile.Read(filepath.Join(dir, "config"), configMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	unknown := fault.New(fault.Manifest, "git-format-unknown", "the git repository in %s has a format that is not understood", dir)
	cfg := config.New()
	if err := config.NewDecoder(strings.NewReader(string(data))).Decode(cfg); err != nil {
		return unknown.Because(err)
	}
	if v := cfg.Section("core").Option("repositoryformatversion"); v != "" && v != "0" && v != "1" {
		return unknown.WithFact("repositoryformatversion %q", v)
	}
	for _, o := range cfg.Section("extensions").Options {
		switch strings.ToLower(o.Key) {
		case "partialclone", "noop", "preciousobjects", "worktreeconfig":
		case "objectformat":
			if o.Value != "sha1" {
				return unknown.WithFact("objectformat %q", o.Value)
			}
		default:
			return unknown.WithFact("extension %q", o.Key)
		}
	}
	return nil
}

// Dir returns the folder that holds HEAD, objects and refs.
func (r *Repo) Dir() string { return r.dir }

// Close releases the files that reading keeps open.
func (r *Repo) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.objects.close()
}

// reload forgets what is known of the packs. Call it with r.mu held, or before r is shared.
func (r *Repo) reload() {
	if r.objects != nil {
		r.objects.close()
	}
	names := r.listPacks()
	r.packs = strings.Join(names, "")
	r.objects = openStore(r.dir, names)
}

// packNames is to notice packs that git or another process has added or replaced.
func (r *Repo) packNames() string { return strings.Join(r.listPacks(), "") }

// listPacks returns the file names of the packs.
func (r *Repo) listPacks() []string {
	entries, err := os.ReadDir(filepath.Join(r.dir, "objects", "pack"))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".pack") {
			names = append(names, e.Name())
		}
	}
	return names
}

// PackCount returns how many packs the repository has.
func (r *Repo) PackCount() int { return len(r.listPacks()) }

// PackedObjects returns how many objects the packs hold, by their index files.
func (r *Repo) PackedObjects() int64 {
	const totalAt = 8 + 255*4 // the last of the 256 sums that follow the header
	entries, err := os.ReadDir(filepath.Join(r.dir, "objects", "pack"))
	if err != nil {
		return 0
	}
	var total int64
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".idx") {
			continue
		}
		f, err := os.Open(filepath.Join(r.dir, "objects", "pack", e.Name()))
		if err != nil {
			continue
		}
		var sum [4]byte
		if _, err := f.ReadAt(sum[:], totalAt); err == nil {
			total += int64(binary.BigEndian.Uint32(sum[:]))
		}
		f.Close()
	}
	return total
}

// ParseHash reads an object id of exactly 40 lower-case hex digits.
func ParseHash(s string) (Hash, error) {
	h := plumbing.NewHash(s)
	if len(s) != 40 || h.String() != s {
		return Hash{}, fmt.Errorf("%q is not a full git object id", s)
	}
	return h, nil
}

func unsafe(format string, args ...any) *fault.Error {
	return fault.New(fault.Integrity, "git-content-unsafe", format, args...)
}
