package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// maxFindings is how many findings of a kind a check tells; more are counted.
const maxFindings = 1000

// CheckOptions shape a check; Now is required.
type CheckOptions struct {
	ID, Root string // the registry's id and the fingerprint of its root of trust; "" for those that are found
	Now      time.Time
	// VerifyBundle verifies signatures of identities; nil refuses what rests on one.
	VerifyBundle index.VerifyBundle
}

// Checked is what a check has found. A mirror that is as it should be has neither damaged nor missing files.
type Checked struct {
	Registry string    `json:"registry"`
	Root     string    `json:"root"`
	Whole    bool      `json:"whole"`   // the mirror is to hold all of its registry
	Expires  time.Time `json:"expires"` // when the metadata does
	Expired  bool      `json:"expired"`
	Packages int       `json:"packages"`
	Archives int       `json:"archives"` // that are there and right
	Bytes    int64     `json:"bytes"`    // of those
	Missing  []string  `json:"missing"`  // paths, or releases of which nothing is there
	Damaged  []Damage  `json:"damaged"`
	Unlisted []string  `json:"unlisted"` // files that look like the index's, and that nothing vouches for: no client reads them
	More     int       `json:"more"`     // findings that are not listed
}

// Damage is a file that is not what it must be.
type Damage struct {
	Path string `json:"path"`
	What string `json:"what"`
}

// Copy is a mirror or a bundle that is open.
type Copy interface {
	index.Transport
	Paths() ([]string, error)                // of all its files, sorted
	Open(path string) (io.ReadCloser, error) // one of them
}

// OpenCopy opens the folder of a mirror, or any published tree, or a bundle.
//
// Errors: fault.NotFound "no-mirror-there"; those of [index.OpenTar].
func OpenCopy(path string) (Copy, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.New(fault.NotFound, "no-mirror-there", "there is no mirror and no bundle at %s", path).Because(err)
	}
	if !info.IsDir() {
		file, err := index.OpenTar(path)
		if err != nil {
			return nil, err
		}
		return bundleCopy{file}, nil
	}
	dir, err := index.OpenDir(path)
	if err != nil {
		return nil, err
	}
	return folderCopy{dir, path}, nil
}

type folderCopy struct {
	*index.Dir
	dir string
}

func (c folderCopy) Paths() ([]string, error) { return PathsOf(os.DirFS(c.dir)) }
func (c folderCopy) Open(path string) (io.ReadCloser, error) {
	return os.OpenInRoot(c.dir, filepath.FromSlash(path))
}

type bundleCopy struct{ *index.Tar }

func (c bundleCopy) Paths() ([]string, error) { return c.Tar.Paths(), nil }
func (c bundleCopy) Open(path string) (io.ReadCloser, error) {
	r, ok := c.Tar.Open(path)
	if !ok {
		return nil, os.ErrNotExist
	}
	return io.NopCloser(r), nil
}

// Check verifies all that a copy holds, as by somebody who has never seen its registry and has no network, and says what of
// that which it is to hold is not there.
//
// Errors: those of [index.Open]: without metadata that holds together nothing else can be judged.
func Check(ctx context.Context, c Copy, o CheckOptions) (*Checked, error) {
	seen := &remembered{}
	s, err := index.Open(ctx, c, index.Options{Pin: o.ID, Root: o.Root, Now: o.Now, VerifyBundle: o.VerifyBundle, State: func(string) (index.State, error) {
		return index.State{Standing: seen}, nil
	}})
	if err != nil {
		return nil, err
	}
	current, ok := s.Currency()
	if !ok {
		return nil, fault.New(fault.Integrity, "registry-unsigned", "the copy has no signed metadata")
	}
	k := &checking{copy: c, snapshot: s, there: map[string]bool{}, report: &Checked{
		Registry: s.Config().ID, Root: current.First, Expires: current.Expires, Expired: o.Now.After(current.Expires), Whole: true,
		Missing: []string{}, Damaged: []Damage{}, Unlisted: []string{},
	}}
	if err := k.begin(ctx); err != nil {
		return nil, err
	}
	if err := k.packages(ctx); err != nil {
		return nil, err
	}
	if k.report.Whole {
		if err := k.whole(ctx, seen.standing); err != nil {
			return nil, err
		}
	}
	k.absent()
	return k.report, nil
}

