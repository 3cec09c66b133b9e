package index

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// Publish says that a version exists: what its archive is, and everything the resolver and a search need.
type Publish struct {
	Version      version.Version
	Checksum     Digest // of the archive
	Size         int64  // of the archive, in bytes
	Unpacked     int64  // of its files together, in bytes
	Dependencies []Dependency
	Features     map[string][]string
	GalVersion   string // the least toolchain version, as written
	Edition      string
	License      string // SPDX expression
	Links        string
	Level        string // none, reflective, meta-programming or self-modifying; "" where not derived
	Ruleset      *int64 // number of the rules that derived Level and Capabilities
	Capabilities []string
	URLs         []string // further places of the archive
	About        About
}

// Dependency is an edge that other packages inherit: normal and build dependencies. Those for development stay in the
// archive.
type Dependency struct {
	Name        string // as the package calls it
	Requirement version.Requirement
	Kind        string // "" or "build"
	Features    []string
	NoDefault   bool // default-features = false
	Optional    bool
	Registry    string // id of another registry; "" is the one that the package is in
	Package     string // the real name where Name is another
}

// About is what people read.
type About struct {
	Description   string
	Keywords      []string
	Categories    []string
	Authors       []string
	Repository    string
	Homepage      string
	Documentation string
}

// Levels of self-reference, least first.
var Levels = []string{"none", "reflective", "meta-programming", "self-modifying"}

func (*Publish) event() Event { return EventPublish }

func (p *Publish) encode(w *writer) {
	w.text("version", p.Version.String())
	w.text("checksum", string(p.Checksum))
	w.integer("size", p.Size)
	w.integer("unpacked", p.Unpacked)
	if len(p.Dependencies) > 0 {
		w.name("dependencies")
		w.buf = append(w.buf, '[')
		for i := range p.Dependencies {
			if i > 0 {
				w.buf = append(w.buf, ',')
			}
			p.Dependencies[i].encode(w)
		}
		w.buf = append(w.buf, ']')
	}
	w.lists("features", p.Features)
	w.text("gal-version", p.GalVersion)
	w.text("edition", p.Edition)
	w.text("license", p.License)
	w.text("links", p.Links)
	w.text("level", p.Level)
	w.optionalInteger("ruleset", p.Ruleset)
	w.list("capabilities", p.Capabilities)
	w.list("urls", p.URLs)
	p.About.encode(w)
}

func (d *Dependency) encode(w *writer) {
	w.open()
	w.text("name", d.Name)
	w.text("requirement", d.Requirement.String())
	w.text("kind", d.Kind)
	w.list("features", d.Features)
	if d.NoDefault {
		w.name("default-features")
		w.buf = append(w.buf, "false"...)
	}
	w.flag("optional", d.Optional)
	w.text("registry", d.Registry)
	w.text("package", d.Package)
	w.close()
}

func (a *About) encode(w *writer) {
	if a.empty() {
		return
	}
	w.name("about")
	w.open()
	w.text("description", a.Description)
	w.list("keywords", a.Keywords)
	w.list("categories", a.Categories)
	w.list("authors", a.Authors)
	w.text("repository", a.Repository)
	w.text("homepage", a.Homepage)
	w.text("documentation", a.Documentation)
	w.close()
}

func (a *About) empty() bool {
	return a.Description == "" && len(a.Keywords)+len(a.Categories)+len(a.Authors) == 0 &&
		a.Repository == "" && a.Homepage == "" && a.Documentation == ""
}

func (p *Publish) decode(name string, s *scanner, d *Decoder) (ok bool, err error) {
	switch name {
	case "version":
		p.Version, err = s.version()
	case "checksum":
		err = decodeDigest(&p.Checksum, s)
	case "size":
		p.Size, err = s.integer()
	case "unpacked":
		p.Unpacked, err = s.integer()
	case "dependencies":
		list := d.room[:0]
		err = s.elements(func() error {
			var dep Dependency
			err := dep.decode(s, d)
			list = append(list, dep)
			return err
		})
		p.Dependencies, d.room = d.shared(list), list
	case "features":
		p.Features = map[string][]string{}
		err = s.members(func(feature string) (err error) {
			p.Features[feature], err = s.texts()
			return err
		})
	case "gal-version":
		p.GalVersion, err = s.text()
	case "edition":
		p.Edition, err = s.text()
	case "license":
		p.License, err = s.text()
	case "links":
		p.Links, err = s.text()
	case "level":
		p.Level, err = s.text()
	case "ruleset":
		var n int64
		n, err = s.integer()
		p.Ruleset = &n
	case "capabilities":
		p.Capabilities, err = s.texts()
	case "urls":
		p.URLs, err = s.texts()
	case "about":
		err = p.About.decode(s)
	default:
		return false, nil
	}
	return true, err
}

