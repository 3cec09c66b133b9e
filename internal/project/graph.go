package project

import (
	"cmp"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// Graph is a project's dependency graph as gal.lock has it. Nodes are sorted by name, version and source, edges by from and
// to.
type Graph struct {
	Roots []string `json:"roots"` // ids of the project's own packages
	Nodes []Node   `json:"nodes"`
	Edges []Edge   `json:"edges"`
}

// Node is one locked package.
type Node struct {
	ID       string          `json:"id"` // as in .gal/packages.json
	Name     string          `json:"name"`
	Version  version.Version `json:"version"`
	Source   string          `json:"source"`
	Checksum string          `json:"checksum,omitempty"`
	Features []string        `json:"features"`
}

// Edge says that one package depends on another. Kinds are of normal, dev, build; gal.lock does not say which, so they are
// known for the project's own packages, and normal for all others.
type Edge struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Kinds []string `json:"kinds"`
	Off   bool     `json:"off,omitempty"` // optional, and none of the default features of the project's package turns it on
}

// Graph returns the graph of gal.lock. It asks nothing of a registry.
func (p *Project) Graph() (*Graph, error) {
	if p.Lock == nil {
		return nil, p.ErrNoLock()
	}
	g := &Graph{Roots: []string{}, Nodes: []Node{}, Edges: []Edge{}}
	x := p.Lock.Index()
	for _, l := range p.Lock.Packages {
		features := append([]string{}, l.Features...)
		g.Nodes = append(g.Nodes, Node{l.Ref().String(), l.Name, l.Version, l.Source.String(), l.Checksum, features})
		member := p.member(l)
		if member != nil {
			g.Roots = append(g.Roots, l.Ref().String())
		}
		for _, ref := range l.Dependencies {
			to, err := x.Resolve(ref)
			if err != nil {
				return nil, fault.New(fault.Manifest, "bad-lock", "gal.lock is wrong about `%s`", l.Name).Because(err)
			}
			g.Edges = append(g.Edges, Edge{l.Ref().String(), to.Ref().String(), kindsOf(member, *to), isOff(member, *to)})
		}
	}
	if len(g.Roots) == 0 {
		return nil, fault.New(fault.Negative, "lock-stale", "gal.lock does not have the package of gal.toml").WithHelp("gal-pkg lock")
	}
	slices.SortFunc(g.Edges, func(a, b Edge) int {
		if c := strings.Compare(a.From, b.From); c != 0 {
			return c
		}
		return strings.Compare(a.To, b.To)
	})
	return g, nil
}

// member is the project's own package that a lock entry is about, nil for any other.
func (p *Project) member(l manifest.LockedPackage) *Member {
	if l.Source.Kind != manifest.PathSource {
		return nil
	}
	for _, m := range p.Members {
		if m.Rel == l.Source.Location && m.Manifest.Package != nil && m.Manifest.Package.Name == l.Name {
			return m
		}
	}
	return nil
}

// kindNames are the kinds of edges, by the table of the manifest that makes them.
var kindNames = []struct{ table, kind string }{{"dependencies", "normal"}, {"dev-dependencies", "dev"}, {"build-dependencies", "build"}}

// kindsOf says through which tables of its manifest a member depends on a package.
func kindsOf(m *Member, to manifest.LockedPackage) []string {
	if m == nil {
		return []string{"normal"}
	}
	kinds := []string{}
	for _, k := range kindNames {
		for alias, spec := range m.Manifest.Table(k.table) {
			if asksFor(alias, spec, to) {
				kinds = append(kinds, k.kind)
				break
			}
		}
	}
	if len(kinds) == 0 {
		return []string{"normal"} // gal.toml was changed since
	}
	return kinds
}

// asksFor reports whether a locked package is what an entry of a dependency table may have been locked to.
func asksFor(alias string, spec manifest.DependencySpec, l manifest.LockedPackage) bool {
	return manifest.Fold(spec.Name(alias)) == manifest.Fold(l.Name) &&
		(spec.Requirement.IsZero() || spec.Requirement.Matches(l.Version)) &&
		fromThere(spec, l.Source)
}

// fromThere reports whether a source is of the kind, and for git the address and ref, that a dependency names.
func fromThere(spec manifest.DependencySpec, s manifest.Source) bool {
	switch {
	case spec.Path != "":
		return s.Kind == manifest.PathSource
	case spec.Git != "":
		ref := cmp.Or(spec.Tag, spec.Branch, spec.Rev)
		return s.Kind == manifest.GitSource && s.Location == strings.TrimPrefix(spec.Git, "git+") && s.Ref == ref
	}
	return s.Kind == manifest.RegistrySource
}

