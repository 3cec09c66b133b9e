package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
)

type whyCmd struct {
	Package string `arg:"" name:"package[@version]" help:"A package in gal.lock."`
	Limit   int    `default:"10" placeholder:"N" help:"Show at most N paths to each version (1-1000)."`
}

func (whyCmd) Help() string {
	return `Shows the ways from the project's own packages to a package, the shortest first, with the features that are on in each.
A step is marked (dev) or (build) where gal.toml asks for it as that alone. It reads gal.lock and asks nothing of a registry.

EXAMPLES
  gal-pkg why mailbox
  gal-pkg why mailbox@1.1.0 --limit 100
  gal-pkg why mailbox --format json`
}

// maxWhyPaths bounds --limit.
const maxWhyPaths = 1000

// whyResult is the document of why.
type whyResult struct {
	Packages []whyPackage `json:"packages"` // one for each version that is locked
}

type whyPackage struct {
	project.Node
	Paths []whyPath `json:"paths"` // the shortest first
	More  bool      `json:"more"`  // there are others, or may be
}

// whyPath is one way: its first step is a package of the project.
type whyPath []whyStep

type whyStep struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Kinds    []string `json:"kinds"` // through which the step before depends on it; empty for the first
	Features []string `json:"features"`
}

func (c *whyCmd) Run(a *app) error {
	if c.Limit < 1 || c.Limit > maxWhyPaths {
		return fault.New(fault.Usage, "bad-limit", "--limit must be from 1 to %d, not %d", maxWhyPaths, c.Limit)
	}
	p, err := a.project()
	if err != nil {
		return err
	}
	g, err := p.Graph()
	if err != nil {
		return err
	}
	found, err := g.FindAll(c.Package)
	if err != nil {
		return err
	}
	result := whyResult{Packages: []whyPackage{}}
	for _, n := range found {
		paths, more := g.Paths(n.ID, c.Limit)
		pkg := whyPackage{Node: n, Paths: []whyPath{}, More: more}
		for _, edges := range paths {
			pkg.Paths = append(pkg.Paths, stepsOf(g, n, edges))
		}
		result.Packages = append(result.Packages, pkg)
		if more {
			a.Say("there are more ways to %s %s than these %d; --limit shows more", n.Name, n.Version, len(paths))
		}
	}
	return a.Result("why", result, func(w io.Writer) {
		for i, pkg := range result.Packages {
			if i > 0 {
				fmt.Fprintln(w)
			}
			pkg.write(w)
		}
	})
}

// stepsOf names the packages along a way that ends at a node.
func stepsOf(g *project.Graph, end project.Node, edges []project.Edge) whyPath {
	step := func(n project.Node, kinds []string) whyStep {
		return whyStep{n.ID, n.Name, n.Version.String(), kinds, orEmpty(n.Features)}
	}
	if len(edges) == 0 {
		return whyPath{step(end, []string{})}
	}
	path := whyPath{step(g.Node(edges[0].From), []string{})}
	for _, e := range edges {
		path = append(path, step(g.Node(e.To), e.Kinds))
	}
	return path
}

func (p whyPackage) write(w io.Writer) {
	fmt.Fprintf(w, "%s v%s%s\n", p.Name, p.Version, featureList(p.Features))
	for _, path := range p.Paths {
		steps := make([]string, len(path))
		for i, s := range path {
			steps[i] = s.String()
		}
		if len(path) == 1 {
			steps = append(steps, "the project itself")
		}
		fmt.Fprintln(w, cmdline.Indent("  ", strings.Join(steps, " > ")))
	}
	if len(p.Paths) == 0 {
		fmt.Fprintln(w, "  nothing of the project needs it; gal-pkg lock would drop it")
	}
}

func (s whyStep) String() string {
	text := fmt.Sprintf("%s %s%s", s.Name, s.Version, featureList(s.Features))
	if len(s.Kinds) > 0 && !slices.Contains(s.Kinds, "normal") {
		text = "(" + strings.Join(s.Kinds, ", ") + ") " + text
	}
	return text
}

// featureList writes the features that are on, without the one that is on by itself.
func featureList(features []string) string {
	features = slices.DeleteFunc(slices.Clone(features), func(f string) bool { return f == "default" })
	if len(features) == 0 {
		return ""
	}
	return " [" + strings.Join(features, ", ") + "]"
}
