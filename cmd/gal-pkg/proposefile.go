package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
)

// write judges a proposal, where the registry can be asked, and puts it into a file below the folder of --output, with its
// archives and bundles beside it. It hands nothing in.
func (a *app) write(p *proposal, state string) error {
	p.said.Registry, p.said.State = p.registry.ID(), state
	if p.desk == nil {
		a.Note("the registry's gate was not asked; it judges when the proposal is handed in")
	} else if err := a.judge(p); err != nil {
		return err
	}
	dir, err := a.path(p.flags.Output)
	if err != nil {
		return err
	}
	f := &publish.File{Registry: p.registry.ID(), Lines: p.lines}
	p.said.File = filepath.Join(dir, f.Name())
	if p.flags.DryRun {
		p.said.State, p.said.File = "dry-run", ""
		a.Status("Finished", "dry run: %s is not written", f.Name())
		return a.resultOf(p, nil)
	}
	if p.ready != nil {
		if err := p.ready(); err != nil {
			return err
		}
	}
	return a.writeFiles(p, f, dir)
}

// next says what becomes of a proposal file.
func (a *app) next(missing int, file string) {
	if missing > 0 {
		a.Note("%s missing; who can give one runs: gal-pkg proposal sign %s", cmdline.Plural(missing, "signature"), file)
		return
	}
	a.Note("to hand it in: gal-pkg proposal submit %s", file)
}

// path is a path of the command line as an absolute one.
func (a *app) path(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	return filepath.Abs(filepath.Join(a.g.Directory, name))
}

func (a *app) writeFiles(p *proposal, f *publish.File, dir string) error {
	files := map[string][]byte{p.said.File: f.Bytes()}
	for _, l := range p.lines {
		for _, packed := range p.archives {
			if body, ok := l.Body.(*index.Publish); ok && packed.Digest == string(body.Checksum) {
				files[filepath.Join(dir, index.ArchiveName(l.Subject, l.Version()))] = packed.Bytes
			}
		}
	}
	for digest, bundle := range p.bundles {
		files[filepath.Join(dir, publish.BundleName(digest))] = bundle
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.New(fault.Manifest, "not-writable", "the folder of the proposal cannot be made").Because(err)
	}
	for path, data := range files {
		if err := atomicfile.Write(path, data, 0o644); err != nil {
			return fault.New(fault.Manifest, "not-writable", "%s cannot be written", path).Because(err)
		}
	}
	a.Status("Written", "%s", a.relative(p.said.File))
	a.next(p.missing, a.relative(p.said.File))
	return a.resultOf(p, func(w io.Writer) { fmt.Fprintln(w, p.said.File) })
}