// Node returns the node with an id.
func (g *Graph) Node(id string) Node {
	i := slices.IndexFunc(g.Nodes, func(n Node) bool { return n.ID == id })
	if i < 0 {
		return Node{ID: id}
	}
	return g.Nodes[i]
}

// OfKinds returns the graph with the edges of some kinds, and the nodes that can still be reached from the roots.
func (g *Graph) OfKinds(kinds []string) *Graph {
	part := &Graph{Roots: g.Roots, Nodes: g.Nodes, Edges: []Edge{}}
	for _, e := range g.Edges {
		e.Kinds = slices.DeleteFunc(slices.Clone(e.Kinds), func(k string) bool { return !slices.Contains(kinds, k) })
		if len(e.Kinds) > 0 {
			part.Edges = append(part.Edges, e)
		}
	}
	return part.From(g.Roots, -1)
}

// Inverted returns the graph with every edge turned around.
func (g *Graph) Inverted() *Graph {
	turned := &Graph{Roots: g.Roots, Nodes: g.Nodes, Edges: []Edge{}}
	for _, e := range g.Edges {
		turned.Edges = append(turned.Edges, Edge{e.To, e.From, e.Kinds, e.Off})
	}
	slices.SortFunc(turned.Edges, func(a, b Edge) int { return strings.Compare(a.From+"\x00"+a.To, b.From+"\x00"+b.To) })
	return turned
}

// From returns what can be reached from some nodes over at most depth edges, any number of them where depth is negative.
func (g *Graph) From(ids []string, depth int) *Graph {
	out := g.outgoing()
	level := map[string]int{}
	queue := slices.Clone(ids)
	for _, id := range ids {
		level[id] = 0
	}
	part := &Graph{Roots: g.Roots, Nodes: []Node{}, Edges: []Edge{}}
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		if depth >= 0 && level[id] == depth {
			continue
		}
		for _, e := range out[id] {
			part.Edges = append(part.Edges, e)
			if _, seen := level[e.To]; !seen {
				level[e.To] = level[id] + 1
				queue = append(queue, e.To)
			}
		}
	}
	for _, n := range g.Nodes {
		if _, ok := level[n.ID]; ok {
			part.Nodes = append(part.Nodes, n)
		}
	}
	slices.SortFunc(part.Edges, func(a, b Edge) int { return strings.Compare(a.From+"\x00"+a.To, b.From+"\x00"+b.To) })
	return part
}

func (g *Graph) outgoing() map[string][]Edge {
	out := map[string][]Edge{}
	for _, e := range g.Edges {
		out[e.From] = append(out[e.From], e)
	}
	return out
}

// Outgoing returns a function that lists the edges that leave a node.
func (g *Graph) Outgoing() func(id string) []Edge {
	out := g.outgoing()
	return func(id string) []Edge { return out[id] }
}

// Duplicates returns the ids of the packages that are there in more than one version, in the order of the nodes.
func (g *Graph) Duplicates() []string {
	count := map[string]int{}
	for _, n := range g.Nodes {
		count[n.Name]++
	}
	ids := []string{}
	for _, n := range g.Nodes {
		if count[n.Name] > 1 {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// Find returns the one node that a user means by NAME or NAME@VERSION. None is an error of kind NotFound with what may have
// been meant; several are one of kind Usage that lists them.
func (g *Graph) Find(text string) (Node, error) {
	found, err := g.FindAll(text)
	if err != nil {
		return Node{}, err
	}
	if len(found) == 1 {
		return found[0], nil
	}
	ambiguous := fault.New(fault.Usage, "ambiguous-package", "gal.lock has `%s` in several versions; say which", text)
	for _, n := range found {
		ambiguous.WithFact("%s@%s", n.Name, n.Version)
	}
	return Node{}, ambiguous
}

// FindAll returns the nodes that NAME or NAME@VERSION means, at least one; none is the error of [Graph.Find].
func (g *Graph) FindAll(text string) ([]Node, error) {
	name, v, versioned := strings.Cut(text, "@")
	if err := manifest.CheckName(name); err != nil {
		return nil, err
	}
	var found []Node
	var names []string
	for _, n := range g.Nodes {
		names = append(names, n.Name)
		if manifest.Fold(n.Name) == manifest.Fold(name) && (!versioned || n.Version.String() == v) {
			found = append(found, n)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	err := fault.New(fault.NotFound, "package-not-locked", "gal.lock has no package `%s`", text)
	for _, s := range manifest.Suggest(name, names) {
		err.WithFact("similar: %s", s)
	}
	return nil, err.WithHelp("gal-pkg tree")
}