// Distrust makes the next run in a mirror hash and verify everything anew: after a check has found damage, for a file can rot
// without looking younger. It reports whether there is a mirror at path.
//
// Errors: fault.Manifest "mirror-in-use", "not-writable".
func Distrust(path string) (bool, error) {
	if info, err := os.Stat(filepath.Join(path, stateDir)); err != nil || !info.IsDir() {
		return false, nil
	}
	release, err := prepare(path)
	if err != nil {
		return true, err
	}
	defer release()
	if err := os.Remove(filepath.Join(path, stateDir, verifiedFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return true, fault.New(fault.Manifest, "not-writable", "%s cannot be written to", path).Because(err)
	}
	return true, nil
}

// remembered keeps a standing for as long as a check runs.
type remembered struct{ standing index.Standing }

func (m *remembered) Load() (index.Standing, error) { return m.standing, nil }
func (m *remembered) Advance(_ context.Context, s index.Standing) error {
	m.standing = s
	return nil
}
func (m *remembered) Testify(string, []byte) (string, error) {
	return "", errors.New("a check has no place to keep evidence in")
}

type checking struct {
	copy     Copy
	snapshot *index.Snapshot
	report   *Checked
	paths    []string
	there    map[string]bool
	listed   int64           // files of the index that are there
	wanted   map[string]bool // releases that are to be there, where that is not all
}

// begin finds out what there is, and what there is to be.
func (k *checking) begin(ctx context.Context) (err error) {
	if k.paths, err = k.copy.Paths(); err != nil {
		return err
	}
	for _, path := range k.paths {
		k.there[path] = true
	}
	found, err := k.copy.Fetch(ctx, []string{scopePath})
	if err != nil {
		return err
	}
	n, ok := parseNote(found[scopePath])
	if !ok || n.Whole {
		return nil
	}
	k.report.Whole, k.wanted = false, map[string]bool{}
	for _, release := range n.Releases {
		want, _ := parseRelease(release)
		k.wanted[releaseKey(want.Name, want.Version)] = true
	}
	return nil
}

func (k *checking) damaged(path string, err error) {
	if len(k.report.Damaged) >= maxFindings {
		k.report.More++
		return
	}
	what := err.Error()
	if f := fault.Of(err); f != nil {
		what = strings.TrimPrefix(f.Message, "SECURITY: ")
	}
	k.report.Damaged = append(k.report.Damaged, Damage{path, what})
}

func (k *checking) missing(path string) {
	if len(k.report.Missing) >= maxFindings {
		k.report.More++
		return
	}
	k.report.Missing = append(k.report.Missing, path)
}

// packages checks every package of which there is a file.
func (k *checking) packages(ctx context.Context) error {
	for _, path := range k.paths {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !index.IsListed(path) {
			continue
		}
		found, err := k.snapshot.Files(ctx, []string{path})
		switch {
		case err != nil:
			k.damaged(path, err)
			continue
		case found[path] == nil:
			k.report.Unlisted = append(k.report.Unlisted, path)
			continue
		}
		k.listed++
		if strings.HasPrefix(path, index.PackageDir) {
			k.onePackage(ctx, path)
		}
	}
	return nil
}

func (k *checking) onePackage(ctx context.Context, path string) {
	name, err := nameIn(ctx, k.copy, path)
	var p *index.Package
	if err == nil {
		p, err = k.snapshot.Package(ctx, name)
	}
	if fault.IsCode(err, "package-too-new") {
		k.report.Packages++
		return
	}
	if err != nil {
		k.damaged(path, err)
		return
	}
	k.report.Packages++
	var wants []index.Want
	for _, release := range p.Releases {
		key := releaseKey(name, release.Version)
		if archive := index.ArchivePath(name, release.Version.String()); release.Offered() && (k.wanted == nil || k.wanted[key] || k.there[archive]) {
			wants = append(wants, index.Want{Name: name, Version: release.Version})
			delete(k.wanted, key)
		}
	}
	artifacts, _, err := k.snapshot.Verify(ctx, wants)
	if err == nil {
		err = k.snapshot.CheckLog(ctx, artifacts)
	}
	if err != nil {
		k.damaged(path, err)
	}
	for _, a := range artifacts {
		k.archive(archiveOf(a))
	}
}

func (k *checking) archive(a archive) {
	if !k.there[a.Path] {
		k.missing(a.Path)
		return
	}
	f, err := k.copy.Open(a.Path)
	if err != nil {
		k.damaged(a.Path, err)
		return
	}
	defer f.Close()
	got, err := hashOf(f)
	switch {
	case err != nil:
		k.damaged(a.Path, err)
	case got != a.Checksum:
		k.damaged(a.Path, fmt.Errorf("its digest is %s, and the index names %s", got, a.Checksum))
	default:
		k.report.Archives++
		k.report.Bytes += a.Size
	}
}

// whole checks what only a copy of the whole registry has: the log from end to end, and every file that the lists name.
func (k *checking) whole(ctx context.Context, standing index.Standing) error {
	if err := readLog(ctx, k.snapshot, standing.Metadata); fault.IsCode(err, "log-incomplete") {
		k.missing(index.LogDir + ": " + fault.Of(err).Facts[0])
	} else if err != nil {
		k.damaged(index.LogDir, err)
	}
	if _, err := k.snapshot.Catalogue(ctx); err != nil {
		k.damaged(index.SearchDir, err)
	}
	all, err := listedFiles(ctx, k.snapshot, standing.Metadata)
	if err != nil {
		return err
	}
	damaged := int64(0)
	for _, d := range k.report.Damaged {
		if index.IsListed(d.Path) {
			damaged++
		}
	}
	if more := all - k.listed - damaged; more > 0 {
		k.missing(fmt.Sprintf("%d files of packages, publishers or advisories that the lists name", more))
	}
	return nil
}

// absent notes the releases that are to be there and of whose packages nothing is.
func (k *checking) absent() {
	for key := range k.wanted {
		k.missing(key)
	}
	slices.Sort(k.report.Missing)
}
