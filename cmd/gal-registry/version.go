package main

import (
	"fmt"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
)

// programVersion is the version of this program; it moves together with that of gal-pkg.
const programVersion = "0.1.0"

type versionCmd struct{}

func (versionCmd) Run(a *app) error {
	value := map[string]any{"version": programVersion, "registry_format": index.ConfigFormat, "line_format": index.LineVersion}
	text := fmt.Sprintf("gal-registry %s\nregistry format %d, line format %d\n", programVersion, index.ConfigFormat, index.LineVersion)
	return a.Result("version", value, cmdline.Text(text))
}
