package resolve

import (
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

// chosenKey is a package in the answer.
type chosenKey struct {
	id     PackageID
	bucket version.Bucket
}

// refuseCycles fails where normal and build dependencies form a circle, and names it. The search itself does not look
// for circles: to avoid one is rarely what anybody wants, and its author can tell better where to cut.
func refuseCycles(sol *Solution) error {
	byKey := map[chosenKey]*Package{}
	for i := range sol.Packages {
		p := &sol.Packages[i]
		byKey[chosenKey{p.ID, p.Version.Bucket()}] = p
	}
	w := cycleWalk{byKey: byKey, state: map[*Package]uint8{}}
	for i := range sol.Packages {
		if circle := w.from(&sol.Packages[i]); circle != nil {
			return cycleError(circle)
		}
	}
	return nil
}

// cycleWalk is a depth-first walk; state is 1 on the path, 2 when done.
type cycleWalk struct {
	byKey map[chosenKey]*Package
	state map[*Package]uint8
	path  []*Package
}

func (w *cycleWalk) from(p *Package) []*Package {
	switch w.state[p] {
	case 1:
		for i, q := range w.path {
			if q == p {
				return append(w.path[i:], p)
			}
		}
	case 2:
		return nil
	}
	w.state[p] = 1
	w.path = append(w.path, p)
	for _, e := range p.Dependencies {
		if e.Kind == Dev {
			continue
		}
		if circle := w.from(w.byKey[chosenKey{e.ID, e.Version.Bucket()}]); circle != nil {
			return circle
		}
	}
	w.path = w.path[:len(w.path)-1]
	w.state[p] = 2
	return nil
}

func cycleError(circle []*Package) error {
	var names []string
	for _, p := range circle {
		names = append(names, p.ID.Name+" "+p.Version.String())
	}
	return fault.New(fault.NoSolution, "dependency-cycle", "packages depend on each other in a circle").
		WithFact("%s", strings.Join(names, " -> "))
}
