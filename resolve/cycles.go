package resolve

import (
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// refuseCycles fails where normal and build dependencies form a circle, and names it. The search itself does not look
// for circles: to avoid one is rarely what anybody wants, and its author can tell better where to cut.
func (a *answer) refuseCycles() error {
	w := cycleWalk{answer: a, state: make([]uint8, len(a.chosen))}
	for i := range a.chosen {
		if circle := w.from(int32(i)); circle != nil {
			return a.cycleError(circle)
		}
	}
	return nil
}

// cycleWalk is a depth-first walk; state is 1 on the path, 2 when done.
type cycleWalk struct {
	*answer
	state []uint8
	path  []int32
}

func (w *cycleWalk) from(p int32) []int32 {
	switch w.state[p] {
	case 1:
		return append(w.path[slices.Index(w.path, p):], p)
	case 2:
		return nil
	}
	w.state[p] = 1
	w.path = append(w.path, p)
	for _, u := range w.chosen[p].uses {
		if u.dep.Kind == Dev {
			continue
		}
		if circle := w.from(w.place[u.target]); circle != nil {
			return circle
		}
	}
	w.path = w.path[:len(w.path)-1]
	w.state[p] = 2
	return nil
}

func (a *answer) cycleError(circle []int32) error {
	var names []string
	for _, at := range circle {
		p := &a.Packages[at]
		names = append(names, p.ID.Name+" "+p.Version.String())
	}
	return fault.New(fault.NoSolution, "dependency-cycle", "packages depend on each other in a circle").
		WithFact("%s", strings.Join(names, " -> "))
}
