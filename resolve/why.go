package resolve

import (
	"context"
	"errors"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

// Explanation tells why a package is at its version.
type Explanation struct {
	ID         PackageID
	Version    version.Version
	RequiredBy []string    // "my-app ^1.4 (gal.toml:12)", in the order of the solution
	Newer      []Skipped   // newest first
	Proof      *NoSolution // why the newest that nothing hides cannot be chosen; nil if it could be, at the cost of others
}

// Skipped is a newer version that was not chosen.
type Skipped struct {
	Version version.Version
	Reason  string
}

// Explain resolves a request and tells, for every version of the named package in the answer, why it is there and why
// no newer one is. For the last question it tries: with the newest version forced, there is a solution or a proof.
//
// A name that is not in the solution is a [fault.NotFound] error with the code "not-in-graph".
func Explain(ctx context.Context, req Request, source Source, name string) ([]Explanation, error) {
	s, err := newSolver(ctx, req, source)
	if err != nil {
		return nil, err
	}
	found, err := s.search(ctx)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, s.explain()
	}
	a, err := s.accepted()
	if err != nil {
		return nil, err
	}
	var result []Explanation
	for i, needs := range a.needs() {
		if a.Packages[i].ID.Name != name {
			continue
		}
		e, err := s.explainPackage(ctx, a, i, needs)
		if err != nil {
			return nil, err
		}
		result = append(result, e)
	}
	if len(result) == 0 {
		return nil, fault.New(fault.NotFound, "not-in-graph", "nothing depends on `%s`", name)
	}
	return result, nil
}

func (s *solver) explainPackage(ctx context.Context, a *answer, at int, needs []need) (Explanation, error) {
	p := &a.Packages[at]
	e := Explanation{ID: p.ID, Version: p.Version}
	for _, n := range needs {
		text := asks(n.owner.ID.Name, n.dep.Requirement)
		if n.dep.Where != "" {
			text += " (" + n.dep.Where + ")"
		}
		e.RequiredBy = append(e.RequiredBy, text)
	}
	loaded := s.packages[p.ID]
	usable, hidden := loaded.usable, loaded.hidden
	var newest *Candidate
	for len(usable) > 0 && p.Version.Less(usable[0].Version) || len(hidden) > 0 && p.Version.Less(hidden[0].Version) {
		if len(usable) == 0 || len(hidden) > 0 && usable[0].Version.Less(hidden[0].Version) {
			e.Newer = append(e.Newer, Skipped{hidden[0].Version, hidden[0].text})
			hidden = hidden[1:]
			continue
		}
		c := usable[0]
		usable = usable[1:]
		if c.Version.Pre() == "" && newest == nil {
			newest = c
		}
		e.Newer = append(e.Newer, Skipped{c.Version, s.whyNot(a, at, needs, c)})
	}
	if newest == nil || p.Root {
		return e, nil
	}
	return e, s.tryForced(ctx, &e, newest)
}

// tryForced resolves with a version forced, for the proof that it cannot be.
func (s *solver) tryForced(ctx context.Context, e *Explanation, c *Candidate) error {
	req := s.req
	req.Options.Precise = map[string]version.Version{}
	for name, v := range s.req.Options.Precise {
		req.Options.Precise[name] = v
	}
	req.Options.Precise[e.ID.Name] = c.Version
	_, err := solve(ctx, req, s.source)
	if errors.As(err, &e.Proof) || err == nil || fault.KindOf(err) == fault.NoSolution {
		return nil
	}
	return err
}
