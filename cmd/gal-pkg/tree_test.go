package main

import (
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/version"
)

// graphOf makes a graph from edges such as "a>b"; every node has version 1.0.0.
func graphOf(edges ...string) *project.Graph {
	g := &project.Graph{}
	seen := map[string]bool{}
	for _, e := range edges {
		from, to, _ := strings.Cut(e, ">")
		for _, id := range []string{from, to} {
			if !seen[id] {
				seen[id] = true
				g.Nodes = append(g.Nodes, project.Node{ID: id, Name: id, Version: version.MustParse("1.0.0")})
			}
		}
		g.Edges = append(g.Edges, project.Edge{From: from, To: to, Kinds: []string{"normal"}})
	}
	return g
}

func TestDraw(t *testing.T) {
	for _, test := range []struct {
		name   string
		graph  *project.Graph
		dedupe bool
		depth  int
		want   string
	}{
		{"one node alone", graphOf("a>b"), true, 0, "a v1.0.0\n"},
		{"what is cut off is no repeat", graphOf("a>b", "b>c"), true, 1, "a v1.0.0\n`-- b v1.0.0\n"},
		{"a repeat is marked", graphOf("a>b", "a>c", "b>c", "c>d"), true, -1,
			"a v1.0.0\n|-- b v1.0.0\n|   `-- c v1.0.0\n|       `-- d v1.0.0\n`-- c v1.0.0 (*)\n"},
		{"a repeat without anything below needs no mark", graphOf("a>b", "a>c", "b>c"), true, -1,
			"a v1.0.0\n|-- b v1.0.0\n|   `-- c v1.0.0\n`-- c v1.0.0\n"},
		{"or is shown again", graphOf("a>b", "a>c", "b>c", "c>d"), false, -1,
			"a v1.0.0\n|-- b v1.0.0\n|   `-- c v1.0.0\n|       `-- d v1.0.0\n`-- c v1.0.0\n    `-- d v1.0.0\n"},
		{"a cycle ends", graphOf("a>b", "b>a"), false, -1, "a v1.0.0\n`-- b v1.0.0\n    `-- a v1.0.0 (cycle)\n"},
		{"a package that needs itself", graphOf("a>a"), true, -1, "a v1.0.0\n`-- a v1.0.0 (cycle)\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &drawing{marks: marksFor(false), graph: test.graph, out: test.graph.Outgoing(), dedupe: test.dedupe, depth: test.depth, shown: map[string]bool{}}
			d.node("a", "", "", "", nil)
			if got := d.text.String(); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

// Twenty diamonds in a row are a million lines; drawing them ends soon after the limit.
func TestDrawIsBounded(t *testing.T) {
	var edges []string
	for i := range 20 {
		top, next := string(rune('a'+i)), string(rune('a'+i+1))
		edges = append(edges, top+">"+top+"1", top+">"+top+"2", top+"1>"+next, top+"2>"+next)
	}
	g := graphOf(edges...)
	d := &drawing{marks: marksFor(false), graph: g, out: g.Outgoing(), depth: -1, shown: map[string]bool{}}
	d.node("a", "", "", "", nil)
	if d.lines <= maxTreeLines || d.lines > maxTreeLines+1000 {
		t.Errorf("%d lines were tried", d.lines)
	}
}
