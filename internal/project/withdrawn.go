package project

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/resolve"
	"github.com/geeknik/gal-pkg/version"
)

// withdrawn looks at what gal.lock has and the solution has another version of. Where the registry hides it, or its key was
// given up, that is an error, lest an old version quietly take the place of a new one; of what was to be chosen anew, a key
// that was given up is a warning.
func (s *source) withdrawn(ctx context.Context, request resolve.Request, solution *resolve.Solution) (warnings []string, err error) {
	if len(request.Locked) == 0 {
		return nil, nil
	}
	chosen := make(map[resolve.PackageID][]version.Version, len(solution.Packages))
	for _, p := range solution.Packages {
		chosen[p.ID] = append(chosen[p.ID], p.Version)
	}
	for _, l := range request.Locked {
		if versions := chosen[l.ID]; len(versions) == 0 || slices.ContainsFunc(versions, l.Version.Equal) {
			continue
		}
		err := s.standsBy(ctx, l)
		switch {
		case fault.IsCode(err, "key-compromised") && s.moves(l.ID.Name):
			warnings = append(warnings, fmt.Sprintf("%s %s is not used any more: it was signed by a key that was compromised then", l.ID.Name, l.Version))
		case fault.KindOf(err) == fault.Integrity:
			return nil, err
		}
	}
	return warnings, nil
}

// withheld is the error for a version that gal.lock has and its registry does not stand by, where there is no solution
// without it.
func (s *source) withheld(ctx context.Context, request resolve.Request, err error) error {
	if fault.KindOf(err) != fault.NoSolution {
		return nil
	}
	for _, l := range request.Locked {
		err := s.standsBy(ctx, l)
		if fault.KindOf(err) == fault.Integrity && !(fault.IsCode(err, "key-compromised") && s.moves(l.ID.Name)) {
			return err
		}
	}
	return nil
}

func (s *source) standsBy(ctx context.Context, l resolve.Locked) error {
	id, _ := strings.CutPrefix(l.ID.Source, "registry+")
	r, err := s.set.ByID(ctx, id)
	if err != nil {
		return err
	}
	return r.Snapshot.StandsBy(ctx, index.Want{Name: l.ID.Name, Version: l.Version})
}
