package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/version"
)

// relaxation is a change to a request that might make it possible.
type relaxation struct {
	root    PackageID
	kind    Kind
	alias   string
	where   string
	change  func(*Request)
	remove  bool
	setting string // how to write the change, where it is not a requirement

	requirement string // as it will be shown
}

// clone copies a request as deep as a relaxation changes it.
func (r Request) clone() Request {
	r.Roots = slices.Clone(r.Roots)
	for i := range r.Roots {
		r.Roots[i].Dependencies = slices.Clone(r.Roots[i].Dependencies)
	}
	return r
}

// offers collects relaxations: better ones, settings and features, and dependencies to do without.
type offers struct {
	s                    *solver
	soft, settings, hard []relaxation
	seen                 map[*Dependency]bool
}

// relaxations lists what may be changed of what roots ask for in a proof, in the order of the manifest.
func (s *solver) relaxations(proof *derivation) []relaxation {
	o := offers{s: s, seen: map[*Dependency]bool{}}
	eachFact(proof, o.add)
	if s.req.Options.GalVersions == GalDeny {
		o.settings = append(o.settings, relaxation{setting: `incompatible-gal-versions = "fallback"`, change: func(r *Request) { r.Options.GalVersions = GalFallback }})
	}
	byLine := func(a, b relaxation) int {
		if len(a.where) != len(b.where) {
			return len(a.where) - len(b.where)
		}
		return strings.Compare(a.where+a.alias, b.where+b.alias)
	}
	slices.SortStableFunc(o.soft, byLine)
	slices.SortStableFunc(o.hard, byLine)
	if len(o.hard) < 2 {
		o.hard = nil // to remove the only thing that was asked for is no advice
	}
	return slices.Concat(o.soft, o.settings, o.hard)
}

// add offers what would weaken one fact.
func (o *offers) add(f *fact) {
	if f.kind == factDuplicate && !slices.ContainsFunc(o.settings, func(r relaxation) bool { return r.alias == "" }) {
		o.settings = append(o.settings, relaxation{setting: `duplicates = "allow"`, change: func(r *Request) { r.Options.Duplicates = DuplicatesAllow }})
	}
	root := o.s.nodes[f.owner].pkg.root
	if root == nil || f.dep == nil {
		return
	}
	r := relaxation{root: root.ID, kind: f.dep.Kind, alias: f.dep.Alias, where: f.dep.Where}
	if f.kind == factWants && slices.Contains(f.dep.Features, f.wanted) {
		o.settings = append(o.settings, withoutFeature(r, f.wanted))
	}
	if o.seen[f.dep] {
		return
	}
	o.seen[f.dep] = true
	if pre := preReleases(f.target, f.dep.Requirement); len(pre) > 0 {
		o.soft = append(o.soft, relax(r, version.MustParseRequirement(pre[0])))
	}
	if !f.dep.Requirement.IsAny() && !f.dep.Requirement.IsZero() {
		o.soft = append(o.soft, relax(r, version.Any))
	}
	if newest := f.target.usable; len(newest) > 0 && newest[0].Version.Pre() != "" {
		o.soft = append(o.soft, relax(r, version.Compatible(newest[0].Version)))
	}
	o.hard = append(o.hard, remove(r))
}

// relax replaces the requirement of a root's dependency.
func relax(r relaxation, to version.Requirement) relaxation {
	r.change = func(req *Request) {
		req.eachDependency(r, func(d *Dependency) { d.Requirement = to })
	}
	return r
}

// withoutFeature asks for one feature less.
func withoutFeature(r relaxation, feature string) relaxation {
	r.setting = fmt.Sprintf("%s without feature `%s`", r.alias, feature)
	r.change = func(req *Request) {
		req.eachDependency(r, func(d *Dependency) {
			d.Features = slices.DeleteFunc(slices.Clone(d.Features), func(f string) bool { return f == feature })
		})
	}
	return r
}

// remove takes a root's dependency away.
func remove(r relaxation) relaxation {
	r.remove = true
	r.change = func(req *Request) {
		for i := range req.Roots {
			if req.Roots[i].ID == r.root {
				req.Roots[i].Dependencies = slices.DeleteFunc(req.Roots[i].Dependencies, func(u Dependency) bool { return u.Alias == r.alias && u.Kind == r.kind })
			}
		}
	}
	return r
}

func (r *Request) eachDependency(of relaxation, change func(*Dependency)) {
	for i := range r.Roots {
		for j := range r.Roots[i].Dependencies {
			d := &r.Roots[i].Dependencies[j]
			if r.Roots[i].ID == of.root && d.Alias == of.alias && d.Kind == of.kind {
				change(d)
			}
		}
	}
}
