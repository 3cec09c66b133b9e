package publish

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/manifest"
)

// Describe returns what a publish line says of the package with a manifest, without its archive: version,
// dependencies, features and what people read. The manifest must be as it is packed, so that whoever holds the archive
// comes to the same line. Registry turns the name that the manifest has for another registry into its id.
func Describe(m *manifest.Manifest, registry func(name string) (string, error)) (*index.Publish, error) {
	info := m.Package
	p := &index.Publish{
		Version: info.Version,
		Edition: info.Edition, License: info.License, Links: info.Links,
		Features: features(m),
		About: index.About{
			Description: info.Description, Keywords: info.Keywords, Categories: info.Categories, Authors: info.Authors,
			Repository: info.Repository, Homepage: info.Homepage, Documentation: info.Documentation,
		},
	}
	if !info.GalVersion.IsZero() {
		p.GalVersion = info.GalVersion.String()
	}
	for _, table := range []struct {
		kind  string
		specs map[string]manifest.DependencySpec
	}{{"", m.Dependencies}, {"build", m.BuildDependencies}} {
		for name, spec := range table.specs {
			if manifest.Builtin(name) {
				continue
			}
			d, err := describeDependency(table.kind, name, spec, registry)
			if err != nil {
				return nil, err
			}
			p.Dependencies = append(p.Dependencies, d)
		}
	}
	index.SortDependencies(p.Dependencies)
	return p, nil
}

func describeDependency(kind, name string, spec manifest.DependencySpec, registry func(string) (string, error)) (index.Dependency, error) {
	d := index.Dependency{
		Name: name, Requirement: spec.Requirement, Kind: kind, Features: slices.Clone(spec.Features),
		NoDefault: !spec.DefaultFeatures, Optional: spec.Optional,
	}
	if spec.Package != name {
		d.Package = spec.Package
	}
	if spec.Registry != "" {
		id, err := registry(spec.Registry)
		if err != nil {
			return d, fmt.Errorf("dependency %s: %w", name, err)
		}
		d.Registry = id
	}
	return d, nil
}

// features returns the feature table without the part that only the author's own build needs: nothing so far; it is
// cloned so that the line and the manifest do not share lists.
func features(m *manifest.Manifest) map[string][]string {
	if len(m.Features) == 0 {
		return nil
	}
	out := maps.Clone(m.Features)
	for name, list := range out {
		out[name] = slices.Clone(list)
		if list == nil {
			out[name] = []string{}
		}
	}
	return out
}

// Compare says in what a packed manifest and a publish line differ, "" where they agree. The names that a manifest has
// for other registries mean nothing to anybody else, so for those only their presence is compared.
func Compare(m *manifest.Manifest, p *index.Publish) string {
	want, err := Describe(m, func(string) (string, error) { return "", nil })
	if err != nil {
		return err.Error()
	}
	return cmp.Or(
		unlike("edition", p.Edition, want.Edition),
		unlike("license", p.License, want.License),
		unlike("description and the like", normal(p.About), normal(want.About)),
		compareUse(m, p, want),
	)
}

// CompareUse is Compare for what packages are chosen and built by: version, dependencies, features, gal-version, links, and
// edition and licence where the line says them. What else people read is the gate's matter.
func CompareUse(m *manifest.Manifest, p *index.Publish) string {
	want, err := Describe(m, func(string) (string, error) { return "", nil })
	if err != nil {
		return err.Error()
	}
	return cmp.Or(
		said("edition", p.Edition, want.Edition),
		said("license", p.License, want.License),
		compareUse(m, p, want),
	)
}

// said is unlike for a member that the line may leave out.
func said(name, line, real string) string {
	if line == "" {
		return ""
	}
	return unlike(name, line, real)
}

func compareUse(m *manifest.Manifest, p, want *index.Publish) string {
	return cmp.Or(
		unlike("version", p.Version.String(), want.Version.String()),
		unlike("links", p.Links, want.Links),
		unlike("gal-version", p.GalVersion, want.GalVersion),
		compareFeatures(p.Features, want.Features),
		compareDependencies(m, p.Dependencies, want.Dependencies),
	)
}

// unlike says what a member is in the line and in gal.toml, "" where that is the same.
func unlike(name string, line, real any) string {
	if reflect.DeepEqual(line, real) {
		return ""
	}
	return fmt.Sprintf("%s: %v in the line, %v in gal.toml", name, line, real)
}

// compareFeatures takes a feature without values for one, whether it is nil or empty.
func compareFeatures(line, real map[string][]string) string {
	if maps.EqualFunc(line, real, slices.Equal[[]string]) {
		return ""
	}
	return fmt.Sprintf("features: %v in the line, %v in gal.toml", line, real)
}

func compareDependencies(m *manifest.Manifest, said, real []index.Dependency) string {
	if len(said) != len(real) {
		return fmt.Sprintf("%d dependencies in the line, %d in gal.toml", len(said), len(real))
	}
	for i, d := range said {
		table := m.Dependencies
		if d.Kind == "build" {
			table = m.BuildDependencies
		}
		if foreign := table[d.Name].Registry != ""; foreign != (d.Registry != "") {
			return fmt.Sprintf("dependency %s: another registry", d.Name)
		}
		d.Registry = ""
		if fmt.Sprintf("%+v", flat(d)) != fmt.Sprintf("%+v", flat(real[i])) {
			return fmt.Sprintf("dependency %s: %+v in the line, %+v in gal.toml", d.Name, flat(d), flat(real[i]))
		}
	}
	return ""
}

// flat is a dependency as plain values, for comparing and showing.
func flat(d index.Dependency) any {
	return struct {
		Name, Requirement, Kind string
		Features                []string
		NoDefault, Optional     bool
		Package                 string
	}{d.Name, d.Requirement.String(), d.Kind, d.Features, d.NoDefault, d.Optional, d.Package}
}

func normal(a index.About) string { return fmt.Sprintf("%+v", a) }
