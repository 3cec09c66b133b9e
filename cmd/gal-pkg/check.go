package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

type checkCmd struct {
	Strict bool `help:"Take warnings for errors, as publish does with those of gal.toml."`
}

func (checkCmd) Help() string {
	return `Looks at gal.toml and everything that it refers to: unknown keys, dependencies, features, build and chaos profiles,
the layout of the package, what a publish would refuse, and whether gal.lock still fits. Asks nothing of the network. Each
finding is one line with file, line and column; exit code 1 if there is an error among them.

EXAMPLES
  gal-pkg check
  gal-pkg check --strict --format json     # in CI`
}

// checkResult is the document of check.
type checkResult struct {
	Errors   int               `json:"errors"`
	Warnings int               `json:"warnings"`
	Findings []project.Finding `json:"findings"` // paths are relative to the working folder where they are below it
}

func (c *checkCmd) Run(a *app) error {
	file, err := a.manifestFile()
	if err != nil {
		return err
	}
	findings, err := project.Check(file, project.CheckOptions{Strict: c.Strict, Registry: a.configuredID})
	if err != nil {
		return err
	}
	r := checkResult{Findings: orEmpty(findings)}
	var bad *fault.Error
	if r.Errors, r.Warnings, bad = a.weigh(r.Findings); bad == nil {
		a.Status("Checked", "%s: %s", a.relative(file), cmdline.Plural(r.Warnings, "warning"))
	}
	return a.verdict("check", r, func(w io.Writer) { c.write(w, r.Findings) }, bad)
}

func (c *checkCmd) write(w io.Writer, findings []project.Finding) {
	for i, f := range findings {
		place := f.Path
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", f.Path, f.Line, f.Column)
		}
		fmt.Fprintf(w, "%s: %s[%s]: %s\n", place, f.Level, f.Code, f.Message)
		for _, line := range f.Excerpt {
			fmt.Fprintln(w, cmdline.Indent("   ", line))
		}
		if last := i == len(findings)-1 || findings[i+1].Help != f.Help; f.Help != "" && last {
			fmt.Fprintln(w, cmdline.Indent("   ", "help: "+f.Help))
		}
	}
}

// weigh counts findings, and makes their paths those that the user would type; with an error among them the check has failed.
func (a *app) weigh(findings []project.Finding) (errors, warnings int, bad *fault.Error) {
	for i, f := range findings {
		findings[i].Path = a.relative(f.Path)
		if f.Level == manifest.LevelError {
			errors++
		} else {
			warnings++
		}
	}
	if errors > 0 {
		bad = fault.New(fault.Negative, "check-failed", "%s and %s", cmdline.Plural(errors, "error"), cmdline.Plural(warnings, "warning"))
	}
	return errors, warnings, bad
}

// manifestFile is the gal.toml that the working directory, or --manifest-path, is about; it may be wrong.
func (a *app) manifestFile() (string, error) {
	dir, err := a.dir()
	switch {
	case err != nil:
		return "", err
	case a.g.ManifestPath == "":
		return manifest.Find(dir)
	case filepath.IsAbs(a.g.ManifestPath):
		return a.g.ManifestPath, nil
	}
	return filepath.Join(dir, a.g.ManifestPath), nil
}

// configuredID is the id of a configured registry, as far as it is known without asking.
func (a *app) configuredID(name string) (string, error) {
	registries, _, _, err := a.settings()
	if err != nil {
		return "", err
	}
	r, err := registries.Find(name)
	if err == nil && r.ID == "" {
		return "not-seen-yet", nil
	}
	return r.ID, err
}

// verdict prints the findings of a command. With bad the answer is no: the document is not ok, bad is said on stderr, and
// its kind gives the exit code.
func (a *app) verdict(command string, value any, text func(io.Writer), bad *fault.Error) error {
	if bad == nil {
		return a.Result(command, value, text)
	}
	if err := context.Cause(a.ctx); err != nil {
		return err // that it was interrupted is what was found
	}
	var err error
	if a.JSON {
		err = a.Document(command, false, value)
	} else {
		err = a.Result(command, value, text)
	}
	if err != nil {
		return err
	}
	a.Tell(bad)
	return fault.New(bad.Kind, bad.Code, "%s", bad.Message).Because(errQuiet)
}
