// Package audit reads the whole of a registry and believes nothing of it: it is what an operator, or anybody else who has a
// copy, runs to find out whether the registry is what its metadata and its log say.
//
// [Full] begins with a snapshot, of which the metadata has been verified from its root of trust, and checks:
//
//   - lists     every file that the metadata's lists name is there, with its length and digest, and no other file is
//   - lines     every line parses, stands in the right file, counts when it is folded in its order, and every signature on
//     it verifies: also those of lines that no installation ever looks at
//   - log       every leaf is in the tree of the checkpoint that the metadata names
//   - both ways every line is the leaf that its stamp names, every leaf is of one line
//
// What is wrong is a [Finding], and the audit goes on; only metadata, or a log, that contradicts itself ends it.
//
// Memory holds 36 bytes for each leaf, 56 for each file of the lists, every publisher, and a batch of files for each core.
//
// A host that serves single files cannot be asked which there are. There, the names of packages come from the search
// catalogue, and those of publishers from the packages and from the host's allowed_signers; the lists then say how many
// files no name has led to. Those are [Report.Unnamed]: an audit that has any is not complete, and says so.
package audit

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

const (
	// MaxFindings is how many findings a report has; more are counted.
	MaxFindings = 1000

	batchSize = 128 // files
)

// Options say what is audited. Snapshot and Metadata are required.
type Options struct {
	Snapshot *index.Snapshot
	// Metadata is what the snapshot has verified when it was opened: what its [index.StandingStore] was given.
	Metadata tuf.State
	// Paths has the files that the tree has below index/, publishers/ and advisories/; see [ListDir]. Nil where the host
	// cannot be asked.
	Paths []string
	// Progress is called now and then with the number of lines that have been checked, by several goroutines at once. Nil
	// for nobody.
	Progress func(lines int64)
}

// Finding is something that is not what it must be.
type Finding struct {
	Code    string `json:"code"` // one of the codes below
	File    string `json:"file,omitempty"`
	Message string `json:"message"`
}

const (
	FileAltered  = "file-altered"  // it does not have the digest that the lists have of it, or is not there
	FileUnlisted = "file-unlisted" // the lists do not know it, so no client reads it
	LineBad      = "line-malformed"
	LineDead     = "line-does-not-count"
	LineNewer    = "line-of-a-newer-format" // this program cannot check it
	BadSignature = "signature-invalid"
	NotLogged    = "line-not-logged"   // the log has another leaf at its place
	LoggedTwice  = "two-lines-a-leaf"  // another line has the same place in the log
	NoLine       = "leaf-without-line" // the log has a leaf of which there is no line
)

// Report is what an audit has looked at, and found.
type Report struct {
	Registry   string    `json:"registry"`
	Root       string    `json:"root"` // fingerprint of the root of trust
	Files      int64     `json:"files"`
	Unnamed    int64     `json:"unnamed,omitempty"` // files that the lists have and that could not be found
	Packages   int64     `json:"packages"`
	Publishers int64     `json:"publishers"`
	Lines      int64     `json:"lines"`
	Signatures int64     `json:"signatures"`
	Leaves     int64     `json:"leaves"`
	Checkpoint string    `json:"checkpoint,omitempty"` // root hash of the log
	Findings   []Finding `json:"findings"`             // at most [MaxFindings], in the order of files
	More       int64     `json:"more,omitempty"`       // findings beyond those
}

// Sound reports whether nothing was found.
func (r *Report) Sound() bool { return len(r.Findings) == 0 && r.More == 0 }

// Summary says in a line what was looked at.
func (r *Report) Summary() string {
	return fmt.Sprintf("%d files, %d packages, %d publishers, %d lines, %d signatures, %d leaves of the log",
		r.Files, r.Packages, r.Publishers, r.Lines, r.Signatures, r.Leaves)
}

// auditor is an audit on its way.
type auditor struct {
	o       Options
	id      string
	bundles index.Bundles // with which signatures of identities are verified
	roots   index.Roots   // under which the registry itself speaks
	leaves  []translog.Hash
	seen    []atomic.Bool // which leaves have their line

	mu         sync.Mutex
	report     Report
	publishers map[string]*index.Publisher // by id

	meeting sync.Mutex
	met     map[string]bool // paths of the publishers' files that have been read

	lines, signatures, files atomic.Int64
}

// Full audits a registry.
//
// Errors: fault.Integrity "registry-unsigned" where there is no metadata to begin with; those of the transport; those of
// the log where its files contradict its checkpoint. Everything else is a finding.
func Full(ctx context.Context, o Options) (*Report, error) {
	a := &auditor{o: o, id: o.Snapshot.Config().ID, publishers: map[string]*index.Publisher{}, met: map[string]bool{}}
	a.report.Registry, a.report.Findings = a.id, []Finding{}
	current, ok := o.Snapshot.Currency()
	if !ok {
		return nil, fault.New(fault.Integrity, "registry-unsigned", "the registry has no signed metadata, so there is nothing to hold its files against")
	}
	a.report.Root = current.Root
	var err error
	if a.bundles, err = o.Snapshot.Bundles(ctx); err != nil {
		return nil, err
	}
	if a.roots, err = o.Snapshot.Roots(ctx); err != nil {
		return nil, err
	}
	if err := a.readLog(ctx); err != nil {
		return nil, err
	}
	if err := a.checkFiles(ctx); err != nil {
		return nil, err
	}
	a.checkSeen()
	return a.finish(), nil
}