func (dep *Dependency) decode(s *scanner, d *Decoder) error {
	return s.members(func(name string) (err error) {
		switch name {
		case "name":
			dep.Name, err = s.text()
		case "requirement":
			var text string
			if text, err = s.text(); err == nil {
				dep.Requirement, err = d.requirement(text)
			}
		case "kind":
			dep.Kind, err = s.text()
		case "features":
			dep.Features, err = s.texts()
		case "default-features":
			var on bool
			on, err = s.boolean()
			dep.NoDefault = !on
		case "optional":
			dep.Optional, err = s.boolean()
		case "registry":
			dep.Registry, err = s.text()
		case "package":
			dep.Package, err = s.text()
		default:
			return s.failf("a dependency has no member %q", name)
		}
		return err
	})
}

func (a *About) decode(s *scanner) error {
	return s.members(func(name string) (err error) {
		switch name {
		case "description":
			a.Description, err = s.text()
		case "keywords":
			a.Keywords, err = s.texts()
		case "categories":
			a.Categories, err = s.texts()
		case "authors":
			a.Authors, err = s.texts()
		case "repository":
			a.Repository, err = s.text()
		case "homepage":
			a.Homepage, err = s.text()
		case "documentation":
			a.Documentation, err = s.text()
		default:
			return s.failf("about has no member %q", name)
		}
		return err
	})
}

func (p *Publish) check() error {
	switch {
	case p.Version.IsZero():
		return errors.New("version is missing")
	case p.Version.Build() != "":
		return errors.New("a version in a registry has no build metadata")
	case p.Size < 1 || p.Unpacked < 1:
		return errors.New("size and unpacked are at least 1")
	case p.Level != "" && !slices.Contains(Levels, p.Level):
		return fmt.Errorf("level %q does not exist", p.Level)
	case (p.Level == "") != (p.Ruleset == nil):
		return errors.New("level and ruleset go together")
	case !sortedUnique(p.Capabilities):
		return errors.New("capabilities are not sorted words without duplicates")
	}
	if err := p.Checksum.Check(); err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	if err := p.checkDependencies(); err != nil {
		return err
	}
	if err := p.checkLists(); err != nil {
		return err
	}
	return p.About.check()
}

func (p *Publish) checkDependencies() error {
	if len(p.Dependencies) > maxList {
		return fmt.Errorf("more than %d dependencies", maxList)
	}
	for i := range p.Dependencies {
		if err := p.Dependencies[i].check(); err != nil {
			return fmt.Errorf("dependency %q: %w", p.Dependencies[i].Name, err)
		}
		if i > 0 && compareDependencies(&p.Dependencies[i-1], &p.Dependencies[i]) >= 0 {
			return errors.New("dependencies are not sorted by kind, then name, without duplicates")
		}
	}
	return nil
}

func compareDependencies(a, b *Dependency) int {
	return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
}

// SortDependencies puts dependencies into the order of the format.
func SortDependencies(list []Dependency) {
	slices.SortFunc(list, func(a, b Dependency) int { return compareDependencies(&a, &b) })
}

func (d *Dependency) check() error {
	if err := manifest.CheckName(d.Name); err != nil {
		return err
	}
	if d.Package != "" {
		if err := manifest.CheckName(d.Package); err != nil {
			return err
		}
	}
	switch {
	case d.Requirement.IsZero():
		return errors.New("requirement is missing")
	case d.Kind != "" && d.Kind != "build":
		return fmt.Errorf("kind %q does not exist", d.Kind)
	}
	if d.Registry != "" {
		if err := CheckRegistryID(d.Registry); err != nil {
			return err
		}
	}
	return checkList("features", d.Features, maxList)
}

func (p *Publish) checkLists() error {
	if len(p.Features) > maxList {
		return fmt.Errorf("more than %d features", maxList)
	}
	for name, list := range p.Features {
		if name == "" {
			return errors.New("a feature has no name")
		}
		if err := checkList("feature "+name, list, maxList); err != nil {
			return err
		}
	}
	if err := checkList("capabilities", p.Capabilities, 64); err != nil {
		return err
	}
	return checkList("urls", p.URLs, 16)
}

func (a *About) check() error {
	if len(a.Description) > maxDescription {
		return fmt.Errorf("description is longer than %d bytes", maxDescription)
	}
	for _, l := range []struct {
		name string
		list []string
	}{{"keywords", a.Keywords}, {"categories", a.Categories}, {"authors", a.Authors}} {
		if err := checkList(l.name, l.list, maxAbout); err != nil {
			return err
		}
	}
	return nil
}

// Real returns the dependency's name in its registry, whatever the package calls it.
func (d *Dependency) Real() string {
	if d.Package != "" {
		return d.Package
	}
	return d.Name
}

// Equal reports whether two dependencies are written the same.
func (d *Dependency) Equal(e *Dependency) bool {
	return d.Name == e.Name && d.Requirement.String() == e.Requirement.String() && d.Kind == e.Kind && slices.Equal(d.Features, e.Features) &&
		d.NoDefault == e.NoDefault && d.Optional == e.Optional && d.Registry == e.Registry && d.Package == e.Package
}
