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
	// Checksum is "sha256:" and the digest of the archive, "" for a path or git source. Parsing accepts an
	// abbreviated one: whole strings are compared with what was downloaded, so it never matches.
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

// LockIndex answers questions about a lock that must not change while it is in use.
type LockIndex struct {
	packages []LockedPackage
	order    []int32 // places in packages, sorted by exact name
}

// Index prepares a lock for [LockIndex.Resolve].
func (l *Lock) Index() *LockIndex {
	x := &LockIndex{l.Packages, make([]int32, len(l.Packages))}
	for i := range x.order {
		x.order[i] = int32(i)
	}
	slices.SortStableFunc(x.order, func(a, b int32) int { return strings.Compare(x.packages[a].Name, x.packages[b].Name) })
	return x
}

// named lists the places of the packages of a name.
func (x *LockIndex) named(name string) []int32 {
	from, _ := slices.BinarySearchFunc(x.order, name, func(at int32, name string) int { return strings.Compare(x.packages[at].Name, name) })
	to := from
	for to < len(x.order) && x.packages[x.order[to]].Name == name {
		to++
	}
	return x.order[from:to]
}

// Resolve returns the one package that a reference means. None, and more than one, are errors.
func (x *LockIndex) Resolve(r Ref) (*LockedPackage, error) {
	found, n := x.match(x.named(r.Name), r)
	switch n {
	case 1:
		return found, nil
	case 0:
		return nil, fmt.Errorf("%s is not among the packages", quote(r.String()))
	}
	var texts []string
	for _, i := range x.named(r.Name) {
		if p := &x.packages[i]; r.means(p) && len(texts) < 5 {
			texts = append(texts, quote(p.Ref().String()))
		}
	}
	return nil, fmt.Errorf("%s is ambiguous: it may be %s", quote(r.String()), strings.Join(texts, ", "))
}

// match returns the first of some packages that a reference may mean, and how many they are.
func (x *LockIndex) match(among []int32, r Ref) (first *LockedPackage, n int) {
	for _, i := range among {
		if p := &x.packages[i]; r.means(p) {
			if n == 0 {
				first = p
			}
			n++
		}
	}
	return first, n
}

// means reports whether nothing in a reference speaks against a package of its name.
func (r Ref) means(p *LockedPackage) bool {
	return r.Version.IsZero() || sameVersion(p.Version, r.Version) && (r.Source.IsZero() || p.Source == r.Source)
}

// Shorten returns the shortest reference that means the same package; one that means none or several is returned as
// it is.
func (x *LockIndex) Shorten(r Ref) Ref {
	named := x.named(r.Name)
	p, n := x.match(named, r)
	if n != 1 {
		return r
	}
	short := Ref{Name: r.Name}
	if len(named) == 1 {
		return short
	}
	short.Version = p.Version
	if _, n := x.match(named, short); n > 1 {
		short.Source = p.Source
	}
	return short
}

// Check reports the first thing that keeps a lock from being written and read back as it is, nil for a good one:
// illegal names, sources and checksums, a package that is listed twice, a dependency that is not listed. The error
// is a plain one.
func (l *Lock) Check() error {
	if len(l.Packages) > MaxLockedPackages {
		return fmt.Errorf("%d packages are more than %d", len(l.Packages), MaxLockedPackages)
	}
	if reason := nameReason(l.Root); l.Root != "" && reason != "" {
		return fmt.Errorf("root %s %s", quote(l.Root), reason)
	}
	x := l.sorted().Index()
	if _, err := x.crowded(); err != nil {
		return err
	}
	for i := range x.packages {
		if err := x.check(i); err != nil {
			return err
		}
		for _, d := range x.packages[i].Dependencies {
			if _, err := x.Resolve(d); err != nil {
				return fmt.Errorf("package %s: dependency %w", quote(x.packages[i].Name), err)
			}
		}
	}
	return nil
}

// crowded finds a package that is listed too often, which would make every look-up of its name slow.
func (x *LockIndex) crowded() (int, error) {
	for i := range x.packages {
		if n := len(x.named(x.packages[i].Name)); n > MaxLockedVersions {
			return i, fmt.Errorf("package %s is listed %d times, at most %d are allowed", quote(x.packages[i].Name), n, MaxLockedVersions)
		}
	}
	return -1, nil
}

// check judges one package, whose lists are in order, among the others.
func (x *LockIndex) check(i int) error {
	p := &x.packages[i]
	if reason := nameReason(p.Name); reason != "" {
		return fmt.Errorf("package %s %s", quote(p.Name), reason)
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("package %s: "+format, append([]any{quote(p.Name)}, args...)...)
	}
	if p.Version.IsZero() {
		return fail("it has no version")
	}
	if reason := checksumReason(p.Checksum); reason != "" {
		return fail("checksum %s %s", quote(p.Checksum), reason)
	}
	for _, j := range x.named(p.Name) {
		other := &x.packages[j]
		if int(j) < i && sameVersion(other.Version, p.Version) && (other.Source == p.Source || other.Source.IsZero() || p.Source.IsZero()) {
			return fail("version %s is listed twice", p.Version)
		}
	}
	for k, f := range p.Features {
		if !goodFeature(f) || k > 0 && p.Features[k-1] == f {
			return fail("feature %s is no feature's name or is listed twice", quote(f))
		}
	}
	for k, d := range p.Dependencies {
		if k > 0 && p.Dependencies[k-1].Compare(d) == 0 {
			return fail("dependency %s is listed twice", quote(d.String()))
		}
	}
	return nil
}

// checksumReason accepts "", and "sha256:" with what may be an abbreviated digest.
func checksumReason(text string) string {
	if text == "" {
		return ""
	}
	digest, ok := strings.CutPrefix(text, "sha256:")
	if !ok {
		return "does not begin with sha256:"
	}
	if digest == "" || len(digest) > 64 || strings.Trim(digest, "0123456789abcdef.") != "" {
		return "is not a digest in lower-case hex"
	}
	return ""
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