func (a *auditor) finish() *Report {
	r := &a.report
	r.Lines, r.Signatures, r.Leaves, r.Files = a.lines.Load(), a.signatures.Load(), int64(len(a.leaves)), a.files.Load()
	slices.SortFunc(r.Findings, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Code, y.Code), cmp.Compare(x.Message, y.Message))
	})
	if extra := len(r.Findings) - MaxFindings; extra > 0 {
		r.Findings, r.More = r.Findings[:MaxFindings], r.More+int64(extra)
	}
	return r
}

// find notes a finding. The first ones are kept, a few more than are reported so that their order can be told.
func (a *auditor) find(code, file, format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.report.Findings) >= 2*MaxFindings {
		a.report.More++
		return
	}
	a.report.Findings = append(a.report.Findings, Finding{code, file, fmt.Sprintf(format, args...)})
}

// checkFiles checks every file that the lists have, as far as it can be found: publishers first.
func (a *auditor) checkFiles(ctx context.Context) error {
	total, err := a.listed(ctx)
	if err != nil {
		return err
	}
	t, err := a.tree(ctx)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		paths []string
		check func(context.Context, []string) error
	}{{t.publishers, a.checkPublishers}, {t.packages, a.checkPackages}, {t.others, a.checkOthers}} {
		if err := a.inBatches(ctx, part.paths, part.check); err != nil {
			return err
		}
	}
	missing := total - a.files.Load()
	switch {
	case missing <= 0:
		return nil
	case a.o.Paths == nil:
		a.report.Unnamed = missing
		return nil
	}
	return a.checkMissing(ctx, missing)
}

func (a *auditor) inBatches(ctx context.Context, paths []string, check func(context.Context, []string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(runtime.GOMAXPROCS(0), 4)) // more than cores: some of them wait for a host
	for batch := range slices.Chunk(paths, batchSize) {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return check(ctx, batch)
		})
	}
	return group.Wait()
}

// listed returns how many files the lists have.
func (a *auditor) listed(ctx context.Context) (int64, error) {
	targets, err := tuf.TargetsOf(a.o.Metadata)
	if err != nil {
		return 0, err
	}
	target := targets[listing.TopTarget]
	path := listing.File(target).Path()
	files, err := a.o.Snapshot.Files(ctx, []string{path})
	if err == nil {
		err = target.Check(path, files[path])
	}
	if err != nil {
		return 0, err
	}
	lookup, err := listing.NewLookup(files[path])
	if err != nil {
		return 0, err
	}
	return lookup.Files(), nil
}

// read returns the files that the lists have and that are what they say. One that is not is a finding, and hides no other.
func (a *auditor) read(ctx context.Context, paths []string) (map[string][]byte, error) {
	files, err := a.o.Snapshot.Files(ctx, paths)
	switch {
	case err == nil:
		return files, nil
	case fault.KindOf(err) != fault.Integrity:
		return nil, err
	case len(paths) == 1:
		a.files.Add(1) // the lists have it
		a.find(FileAltered, paths[0], "%v", err)
		return nil, nil
	}
	files = map[string][]byte{}
	for _, path := range paths {
		one, err := a.read(ctx, []string{path})
		if err != nil {
			return nil, err
		}
		if data, ok := one[path]; ok {
			files[path] = data
		}
	}
	return files, nil
}

// take counts a file; false where it is not there or was altered.
func (a *auditor) take(files map[string][]byte, path string) ([]byte, bool) {
	data, ok := files[path]
	if ok {
		a.files.Add(1)
	}
	return data, ok
}

// checkMissing finds the names of files that the lists have and the tree has not, as far as the catalogue knows them.
func (a *auditor) checkMissing(ctx context.Context, missing int64) error {
	rows, err := a.o.Snapshot.Catalogue(ctx)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, path := range a.o.Paths {
		there[path] = true
	}
	for _, row := range rows {
		path := index.PackagePath(row.Name)
		if there[path] {
			continue
		}
		before := a.files.Load()
		files, err := a.read(ctx, []string{path})
		if err != nil {
			return err
		}
		if files[path] != nil {
			a.find(FileAltered, path, "the tree has the file under its digest alone, and not at its place")
			missing--
		}
		missing -= a.files.Load() - before
	}
	if missing > 0 {
		a.find(FileAltered, "", "the lists have %d more files that the tree has not", missing)
	}
	return nil
}

// checkOthers reads files that hold no lines.
func (a *auditor) checkOthers(ctx context.Context, paths []string) error {
	files, err := a.read(ctx, paths)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if _, ok := a.take(files, path); !ok {
			a.unlisted(path)
		}
	}
	return nil
}

// unlisted notes that the tree has a file which the lists have not.
func (a *auditor) unlisted(path string) {
	a.mu.Lock()
	altered := slices.ContainsFunc(a.report.Findings, func(f Finding) bool { return f.File == path && f.Code == FileAltered })
	a.mu.Unlock()
	if !altered && a.o.Paths != nil {
		a.find(FileUnlisted, path, "the tree has the file, and its lists have it not")
	}
}
