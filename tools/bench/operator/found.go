package operator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/bench/graph"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/version"
)

// atOnce is how many packages go to main in one commit and are built together: their lines are in memory.
const atOnce = 4000

// Found makes a registry of packages in an empty folder.
func Found(ctx context.Context, dir string, packages iter.Seq[graph.Package]) error {
	key, err := sign.Generate(rand.Reader)
	if err != nil {
		return err
	}
	if err := sign.WriteKeyFile(filepath.Join(dir, "author.pem"), key, nil); err != nil {
		return err
	}
	if _, err := site.Init(ctx, filepath.Join(dir, "registry"), site.InitOptions{ID: ID, Now: time.Now()}); err != nil {
		return err
	}
	o, err := open(dir)
	if err != nil {
		return err
	}
	return errors.Join(o.fill(ctx, packages), o.Close())
}

func (o *Operator) fill(ctx context.Context, packages iter.Seq[graph.Package]) error {
	if err := o.register(ctx); err != nil {
		return err
	}
	var batch []graph.Package
	var names []byte
	for p := range packages {
		names = append(append(names, p.Name...), '\n')
		if batch = append(batch, p); len(batch) < atOnce {
			continue
		}
		if err := o.add(ctx, batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	if err := o.add(ctx, batch); err != nil {
		return err
	}
	if err := os.WriteFile(o.namesFile(), names, 0o644); err != nil {
		return err
	}
	// Copies of what has just changed are for clients that are in the middle of reading: here there are none.
	return os.RemoveAll(filepath.Join(o.Public(), "recent"))
}

func (o *Operator) register(ctx context.Context) error {
	o.author.Now = time.Now()
	line, err := o.author.Register(ID, "", nil)
	if err != nil {
		return err
	}
	if err := o.merge(ctx, map[string][]byte{index.PublisherPath(AuthorID): append(line.Bytes(), '\n')}); err != nil {
		return err
	}
	if err := o.build(ctx); err != nil {
		return err
	}
	o.state, err = o.publisher()
	return err
}

// build publishes what main has.
func (o *Operator) build(ctx context.Context) error {
	s, err := site.Open(o.Dir)
	if err != nil {
		return err
	}
	report, err := s.Build(ctx, time.Now())
	if err == nil && len(report.Dropped) > 0 {
		err = fmt.Errorf("%d lines do not count: %s", len(report.Dropped), report.Dropped[0])
	}
	return errors.Join(err, s.Close())
}

// add merges and builds some packages.
func (o *Operator) add(ctx context.Context, packages []graph.Package) error {
	if len(packages) == 0 {
		return nil
	}
	o.author.Now = time.Now()
	texts := make([][]byte, len(packages))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range packages {
		group.Go(func() (err error) {
			texts[i], err = o.lines(p)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	files := map[string][]byte{}
	for i, p := range packages {
		files[index.PackagePath(p.Name)] = texts[i]
	}
	if err := o.merge(ctx, files); err != nil {
		return err
	}
	return o.build(ctx)
}

// lines returns the signed lines of a package.
func (o *Operator) lines(p graph.Package) ([]byte, error) {
	w := writer{Operator: o, state: index.NewPackage(ID, manifest.Key(p.Name))}
	about := describe(p.Name)
	for _, v := range p.Versions {
		body, err := bodyOf(p.Name, v)
		if err != nil {
			return nil, err
		}
		body.About, body.License = about, "MIT"
		line, err := o.author.Publish(ID, w.state, &publish.Draft{Name: p.Name, Publish: body})
		if err := w.add(line, err); err != nil {
			return nil, err
		}
		if !v.Yanked {
			continue
		}
		line, err = o.author.Yank(ID, w.state, &index.Yank{Version: body.Version, Class: "other", Reason: "yanked from the beginning"})
		if err := w.add(line, err); err != nil {
			return nil, err
		}
	}
	return w.text, nil
}

// writer collects lines of one package: a line says on which others it rests.
type writer struct {
	*Operator
	state   *index.Package
	decoder index.Decoder
	text    []byte
	count   int64
}

func (w *writer) add(line *index.Line, err error) error {
	if err != nil {
		return err
	}
	// A line that was read knows its bytes, and has proved that every client can read it.
	if line, err = w.decoder.Decode(line.Bytes()); err != nil {
		return err
	}
	w.count++
	if _, err := w.state.Apply(index.Entry{At: w.author.Now, Log: w.count, Line: line}, w.lookup); err != nil {
		return err
	}
	w.text = append(append(w.text, line.Bytes()...), '\n')
	return nil
}

func bodyOf(name string, v graph.Version) (*index.Publish, error) {
	number, err := version.Parse(v.Number.String())
	if err != nil {
		return nil, err
	}
	p := &index.Publish{Version: number, Features: v.Features, Size: 1000, Unpacked: 2000, Checksum: madeUp(name, number)}
	for _, d := range v.Dependencies {
		dep := index.Dependency{Name: d.Name, Features: d.Features, Optional: d.Optional, NoDefault: d.NoDefault}
		if dep.Requirement, err = version.ParseRequirement(d.Requirement); err != nil {
			return nil, err
		}
		if d.Kind == "build" {
			dep.Kind = "build"
		}
		p.Dependencies = append(p.Dependencies, dep)
	}
	index.SortDependencies(p.Dependencies)
	return p, nil
}

// madeUp is the checksum of an archive that does not exist: one for each version.
func madeUp(name string, v version.Version) index.Digest {
	return index.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name+" "+v.String()))))
}

// patched is a version with the next patch number.
func patched(v version.Version) (version.Version, error) {
	return version.Parse(fmt.Sprintf("%d.%d.%d", v.Major(), v.Minor(), v.Patch()+1))
}
