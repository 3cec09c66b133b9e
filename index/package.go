package index

import (
	"time"

	"github.com/geeknik/gal-pkg/version"
)

// Publishers finds a publisher by id; nil where there is none. The one it returns is folded whole.
type Publishers func(id string) *Publisher

// Package is what a package's file says, folded from its first line to its last.
type Package struct {
	Name       string
	Owners     []string
	Threshold  int64
	Releases   []*Release // in the order of their publication
	Deprecated *Deprecate // nil where it is not
	Tombstone  *Entry     // nil where it is open
	Recoveries []Recovery // what @root has given to others, who have not signed anything here since
	Dead       []Dead

	registry string
	roots    Roots
	key      string
	closed   bool
	recalled bool // read from a [FoldCache]: the signatures are known by what a Memory has of them alone

	byVersion map[string]*Release // by version.Key; nil while there are few

	genesis       Digest // "" where there is no package yet
	ownersHead    Digest // the last owners or recover, else genesis
	recoverHead   Digest // the last recover, else genesis
	deprecateHead Digest // the last deprecate, else genesis
	cleanOwners   []string

	control []Obligation // of genesis, owners, recover, tombstone
}

// Release is one published version.
type Release struct {
	Version version.Version
	Publish *Publish // nil where the line is of a newer format: the version is taken, and not offered
	By      string
	At      time.Time
	Log     int64
	Suspect bool // signed by a key that had been compromised: not offered

	digest           Digest        // of its line
	signer           *PublisherKey // nil where an identity signed it
	owners, operator side
	obligations      []Obligation
	recorded         string // the obligations of a release that was read from a [FoldCache], as it has them
}

// side is one of the two chains of yanks of a release: its owners' and the registry's.
type side struct {
	head Digest
	yank *Yank
}

// Yanked returns why the release should not be chosen any more, nil where it may be.
func (r *Release) Yanked() *Yank {
	if r.operator.yank != nil {
		return r.operator.yank
	}
	return r.owners.yank
}

// YankedBy returns the yank of one of the two sides: that of [ByRegistry], or for anybody else that of the owners.
func (r *Release) YankedBy(by string) *Yank { return r.side(by).yank }

// Offered reports whether the release can be chosen or, where it is locked, used.
func (r *Release) Offered() bool { return r.Publish != nil && !r.Suspect }

// NewPackage returns the state of the file with a path key before its first line, in a registry where nobody speaks as
// @root or @registry.
func NewPackage(registry, key string) *Package { return Roots(nil).NewPackage(registry, key) }

// NewPackage is the function of that name, for a registry with these roots.
func (r Roots) NewPackage(registry, key string) *Package {
	return &Package{registry: registry, key: key, roots: r}
}

// FoldPackage applies every entry of a file; those that do not count are kept in Dead.
func FoldPackage(registry, key string, entries []Entry, publishers Publishers) *Package {
	return Roots(nil).FoldPackage(registry, key, entries, publishers)
}

// FoldPackage is the function of that name, for a registry with these roots.
func (r Roots) FoldPackage(registry, key string, entries []Entry, publishers Publishers) *Package {
	p := r.NewPackage(registry, key)
	for _, e := range entries {
		if _, err := p.Apply(e, publishers); err != nil {
			p.Dead = append(p.Dead, Dead{e, err})
		}
	}
	p.Recoveries = p.recoveries(entries, publishers)
	return p
}

// Exists reports whether a first publish counts.
func (p *Package) Exists() bool { return p.genesis != "" }

// Closed reports whether a line of a newer format stops this program from reading the package.
func (p *Package) Closed() bool { return p.closed }

// Release returns the release of a version, nil where there is none. Versions that differ only in letter case are one.
func (p *Package) Release(v version.Version) *Release {
	if p.byVersion != nil {
		return p.byVersion[v.Key()]
	}
	for _, r := range p.Releases {
		if r.Version.Same(v) {
			return r
		}
	}
	return nil
}

// fewReleases are found faster one by one than by a map.
const fewReleases = 64

// add takes a version.
func (p *Package) add(r *Release) {
	p.Releases = append(p.Releases, r)
	if p.byVersion != nil {
		p.byVersion[r.Version.Key()] = r
	} else if len(p.Releases) > fewReleases {
		p.byVersion = make(map[string]*Release, cap(p.Releases))
		for _, r := range p.Releases {
			p.byVersion[r.Version.Key()] = r
		}
	}
}

// Newest returns the highest offered release that is not yanked, releases before pre-releases; nil where there is none.
func (p *Package) Newest() *Release { return p.NewestOf(func(*Release) bool { return true }) }

// NewestOf is Newest of the releases for which ok is true.
func (p *Package) NewestOf(ok func(*Release) bool) *Release {
	final := p.HighestOf(func(r *Release) bool { return r.Version.Pre() == "" && ok(r) })
	if final != nil {
		return final
	}
	return p.HighestOf(ok)
}

// HighestOf returns the offered release of highest precedence that is not yanked and for which ok is true, be it a
// pre-release; nil where there is none.
func (p *Package) HighestOf(ok func(*Release) bool) *Release {
	var best *Release
	for _, r := range p.Releases {
		if (best == nil || best.Version.Less(r.Version)) && r.Offered() && r.Yanked() == nil && ok(r) {
			best = r
		}
	}
	return best
}

// After returns the digest that the next line of an event must name in `after`; v is the version of a yank or unyank,
// by is who will sign it.
func (p *Package) After(e Event, v version.Version, by string) Digest {
	switch e {
	case EventRecover:
		return p.recoverHead
	case EventDeprecate:
		return p.deprecateHead
	case EventYank, EventUnyank:
		if r := p.Release(v); r != nil {
			return r.side(by).head
		}
		return ""
	default:
		return p.ownersHead
	}
}

func (r *Release) side(by string) *side {
	if by == ByRegistry {
		return &r.operator
	}
	return &r.owners
}
