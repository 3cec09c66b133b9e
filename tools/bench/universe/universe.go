// Package universe makes up a small set of packages with files, and renders it for several package managers: the same
// graph and the same payload bytes as a GAL registry's input, an npm registry, a Cargo sparse registry and a Go module
// proxy. All of them choose the same versions: the newest of each package, because everything asks for it.
//
// The payload of a package is its files below src/, named *.gal; each rendering adds the one manifest that its package
// manager needs. Only newest versions have files. Older ones are listed, as they would be, and never fetched.
package universe

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/geeknik/gal-pkg/tools/bench/graph"
)

// Shape of a universe.
type Shape struct {
	Packages int
	Direct   int   // packages that the root depends on
	Edges    int   // dependencies between packages; at least Packages-Direct
	Depth    int   // packages on the longest way from the root
	Files    int   // of the payload; at least Packages
	Bytes    int64 // of the payload
	Versions int   // of all packages; at least Packages
}

// Full is the shape that results are published for, Small one for looking whether everything works.
func Full() Shape  { return Shape{300, 30, 788, 10, 11_389, 65_600_000, 6_600} }
func Small() Shape { return Shape{30, 5, 70, 5, 300, 1_000_000, 200} }

// Universe is a set of packages. It is not changed after New.
type Universe struct {
	Shape
	Packages []Package // every package is before those that it depends on, the direct dependencies of the root are first
	seed     uint64
	words    []string // of the payload
}

// Package is a package of a universe.
type Package struct {
	Name     string
	Releases []graph.Release // oldest first
	Uses     []int           // the packages that it depends on, rising
	Files    []File
}

// File is a file of a package's newest version.
type File struct {
	Path   string
	Bytes  int
	stream uint64 // that its content is made from
}

// New makes the universe of a seed.
func New(seed uint64, s Shape) *Universe {
	chance := graph.NewChance(seed, 0)
	u := &Universe{Shape: s, Packages: make([]Package, s.Packages), seed: seed}
	for range 3000 {
		u.words = append(u.words, graph.Word(chance))
	}
	namer := graph.NewNamer(chance)
	for i := range u.Packages {
		u.Packages[i].Name = namer.Name()
	}
	u.addReleases(chance)
	u.addUses(chance)
	u.addFiles(chance)
	return u
}

func (u *Universe) addReleases(c graph.Chance) {
	weights := make([]float64, u.Shape.Packages)
	for i := range weights {
		weights[i] = c.LogNormal(1, 1)
	}
	for i, count := range graph.Share(int64(u.Versions), weights) {
		// Go has another path for another major version, so there is at most 1.
		u.Packages[i].Releases = graph.History(c, int(count), 1)
	}
}

// addUses makes the graph: layers of packages, of which the first is what the root depends on. Each package further down
// is used by one of the layer above it, so that the longest way has the wanted length; the other edges go down anywhere.
func (u *Universe) addUses(c graph.Chance) {
	layer := make([]int, len(u.Packages))
	for i := u.Direct; i < len(layer); i++ {
		// The first packages behind the direct ones reach every layer; the others are in any.
		layer[i] = 1 + (i-u.Direct)%(u.Depth-1)
	}
	slices.Sort(layer)
	begins := func(l int) int { at, _ := slices.BinarySearch(layer, l); return at }
	use := func(by, on int) bool {
		if slices.Contains(u.Packages[by].Uses, on) {
			return false
		}
		u.Packages[by].Uses = append(u.Packages[by].Uses, on)
		return true
	}
	edges := 0
	for i := u.Direct; i < len(layer); i++ {
		above, here := begins(layer[i]-1), begins(layer[i])
		use(above+c.IntN(here-above), i)
		edges++
	}
	for edges < u.Edges {
		by := c.IntN(begins(u.Depth - 1))
		below := begins(layer[by] + 1)
		if use(by, below+c.IntN(len(layer)-below)) {
			edges++
		}
	}
	for i := range u.Packages {
		slices.Sort(u.Packages[i].Uses)
	}
}

// addFiles shares files and bytes among the packages: sizes of packages are log-normal, and so are those of files.
func (u *Universe) addFiles(c graph.Chance) {
	sizes, counts := make([]float64, len(u.Packages)), make([]float64, len(u.Packages))
	for i := range sizes {
		sizes[i] = c.LogNormal(1, 1.55)
		counts[i] = c.LogNormal(sizes[i], 0.5)
	}
	bytes, files := graph.Share(u.Bytes, sizes), graph.Share(int64(u.Shape.Files), counts)
	stream := uint64(0)
	for i := range u.Packages {
		weights := make([]float64, files[i])
		for k := range weights {
			weights[k] = c.LogNormal(1, 1.1)
		}
		for k, size := range graph.Share(max(bytes[i], files[i]), weights) {
			stream++
			path := fmt.Sprintf("src/%s/%s-%d.gal", graph.Pick(c, folders()), graph.Pick(c, u.words), k)
			u.Packages[i].Files = append(u.Packages[i].Files, File{path, int(size), stream})
		}
		slices.SortFunc(u.Packages[i].Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	}
}

func folders() []string { return []string{"actors", "codec", "inner", "model", "state", "wire"} }

// Root is what the root of a universe depends on, with the requirements that every package manager is given.
func (u *Universe) Root() []graph.Dependency {
	var out []graph.Dependency
	for _, p := range u.Packages[:u.Direct] {
		out = append(out, graph.Dependency{Name: p.Name, Requirement: "^" + p.Newest().String(), Kind: "normal"})
	}
	return out
}

// Newest is the version of a package that everything asks for.
func (p *Package) Newest() graph.Number { return p.Releases[len(p.Releases)-1].Number }

// Payload is the number of files of all packages, and of their bytes.
func (u *Universe) Payload() (files int, bytes int64) {
	for _, p := range u.Packages {
		for _, f := range p.Files {
			files++
			bytes += int64(f.Bytes)
		}
	}
	return files, bytes
}

// Graph is a package as a resolver sees it. An older version asks for versions of its dependencies that are as old.
func (u *Universe) Graph(i int) graph.Package {
	p := u.Packages[i]
	out := graph.Package{Name: p.Name}
	for k, r := range p.Releases {
		v := graph.Version{Number: r.Number, Published: r.At, Yanked: r.Yanked}
		for _, on := range p.Uses {
			target := u.Packages[on]
			last := len(target.Releases) - 1
			if k < len(p.Releases)-1 {
				last = last * k / len(p.Releases)
			}
			v.Dependencies = append(v.Dependencies, graph.Dependency{
				Name: target.Name, Requirement: "^" + target.Releases[last].Number.String(), Kind: "normal",
			})
		}
		out.Versions = append(out.Versions, v)
	}
	return out
}
