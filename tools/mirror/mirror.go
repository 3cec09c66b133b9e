// Package mirror keeps a copy of a registry, or of the part of it that some lock files need, in a folder: for another
// machine, another site, or behind an air gap.
//
// # The copy
//
// A mirror is a published tree, under the same paths as at its source, so that every client reads it as it reads the
// registry: the metadata of one state with all roots that lead to it, the lists, registry.toml, the log's key, checkpoint and
// tiles, the files of packages and publishers, what their signatures refer to, the archives at packages/, and where the
// source has them the archives' .sigstore.json, the search catalogue and advisories. What is added to it:
//
//	mirror.json   what the mirror is to hold, for [Check]; clients read it for the words of an error, and for nothing else
//	.mirror/      what the next run goes on from; it is not part of the copy, and no bundle has it
//
// A mirror needs no trust and gives none: what it copies is verified as by a client who remembers what it saw last, and
// its clients verify all of it again.
//
// # One run
//
// What is copied is read and verified first and put into .mirror/stage; then archives come, each into its place when it
// has its digest; then the staged files take their places, each at once, those that vouch after those that are vouched for,
// and the timestamp last, after the tree has been opened as by a client who has never seen it. So a client that reads in
// the middle of a run sees the former state or the new one, and a run that was cut off is finished by the next: what is
// there with its digest is not fetched again. An archive is hashed when its file is new; [Distrust] makes a run hash all.
//
// Files that the new state does not need stay for [KeepFor], because somebody may be reading what names them.
package mirror

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// KeepFor is how long a file stays that the mirror does not need any more.
const KeepFor = 7 * 24 * time.Hour

// stateDir is the folder in a mirror that is the mirror's own.
const stateDir = ".mirror"

// verifiedFile, below it, remembers what needs no second look: signatures, and archives whose file is the one that was hashed.
const verifiedFile = "trust/verified"

// Source is where a registry is read. The caller closes the transport.
type Source struct {
	Name      string // for messages
	Transport index.Transport
	Tree      string      // URL or folder that archives are below; "" where only the registry's configuration says
	Paths     []string    // all that the source has, nil where it cannot be asked
	Client    *web.Client // nil where nothing is asked of a network
}

// Options shape a run; Now is required.
type Options struct {
	Scope Scope  // what to copy
	ID    string // the registry's id, "" for the one that is found
	Root  string // fingerprint of the root of trust to begin with, "" for the one that is found
	Prune bool   // remove at once what the mirror does not need
	Now   time.Time
	Say   func(format string, args ...any) // told what happens; nil for nobody
	// VerifyBundle verifies signatures of identities; nil refuses what rests on one.
	VerifyBundle index.VerifyBundle
}

// Report says what a run did.
type Report struct {
	Registry string    `json:"registry"`
	Root     string    `json:"root"` // fingerprint of the root that was trusted first
	Expires  time.Time `json:"expires"`
	Packages int       `json:"packages"`
	Archives int       `json:"archives"` // that the mirror holds
	Fetched  int       `json:"fetched"`  // of these, by this run
	Bytes    int64     `json:"bytes"`    // of those
	Changed  int       `json:"changed"`  // other files that are new or different
	Removed  int       `json:"removed"`
	Leaving  int       `json:"leaving"` // files that are not needed, and go when [KeepFor] has passed
	Unnamed  int64     `json:"unnamed"` // files of the registry that nothing at the source gave a name to
}

// Update brings the mirror in dir, which is made where it is missing, up to what its source shows.
//
// Errors: those of [index.Open], [index.Snapshot.Verify] and [index.Snapshot.CheckLog]; of package download for archives;
// fault.Manifest "mirror-in-use", "not-a-mirror", "mirror-larger".
func Update(ctx context.Context, source Source, dir string, o Options) (*Report, error) {
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	release, err := prepare(dir)
	if err != nil {
		return nil, err
	}
	defer release()
	report, ours, err := update(ctx, source, dir, o, true)
	if ours && fault.KindOf(err) == fault.Integrity {
		report, _, err = update(ctx, source, dir, o, false)
	}
	return report, err
}

// prepare makes the folder of a mirror and takes its lock.
func prepare(dir string) (release func(), err error) {
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, stateDir), 0o755); err != nil {
		return nil, fault.New(fault.Manifest, "not-writable", "%s cannot be written to", dir).Because(err)
	}
	lock := flock.New(filepath.Join(dir, stateDir, "lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.New(fault.Manifest, "mirror-in-use", "another process works on the mirror %s", dir)
	}
	return func() { _ = lock.Unlock() }, nil
}

