package project

import (
	"bytes"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
)

// RaisedIn is a requirement that a manifest of a workspace has, and what became of it.
type RaisedIn struct {
	Raised
	File string // as Path has it
}

// Edits are the texts that manifests beside the current one are to have: [Project.Write] puts that one on disk itself.
type Edits struct{ files []edited }

type edited struct {
	path       string
	disk, text []byte
}

// Check holds that nobody has written something else into the manifests since they were read.
func (e Edits) Check() error {
	for _, f := range e.files {
		now, err := atomicfile.Read(f.path, manifest.MaxManifestSize)
		if err != nil {
			return err
		}
		if !bytes.Equal(now, f.disk) && !bytes.Equal(now, f.text) {
			return changedMeanwhile(filepath.ToSlash(f.path))
		}
	}
	return nil
}

// Write puts the texts on disk.
func (e Edits) Write() error {
	for _, f := range e.files {
		if err := write(f.path, f.text); err != nil {
			return err
		}
	}
	return nil
}

// Empty reports whether there is nothing to write.
func (e Edits) Empty() bool { return len(e.files) == 0 }

// RaiseAll is Raise for a whole workspace, [workspace.dependencies] with it, or else for the current member and what that takes
// from there. It returns the project as it would be, and what is to be written beside its current manifest.
func (p *Project) RaiseAll(ctx context.Context, set *remote.Set, only []string, now time.Time, whole bool) (*Project, Edits, []RaisedIn, error) {
	next, all := *p, []RaisedIn(nil)
	next.Members = slices.Clone(p.Members)
	for i, m := range p.Members {
		changed := *m
		next.Members[i] = &changed
		if m == p.Current {
			next.Current = &changed
		} else if !whole {
			continue
		}
		one := *p
		one.Current = m
		text, raised, err := one.Raise(ctx, set, only, now)
		if err != nil {
			return nil, Edits{}, nil, err
		}
		changed.text = text
		for _, r := range raised {
			all = append(all, RaisedIn{r, p.Path(m)})
		}
	}
	root, err := next.rootText()
	if err != nil {
		return nil, Edits{}, nil, err
	}
	raised, err := next.raiseShared(ctx, set, only, now, whole, &root)
	if err != nil {
		return nil, Edits{}, nil, err
	}
	edits, err := next.reread(root)
	return &next, edits, append(all, raised...), err
}

// rootText is the manifest of the project's folder: of a member, or of a workspace without a package of its own.
func (p *Project) rootText() (edited, error) {
	for _, m := range p.Members {
		if m.Rel == "." {
			return edited{p.Path(m), m.disk, m.text}, nil
		}
	}
	file := filepath.Join(p.Dir, manifest.FileName)
	text, err := atomicfile.Read(file, manifest.MaxManifestSize)
	return edited{file, text, text}, err
}

// raiseShared raises what is in [workspace.dependencies]: all of it, or what the current member takes from there.
func (p *Project) raiseShared(ctx context.Context, set *remote.Set, only []string, now time.Time, whole bool, root *edited) ([]RaisedIn, error) {
	written, err := manifest.Parse(root.path, root.text)
	if err != nil || written.Workspace == nil {
		return nil, err
	}
	own, err := manifest.Parse(p.Path(p.Current), p.Text())
	if err != nil {
		return nil, err
	}
	edit, err := manifest.Open(root.text)
	if err != nil {
		return nil, err
	}
	var all []RaisedIn
	specs := written.Workspace.Dependencies
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		spec := specs[name]
		named := len(only) == 0 || slices.Contains(only, name) || slices.Contains(only, spec.Name(name))
		if !named || spec.Path != "" || spec.Git != "" || manifest.Builtin(name) || !whole && !takes(own, name) {
			continue
		}
		newest, err := p.newestOf(ctx, set, spec.Name(name), spec.Registry, now)
		if err != nil {
			return nil, err
		}
		if newest == nil || !spec.Requirement.Above(newest.Version) {
			continue
		}
		r := Raised{Table: "workspace.dependencies", Name: name, From: spec.Requirement.String(), Newest: newest.Version}
		if to, ok := raisedTo(spec.Requirement, newest.Version); ok {
			r.To = to.String()
			if err := edit.SetShared(name, to); err != nil {
				return nil, err
			}
		}
		all = append(all, RaisedIn{r, root.path})
	}
	root.text = edit.Bytes()
	return all, nil
}

// takes reports whether a manifest takes a dependency from the workspace.
func takes(m *manifest.Manifest, name string) bool {
	for _, table := range tables {
		for alias, spec := range m.Table(table.name) {
			if spec.Workspace && manifest.Fold(alias) == manifest.Fold(name) {
				return true
			}
		}
	}
	return false
}

// reread gives the members the meaning of their texts, below the root's, and returns what [Project.Write] does not write.
func (p *Project) reread(root edited) (Edits, error) {
	var edits Edits
	var err error
	if p.root, err = manifest.Parse(root.path, root.text); err != nil {
		return edits, err
	}
	if p.Current.Rel != "." && !bytes.Equal(root.disk, root.text) {
		edits.files = append(edits.files, root)
	}
	for _, m := range p.Members {
		if m.Rel == "." {
			m.text = root.text
		}
		written, err := manifest.Parse(p.Path(m), m.text)
		if err != nil {
			return edits, err
		}
		full, err := written.Inherit(p.root)
		if err != nil {
			return edits, err
		}
		m.Manifest = full
		if m != p.Current && m.Rel != "." && !bytes.Equal(m.disk, m.text) {
			edits.files = append(edits.files, edited{p.Path(m), m.disk, m.text})
		}
	}
	return edits, nil
}
