package resolve

import (
	"context"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

// locks is what of the lock is still to be kept.
type locks struct {
	kept map[PackageID][]version.Version
}

// keeps reports whether a version is in the lock and not unlocked.
func (l locks) keeps(id PackageID, v version.Version) bool {
	return slices.ContainsFunc(l.kept[id], v.Equal)
}

// fromRegistry reports whether a package comes from a registry, which promises to say when versions were published.
func fromRegistry(id PackageID) bool { return strings.HasPrefix(id.Source, "registry+") }

// keptLocks applies Unlock.
func keptLocks(ctx context.Context, req Request, source Source) (locks, error) {
	l := locks{kept: map[PackageID][]version.Version{}}
	if req.Options.Unlock.All {
		return l, nil
	}
	for _, e := range req.Locked {
		l.kept[e.ID] = append(l.kept[e.ID], e.Version)
	}
	names := slices.Clone(req.Options.Unlock.Names)
	if req.Options.Unlock.Recursive {
		source.Prefetch(hintsOf(lockedIDs(req)))
		for at := 0; at < len(names); at++ {
			below, err := l.lockedBelow(ctx, names[at], req, source)
			if err != nil {
				return l, err
			}
			for _, name := range below {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	for _, e := range req.Locked {
		_, precise := req.Options.Precise[e.ID.Name]
		if precise || slices.Contains(names, e.ID.Name) {
			delete(l.kept, e.ID)
		}
	}
	return l, nil
}

// lockedBelow names the locked packages that the locked versions of a package depend on.
func (l locks) lockedBelow(ctx context.Context, name string, req Request, source Source) ([]string, error) {
	var names []string
	for _, e := range req.Locked {
		if e.ID.Name != name || isRoot(req.Roots, e.ID) {
			continue
		}
		candidates, err := source.Candidates(ctx, e.ID)
		if err != nil {
			if fault.KindOf(err) == fault.NotFound {
				continue
			}
			return nil, err
		}
		for i := range candidates {
			if !candidates[i].Version.Equal(e.Version) {
				continue
			}
			for _, d := range candidates[i].Dependencies {
				id := d.ID
				if patched, ok := req.Patches[id]; ok {
					id = patched
				}
				if d.Kind != Dev && slices.ContainsFunc(l.kept[id], d.accepts) {
					names = append(names, id.Name)
				}
			}
		}
	}
	return names, nil
}

// lockedIDs lists the locked packages that a source has to be asked for, each once.
func lockedIDs(req Request) []PackageID {
	seen := map[PackageID]bool{}
	var ids []PackageID
	for _, l := range req.Locked {
		if !seen[l.ID] && !isRoot(req.Roots, l.ID) {
			seen[l.ID] = true
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// hintsOf asks for packages and nothing below them: a lock names that too.
func hintsOf(ids []PackageID) []Hint {
	hints := make([]Hint, len(ids))
	for i, id := range ids {
		hints[i].ID = id
	}
	return hints
}

func isRoot(roots []Root, id PackageID) bool {
	return slices.ContainsFunc(roots, func(r Root) bool { return r.ID == id })
}
