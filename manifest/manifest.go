// Package manifest is what a project says about itself: gal.toml, which people write, and gal.lock, which this program
// writes. It checks both, edits the first in place, and owns the grammar of package names. It opens no network, and of
// files only the two that it is told to load; what a licence text means, or which version a requirement gets, is for
// others.
//
// # Names
//
// A package is called `name` or `scope/name`: at most 96 bytes, each part `^[a-z][a-z0-9_-]{0,63}$` and not ending in
// `-` or `_`, no device of Windows, no keyword of GAL, no word that the toolchain owns. Two names are one when they are
// equal after `_` became `-` ([Fold]). In paths a name is its [Key], in code its [Ident].
//
// # gal.toml
//
// TOML 1.0 in UTF-8 without a byte order mark, at most 256 KiB, at most 16 dots in a key, and at most 32 levels
// of nesting, where a bracket, a brace and a dot of a key each count as one. These limits hold before a TOML parser
// sees the file. Every known key may be written with `-` or `_`, not both at once. An unknown key is a warning.
//
//	[package]             name version (needed), authors description license license-file repository homepage
//	                      documentation readme keywords categories edition gal-version include exclude publish links
//	                      metadata; KEY.workspace = true takes the value of [workspace.package]
//	[dependencies]        NAME = "requirement", or a table of version features default-features optional registry
//	[dev-dependencies]    package path git tag branch rev workspace
//	[build-dependencies]
//	[features]            NAME = ["feature", "dependency/feature", "dependency?/feature", "dep:dependency"]
//	[profile.NAME]        optimization_level debug lto chaos_profile inherits; dev and release are built in
//	[chaos-profile.NAME]  fault_injection_rate allowed_faults max_fault_duration network_partition_probability
//	                      message_drop_rate actor_crash_rate max_concurrent_faults chaos_seed
//	[[chaos-profile.NAME.fault_schedule]]  fault_type trigger probability duration
//	[build]               targets optimization-level
//	[security]            require_signatures max_risk_level vulnerability_scan dependency_audit allowed_licenses
//	                      min_release_age, [[security.ignore]] id package reason until
//	[resolver]            duplicates incompatible-gal-versions exclude-newer exclude-newer-package
//	                      exclude-newer-registry
//	[patch]               NAME = a table of path or git
//	[workspace]           members exclude package dependencies
//
// [chaos] default_profile and [chaos.profiles.NAME] are an older spelling of chaos profiles; they are read with a
// warning that holds the rewrite.
//
//	[package]
//	name = "my-package"
//	version = "1.0.0"
//
//	[dependencies]
//	actor-utils = "^1.2.0"
//	chaos-lib = { version = "0.5", features = ["scheduling"] }
//
// [Parse] reports every mistake at once, each with line, column and excerpt ([Problems]). [Open] edits the text and
// leaves every byte that the edit does not concern as it is.
//
// # gal.lock
//
// TOML, at most 16 MiB. `version = 1`, `root`, `exclude-newer` where one is in force, then `[[packages]]` sorted by
// name, version and source, their keys in the order name, version, source, checksum, features, dependencies. See
// [Lock] for the bytes.
package manifest

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// FileName is the name of a manifest.
const FileName = "gal.toml"

// MaxManifestSize is the greatest size of a manifest, in bytes.
const MaxManifestSize = 256 << 10

// Manifest is one gal.toml: the PackageManifest of the specification. Members of its JSON form are named as the keys
// of the file.
type Manifest struct {
	Path              string                    `json:"-"` // as given to Parse or Load
	Package           *PackageInfo              `json:"package,omitempty"`
	Dependencies      map[string]DependencySpec `json:"dependencies"`
	DevDependencies   map[string]DependencySpec `json:"dev-dependencies"`
	BuildDependencies map[string]DependencySpec `json:"build-dependencies"`
	ChaosProfiles     map[string]ChaosProfile   `json:"chaos-profile"`
	// DefaultChaosProfile is [chaos] default_profile of the older spelling: what a profile uses that names none.
	DefaultChaosProfile string                    `json:"default-chaos-profile,omitempty"`
	Profiles            map[string]ProfileSpec    `json:"profile"`
	Features            map[string][]string       `json:"features"`
	Build               Build                     `json:"build"`
	Security            Security                  `json:"security"`
	Resolver            Resolver                  `json:"resolver"`
	Patch               map[string]DependencySpec `json:"patch"`
	Workspace           *Workspace                `json:"workspace,omitempty"`

	// Warnings are what a strict check refuses: unknown keys, older spellings, suspicious values.
	Warnings Problems `json:"-"`

	page  page
	spots map[string]span // places of keys: see Where
}

