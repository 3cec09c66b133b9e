package index

import (
	"iter"
	"slices"
	"time"

	"github.com/geeknik/gal-pkg/manifest"
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
func (p *Package) Newest() *Release {
	var best *Release
	for _, r := range p.Releases {
		if !r.Offered() || r.Yanked() != nil {
			continue
		}
		if best == nil || newer(r.Version, best.Version) {
			best = r
		}
	}
	return best
}

func newer(a, b version.Version) bool {
	if (a.Pre() == "") != (b.Pre() == "") {
		return a.Pre() == ""
	}
	return b.Less(a)
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

// Apply folds one more entry. It checks everything but the signatures themselves, which it returns, the line's own first;
// an error is an [*Ineffective] and leaves p as it was.
func (p *Package) Apply(e Entry, publishers Publishers) ([]Obligation, error) {
	if err := p.checkPlace(e); err != nil {
		return nil, err
	}
	by, obligations, err := p.authorize(e, publishers)
	if err != nil {
		return nil, err
	}
	if e.Line.V != LineVersion {
		return nil, p.applyUnknown(e)
	}
	if err := p.apply(e, by, publishers, obligations); err != nil {
		return nil, err
	}
	return obligations, nil
}

// checkPlace holds that the line belongs into this file at this place and time.
func (p *Package) checkPlace(e Entry) error {
	l := e.Line
	switch {
	case p.closed:
		return dead(DeadClosed, "the package is closed by a line of a newer format; update gal-pkg")
	case !samePath(l.Subject, p.key) || p.Exists() && l.Subject != p.Name:
		return dead(DeadSubject, "the line is about %q", l.Subject)
	case p.Tombstone != nil && l.Event != EventRecover:
		return dead(DeadClosed, "the package was closed at %s", formatTime(p.Tombstone.At))
	case !p.Exists() && l.Event != EventPublish:
		return dead(DeadMissing, "package %s has not been published", l.Subject)
	}
	if err := p.checkVersionThere(l); err != nil {
		return err
	}
	if after := p.after(l); l.After != after {
		return dead(DeadReplayed, "it builds on %s, the last such line is %s", orNone(l.After), orNone(after))
	}
	return checkUntil(e)
}

// checkVersionThere holds for yank and unyank that their version is there, for publish that it is not.
func (p *Package) checkVersionThere(l *Line) error {
	text := l.Version()
	if text == "" {
		return nil
	}
	v, err := version.Parse(text)
	if err != nil {
		return dead(DeadMissing, "%v", err)
	}
	there := p.Release(v) != nil
	switch {
	case l.Event == EventPublish && there:
		return dead(DeadTaken, "version %s is published already, and versions are immutable", v)
	case l.Event != EventPublish && !there:
		return dead(DeadMissing, "version %s has not been published", v)
	}
	return nil
}

func (p *Package) after(l *Line) Digest {
	var v version.Version
	if text := l.Version(); text != "" {
		v, _ = version.Parse(text)
	}
	return p.After(l.Event, v, l.By)
}

// authorize finds who signed, holds their publisher against the owners at this place, and returns the signatures of the
// line, its own first.
func (p *Package) authorize(e Entry, publishers Publishers) (signer, []Obligation, error) {
	l := e.Line
	if official(l.By) {
		obligations, err := p.authorizeOfficial(e)
		return signer{}, obligations, err
	}
	s, err := liveSigner(publishers(l.By), l.own(), e.Log)
	if err != nil {
		return s, nil, err
	}
	if p.Exists() && !slices.Contains(p.Owners, l.By) {
		return s, nil, dead(DeadNotOwner, "%s does not own %s", l.By, p.Name)
	}
	if p.Exists() && (l.Event == EventOwners || l.Event == EventTombstone) {
		err = p.checkThreshold(e, publishers)
	}
	return s, p.obligationsOf(e, s, publishers), err
}

// authorizeOfficial is authorize for @root and @registry. What a line of a newer format says cannot be told from here, nor
// under which root; it closes the package, and takes no version.
func (p *Package) authorizeOfficial(e Entry) ([]Obligation, error) {
	if e.Line.V != LineVersion && e.Line.Event != EventPublish {
		return nil, nil
	}
	return p.roots.obligations(p.registry, e)
}

// checkThreshold counts the owners that signed, each once, each with what was live.
func (p *Package) checkThreshold(e Entry, publishers Publishers) error {
	signed := map[string]bool{e.Line.By: true}
	for _, c := range e.Line.Sig.Also {
		if !slices.Contains(p.Owners, c.By) {
			continue
		}
		if _, err := liveSigner(publishers(c.By), c, e.Log); err != nil {
			return err
		}
		signed[c.By] = true
	}
	if int64(len(signed)) < p.Threshold {
		return dead(DeadThreshold, "%d of the owners signed, %d are needed", len(signed), p.Threshold)
	}
	return nil
}

// applyUnknown folds a line of a newer format: a publish takes its version, anything else closes the package.
func (p *Package) applyUnknown(e Entry) error {
	if e.Line.Event != EventPublish {
		p.closed = true
		return nil
	}
	v, err := version.Parse(e.Line.Version())
	if err != nil {
		return dead(DeadMissing, "%v", err)
	}
	p.begin(e)
	p.add(&Release{Version: v, By: e.Line.By, At: e.At, Log: e.Log, owners: side{head: e.Line.Digest()}, operator: side{head: e.Line.Digest()}})
	return nil
}

// begin makes the first publish the genesis: its signer becomes the owner.
func (p *Package) begin(e Entry) {
	if p.Exists() {
		return
	}
	digest := e.Line.Digest()
	p.Name, p.genesis = e.Line.Subject, digest
	p.ownersHead, p.recoverHead, p.deprecateHead = digest, digest, digest
	p.Owners, p.Threshold, p.cleanOwners = []string{e.Line.By}, 1, []string{e.Line.By}
}

func (p *Package) apply(e Entry, by signer, publishers Publishers, obligations []Obligation) error {
	l := e.Line
	suspect := by.suspect(e.Log) || p.Exists() && !official(l.By) && !slices.Contains(p.cleanOwners, l.By)
	digest := l.Digest()
	switch b := l.Body.(type) {
	case *Publish:
		first := !p.Exists()
		p.begin(e)
		if first {
			p.control = obligations
		}
		p.add(&Release{
			Version: b.Version, Publish: b, By: l.By, At: e.At, Log: e.Log, Suspect: suspect, digest: digest, signer: by.key,
			owners: side{head: digest}, operator: side{head: digest}, obligations: obligations,
		})
	case *Yank:
		p.applyYank(b.Version, l.By, digest, b, suspect, obligations)
	case *Unyank:
		p.applyYank(b.Version, l.By, digest, nil, suspect, obligations)
	case *Deprecate:
		p.deprecateHead = digest
		if !suspect {
			p.Deprecated = b
			if b.Message == "" && b.Replacement == "" {
				p.Deprecated = nil
			}
		}
	case *Owners:
		if err := checkRegistered(b.Owners, e.Log, publishers); err != nil {
			return err
		}
		p.applyOwners(b.Owners, b.Threshold, digest, suspect, obligations)
	case *Recover:
		return p.applyRecover(e, b, digest, publishers, obligations)
	case *Tombstone:
		p.control = append(p.control, obligations...)
		if !suspect {
			p.Tombstone = &e
		}
	default:
		return dead(DeadSubject, "a %s line does not belong in a package's file", l.Event)
	}
	return nil
}

func (p *Package) applyYank(v version.Version, by string, digest Digest, yank *Yank, suspect bool, obligations []Obligation) {
	r := p.Release(v)
	s := r.side(by)
	s.head = digest
	if !suspect {
		s.yank = yank
	}
	r.obligations = append(r.obligations, obligations...)
}

func (p *Package) applyOwners(owners []string, threshold int64, digest Digest, suspect bool, obligations []Obligation) {
	p.Owners, p.Threshold, p.ownersHead = owners, threshold, digest
	p.control = append(p.control, obligations...)
	if !suspect {
		p.cleanOwners = owners
	}
}

// applyRecover gives the package to others, and opens it where it was closed.
func (p *Package) applyRecover(e Entry, r *Recover, digest Digest, publishers Publishers, obligations []Obligation) error {
	if e.Line.By != ByRoot {
		return dead(DeadNotOwner, "%s cannot recover a package; @root can", e.Line.By)
	}
	if err := checkRegistered(r.Owners, e.Log, publishers); err != nil {
		return err
	}
	p.applyOwners(r.Owners, r.Threshold, digest, false, obligations)
	p.recoverHead, p.Tombstone = digest, nil
	return nil
}

// checkRegistered holds that every new owner is a publisher that was there before.
func checkRegistered(owners []string, log int64, publishers Publishers) error {
	for _, id := range owners {
		if p := publishers(id); !p.Exists() || p.Registered >= log {
			return dead(DeadMissing, "publisher %s is not registered", id)
		}
	}
	return nil
}

// obligationsOf lists the signatures that count for a line: its own, and those of further owners.
func (p *Package) obligationsOf(e Entry, by signer, publishers Publishers) []Obligation {
	list := []Obligation{newObligation(p.registry, e, by, e.Line.own())}
	for _, c := range e.Line.Sig.Also {
		if other, err := liveSigner(publishers(c.By), c, e.Log); err == nil {
			list = append(list, newObligation(p.registry, e, other, c))
		}
	}
	return list
}

// obligationsFor lists the signatures that a version rests on: those of the package's control lines, of the version
// itself, and of every yank and unyank in the file, because a yank decides which other version is chosen.
func (p *Package) obligationsFor(v version.Version) iter.Seq[Obligation] {
	own := p.Release(v)
	return func(yield func(Obligation) bool) {
		for _, o := range p.control {
			if !yield(o) {
				return
			}
		}
		for _, r := range p.Releases {
			if !r.eachObligation(r != own, yield) {
				return
			}
		}
	}
}

// owes returns the signatures that a release rests on: that of its publish, then those of its yanks and unyanks.
func (r *Release) owes() []Obligation {
	if r.recorded != "" {
		return (&unfolder{text: r.recorded}).obligations()
	}
	return r.obligations
}

// eachObligation goes through the signatures that a release rests on; of one that was not chosen, those of its yanks and
// unyanks are left. It reports whether to go on.
func (r *Release) eachObligation(yanksOnly bool, yield func(Obligation) bool) bool {
	if yanksOnly && r.recorded != "" && r.recorded[0] == 1 {
		return true // a publish, and no more
	}
	list := r.owes()
	if yanksOnly && len(list) > 0 {
		list = list[1:]
	}
	for _, o := range list {
		if !yield(o) {
			return false
		}
	}
	return true
}

// Speakers returns the ids of every publisher that the lines of a file name, sorted: those whose files must be read to
// fold it.
func Speakers(lines []Entry) []string {
	var ids []string
	add := func(id string) {
		if !official(id) && manifest.CheckName(id) == nil {
			ids = append(ids, id)
		}
	}
	for _, e := range lines {
		add(e.Line.By)
		for _, c := range e.Line.Sig.Also {
			add(c.By)
		}
		switch b := e.Line.Body.(type) {
		case *Owners:
			for _, id := range b.Owners {
				add(id)
			}
		case *Recover:
			for _, id := range b.Owners {
				add(id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
