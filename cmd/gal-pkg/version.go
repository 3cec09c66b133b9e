package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/settings"
	"github.com/geeknik/gal-pkg/manifest"
)

// programVersion is the version of this program.
const programVersion = "0.1.0"

type versionCmd struct{}

func (versionCmd) Help() string {
	return `Prints the version. With -v also the commit it was built from, the formats it reads and writes, and the folders
that it uses.

EXAMPLES
  gal-pkg version
  gal-pkg version -v`
}

// versionResult is the document of version.
type versionResult struct {
	Version string         `json:"version"`
	Commit  string         `json:"commit"` // "" where the build does not know it
	Go      string         `json:"go"`
	System  string         `json:"system"`
	Formats versionFormats `json:"formats"`
	Dirs    versionDirs    `json:"directories"`
}

// versionFormats are the newest versions of the formats that this program reads and writes.
type versionFormats struct {
	Lock     int `json:"lock"`
	Registry int `json:"registry"`
	Line     int `json:"line"`
}

type versionDirs struct {
	Config string `json:"config"`
	Cache  string `json:"cache"`
	State  string `json:"state"`
}

// Run prints the version even where there is no home folder: it is what one asks for when nothing else works.
func (c *versionCmd) Run(a *app) error {
	v := versionResult{
		Version: programVersion, Commit: commit(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Formats: versionFormats{Lock: manifest.LockVersion, Registry: index.ConfigFormat, Line: index.LineVersion},
	}
	if dirs, _, err := settings.FindDirs(a.sys.env); err == nil {
		v.Dirs = versionDirs{dirs.Config, dirs.Cache, dirs.State}
	}
	return a.Result("version", v, func(w io.Writer) {
		fmt.Fprintln(w, "gal-pkg", v.Version)
		if a.g.Verbose == 0 {
			return
		}
		for _, row := range [][2]string{
			{"commit", v.Commit}, {"go", v.Go}, {"system", v.System},
			{"formats", fmt.Sprintf("gal.lock %d, registry %d, index lines %d", v.Formats.Lock, v.Formats.Registry, v.Formats.Line)},
			{"config", v.Dirs.Config}, {"cache", v.Dirs.Cache}, {"state", v.Dirs.State},
		} {
			fmt.Fprintf(w, "%-8s %s\n", row[0], orUnknown(row[1]))
		}
	})
}

// commit is what the toolchain noted of the source when it built this program.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}
