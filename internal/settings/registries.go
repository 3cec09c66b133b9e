package settings

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// maxRegistries bounds the tables of one file.
const maxRegistries = 500

// Registries are the registries that the user knows, as registries.toml has them. A value is not safe for concurrent use.
type Registries struct {
	Default  string              // the name of one of All
	All      map[string]Registry // by name; at least one
	Warnings []string            // what in the file has no effect, or a dangerous one

	file   file
	chosen bool // the file says which is the default
}

// LoadRegistries reads registries.toml. Without the file there is the built-in registry alone.
func LoadRegistries(path string) (*Registries, error) {
	rs := &Registries{file: file{path: path}}
	data, err := rs.file.read()
	if err != nil {
		return nil, err
	}
	return rs, rs.become(data)
}

// become gives rs the meaning of a file's text, and leaves it as it is where that is an error.
func (rs *Registries) become(data []byte) error {
	parsed, err := parseRegistries(rs.file.path, data)
	if err != nil {
		return err
	}
	parsed.file = rs.file
	*rs = *parsed
	return nil
}

func parseRegistries(path string, data []byte) (*Registries, error) {
	values, err := decode(path, data)
	if err != nil {
		return nil, err
	}
	top := &table{report: &report{path: path, code: "bad-config"}, values: values}
	rs := &Registries{Default: top.text("default_registry"), All: map[string]Registry{}}
	tables := top.table("registries")
	top.rest()
	if len(tables.values) > maxRegistries {
		top.fail("there are %d registries, at most %d are allowed", len(tables.values), maxRegistries)
		return nil, top.err()
	}
	for _, name := range slices.Sorted(maps.Keys(tables.values)) {
		rs.All[name] = readRegistry(tables.exactly(name), name)
	}
	if rs.chosen = rs.Default != ""; !rs.chosen {
		rs.Default = DefaultName
	}
	if _, ok := rs.All[DefaultName]; !ok && rs.Default == DefaultName {
		rs.All[DefaultName] = BuiltIn()
	}
	rs.check(top)
	rs.Warnings = top.warnings
	return rs, top.err()
}

// exactly is table for a name that the user chose, which has one spelling.
func (t *table) exactly(key string) *table {
	values, ok := t.values[key].(map[string]any)
	where := t.name(key)
	if CheckRegistryName(key) != nil {
		where = t.name(strconv.QuoteToASCII(key))
	}
	if !ok {
		t.fail("%s must be a table", where)
	}
	return &table{report: t.report, where: where, values: values}
}

// check finds what is wrong between registries.
func (rs *Registries) check(t *table) {
	if _, ok := rs.All[rs.Default]; !ok {
		t.fail("default_registry is %q, and no table [registries.%s] is there%s", rs.Default, rs.Default, didYouMean(rs.Default, rs.Names()))
	}
	folded, patterns, roots := map[string]string{}, map[string]string{}, map[string]Registry{}
	for _, name := range rs.Names() {
		r := rs.All[name]
		if other, ok := folded[manifest.Fold(name)]; ok {
			t.fail("the registries %q and %q have names that are too much alike; rename one", other, name)
		}
		folded[manifest.Fold(name)] = name
		for _, pattern := range r.Packages {
			other, ok := patterns[manifest.Fold(pattern)]
			if ok && other != name {
				t.fail("the registries %q and %q both claim the packages %q", other, name, pattern)
			}
			patterns[manifest.Fold(pattern)] = name
		}
		if r.ID == "" {
			continue
		}
		if _, ok := rs.All[r.ID]; ok && r.ID != name {
			t.fail("the registry %q has the id %q, which is the name of another", name, r.ID)
		}
		first, ok := roots[r.ID]
		if ok && first.Root != "" && r.Root != "" && first.Root != r.Root {
			t.fail("the registries %q and %q have the same id and different roots", first.Name, name)
		}
		if !ok || first.Root == "" {
			roots[r.ID] = r
		}
	}
}

// Names returns the names of all registries, sorted.
func (rs *Registries) Names() []string { return slices.Sorted(maps.Keys(rs.All)) }

// Find returns the registry that a user means: by its name in either spelling, else by its id, which the default has
// before others; "" is the default. The error is of kind NotFound, code "registry-not-found", and lists the names.
func (rs *Registries) Find(name string) (Registry, error) {
	if name == "" {
		return rs.All[rs.Default], nil
	}
	if r, ok := rs.All[name]; ok {
		return r, nil
	}
	for _, other := range rs.Names() {
		if manifest.Fold(other) == manifest.Fold(name) {
			return rs.All[other], nil
		}
	}
	for _, other := range append([]string{rs.Default}, rs.Names()...) {
		if rs.All[other].ID == name {
			return rs.All[other], nil
		}
	}
	return Registry{}, fault.New(fault.NotFound, "registry-not-found", "no registry is called %q%s", name, didYouMean(name, rs.Names())).
		WithFact("registries: %s", strings.Join(rs.Names(), ", ")).
		WithHelp("gal-pkg registry add NAME URL")
}

// ForPackage returns the registry of a root dependency that names none: the one with the longest pattern that claims the
// package's name, else the default. There is no second look.
func (rs *Registries) ForPackage(name string) Registry {
	best, longest := rs.Default, 0
	for _, registry := range rs.Names() {
		if n := rs.All[registry].claims(name); n > longest {
			best, longest = registry, n
		}
	}
	return rs.All[best]
}
