package project

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
)

// maxWhySteps bounds the search for paths: in a graph with cycles, ways that lead nowhere may outnumber those that arrive.
const maxWhySteps = 200_000

// Paths returns at most limit ways from the roots to a node, each a list of edges, the shortest first and those of one
// length in the order of their ids; no way passes a package twice. For a root the first way is the empty one. More reports
// whether there are others, or whether the search was given up before that was known.
func (g *Graph) Paths(id string, limit int) (paths [][]Edge, more bool) {
	far := g.distances(id)
	out := g.outgoing()
	queue := &ways{}
	for _, root := range g.Roots {
		if d, ok := far[root]; ok {
			heap.Push(queue, way{at: root, length: d, text: root})
		}
	}
	for steps := 0; queue.Len() > 0; steps++ {
		if steps == maxWhySteps {
			return paths, true
		}
		w := heap.Pop(queue).(way)
		if w.at == id {
			if len(paths) == limit {
				return paths, true
			}
			paths = append(paths, w.edges)
			continue
		}
		for _, e := range out[w.at] {
			if d, ok := far[e.To]; ok && !w.passes(e.To) {
				edges := append(slices.Clip(w.edges), e)
				heap.Push(queue, way{e.To, edges, len(edges) + d, w.text + "\x00" + e.To})
			}
		}
	}
	return paths, false
}

// distances says, for every node from which one can be reached, over how many edges at least.
func (g *Graph) distances(id string) map[string]int {
	in := map[string][]string{}
	for _, e := range g.Edges {
		in[e.To] = append(in[e.To], e.From)
	}
	far := map[string]int{id: 0}
	for queue := []string{id}; len(queue) > 0; queue = queue[1:] {
		for _, from := range in[queue[0]] {
			if _, seen := far[from]; !seen {
				far[from] = far[queue[0]] + 1
				queue = append(queue, from)
			}
		}
	}
	return far
}

// way is the beginning of a path.
type way struct {
	at     string
	edges  []Edge
	length int // of the shortest path that begins so
	text   string
}

func (w way) passes(id string) bool {
	return len(w.edges) > 0 && w.edges[0].From == id || slices.ContainsFunc(w.edges, func(e Edge) bool { return e.To == id })
}

// ways is a heap: the one that may arrive first is on top.
type ways []way

func (w ways) Len() int      { return len(w) }
func (w ways) Swap(i, j int) { w[i], w[j] = w[j], w[i] }
func (w ways) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(w[i].length, w[j].length), strings.Compare(w[i].text, w[j].text)) < 0
}
func (w *ways) Push(x any) { *w = append(*w, x.(way)) }
func (w *ways) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}
