package index

import (
	"maps"
	"slices"
)

// A folded record is what a package's file folds to, for a [FoldCache]: so that the same bytes need not be parsed, held
// against the canonical form and folded at every start. Numbers are unsigned varints and texts are a length and bytes, so
// that a text that is read needs no memory of its own. What a release has in common with the one before it is written
// once, and shared in memory as well. Packages with lines that do not count, or that are closed, have no record.
//
// A record holds which signatures count, by the digests under which a [Memory] remembers them, and not the signatures: a
// release whose signatures are not all remembered is read from its file.

// recordable reports whether a record holds everything there is to know of a package.
func recordable(p *Package) bool {
	if !p.Exists() || p.closed || p.Tombstone != nil || len(p.Dead) > 0 {
		return false
	}
	return !slices.ContainsFunc(p.Releases, func(r *Release) bool { return r.Publish == nil })
}

// appendFolded appends the record of a package.
func appendFolded(b []byte, p *Package) []byte {
	w := &folder{buf: b}
	w.text(p.Name)
	w.texts(p.Owners)
	w.number(uint64(p.Threshold))
	w.texts(p.cleanOwners)
	for _, head := range []Digest{p.genesis, p.ownersHead, p.recoverHead, p.deprecateHead} {
		w.text(string(head))
	}
	w.flag(p.Deprecated != nil)
	if p.Deprecated != nil {
		w.text(p.Deprecated.Message)
		w.text(p.Deprecated.Replacement)
	}
	w.obligations(p.control)
	w.number(uint64(len(p.Releases)))
	before := &Release{Publish: &Publish{}}
	for _, r := range p.Releases {
		w.release(r, before)
		before = r
	}
	return w.buf
}

// folder writes records.
type folder struct{ buf []byte }

func (w *folder) number(n uint64) {
	for n >= 0x80 {
		w.buf = append(w.buf, byte(n)|0x80)
		n >>= 7
	}
	w.buf = append(w.buf, byte(n))
}

func (w *folder) text(s string) {
	w.number(uint64(len(s)))
	w.buf = append(w.buf, s...)
}

func (w *folder) texts(list []string) {
	w.number(uint64(len(list)))
	for _, s := range list {
		w.text(s)
	}
}

func (w *folder) flag(on bool) {
	n := byte(0)
	if on {
		n = 1
	}
	w.buf = append(w.buf, n)
}

func (w *folder) obligations(list []Obligation) {
	w.number(uint64(len(list)))
	for _, o := range list {
		w.text(o.By)
		w.text(string(o.memo()))
		w.flag(o.leads)
	}
}

func (w *folder) side(s side, digest Digest) {
	moved := s.head != digest
	w.flag(moved)
	if !moved {
		return
	}
	w.text(string(s.head))
	w.flag(s.yank != nil)
	if y := s.yank; y != nil {
		w.text(y.Class)
		w.text(y.Reason)
		w.text(y.Advisory)
	}
}

func (w *folder) release(r, before *Release) {
	w.text(r.Version.String())
	w.number(uint64(r.At.Unix()))
	w.number(uint64(r.Log))
	w.flag(r.Suspect)
	same := r.By == before.By && r.signer == before.signer
	w.flag(same)
	if !same {
		w.text(r.By)
		w.text(r.signer.hint())
	}
	w.text(string(r.digest))
	w.side(r.owners, r.digest)
	w.side(r.operator, r.digest)
	w.obligations(r.owes())
	w.publish(r.Publish, before.Publish)
}

func (w *folder) publish(p, before *Publish) {
	w.text(string(p.Checksum))
	w.number(uint64(p.Size))
	w.number(uint64(p.Unpacked))
	w.shared(sameDependencies(p.Dependencies, before.Dependencies), func() {
		w.number(uint64(len(p.Dependencies)))
		for i := range p.Dependencies {
			w.dependency(&p.Dependencies[i])
		}
	})
	w.shared(sameFeatures(p.Features, before.Features), func() {
		w.number(uint64(len(p.Features)))
		for _, name := range slices.Sorted(maps.Keys(p.Features)) {
			w.text(name)
			w.texts(p.Features[name])
		}
	})
	w.shared(samePeople(p, before), func() { w.people(p) })
}

// shared writes a part, or that it is that of the release before.
func (w *folder) shared(same bool, write func()) {
	w.flag(same)
	if !same {
		write()
	}
}

func (w *folder) dependency(d *Dependency) {
	w.text(d.Name)
	w.text(d.Requirement.String())
	w.text(d.Kind)
	w.texts(d.Features)
	w.flag(d.NoDefault)
	w.flag(d.Optional)
	w.text(d.Registry)
	w.text(d.Package)
}

// people writes what seldom changes from one release to the next.
func (w *folder) people(p *Publish) {
	for _, s := range []string{p.GalVersion, p.Edition, p.License, p.Links, p.Level} {
		w.text(s)
	}
	w.flag(p.Ruleset != nil)
	if p.Ruleset != nil {
		w.number(uint64(*p.Ruleset))
	}
	w.texts(p.Capabilities)
	w.texts(p.URLs)
	a := &p.About
	for _, s := range []string{a.Description, a.Repository, a.Homepage, a.Documentation} {
		w.text(s)
	}
	for _, list := range [][]string{a.Keywords, a.Categories, a.Authors} {
		w.texts(list)
	}
}

func sameDependencies(a, b []Dependency) bool {
	return slices.EqualFunc(a, b, func(x, y Dependency) bool { return x.Equal(&y) })
}

func sameFeatures(a, b map[string][]string) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	for name, list := range a {
		if other, ok := b[name]; !ok || !slices.Equal(list, other) {
			return false
		}
	}
	return true
}

func samePeople(a, b *Publish) bool {
	return a.GalVersion == b.GalVersion && a.Edition == b.Edition && a.License == b.License && a.Links == b.Links && a.Level == b.Level &&
		(a.Ruleset == nil) == (b.Ruleset == nil) && (a.Ruleset == nil || *a.Ruleset == *b.Ruleset) &&
		slices.Equal(a.Capabilities, b.Capabilities) && slices.Equal(a.URLs, b.URLs) && sameAbout(&a.About, &b.About)
}

func sameAbout(a, b *About) bool {
	return a.Description == b.Description && a.Repository == b.Repository && a.Homepage == b.Homepage && a.Documentation == b.Documentation &&
		slices.Equal(a.Keywords, b.Keywords) && slices.Equal(a.Categories, b.Categories) && slices.Equal(a.Authors, b.Authors)
}
