package index

import (
	"iter"
	"slices"

	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

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
