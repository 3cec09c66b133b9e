package project

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// graphOf reads edges such as "a>b"; the nodes of the roots are given.
func graphOf(roots string, edges ...string) *Graph {
	g := &Graph{Roots: strings.Fields(roots)}
	for _, e := range edges {
		from, to, _ := strings.Cut(e, ">")
		g.Edges = append(g.Edges, Edge{From: from, To: to, Kinds: []string{"normal"}})
	}
	return g
}

func texts(from string, paths [][]Edge) []string {
	list := []string{}
	for _, p := range paths {
		text := from
		if len(p) > 0 {
			text = p[0].From
		}
		for _, e := range p {
			text += ">" + e.To
		}
		list = append(list, text)
	}
	return list
}

func TestPaths(t *testing.T) {
	for _, row := range []struct {
		roots string
		edges string
		limit int
		want  string
		more  bool
	}{
		{"r", "r>a a>x r>x r>b b>a", 9, "r>x r>a>x r>b>a>x", false},
		{"r", "r>a a>x r>x r>b b>a", 2, "r>x r>a>x", true},
		{"r", "r>a a>b b>a b>x", 9, "r>a>b>x", false},     // a cycle is not gone round
		{"r", "r>a a>x x>a", 9, "r>a>x", false},           // nor one through the end
		{"r s", "r>a s>a a>x", 9, "r>a>x s>a>x", false},   // several roots
		{"r s", "r>s s>x", 9, "s>x r>s>x", false},         // of which one needs the other
		{"r", "r>a b>x", 9, "", false},                    // nothing leads there
		{"x", "x>a a>x", 9, "x", false},                   // the root itself
		{"r", "r>b r>a a>x b>x", 9, "r>a>x r>b>x", false}, // in the order of ids
		{"r", "r>a r>b a>c b>c c>x c>y y>x", 3, "r>a>c>x r>b>c>x r>a>c>y>x", true},
	} {
		paths, more := graphOf(row.roots, strings.Fields(row.edges)...).Paths("x", row.limit)
		if got := strings.Join(texts("x", paths), " "); got != row.want || more != row.more {
			t.Errorf("%s of %s: %q, more %v; want %q, %v", row.edges, row.roots, got, more, row.want, row.more)
		}
	}
}

// All paths of small random graphs are those that trying every way finds, in the order of their lengths.
func TestPathsAgainstAllWays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		g := &Graph{Roots: []string{"0"}}
		for from := range 6 {
			for to := range 6 {
				if from != to && random.IntN(3) == 0 {
					g.Edges = append(g.Edges, Edge{From: fmt.Sprint(from), To: fmt.Sprint(to)})
				}
			}
		}
		var want []string
		var walk func(at, text string)
		walk = func(at, text string) {
			if at == "5" {
				want = append(want, text)
				return
			}
			for _, e := range g.Edges {
				if e.From == at && !strings.Contains(text, e.To) {
					walk(e.To, text+">"+e.To)
				}
			}
		}
		walk("0", "0")
		slices.SortFunc(want, func(a, b string) int {
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		})
		paths, more := g.Paths("5", 10_000)
		if got := texts("5", paths); !slices.Equal(got, want) || more {
			t.Fatalf("round %d: %v, want %v", round, got, want)
		}
	}
}

// A graph with more ways than anybody can count still answers.
func TestPathsOfAWall(t *testing.T) {
	g := &Graph{Roots: []string{"r"}}
	last := []string{"r"}
	for layer := range 30 {
		var next []string
		for i := range 8 {
			next = append(next, fmt.Sprintf("%02d-%d", layer, i))
		}
		for _, from := range last {
			for _, to := range next {
				g.Edges = append(g.Edges, Edge{From: from, To: to})
			}
		}
		last = next
	}
	paths, more := g.Paths("29-3", 5)
	if len(paths) != 5 || !more || len(paths[4]) != 30 {
		t.Errorf("%d paths, more %v", len(paths), more)
	}
}
