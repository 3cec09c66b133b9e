package project

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// Raised is a requirement that keeps the newest version out, and what became of it.
type Raised struct {
	File        string // the manifest, as Path has it
	Table, Name string
	From        string
	To          string // "" where it stays: it is no caret requirement, and keeps newer versions out on purpose
	Newest      version.Version
}

// Raising says which requirements are raised.
type Raising struct {
	Only  []string  // names of dependencies; none means all
	Whole bool      // of the whole workspace, else of the current member and what that takes from [workspace.dependencies]
	Now   time.Time // what the age of releases is judged by
}

// shared is the table of what members of a workspace have in common.
const shared = "workspace.dependencies"

// RaiseAll raises the caret requirements that keep newer, incompatible versions out. A pin, a tilde or an upper bound
// stays, and is told. It returns the project as it would be; nothing is written yet. The errors are those of manifests that
// do not parse, and of registries that are asked: of any kind.
func (p *Project) RaiseAll(ctx context.Context, set *remote.Set, o Raising) (*Project, []Raised, error) {
	r := raising{Raising: o, project: p, set: set}
	next := *p
	next.Members = slices.Clone(p.Members)
	for i, m := range p.Members {
		changed := *m
		next.Members[i] = &changed
		if m == p.Current {
			next.Current = &changed
		} else if !o.Whole {
			continue
		}
		var err error
		if changed.text, err = r.member(ctx, m); err != nil {
			return nil, nil, err
		}
	}
	root := next.rootText()
	var err error
	if root.text, err = r.workspace(ctx, root); err != nil {
		return nil, nil, err
	}
	return &next, r.raised, next.reread(root)
}

// rootText is the manifest of the project's folder: of a member, or of a workspace without a package of its own.
func (p *Project) rootText() edited {
	for _, m := range p.Members {
		if m.Rel == "." {
			return edited{p.Path(m), m.disk, m.text}
		}
	}
	return p.above
}

// raising is the work on a project.
type raising struct {
	Raising
	project *Project
	set     *remote.Set
	raised  []Raised
}

// member raises what a member's own tables have. What comes from the workspace is raised there.
func (r *raising) member(ctx context.Context, m *Member) ([]byte, error) {
	file := r.project.Path(m)
	edit, err := manifest.Open(m.text)
	if err != nil {
		return nil, err
	}
	written, err := manifest.Parse(file, m.text)
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		specs := written.Table(table.name)
		maps.DeleteFunc(specs, func(_ string, spec manifest.DependencySpec) bool { return spec.Workspace })
		err := r.table(ctx, Raised{File: file, Table: table.name}, specs, func(name string, to version.Requirement) error {
			spec := specs[name]
			spec.Requirement = to
			return edit.AddDependency(table.name, name, spec)
		})
		if err != nil {
			return nil, err
		}
	}
	return edit.Bytes(), nil
}

// workspace raises what is in [workspace.dependencies]: all of it, or what the current member takes from there.
func (r *raising) workspace(ctx context.Context, root edited) ([]byte, error) {
	written, err := manifest.Parse(root.path, root.text)
	if err != nil || written.Workspace == nil {
		return root.text, err
	}
	own, err := manifest.Parse(r.project.Path(r.project.Current), r.project.Text())
	if err != nil {
		return nil, err
	}
	edit, err := manifest.Open(root.text)
	if err != nil {
		return nil, err
	}
	specs := written.Workspace.Dependencies
	maps.DeleteFunc(specs, func(name string, _ manifest.DependencySpec) bool { return !r.Whole && !takes(own, name) })
	err = r.table(ctx, Raised{File: root.path, Table: shared}, specs, edit.SetShared)
	return edit.Bytes(), err
}

// table raises what one table has, and has put write each requirement that is raised. In is where that is.
func (r *raising) table(ctx context.Context, in Raised, specs map[string]manifest.DependencySpec, put func(name string, to version.Requirement) error) error {
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		spec := specs[name]
		named := len(r.Only) == 0 || slices.Contains(r.Only, name) || slices.Contains(r.Only, spec.Name(name))
		if !named || spec.Path != "" || spec.Git != "" || manifest.Builtin(name) {
			continue
		}
		newest, err := r.newest(ctx, spec.Name(name), spec.Registry)
		if err != nil {
			return err
		}
		if newest == nil || !spec.Requirement.Above(newest.Version) {
			continue
		}
		one := in
		one.Name, one.From, one.Newest = name, spec.Requirement.String(), newest.Version
		if to, ok := raisedTo(spec.Requirement, newest.Version); ok {
			one.To = to.String()
			if err := put(name, to); err != nil {
				return err
			}
		}
		r.raised = append(r.raised, one)
	}
	return nil
}

func (r *raising) newest(ctx context.Context, name, registry string) (*index.Release, error) {
	from, err := r.set.For(ctx, name, registry)
	if err != nil {
		return nil, err
	}
	pkg, err := from.Snapshot.Package(ctx, name)
	if err != nil {
		return nil, err
	}
	return r.project.Newest(pkg, r.Now), nil
}

// raisedTo writes a caret requirement for a newer version, with its operator and as many numbers as it had; false for any
// other requirement.
func raisedTo(r version.Requirement, v version.Version) (version.Requirement, bool) {
	core, caret := strings.CutPrefix(r.String(), "^")
	core = strings.TrimSpace(core)
	if strings.ContainsAny(core, "<>=~*,") {
		return version.Requirement{}, false
	}
	text := version.Compatible(v).String()
	core, _, _ = strings.Cut(core, "+")
	core, _, pre := strings.Cut(core, "-")
	if numbers := strings.Count(core, ".") + 1; !pre && v.Pre() == "" {
		text = strings.Join(strings.SplitN(text, ".", 4)[:numbers], ".")
	}
	if caret {
		text = "^" + text
	}
	return version.MustParseRequirement(text), true
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

// reread gives the members the meaning of their texts, below the root's.
func (p *Project) reread(root edited) error {
	var err error
	if p.root, err = manifest.Parse(root.path, root.text); err != nil {
		return err
	}
	p.above = root
	for _, m := range p.Members {
		if m.Rel == "." {
			m.text, p.above = root.text, edited{}
		}
		written, err := manifest.Parse(p.Path(m), m.text)
		if err != nil {
			return err
		}
		if m.Manifest, err = written.Inherit(p.root); err != nil {
			return err
		}
	}
	return nil
}
