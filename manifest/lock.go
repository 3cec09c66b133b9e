package manifest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/version"
)

// LockName is the name of a lock file; it stands beside the root's manifest.
const LockName = "gal.lock"

// LockVersion is the version of the format that is written, and the newest that is read.
const LockVersion = 1

// Limits of a lock file.
const (
	MaxLockSize       = 16 << 20 // bytes
	MaxLockedPackages = 100_000
	MaxLockedVersions = 256 // packages of one name
)

// Lock is one gal.lock: the packages that a project and its workspace are built from, whatever features, profiles and
// kinds of dependencies a build picks. The canonical bytes, which [Lock.Format] writes, are these and no others: one
// space around each equals sign, one blank line before each package, lists on one line, a line feed at the end of
// every line; absent is what is empty.
//
//	version = 1
//	root = "my-package"
//
//	[[packages]]
//	name = "chaos-lib"
//	version = "0.5.2"
//	source = "registry+packages.example.org"
//	checksum = "sha256:…"
//	features = ["scheduling"]
//	dependencies = ["rand"]
type Lock struct {
	Version      int             `json:"version"`
	Root         string          `json:"root"`                   // name of the root package, "" for a workspace without one
	ExcludeNewer time.Time       `json:"exclude-newer,omitzero"` // UTC, whole seconds; zero where none is in force
	Packages     []LockedPackage `json:"packages"`               // sorted by name, version, source
}

// LockedPackage is one package at one version.
type LockedPackage struct {
	Name    string          `json:"name"`
	Version version.Version `json:"version"`
	Source  Source          `json:"source,omitzero"`
	// Checksum is "sha256:" and the digest of the archive, "" for a path or git source; a package of a registry has one.
	// Parsing accepts an abbreviated one: whole strings are compared with what was downloaded, so it never matches.
	Checksum     string   `json:"checksum,omitempty"`
	Features     []string `json:"features,omitempty"`     // sorted
	Dependencies []Ref    `json:"dependencies,omitempty"` // sorted
}

// Ref names a package of the same lock. After parsing all three are set; a lock that is built may leave out what is
// not needed to tell the packages apart.
type Ref struct {
	Name    string
	Version version.Version
	Source  Source
}

// Ref returns the reference that means p and nothing else.
func (p LockedPackage) Ref() Ref { return Ref{p.Name, p.Version, p.Source} }

// ParseRef reads `name`, `name version` or `name version (source)`.
func ParseRef(text string) (Ref, error) {
	name, rest, more := strings.Cut(text, " ")
	r := Ref{Name: name}
	if reason := nameReason(name); reason != "" {
		return Ref{}, fmt.Errorf("dependency %s: %s %s", quote(text), quote(name), reason)
	}
	if !more {
		return r, nil
	}
	number, source, more := strings.Cut(rest, " ")
	v, err := version.Parse(number)
	if err != nil {
		return Ref{}, fmt.Errorf("dependency %s: %w", quote(text), err)
	}
	r.Version = v
	if !more {
		return r, nil
	}
	inner, open := strings.CutPrefix(source, "(")
	inner, shut := strings.CutSuffix(inner, ")")
	if !open || !shut {
		return Ref{}, fmt.Errorf("dependency %s must be `name`, `name version` or `name version (source)`", quote(text))
	}
	if r.Source, err = ParseSource(inner); err != nil {
		return Ref{}, fmt.Errorf("dependency %s: %w", quote(text), err)
	}
	return r, nil
}

// String writes as much of the reference as is set.
func (r Ref) String() string {
	text := r.Name
	if !r.Version.IsZero() {
		text += " " + r.Version.String()
		if !r.Source.IsZero() {
			text += " (" + r.Source.String() + ")"
		}
	}
	return text
}

// MarshalText is [Ref.String].
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is [ParseRef].
func (r *Ref) UnmarshalText(text []byte) error {
	parsed, err := ParseRef(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// Compare orders references by name, version and source.
func (r Ref) Compare(other Ref) int {
	if c := strings.Compare(r.Name, other.Name); c != 0 {
		return c
	}
	if c := r.Version.Compare(other.Version); c != 0 {
		return c
	}
	if c := strings.Compare(r.Version.Build(), other.Version.Build()); c != 0 || r.Source == other.Source {
		return c
	}
	return strings.Compare(r.Source.String(), other.Source.String())
}

// sameVersion compares versions with their build metadata.
func sameVersion(a, b version.Version) bool { return a.Equal(b) && a.Build() == b.Build() }

// Find returns the locked packages of a name, in either spelling, in the lock's order.
func (l *Lock) Find(name string) []*LockedPackage {
	var found []*LockedPackage
	for i := range l.Packages {
		if Fold(l.Packages[i].Name) == Fold(name) {
			found = append(found, &l.Packages[i])
		}
	}
	return found
}

// sorted returns a copy of a lock with everything in order; lists that are in order already are shared.
func (l *Lock) sorted() *Lock {
	ordered := *l
	ordered.Packages = make([]LockedPackage, len(l.Packages))
	for i, p := range l.Packages {
		if !slices.IsSorted(p.Features) || !slices.IsSortedFunc(p.Dependencies, Ref.Compare) {
			p.Features, p.Dependencies = slices.Clone(p.Features), slices.Clone(p.Dependencies)
			p.sortLists()
		}
		ordered.Packages[i] = p
	}
	ordered.sortPackages()
	return &ordered
}

func (l *Lock) sortPackages() {
	slices.SortFunc(l.Packages, func(a, b LockedPackage) int { return a.Ref().Compare(b.Ref()) })
}

func (p *LockedPackage) sortLists() {
	slices.Sort(p.Features)
	slices.SortFunc(p.Dependencies, Ref.Compare)
}
