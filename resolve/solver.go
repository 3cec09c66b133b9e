package resolve

import (
	"context"
	"fmt"
	"slices"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

// solver is the state of one resolution.
type solver struct {
	req    Request
	source Source
	locks  locks
	gal    version.Version

	packages map[PackageID]*pkg // nil for one that was only hinted at
	served   map[*Dependency]served
	hinted   map[*Candidate]bool
	claims   map[string][]uint32 // links value -> buckets that may claim it
	choices  map[choiceKey]uint32
	direct   []uint32 // what roots depend on, in the order of their decision

	directFrom int // all before are decided

	sets    slab
	nodes   []node
	terms   []term
	clauses []clause
	facts   []fact
	proofs  []proof
	late    []late

	trail      []assignment
	level      int32
	propagated int   // trail entries whose watchers were visited
	expandedTo int   // trail entries whose clauses were made
	broken     int32 // a clause found broken while it was made, or -1

	queue     []waiting  // a heap of what may be undecided
	making    []openTerm // the clause in the making
	slots     []int32    // by node: its place in making, or -1
	scratch   []term
	depth     int32 // of the node being expanded
	conflicts int
	restarts  int
	final     proof // of unsolvability
}

// Resolve finds the solution of a request that the package comment describes.
//
// A request that no set of versions fulfils gives a [*NoSolution], whose cause is a [fault.Error] with the code
// "no-solution"; normal and build dependencies that form a circle give the code "dependency-cycle", and a search
// that was given up the code "step-budget". Errors of the source end the resolution and are wrapped.
func Resolve(ctx context.Context, req Request, source Source) (*Solution, error) {
	solution, err := solve(ctx, req, source)
	if none, ok := err.(*NoSolution); ok && !req.Options.Suggestions.Off {
		if err := none.suggest(ctx, req, source); err != nil {
			return nil, err
		}
	}
	return solution, err
}

func solve(ctx context.Context, req Request, source Source) (*Solution, error) {
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
	return s.solution()
}

func newSolver(ctx context.Context, req Request, source Source) (*solver, error) {
	if len(req.Roots) == 0 {
		return nil, errNoRoots
	}
	kept, err := keptLocks(ctx, req, source)
	if err != nil {
		return nil, err
	}
	size := expectedPackages(req)
	s := &solver{
		req: req, source: source, locks: kept, gal: minimumGal(req.Roots), broken: -1,
		packages: make(map[PackageID]*pkg, size), served: make(map[*Dependency]served, size), hinted: make(map[*Candidate]bool, size),
		claims: map[string][]uint32{}, choices: map[choiceKey]uint32{},
		nodes: make([]node, 0, 2*size), clauses: make([]clause, 0, 4*size), facts: make([]fact, 0, 4*size), terms: make([]term, 0, 8*size),
	}
	s.hintLocked()
	roots := slices.Clone(req.Roots)
	slices.SortStableFunc(roots, func(a, b Root) int { return a.ID.Compare(b.ID) })
	for i := range roots {
		if s.packages[roots[i].ID] != nil {
			return nil, fmt.Errorf("root %s is listed twice", roots[i].ID)
		}
		s.addRoot(&roots[i])
	}
	return s, nil
}

// expectedPackages guesses how large a graph will be, so that what holds it need not grow often.
func expectedPackages(req Request) int {
	size := len(req.Locked)
	for i := range req.Roots {
		size = max(size, 3*len(req.Roots[i].Dependencies))
	}
	return size
}

// hintLocked asks for all locked packages at once: most of them will stay.
func (s *solver) hintLocked() {
	ids := slices.DeleteFunc(lockedIDs(s.req), func(id PackageID) bool { return len(s.locks.kept[id]) == 0 })
	for _, id := range ids {
		s.packages[id] = nil
	}
	if len(ids) > 0 {
		s.source.Prefetch(hintsOf(ids))
	}
}

// addRoot makes a root a package with one version that must be chosen.
func (s *solver) addRoot(r *Root) {
	c := &Candidate{Version: r.Version, Links: r.Links, Features: r.Features, Dependencies: r.Dependencies}
	p := &pkg{id: r.ID, root: r, usable: []*Candidate{c}, buckets: []bucket{{high: 1}}, matches: map[string][]option{}}
	s.packages[r.ID] = p
	id := s.bucketNode(p, 0)
	s.nodes[id].depth = 0
	s.addFact(fact{kind: factRoot, owner: id}, s.absent(id))
}

// search runs until everything needed is chosen (true), or until it is proved that nothing can be (false).
func (s *solver) search(ctx context.Context) (bool, error) {
	budget := s.req.Options.StepBudget
	if budget == 0 {
		budget = DefaultStepBudget
	}
	for {
		broken := s.propagate()
		if broken < 0 {
			before := len(s.trail)
			if err := s.expandNew(ctx); err != nil {
				return false, err
			}
			if s.broken >= 0 || len(s.trail) > before {
				continue
			}
			if !s.decide() {
				return true, nil
			}
			continue
		}
		s.conflicts++
		if s.conflicts > budget {
			return false, s.givenUp(budget)
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		ok, final := s.learn(broken)
		if !ok {
			s.final = final
			return false, nil
		}
		s.maybeRestart()
	}
}

// firstRestart is the number of conflicts before the first fresh start; each next one waits twice as long.
const firstRestart = 512

// maybeRestart takes back all decisions from time to time. What was learned stays, and so does the new order of
// decisions, which would otherwise only rule far from the root.
func (s *solver) maybeRestart() {
	if s.conflicts < firstRestart<<s.restarts {
		return
	}
	s.restarts++
	s.jumpBack(0)
}

func (s *solver) givenUp(budget int) error {
	return fault.New(fault.NoSolution, "step-budget", "gave up after %d conflicts; a solution may exist", budget).
		WithHelp("narrow the requirements of direct dependencies, or start from an older gal.lock")
}
