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
	if edge, ok := r.edgeIn(sol); ok {
		chosen = append(chosen, edge.ID.Name+" "+edge.Version.String())
	}
	switch {
	case r.remove:
		s.Change = "remove " + r.alias
	case r.setting == "":
		s.Change = fmt.Sprintf("%s = %q", r.alias, r.requirement)
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
