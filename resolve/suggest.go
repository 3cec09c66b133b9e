package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/version"
)

const (
	maxTries         = 24              // changes that are tried
	maxSuggestions   = 5               // changes that are shown
	triedConflicts   = 2_000           // conflicts before a try is given up
	suggestionsLimit = 3 * time.Second // the time all tries may take, where there is a clock
	maxInvolved      = 3               // packages named in a suggestion beside the changed one
)

// relaxation is a change to a request that might make it possible.
type relaxation struct {
	root    PackageID
	kind    Kind
	alias   string
	where   string
	change  func(*Request)
	remove  bool
	setting string // a line of [resolver] instead of a dependency

	requirement string // as it will be shown
}

// suggest tries single changes of what takes part in the proof, each with a resolution of its own.
func (e *NoSolution) suggest(ctx context.Context, req Request, source Source) error {
	limit, now := req.Options.Suggestions.Limit, req.Options.Suggestions.Now
	if limit == 0 {
		limit = suggestionsLimit
	}
	var start time.Time
	if now != nil {
		start = now()
	}
	req.Options.StepBudget = triedConflicts
	helped := map[string]bool{}
	for i, r := range e.relaxable {
		if i == maxTries || len(e.Suggestions) == maxSuggestions || now != nil && now().Sub(start) >= limit {
			break
		}
		if helped[r.where+r.alias] {
			continue
		}
		found, err := e.try(ctx, r, req, source)
		if err != nil {
			return err
		}
		helped[r.where+r.alias] = found
	}
	return nil
}

// try resolves with one change, and where that works, with the change as it will be shown.
func (e *NoSolution) try(ctx context.Context, r relaxation, req Request, source Source) (found bool, err error) {
	attempt := func(r relaxation) *Solution {
		changed := req.clone()
		r.change(&changed)
		sol, err := solve(ctx, changed, source)
		if err != nil {
			return nil // whatever it is, this change is no help
		}
		return sol
	}
	sol := attempt(r)
	if sol == nil || r.setting != "" || r.remove {
		if sol != nil {
			e.Suggestions = append(e.Suggestions, e.describe(r, sol))
		}
		return sol != nil, ctx.Err()
	}
	edge, ok := r.edgeIn(sol)
	if !ok {
		return false, ctx.Err()
	}
	r.requirement = shortest(edge.Version)
	if sol = attempt(relax(r, version.MustParseRequirement(r.requirement))); sol != nil {
		e.Suggestions = append(e.Suggestions, e.describe(r, sol))
	}
	return sol != nil, ctx.Err()
}

// clone copies a request as deep as a relaxation changes it.
func (r Request) clone() Request {
	r.Roots = slices.Clone(r.Roots)
	for i := range r.Roots {
		r.Roots[i].Dependencies = slices.Clone(r.Roots[i].Dependencies)
	}
	return r
}

// edgeIn is what the changed dependency became.
func (r relaxation) edgeIn(sol *Solution) (Edge, bool) {
	for _, p := range sol.Packages {
		for _, e := range p.Dependencies {
			if p.ID == r.root && e.Alias == r.alias && e.Kind == r.kind {
				return e, true
			}
		}
	}
	return Edge{}, false
}

// describe writes a suggestion as a line of the manifest, and what would be chosen.
func (e *NoSolution) describe(r relaxation, sol *Solution) Suggestion {
	s := Suggestion{Change: r.setting, Where: r.where}
	var chosen []string
	switch edge, ok := r.edgeIn(sol); {
	case r.remove:
		s.Change = "remove " + r.alias
	case r.setting == "" && ok:
		s.Change = fmt.Sprintf("%s = %q", r.alias, r.requirement)
		chosen = append(chosen, edge.ID.Name+" "+edge.Version.String())
	}
	involved := 0
	for _, p := range sol.Packages {
		text := p.ID.Name + " " + p.Version.String()
		if !p.Root && involved < maxInvolved && slices.Contains(e.involved, p.ID) && !slices.Contains(chosen, text) {
			chosen = append(chosen, text)
			involved++
		}
	}
	s.Result = strings.Join(chosen, ", ")
	return s
}

