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

// Raised is a requirement that keeps the newest version out, and what Raise has made of it.
type Raised struct {
	Table, Name, From string
	To                string // "" where it stays: it is no caret requirement, and keeps newer versions out on purpose
	Newest            version.Version
}

// Raise returns the text of the current manifest with the caret requirements that keep newer, incompatible versions out
// raised to them. A pin, a tilde or an upper bound stays, and is told. Only restricts it to some dependencies; none means
// all. Now is what the age of releases is judged by.
func (p *Project) Raise(ctx context.Context, set *remote.Set, only []string, now time.Time) ([]byte, []Raised, error) {
	edit, err := manifest.Open(p.Text())
	if err != nil {
		return nil, nil, err
	}
	own, err := manifest.Parse(p.Path(p.Current), p.Text()) // as it is written: what comes from the workspace is raised there
	if err != nil {
		return nil, nil, err
	}
	var raised []Raised
	for _, table := range tables {
		specs := own.Table(table.name)
		for _, name := range slices.Sorted(maps.Keys(specs)) {
			spec := specs[name]
			named := slices.Contains(only, name) || slices.Contains(only, spec.Name(name))
			if spec.Path != "" || spec.Git != "" || spec.Workspace || manifest.Builtin(name) || len(only) > 0 && !named {
				continue
			}
			newest, err := p.newestOf(ctx, set, spec.Name(name), spec.Registry, now)
			if err != nil {
				return nil, nil, err
			}
			if newest == nil || !spec.Requirement.Above(newest.Version) {
				continue
			}
			r := Raised{Table: table.name, Name: name, From: spec.Requirement.String(), Newest: newest.Version}
			if to, ok := raisedTo(spec.Requirement, newest.Version); ok {
				spec.Requirement, r.To = to, to.String()
				if err := edit.AddDependency(table.name, name, spec); err != nil {
					return nil, nil, err
				}
			}
			raised = append(raised, r)
		}
	}
	return edit.Bytes(), raised, nil
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

func (p *Project) newestOf(ctx context.Context, set *remote.Set, name, registry string, now time.Time) (*index.Release, error) {
	r, err := set.For(ctx, name, registry)
	if err != nil {
		return nil, err
	}
	pkg, err := r.Snapshot.Package(ctx, name)
	if err != nil {
		return nil, err
	}
	return p.Newest(pkg, now), nil
}
