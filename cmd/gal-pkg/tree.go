package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

type treeCmd struct {
	Depth      *int     `placeholder:"N" help:"Show at most N levels below the roots."`
	Invert     string   `short:"i" placeholder:"PKG[@V]" xor:"what" help:"Show what depends on a package."`
	Duplicates bool     `short:"d" xor:"what" help:"Show the packages that are there in several versions, and what depends on each."`
	Edges      []string `short:"e" sep:"," enum:"normal,dev,build" default:"normal,dev,build" placeholder:"KIND,..." help:"Follow these kinds: normal, dev, build."`
	Charset    string   `enum:"auto,utf8,ascii" default:"auto" help:"Draw with utf8 or ascii; auto asks the locale."`
	NoDedupe   bool     `help:"Show what is below a package every time, not only the first."`
}

func (treeCmd) Help() string {
	return `Shows what gal.lock has; asks nothing of a registry. A package whose dependencies were shown before is marked (*),
one that depends on itself (cycle). A tree of several kinds is told apart by headings such as [dev-dependencies]. A
dependency of your package that is (optional, off) is locked, and installed only where a feature asks for it.

EXAMPLES
  gal-pkg tree --depth 1          # what gal.toml asks for
  gal-pkg tree -i mailbox         # what needs mailbox
  gal-pkg tree -d                 # what is there in several versions
  gal-pkg tree -e normal,build    # what others who use this package get`
}

// maxTreeLines bounds what is drawn: without marks a small lock can have an endless tree.
const maxTreeLines = 100_000

// treeResult is the document of tree: the part of the graph that is shown.
type treeResult struct {
	*project.Graph
	Duplicates []string `json:"duplicates"` // ids
}

func (c *treeCmd) Run(a *app) error {
	depth := -1
	if c.Depth != nil {
		if depth = *c.Depth; depth < 0 {
			return fault.New(fault.Usage, "bad-depth", "--depth must be 0 or more, not %d", depth)
		}
	}
	p, err := a.project()
	if err != nil {
		return err
	}
	g, err := p.Graph()
	if err != nil {
		return err
	}
	g = g.OfKinds(c.Edges)
	from := g.Roots
	switch {
	case c.Invert != "":
		n, err := g.Find(c.Invert)
		if err != nil {
			return err
		}
		g, from = g.Inverted(), []string{n.ID}
	case c.Duplicates:
		from = g.Duplicates()
		g = g.Inverted()
		if len(from) == 0 {
			a.Say("no package is there in more than one version")
		}
	}
	part := g.From(from, depth)
	drawing := c.draw(a, part, from, depth)
	if !a.JSON && drawing.lines > maxTreeLines {
		return fault.New(fault.Usage, "tree-too-large", "the tree has more than %d lines", maxTreeLines).WithHelp("gal-pkg tree --depth 3")
	}
	return a.Result("tree", treeResult{part, part.Duplicates()}, func(w io.Writer) { io.WriteString(w, drawing.text.String()) })
}

// draw renders the trees below some nodes.
func (c *treeCmd) draw(a *app, g *project.Graph, from []string, depth int) *drawing {
	utf8 := c.Charset == "utf8" || c.Charset == "auto" && localeIsUTF8(a.sys.env)
	d := &drawing{marks: marksFor(utf8), graph: g, out: g.Outgoing(), dedupe: !c.NoDedupe, depth: depth, shown: map[string]bool{}}
	if a.JSON {
		return d
	}
	for i, id := range from {
		if i > 0 {
			d.line("")
		}
		d.node(id, "", "", "", nil)
	}
	return d
}

// localeIsUTF8 asks the variables that the C library asks, in its order.
func localeIsUTF8(env func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := env(name); value != "" {
			value = strings.ToLower(value)
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}

// marks are what a tree is drawn with.
type marks struct{ tee, last, bar, blank string }

func marksFor(utf8 bool) marks {
	if utf8 {
		return marks{"├── ", "└── ", "│   ", "    "}
	}
	return marks{"|-- ", "`-- ", "|   ", "    "}
}

// drawing is a tree on its way to text.
type drawing struct {
	marks
	graph  *project.Graph
	out    func(id string) []project.Edge
	dedupe bool
	depth  int // levels to show; negative for all
	shown  map[string]bool
	text   strings.Builder
	lines  int
}

func (d *drawing) line(text string) {
	if d.lines++; d.lines <= maxTreeLines {
		d.text.WriteString(text + "\n")
	}
}

// node writes a node and what is below it. Head stands before its own line and note behind, prefix before those below; path
// is the ids from the root to here.
func (d *drawing) node(id, head, note, prefix string, path []string) {
	edges, label := d.out(id), head+d.label(id)+note
	switch {
	case slices.Contains(path, id):
		d.line(label + " (cycle)")
		return
	case d.dedupe && d.shown[id] && len(edges) > 0:
		d.line(label + " (*)")
		return
	}
	d.line(label)
	if d.lines > maxTreeLines || d.depth >= 0 && len(path) == d.depth {
		return
	}
	d.shown[id] = true
	path = append(slices.Clip(path), id)
	for _, section := range []struct{ kind, title string }{{"normal", ""}, {"build", "[build-dependencies]"}, {"dev", "[dev-dependencies]"}} {
		d.section(edges, section.kind, section.title, prefix, path)
	}
}

func (d *drawing) label(id string) string {
	n := d.graph.Node(id)
	label := fmt.Sprintf("%s v%s", n.Name, n.Version)
	s, err := manifest.ParseSource(n.Source)
	switch {
	case err != nil:
	case s.Kind == manifest.PathSource:
		label += " (" + s.Location + ")"
	case s.Kind == manifest.GitSource:
		commit := s.Commit
		s.Commit = ""
		label += fmt.Sprintf(" (%s#%.8s)", strings.TrimSuffix(strings.TrimPrefix(s.String(), "git+"), "#"), commit)
	}
	return label
}

// section writes the edges whose first kind is the section's.
func (d *drawing) section(edges []project.Edge, kind, title, prefix string, path []string) {
	var part []project.Edge
	for _, e := range edges {
		if firstKind(e) == kind {
			part = append(part, e)
		}
	}
	if len(part) > 0 && title != "" {
		d.line(prefix + title)
	}
	for i, e := range part {
		mark, more := d.tee, d.bar
		if i == len(part)-1 {
			mark, more = d.last, d.blank
		}
		note := ""
		if e.Off {
			note = " (optional, off)"
		}
		d.node(e.To, prefix+mark, note, prefix+more, path)
	}
}

func firstKind(e project.Edge) string {
	for _, kind := range []string{"normal", "build", "dev"} {
		if slices.Contains(e.Kinds, kind) {
			return kind
		}
	}
	return "normal"
}
