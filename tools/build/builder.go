// Package build makes the published tree of a registry: what clients read, from what people proposed.
//
// The tree is a function of the history of branch main, the tree published before, the log's key and the clock. Every line
// of main that counts is copied with a stamp before it, in the order of main's commits; within a commit publishers/ comes
// before index/, then paths, then lines are in order. Every stamped line is a leaf of the transparency log. A line that
// does not count is reported and never copied; at a malformed line nothing more of its file is stamped.
//
// [Builder] does that on bytes alone. [Registry] runs it on a registry's repository and folders.
package build

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
)

// Builder grows a published tree by lines. Its Ledger says which of them count.
type Builder struct {
	*Ledger
	log *translog.Log
	key *translog.PrivateKey

	begun    int64                      // size of the log when the build began
	touched  map[string]bool            // packages that have new lines in memory
	rows     map[string]index.SearchRow // of packages that were flushed
	leaves   [][]byte
	releases []Release
}

// Release is a version that a build has published.
type Release struct {
	Name string
	Line *index.Line
	Key  sign.PublicKey // that signed it; zero for an identity
	Log  int64

	bundle []byte // the author's, where an identity signed
}

// New returns a builder on a published tree; size is that of its log. The tree of a new registry is empty, and its size 0.
func New(registry string, old Tree, size int64, key *translog.PrivateKey) (*Builder, error) {
	checkpoint := translog.EmptyCheckpoint(key.Verifier().Origin())
	if size > 0 {
		data, err := old.ReadFile(index.LogDir + translog.CheckpointPath(size))
		if err != nil {
			return nil, fmt.Errorf("reading the checkpoint of size %d: %w", size, err)
		}
		if checkpoint, err = translog.OpenCheckpoint(data, key.Verifier().Origin(), key.Verifier()); err != nil {
			return nil, err
		}
	}
	return &Builder{
		Ledger: NewLedger(registry, old, checkpoint.Size),
		log:    translog.Open(logStorage{old}, checkpoint),
		key:    key, begun: checkpoint.Size,
		touched: map[string]bool{}, rows: map[string]index.SearchRow{},
	}, nil
}

type logStorage struct{ tree Tree }

func (s logStorage) Read(path string) ([]byte, error) { return s.tree.ReadFile(index.LogDir + path) }

// Append is [Ledger.Append], and makes the line a leaf of the log.
func (b *Builder) Append(line *index.Line, at time.Time) error {
	entry, obligations, err := b.Ledger.Append(line, at)
	if err != nil {
		return err
	}
	leaf, err := obligations[0].Leaf(b.Bundles)
	if err != nil {
		return err
	}
	b.leaves = append(b.leaves, leaf)
	if !line.Event.OfPublisher() {
		b.touched[line.Subject] = true
	}
	if line.Event == index.EventPublish {
		r := Release{Name: line.Subject, Line: line, Key: obligations[0].Key, Log: entry.Log}
		if digest := obligations[0].Bundle(); digest != "" {
			if r.bundle, err = b.Bundles.Read(digest); err != nil {
				return err
			}
		}
		b.releases = append(b.releases, r)
	}
	return nil
}

// Output is what a build adds to the published tree.
type Output struct {
	Files    map[string][]byte // by path: whole files, new or grown
	Releases []Release
	Size     int64 // of the log

	registry   string
	log        *translog.Log // as it stands with the new files
	checkpoint []byte
	key        translog.Verifier
}

// Flush hands over the files and tiles that have grown so far, in the order of their paths, and drops what memory holds
// of them: a build of more lines than memory holds flushes every few thousand. Write must put a file where the tree that
// the builder was made on finds it. Releases of before are not in what Finish returns, and until that is written, no
// checkpoint names the new lines.
func (b *Builder) Flush(write func(name string, data []byte) error) error {
	update, err := b.log.Append(b.leaves)
	if err != nil {
		return err
	}
	if err := b.describe(); err != nil {
		return err
	}
	for name, data := range update.Files {
		b.files[index.LogDir+name] = data
	}
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		if err := write(name, b.files[name]); err != nil {
			return err
		}
	}
	b.log = translog.Open(logStorage{b.old}, update.Checkpoint)
	b.leaves, b.releases = nil, nil
	b.drop()
	return nil
}

