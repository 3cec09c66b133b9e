package resolve_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/resolve"
	"github.com/geeknik/gal-pkg/version"
)

// memory is a source that holds its packages.
type memory map[string][]resolve.Candidate

func (m memory) Candidates(_ context.Context, id resolve.PackageID) ([]resolve.Candidate, error) {
	if candidates, ok := m[id.Name]; ok {
		return candidates, nil
	}
	return nil, fault.New(fault.NotFound, "package-not-found", "no package named `%s` is in the registry", id.Name)
}

func (m memory) Prefetch([]resolve.Hint) {}

func dependency(name, requirement, where string) resolve.Dependency {
	return resolve.Dependency{
		Alias: name, ID: resolve.PackageID{Source: "registry+example", Name: name},
		Requirement: version.MustParseRequirement(requirement), DefaultFeatures: true, Where: where,
	}
}

func ExampleResolve() {
	registry := memory{
		"actors": {
			{Version: version.MustParse("1.0.0")},
			{Version: version.MustParse("1.1.0"), Dependencies: []resolve.Dependency{dependency("wire", "^2", "")}},
		},
		"wire": {{Version: version.MustParse("1.9.0")}, {Version: version.MustParse("2.3.1")}},
	}
	root := resolve.Root{
		ID: resolve.PackageID{Source: "path+.", Name: "app"}, Version: version.MustParse("0.1.0"),
		Dependencies: []resolve.Dependency{dependency("actors", "^1", "gal.toml:9")},
	}
	solution, err := resolve.Resolve(context.Background(), resolve.Request{Roots: []resolve.Root{root}}, registry)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range solution.Packages {
		fmt.Println(p.ID.Name, p.Version)
	}

	root.Dependencies = append(root.Dependencies, dependency("wire", "=2.0.0", "gal.toml:10"))
	_, err = resolve.Resolve(context.Background(), resolve.Request{Roots: []resolve.Root{root}}, registry)
	var none *resolve.NoSolution
	if errors.As(err, &none) {
		fmt.Println(none.Text())
	}
	// Output:
	// actors 1.1.0
	// app 0.1.0
	// wire 2.3.1
	// no set of versions satisfies gal.toml
	//   Because app depends on wire =2.0.0 (gal.toml:10), which no version fits (published: 2.3.1, 1.9.0), app cannot be resolved.
	// help: these single changes make it resolve (each was tried):
	//   wire = "2"  -> wire 2.3.1
}
