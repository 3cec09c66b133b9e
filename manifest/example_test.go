package manifest_test

import (
	"fmt"

	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

func ExampleParse() {
	_, err := manifest.Parse("gal.toml", []byte(`[package]
name = "my-package"
version = "1.0"

[chaos-profile.testing]
fault_injection_rate = 1.5
`))
	fmt.Println(err)
	// Output:
	// gal.toml:3:11: version "1.0": needs three numbers, as in 1.0.0
	// gal.toml:6:24: fault_injection_rate = 1.5 must be between 0 and 1
}

func ExampleEdit() {
	e, err := manifest.Open([]byte("[dependencies]\nrand = '0.8' # for dice\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	err = e.AddDependency("dependencies", "chaos-lib", manifest.DependencySpec{
		Requirement: version.MustParseRequirement("0.5"), Features: []string{"scheduling"}, DefaultFeatures: true,
	})
	fmt.Printf("%s%v\n", e.Bytes(), err)
	// Output:
	// [dependencies]
	// chaos-lib = { version = "0.5", features = ["scheduling"] }
	// rand = '0.8' # for dice
	// <nil>
}