// shortest is the requirement a person would write for a version.
func shortest(v version.Version) string {
	if v.Pre() != "" {
		return v.String()
	}
	return v.Bucket().String()
}

// relaxations lists what roots ask for in a proof, in the order of the manifest, and the settings that take part.
func (s *solver) relaxations(proof *derivation) []relaxation {
	var soft, hard, settings []relaxation
	seen := map[*Dependency]bool{}
	eachFact(proof, func(f *fact) {
		if f.kind == factDuplicate && len(settings) == 0 {
			settings = append(settings, relaxation{setting: `duplicates = "allow"`, change: func(r *Request) { r.Options.Duplicates = DuplicatesAllow }})
		}
		root := s.nodes[f.owner].pkg.root
		if root == nil || f.dep == nil || seen[f.dep] {
			return
		}
		seen[f.dep] = true
		r := relaxation{root: root.ID, kind: f.dep.Kind, alias: f.dep.Alias, where: f.dep.Where}
		if pre := preReleases(f.target, f.dep.Requirement); len(pre) > 0 {
			soft = append(soft, relax(r, version.MustParseRequirement(pre[0])))
		}
		if !f.dep.Requirement.IsAny() && !f.dep.Requirement.IsZero() {
			soft = append(soft, relax(r, version.Any))
		}
		hard = append(hard, remove(r))
	})
	byLine := func(a, b relaxation) int {
		if len(a.where) != len(b.where) {
			return len(a.where) - len(b.where)
		}
		return strings.Compare(a.where+a.alias, b.where+b.alias)
	}
	slices.SortStableFunc(soft, byLine)
	slices.SortStableFunc(hard, byLine)
	if s.req.Options.GalVersions == GalDeny {
		settings = append(settings, relaxation{setting: `incompatible-gal-versions = "fallback"`, change: func(r *Request) { r.Options.GalVersions = GalFallback }})
	}
	if len(hard) < 2 {
		hard = nil // to remove the only thing that was asked for is no advice
	}
	return slices.Concat(soft, settings, hard)
}

// relax replaces the requirement of a root's dependency.
func relax(r relaxation, to version.Requirement) relaxation {
	r.change = func(req *Request) {
		req.eachDependency(r, func(d *Dependency) { d.Requirement = to })
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

// eachFact visits the facts of a proof, each once, in the order of the proof.
func eachFact(d *derivation, visit func(*fact)) {
	seen := map[*derivation]bool{}
	var walk func(*derivation)
	walk = func(d *derivation) {
		if seen[d] {
			return
		}
		seen[d] = true
		if d.left == nil {
			visit(d.fact)
			return
		}
		walk(d.left)
		walk(d.right)
	}
	walk(d)
}

// involved lists the packages that a proof speaks of.
func (s *solver) involved(proof *derivation) []PackageID {
	var ids []PackageID
	eachFact(proof, func(f *fact) {
		ids = append(ids, s.nodes[f.owner].pkg.id)
		if f.target != nil {
			ids = append(ids, f.target.id)
		}
	})
	slices.SortFunc(ids, PackageID.Compare)
	return slices.Compact(ids)
}

// notes tells of pre-releases that would fit where nothing else does.
func (s *solver) notes(proof *derivation) []string {
	var notes []string
	eachFact(proof, func(f *fact) {
		if f.kind != factNone || s.nodes[f.owner].pkg.root != nil {
			return
		}
		pre := preReleases(f.target, f.dep.Requirement)
		if len(pre) == 0 {
			return
		}
		notes = append(notes, fmt.Sprintf("%s %s exists; pre-releases are used only when asked for", f.target.id.Name, pre[0]))
	})
	slices.Sort(notes)
	return slices.Compact(notes)
}