// checkFolder refuses a folder that holds something else than a mirror: files of it could be removed as not needed.
func checkFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fault.New(fault.Manifest, "not-a-mirror", "%s cannot be read", dir).Because(err)
	}
	if info, err := os.Stat(filepath.Join(dir, stateDir)); err != nil || !info.IsDir() {
		return fault.New(fault.Manifest, "not-a-mirror", "%s is not empty, and no mirror", dir).
			WithHelp("choose a folder that does not exist yet")
	}
	return nil
}

// run is one attempt to bring a mirror up to date.
type run struct {
	o      Options
	source Source
	from   *copying
	tree   *tree
	report *Report

	snapshot *index.Snapshot
	standing *standing
	verified *index.FileMemory
	releases []index.Want // that locks want; none for a scope without locks
	archives []archive    // that the mirror is to hold
}

// update is one attempt. Ours reports whether it may be a copy of our own that is damaged, where there is an error: of files
// of which only the whole can be checked.
func update(ctx context.Context, source Source, dir string, o Options, own bool) (report *Report, ours bool, err error) {
	t, err := openTree(dir)
	if err != nil {
		return nil, false, err
	}
	defer t.close()
	r := &run{o: o, source: source, tree: t, report: &Report{}}
	r.from = newCopying(source.Transport, t, own)
	for _, step := range []func(context.Context) error{r.open, r.copyMetadata, r.copyPackages, r.copyRest, r.checkScope} {
		if err := step(ctx); err != nil {
			return nil, r.from.lent, err
		}
	}
	if err := r.fetchArchives(ctx); err != nil {
		return nil, false, err // each is held against its own digest
	}
	for _, step := range []func(context.Context) error{r.place, r.leave} {
		if err := step(ctx); err != nil {
			return nil, r.from.lent, err
		}
	}
	return r.report, false, r.finish(ctx)
}

// open opens the source as a client does who remembers what it saw last.
func (r *run) open(ctx context.Context) (err error) {
	r.standing = &standing{StandingFile: index.StandingFile{Dir: r.tree.state("trust")}}
	if err := os.MkdirAll(r.standing.Dir, 0o700); err != nil {
		return err
	}
	r.verified = index.OpenMemory(r.tree.state(verifiedFile))
	state := index.State{Standing: r.standing}
	if r.o.Scope.Whole {
		state.Verified = r.verified // a part holds the tiles that proofs need: each proof is made anew, so that they are read
	}
	pin := r.o.ID
	if known := r.tree.registry(); known != "" && pin == "" {
		pin = known
	}
	r.snapshot, err = index.Open(ctx, r.from, index.Options{
		Pin: pin, Root: r.o.Root, Now: r.o.Now, VerifyBundle: r.o.VerifyBundle, State: func(string) (index.State, error) { return state, nil },
	})
	if err != nil {
		return err
	}
	for _, notice := range r.snapshot.Notices() {
		r.o.Say("warning: %s", notice)
	}
	current, ok := r.snapshot.Currency()
	if !ok {
		return fault.New(fault.Integrity, "registry-unsigned", "%s has no signed metadata", r.source.Name)
	}
	r.report.Registry, r.report.Root, r.report.Expires = r.snapshot.Config().ID, current.First, current.Expires
	if !r.o.Scope.Whole && !r.o.Scope.Found {
		r.releases, err = releasesOf(r.report.Registry, r.o.Scope.Locks)
	}
	return err
}

// standing is what a mirror remembers of its registry, and what this run has verified.
type standing struct {
	index.StandingFile
	now index.Standing
}

func (s *standing) Load() (loaded index.Standing, err error) {
	if s.now.First != "" {
		return s.now, nil
	}
	loaded, err = s.StandingFile.Load()
	s.now = loaded
	return loaded, err
}

// Advance keeps it for the run; only when the mirror has the new state is it written.
func (s *standing) Advance(_ context.Context, now index.Standing) error {
	s.now = now
	return nil
}

// finish makes what was learnt last, and sweeps.
func (r *run) finish(ctx context.Context) error {
	return errors.Join(r.standing.StandingFile.Advance(ctx, r.standing.now), r.verified.Save(), os.RemoveAll(r.tree.state("stage")), os.RemoveAll(r.tree.state("cache")))
}
