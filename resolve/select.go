package resolve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/version"
)

// LockedPackage is a package of gal.lock with what its source says about that version.
type LockedPackage struct {
	ID        PackageID
	Version   version.Version
	Candidate Candidate // features and dependencies are read, nothing else
	Edges     []Edge    // as locked; Alias may be empty and Kind meaningless, as gal.lock records neither
}

// SelectOptions says what is built.
type SelectOptions struct {
	Features          []string // of the roots: `f`, or `x/f` for a feature of a dependency
	AllFeatures       bool
	NoDefaultFeatures bool
	NoDev             bool // without development dependencies
	NoBuild           bool // without build dependencies
	Patches           map[PackageID]PackageID
}

// Selected is a locked package that a build uses. Features asked for by build and development dependencies do not
// leak into the program, so they stand apart.
type Selected struct {
	ID            PackageID
	Version       version.Version
	Root          bool
	Normal        bool // part of the program
	Build         bool // used on the host
	Dev           bool // used by tests
	Features      []string
	BuildFeatures []string
	DevFeatures   []string
	Dependencies  []Edge // those in use, sorted by alias, kind, package
}

// Select picks from a locked graph what one build of the roots uses, sorted by name, version, source. It never
// chooses versions: a dependency that the graph has no version for is an error with the code "lock-stale", a feature
// that no root has one with the code "feature-not-found".
func Select(roots []Root, graph []LockedPackage, opts SelectOptions) ([]Selected, error) {
	sel := selection{opts: opts, uses: map[useKey]*use{}, nodes: map[PackageID][]*LockedPackage{}, roots: map[PackageID]bool{}}
	graph = slices.Clone(graph)
	for _, r := range roots {
		sel.roots[r.ID] = true
	}
	for _, r := range roots {
		graph = sel.withRoot(graph, r)
	}
	for i := range graph {
		sel.nodes[graph[i].ID] = append(sel.nodes[graph[i].ID], &graph[i])
	}
	for _, r := range roots {
		sel.reach(sel.nodes[r.ID][0], Normal)
	}
	if err := sel.turnOnRoots(roots); err != nil {
		return nil, err
	}
	for at := 0; at < len(sel.queue); at++ {
		u := sel.queue[at]
		u.queued = false
		if err := sel.visit(u); err != nil {
			return nil, err
		}
	}
	return sel.result(), nil
}

// result joins the contexts of each package.
func (sel *selection) result() []Selected {
	byNode := map[*LockedPackage]*Selected{}
	var order []*LockedPackage
	for _, u := range sel.queue {
		s := byNode[u.node]
		if s == nil {
			s = &Selected{ID: u.node.ID, Version: u.node.Version, Root: sel.roots[u.node.ID]}
			byNode[u.node] = s
			order = append(order, u.node)
		}
		switch names := shownFeatures(u); u.context {
		case Build:
			s.Build, s.BuildFeatures = true, names
		case Dev:
			s.Dev, s.DevFeatures = true, names
		default:
			s.Normal, s.Features = true, names
		}
		s.Dependencies = append(s.Dependencies, u.edges...)
		u.edges = nil // a use may stand in the queue several times
	}
	result := make([]Selected, 0, len(order))
	for _, n := range order {
		s := byNode[n]
		slices.SortFunc(s.Dependencies, func(a, b Edge) int {
			return cmp.Or(cmp.Compare(a.Alias, b.Alias), cmp.Compare(a.Kind, b.Kind), a.ID.Compare(b.ID), a.Version.Compare(b.Version))
		})
		s.Dependencies = slices.CompactFunc(s.Dependencies, func(a, b Edge) bool {
			return a.Alias == b.Alias && a.Kind == b.Kind && a.ID == b.ID && a.Version.Equal(b.Version)
		})
		result = append(result, *s)
	}
	slices.SortFunc(result, func(a, b Selected) int {
		return cmp.Or(cmp.Compare(a.ID.Name, b.ID.Name), a.Version.Compare(b.Version), cmp.Compare(a.ID.Source, b.ID.Source))
	})
	return result
}

// shownFeatures lists the features of a use that the package wrote, or that are an optional dependency's name.
func shownFeatures(u *use) []string {
	var names []string
	for name := range u.features {
		_, written := u.node.Candidate.Features[name]
		if written || name != "default" && !strings.HasPrefix(name, "dep:") && hasFeature(&u.node.Candidate, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