// describe makes the search rows of the packages that have new lines.
func (b *Builder) describe() error {
	for name := range b.touched {
		p, err := b.Package(name)
		if err != nil {
			return err
		}
		b.rows[name] = p.Row()
	}
	clear(b.touched)
	return nil
}

// Finish returns the files that changed since the last Flush: those with lines, the search catalogue, the log's new tiles
// and its checkpoint. It returns nil where no line was added since [New].
func (b *Builder) Finish() (*Output, error) {
	if len(b.leaves) == 0 && b.log.Checkpoint().Size == b.begun {
		return nil, nil
	}
	if err := b.describe(); err != nil {
		return nil, err
	}
	update, err := b.log.Append(b.leaves)
	if err != nil {
		return nil, err
	}
	checkpoint, err := update.Checkpoint.Sign(b.key)
	if err != nil {
		return nil, err
	}
	out := &Output{
		Files: b.files, Releases: b.releases, Size: update.Checkpoint.Size,
		registry: b.registry, checkpoint: checkpoint, key: b.key.Verifier(),
	}
	for name, data := range update.Files {
		out.Files[index.LogDir+name] = data
	}
	out.Files[index.LogDir+translog.CheckpointPath(out.Size)] = checkpoint
	out.log = translog.Open(logStorage{Overlay{out.Files, b.old}}, update.Checkpoint)
	return out, b.addSearch(out.Files)
}

// Bundle returns the Sigstore bundle of a release, with its place in the log: what other tools verify the archive with.
// That of an identity is the author's own, whose place is in the log of its Sigstore instance.
func (o *Output) Bundle(r Release) ([]byte, error) {
	if r.bundle != nil {
		return r.bundle, nil
	}
	proof, err := o.log.Prove(r.Log)
	if err != nil {
		return nil, err
	}
	entry := &sign.LogEntry{Log: o.key, Checkpoint: o.checkpoint, Proof: proof}
	return sign.Bundle(r.Line.Claim(o.registry), r.Key, r.Line.Sig.Value, entry)
}

// addSearch puts the rows of the packages that have new lines into the files of the catalogue.
func (b *Builder) addSearch(files map[string][]byte) error {
	rowsOf := map[string][]index.SearchRow{}
	for name, row := range b.rows {
		file := index.SearchPath(name)
		rowsOf[file] = append(rowsOf[file], row)
	}
	for file, fresh := range rowsOf {
		data, err := b.old.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		rows, err := index.ParseSearchRows(file, data)
		if err != nil {
			return err
		}
		for _, row := range fresh {
			rows = replaceRow(rows, row)
		}
		files[file] = formatRows(rows)
	}
	return b.sumSearch(files)
}

// sumSearch brings the sums of the catalogue's files up to date.
func (b *Builder) sumSearch(files map[string][]byte) error {
	sums := map[string]listing.File{}
	data, err := b.old.ReadFile(index.SearchSums)
	if err == nil {
		sums, err = index.ParseSearchSums(data)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = b.sumAll(sums)
	}
	for _, path := range index.SearchPaths() {
		if data, ok := files[path]; ok {
			sums[path] = listing.FileOf(data)
		}
	}
	files[index.SearchSums] = index.FormatSearchSums(sums)
	return err
}

// sumAll reads the catalogue of a tree that has no sums yet.
func (b *Builder) sumAll(sums map[string]listing.File) error {
	for _, path := range index.SearchPaths() {
		data, err := b.old.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		sums[path] = listing.FileOf(data)
	}
	return nil
}

func replaceRow(rows []index.SearchRow, row index.SearchRow) []index.SearchRow {
	i, found := slices.BinarySearchFunc(rows, row.Name, func(r index.SearchRow, name string) int { return strings.Compare(r.Name, name) })
	if found {
		rows[i] = row
		return rows
	}
	return slices.Insert(rows, i, row)
}

func formatRows(rows []index.SearchRow) []byte {
	var data []byte
	for _, row := range rows {
		data = append(append(data, row.Bytes()...), '\n')
	}
	return data
}
