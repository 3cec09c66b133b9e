package build

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/manifest"
)

// Tree reads the files of a published tree. For a file that is not there the error matches fs.ErrNotExist.
type Tree interface {
	ReadFile(path string) ([]byte, error)
}

// Ledger decides which further lines of a registry count. It begins with a published tree and takes one line after the
// other; the gate asks it for a verdict, the build for the stamped files.
type Ledger struct {
	Bundles index.Bundles // for signatures of identities; the zero value refuses them
	Roots   index.Roots   // under which @root and @registry speak; set before the first line

	registry string
	old      Tree
	next     int64

	decoder    index.Decoder
	files      map[string][]byte // index and publisher files that have grown, whole
	packages   map[string]*index.Package
	publishers map[string]*index.Publisher
}

// NewLedger returns the ledger of a published tree. Next is the log index of the first line to come: it must be above all
// that the tree has.
func NewLedger(registry string, old Tree, next int64) *Ledger {
	return &Ledger{
		registry: registry, old: old, next: next,
		files:      map[string][]byte{},
		packages:   map[string]*index.Package{},
		publishers: map[string]*index.Publisher{},
	}
}

// Registry returns the id that signatures are bound to.
func (g *Ledger) Registry() string { return g.registry }

// Append stamps a line and adds it to its file, if it counts and every signature that it needs verifies. It returns those
// signatures, the line's own first. Otherwise nothing changes, and the error is an [*index.Ineffective] or that of a
// signature.
func (g *Ledger) Append(line *index.Line, at time.Time) (index.Entry, []index.Obligation, error) {
	entry := index.Entry{At: at.UTC().Truncate(time.Second), Log: g.next, Line: line}
	obligations, err := g.apply(entry)
	if err != nil {
		return entry, nil, err
	}
	if err := g.discharge(line, obligations); err != nil {
		g.forget(line)
		return entry, nil, err
	}
	file := index.SubjectPath(line.Event, line.Subject)
	data, err := g.read(file)
	if err != nil {
		g.forget(line)
		return entry, nil, err
	}
	data = append(append(data, index.Stamp(entry.At, entry.Log)...), '\n')
	g.files[file] = append(append(data, line.Bytes()...), '\n')
	g.next++
	if line.Event.OfPublisher() {
		clear(g.packages) // a publisher has changed, and with them what their lines in packages are worth
	}
	return entry, obligations, nil
}

func (g *Ledger) discharge(line *index.Line, obligations []index.Obligation) error {
	if len(obligations) == 0 {
		return fmt.Errorf("line %s has version %d, which this program does not write", line.Digest(), line.V)
	}
	for _, o := range obligations {
		if err := o.VerifyWith(g.Bundles); err != nil {
			return err
		}
	}
	return nil
}

// read returns a file as it stands with what has been added.
func (g *Ledger) read(file string) ([]byte, error) {
	if data, ok := g.files[file]; ok {
		return data, nil
	}
	data, err := g.old.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return bytes.Clone(data), err
}

func (g *Ledger) apply(e index.Entry) ([]index.Obligation, error) {
	if e.Line.Event.OfPublisher() {
		p, err := g.publisher(e.Line.Subject)
		if err != nil {
			return nil, err
		}
		return p.Apply(e)
	}
	p, err := g.Package(e.Line.Subject)
	if err != nil {
		return nil, err
	}
	for _, id := range index.Speakers([]index.Entry{e}) {
		if _, err := g.publisher(id); err != nil {
			return nil, err
		}
	}
	return p.Apply(e, g.known)
}

// known is the lookup of publishers while folding; those that a line names have been read before.
func (g *Ledger) known(id string) *index.Publisher {
	if p := g.publishers[manifest.Key(id)]; p != nil && p.ID == id {
		return p
	}
	return nil
}

// forget drops the state of a line's file, so that it is folded anew without a line that was applied and does not hold.
func (g *Ledger) forget(line *index.Line) {
	delete(g.packages, manifest.Key(line.Subject))
	if line.Event.OfPublisher() {
		delete(g.publishers, manifest.Key(line.Subject))
	}
}

// publisher returns the state of a publisher's file with what has been added. Ids that differ only in - and _ have one
// file: it belongs to the one that was there first, and the state is then that publisher's.
func (g *Ledger) publisher(id string) (*index.Publisher, error) {
	key := manifest.Key(id)
	if p, ok := g.publishers[key]; ok && (p.Exists() || p.ID == id) {
		return p, nil
	}
	entries, err := g.entries(index.PublisherPath(id))
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		id = entries[0].Line.Subject
	}
	p := g.Roots.FoldPublisher(g.registry, id, entries)
	g.publishers[key] = p
	return p, nil
}

// Package returns the state of a package's file with what has been added.
func (g *Ledger) Package(name string) (*index.Package, error) {
	key := manifest.Key(name)
	if p, ok := g.packages[key]; ok {
		return p, nil
	}
	entries, err := g.entries(index.PackagePath(name))
	if err != nil {
		return nil, err
	}
	for _, id := range index.Speakers(entries) {
		if _, err := g.publisher(id); err != nil {
			return nil, err
		}
	}
	p := g.Roots.FoldPackage(g.registry, key, entries, g.known)
	g.packages[key] = p
	return p, nil
}

// Publisher returns the state of a publisher with what has been added: of another one where the id is taken, in another
// spelling.
func (g *Ledger) Publisher(id string) (*index.Publisher, error) { return g.publisher(id) }

func (g *Ledger) entries(file string) ([]index.Entry, error) {
	data, err := g.read(file)
	if err != nil {
		return nil, err
	}
	return g.decoder.ParseStamped(file, data)
}

// drop forgets what has grown, once the tree has it.
func (g *Ledger) drop() {
	clear(g.files)
	clear(g.packages)
}

// Overlay is a tree of files in memory over another tree.
type Overlay struct {
	Files map[string][]byte
	Under Tree
}

// ReadFile returns the file in memory, else that of the tree below.
func (o Overlay) ReadFile(name string) ([]byte, error) {
	if data, ok := o.Files[name]; ok {
		return data, nil
	}
	return o.Under.ReadFile(name)
}

// Empty is the tree of a registry that has published nothing.
type Empty struct{}

// ReadFile finds nothing.
func (Empty) ReadFile(name string) ([]byte, error) {
	return nil, &fs.PathError{Op: "open", Path: path.Clean(name), Err: fs.ErrNotExist}
}
