package manifest

import (
	"fmt"
	"slices"
	"strings"
)

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