// Build is the table [build].
type Build struct {
	Targets           []string `json:"targets,omitempty"` // target triples
	OptimizationLevel *int     `json:"optimization-level,omitempty"`
}

// Parse reads a manifest. path is what messages call it. The error is [Problems], all that were found.
func Parse(path string, data []byte) (*Manifest, error) {
	d, problem := parseDocument(page{path, data}, manifestLimits)
	if problem != nil {
		return nil, Problems{*problem}
	}
	r := &reader{document: d}
	m := r.manifest()
	if len(r.problems) > 0 {
		return nil, inOrder(r.problems)
	}
	m.Warnings = inOrder(r.warnings)
	return m, nil
}

// Load reads the manifest at path. A file that cannot be read is a [fault.Error] with code "manifest-unreadable".
func Load(path string) (*Manifest, error) {
	text, err := Read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Read returns the bytes of the manifest file at path, for [Parse]: at most [MaxManifestSize]. The error is a [fault.Error] of
// kind Manifest with code "manifest-unreadable".
func Read(path string) ([]byte, error) {
	return readBounded(path, MaxManifestSize, "manifest-unreadable")
}

// readBounded reads a file, with an error of kind Manifest.
func readBounded(path string, limit int64, code string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fault.New(fault.Manifest, code, "%s is not a regular file", path)
	}
	data, err := atomicfile.Read(path, limit)
	if err != nil {
		return nil, fault.New(fault.Manifest, code, "%s cannot be read", path).Because(err)
	}
	return data, nil
}

// Find returns the path of the manifest in dir or the nearest folder above it. Where there is none the error is a
// [fault.Error] with code "no-manifest".
func Find(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := abs; ; at = filepath.Dir(at) {
		path := filepath.Join(at, FileName)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fault.New(fault.Manifest, "manifest-unreadable", "%s cannot be read", path).Because(err)
		}
		if filepath.Dir(at) == at {
			return "", fault.New(fault.Manifest, "no-manifest", "no %s in %s or any parent", FileName, abs).WithHelp("gal-pkg init")
		}
	}
}

// manifest reads the tables in the order in which they depend on each other.
func (r *reader) manifest() *Manifest {
	m := &Manifest{Path: r.page.path, page: r.page, spots: map[string]span{}}
	f := r.fields(r.ownTables(), "", "package", "dependencies", "dev-dependencies", "build-dependencies", "features",
		"profile", "chaos-profile", "chaos", "build", "security", "resolver", "patch", "workspace")
	m.Package = r.packageInfo(f["package"], false)
	m.Workspace = r.workspace(f["workspace"])
	if f["package"] == nil && f["workspace"] == nil {
		r.fail("no-package", span{}, "the file has neither a [package] nor a [workspace] table")
	}
	m.Dependencies = r.dependencies(f["dependencies"])
	m.DevDependencies = r.dependencies(f["dev-dependencies"])
	m.BuildDependencies = r.dependencies(f["build-dependencies"])
	m.Patch = r.patches(f["patch"])
	m.Features = r.features(f["features"], m)
	r.chaos(m, f["chaos-profile"], f["chaos"])
	r.profiles(m, f["profile"])
	m.Build = r.buildTable(f["build"])
	m.Security = r.security(f["security"])
	m.Resolver = r.resolver(f["resolver"])
	r.record(m.spots, f)
	return m
}

// ownTables is the root without the tables that belong into other files; they are said to have no effect.
func (r *reader) ownTables() *node {
	n := *r.root
	n.entries = nil
	for _, e := range r.root.entries {
		switch e.name {
		case "access":
			r.warn("no-effect", e.key, "[access] has no effect in a manifest; it belongs in access.toml of the registry")
		case "registries", "default_registry":
			r.warn("no-effect", e.key, "%s has no effect in a manifest; it belongs in registries.toml of the user", e.name)
		default:
			n.entries = append(n.entries, e)
		}
	}
	return &n
}

func (r *reader) buildTable(e *entry) Build {
	var b Build
	n := r.table(e)
	if n == nil {
		return b
	}
	f := r.fields(n, "[build]", "targets", "optimization-level")
	b.Targets, _ = r.texts(f["targets"])
	b.OptimizationLevel = r.level(f["optimization-level"])
	return b
}

// level reads an optimization level.
func (r *reader) level(e *entry) *int {
	i := r.integer(e, 0, 3)
	if i == nil {
		return nil
	}
	level := int(*i)
	return &level
}

// finite reports whether no number below n is inf or nan, which JSON cannot write.
func finite(n *node) bool {
	if f, ok := n.value.(float64); ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
		return false
	}
	for _, child := range n.list {
		if !finite(child) {
			return false
		}
	}
	for _, e := range n.entries {
		if !finite(e.node) {
			return false
		}
	}
	return true
}
