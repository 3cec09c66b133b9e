// Package graph has what a made-up registry consists of before it takes the form of one: packages, their versions, and
// what they depend on. A package is written as the neutral JSON lines that tools/fromjsonl reads ([Package.Neutral]) and
// as the index file of a Cargo registry ([Package.Cargo]): the same graph, for two resolvers.
//
// Everything here is a function of a seed: the same seed gives the same bytes, on all processors of one kind. Those of
// another kind may round the logarithms in it otherwise.
package graph

import (
	"encoding/json"
	"fmt"
)

// Package is a package with its versions, oldest first.
type Package struct {
	Name     string
	Versions []Version
}

// Version is one version of a package, in the spelling of the neutral form.
type Version struct {
	Number       Number
	Dependencies []Dependency
	Features     map[string][]string
	Yanked       bool
	Published    int64  // Unix seconds
	Path         string // folder of its files; "" where it has none
}

// Dependency is what a version asks for. Requirements mean the same to GAL and Cargo.
type Dependency struct {
	Name        string
	Requirement string
	Kind        string // normal or build
	Optional    bool
	Features    []string
	NoDefault   bool
}

// Number is a version number.
type Number struct{ Major, Minor, Patch int }

func (n Number) String() string { return fmt.Sprintf("%d.%d.%d", n.Major, n.Minor, n.Patch) }

// Bucket is what versions share that a caret requirement takes for each other.
func (n Number) Bucket() Number {
	if n.Major > 0 {
		return Number{Major: n.Major}
	}
	if n.Minor > 0 {
		return Number{Minor: n.Minor}
	}
	return n
}

type neutralVersion struct {
	Name      string              `json:"name"`
	Version   string              `json:"version"`
	Deps      []neutralDependency `json:"deps"`
	Features  map[string][]string `json:"features,omitempty"`
	Yanked    bool                `json:"yanked,omitempty"`
	Published int64               `json:"published"`
	Path      string              `json:"path,omitempty"`
}

type neutralDependency struct {
	Name            string   `json:"name"`
	Req             string   `json:"req"`
	Kind            string   `json:"kind"`
	Optional        bool     `json:"optional"`
	Features        []string `json:"features"`
	DefaultFeatures bool     `json:"default_features"`
}

// Neutral appends a package's lines in the form that tools/fromjsonl reads.
func (p *Package) Neutral(to []byte) ([]byte, error) {
	for _, v := range p.Versions {
		out := neutralVersion{
			Name: p.Name, Version: v.Number.String(), Deps: []neutralDependency{}, Features: v.Features,
			Yanked: v.Yanked, Published: v.Published, Path: v.Path,
		}
		for _, d := range v.Dependencies {
			out.Deps = append(out.Deps, neutralDependency{d.Name, d.Requirement, d.Kind, d.Optional, list(d.Features), !d.NoDefault})
		}
		line, err := json.Marshal(out)
		if err != nil {
			return nil, err
		}
		to = append(append(to, line...), '\n')
	}
	return to, nil
}

// list is a list that JSON shows as [] where it is empty.
func list(of []string) []string {
	if of == nil {
		return []string{}
	}
	return of
}
