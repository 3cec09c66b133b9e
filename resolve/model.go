package resolve

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/geeknik/gal-pkg/version"
)

// PackageID names a package in the place it comes from. Two packages of one name from two sources are two packages.
type PackageID struct {
	Source string // as in gal.lock: "registry+ID", "path+REL" or "git+URL?tag=T#COMMIT"
	Name   string
}

// String writes the name, with its source in parentheses.
func (id PackageID) String() string { return fmt.Sprintf("%s (%s)", id.Name, id.Source) }

// Compare orders by name, then by source.
func (id PackageID) Compare(other PackageID) int {
	return cmp.Or(cmp.Compare(id.Name, other.Name), cmp.Compare(id.Source, other.Source))
}

// Kind says what a dependency is for.
type Kind uint8

const (
	Normal Kind = iota // part of the program
	Build              // used by the build on the host
	Dev                // for tests and examples of a root; ignored elsewhere
)

// String returns "normal", "build" or "dev".
func (k Kind) String() string {
	switch k {
	case Normal:
		return "normal"
	case Build:
		return "build"
	case Dev:
		return "dev"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Dependency is one requirement of a package on another. Kind and Alias together are unique in a package.
type Dependency struct {
	Alias string // the name in features and code; that of the package unless renamed
	ID    PackageID
	// Requirement is what the target's version must fulfil. The zero Requirement takes every version, pre-releases too:
	// a path or git dependency for which nobody wrote one.
	Requirement     version.Requirement
	Kind            Kind
	Features        []string // features of the target to turn on
	DefaultFeatures bool     // whether its `default` is one of them
	Optional        bool     // used only where a feature asks for it
	Where           string   // "gal.toml:14" for a root's dependency, else ""
}

// Candidate is one version of a package as its source describes it. Resolve reads it and never changes it.
type Candidate struct {
	Version      version.Version
	Yanked       bool
	YankClass    string // of what kind the reason is; "" where that is not known
	YankReason   string
	Published    time.Time       // the zero time is "not known", which counts as too new where a cutoff is in force
	GalVersion   version.Version // the least GAL it builds with; the zero version is "any"
	Links        string          // the value only one package of a graph may claim; "" for none
	Features     map[string][]string
	Dependencies []Dependency
	Unusable     string // why it can never be used ("needs gal-pkg 3 or later"), "" where it can
}

// Source is what Resolve asks for packages. It is called from one goroutine.
type Source interface {
	// Candidates returns every version of a package, in any order and each once; the caller must not change them.
	// A [fault.NotFound] error means that there is no such package: versions that need it are then avoided, and
	// its text is part of the explanation. Any other error ends the resolution.
	Candidates(ctx context.Context, id PackageID) ([]Candidate, error)

	// Prefetch hints that these packages will probably be asked for soon. It returns at once, and changes no answer.
	Prefetch(hints []Hint)
}

// Hint is a package that will probably be asked for. The requirement is what was found to ask for it, and tells a source
// that looks further ahead which version's dependencies may be next; the zero requirement is "look no further".
type Hint struct {
	ID          PackageID
	Requirement version.Requirement
}

// Root is a package whose dependencies are to be resolved: the one of gal.toml, or a member of its workspace.
// All its features, and dependencies of all kinds, are covered.
type Root struct {
	ID           PackageID
	Version      version.Version
	Dependencies []Dependency
	Features     map[string][]string
	Links        string
	GalVersion   version.Version
	Manifest     string // the file that the explanation names, "gal.toml" if empty
}

// Locked is a version that gal.lock holds. Its dependencies are read from the source again, never from the lock.
type Locked struct {
	ID      PackageID
	Version version.Version
}

// Request is everything that decides the answer, beside the candidates of the source.
type Request struct {
	Roots   []Root
	Locked  []Locked                // versions to keep where they still fit
	Patches map[PackageID]PackageID // replaces the target of every dependency on the key, by [patch]
	Options Options
}

// Unlock says which locked versions are not tried first any more. The zero value keeps all of them.
type Unlock struct {
	All       bool
	Names     []string // package names
	Recursive bool     // also everything that the locked versions of Names depend on
}

// Options tunes Resolve; the zero value is what gal-pkg does by default.
type Options struct {
	Resolution  Resolution
	GalVersions GalPolicy
	Duplicates  DuplicatePolicy

	// ExcludeNewer hides versions published after it, and those whose time is not known; the zero time hides none.
	// Versions in the lock, versions named by Precise, and path and git packages are never hidden.
	ExcludeNewer time.Time
	// ExcludeNewerFor replaces ExcludeNewer for packages of a name, or of a source ("registry+ID"); a name wins over a
	// source. The zero time exempts them.
	ExcludeNewerFor map[string]time.Time

	Unlock Unlock
	// Precise forces, by package name, the version of one bucket; it may be yanked or too new. It must end up in the
	// solution, else Resolve fails.
	Precise map[string]version.Version

	// StepBudget bounds the number of conflicts before Resolve gives up with an error that says so; 0 is
	// [DefaultStepBudget].
	StepBudget int

	Suggestions Suggesting
}

// Cutoff is the time after which versions of a package from a registry are hidden; zero for none.
func (o *Options) Cutoff(id PackageID) time.Time {
	if t, ok := o.ExcludeNewerFor[id.Name]; ok {
		return t
	}
	if t, ok := o.ExcludeNewerFor[id.Source]; ok {
		return t
	}
	return o.ExcludeNewer
}

// DefaultStepBudget is far above what any known registry needs: graphs of thousands of packages take tens of conflicts.
const DefaultStepBudget = 50_000

// Suggesting bounds the search for single changes that would make an impossible request possible.
type Suggesting struct {
	Off bool
	// Now is the clock for Limit. Without one the search is bounded by steps alone, which is deterministic.
	Now   func() time.Time
	Limit time.Duration // 0 is three seconds
}

// Edge is a dependency as it was resolved.
type Edge struct {
	Alias   string
	Kind    Kind
	ID      PackageID
	Version version.Version
}

// accepts reports whether a version fulfils the dependency's requirement.
func (d *Dependency) accepts(v version.Version) bool { return meets(d.Requirement, v) }

// meets is Requirement.Matches, but for the zero Requirement.
func meets(r version.Requirement, v version.Version) bool { return r.IsZero() || r.Matches(v) }

// asks is the target of a dependency as it was written: "wire ^2.0", "wire".
func asks(name string, r version.Requirement) string {
	if r.IsZero() {
		return name
	}
	return name + " " + r.String()
}

// Package is one chosen version.
type Package struct {
	ID           PackageID
	Version      version.Version
	Features     []string // sorted; the union of what all edges turn on
	Dependencies []Edge   // sorted by alias, kind, package, version
	Root         bool
}

// Held tells of a package that is not at its newest version, and why.
type Held struct {
	ID      PackageID
	Version version.Version // the chosen one
	Newest  version.Version // the newest release that is not yanked
	Reason  string          // as in "needs gal-version 2.0.0" or "my-app requires ^1.4 (gal.toml:12)"
}

// Solution is the answer to a Request.
type Solution struct {
	Packages []Package // sorted by name, version, source; roots included
	Warnings []string
	Held     []Held // sorted as Packages
	Steps    int    // conflicts on the way, a measure of effort
}
