package main

import (
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

type initCmd struct {
	Name    *string `arg:"" optional:"" help:"Name of the package; the default is the folder's."`
	Path    string  `placeholder:"DIR" help:"Make the package in DIR instead of a folder called NAME."`
	Lib     bool    `xor:"kind" help:"Make a library: src/lib.gal."`
	Bin     bool    `xor:"kind" help:"Make an application: src/main.gal (the default)."`
	License string  `placeholder:"SPDX" help:"License of the package, such as MIT."`
	Edition string  `placeholder:"YEAR" help:"Edition of the language."`
	VCS     string  `name:"vcs" enum:"git,none" default:"git" help:"Write a .gitignore: git, none."`
}

func (initCmd) Help() string {
	return `Makes a package: gal.toml, src, tests, README.md and a .gitignore that leaves gal.lock alone, because gal.lock
belongs into the repository. A file that is there already stays as it is; a gal.toml that is there is an error. In the folder
of a workspace the package becomes a member of it, unless exclude names its folder.

EXAMPLES
  gal-pkg init order-desk              # a new application in ./order-desk
  gal-pkg init --lib --license MIT     # a library in this folder, named like it
  gal-pkg init --path services/billing`
}

// initResult is the document of init.
type initResult struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"` // library or application
	Path  string   `json:"path"`
	Files []string `json:"files"` // that were written, relative to path

	Workspace string `json:"workspace,omitempty"` // the manifest of the workspace that it is a member of
}

func (c *initCmd) Run(a *app) error {
	dir, name, err := c.place(a)
	if err != nil {
		return err
	}
	files, err := project.Init(dir, project.NewPackage{
		Name: name, Library: c.Lib, License: c.License, Edition: c.Edition, Git: c.VCS == "git",
	})
	if err != nil {
		return err
	}
	r := initResult{Name: name, Kind: "application", Path: dir, Files: files}
	if c.Lib {
		r.Kind = "library"
	}
	a.Status("Created", "%s %s in %s", r.Kind, name, a.relative(dir))
	if r.Workspace, err = project.Join(a.ctx, dir, a.events()); err != nil {
		a.Warn("it is not made a member of the workspace that it is in: %v", err)
	} else if r.Workspace != "" {
		a.Status("Joined", "the workspace of %s", a.fromHere(r.Workspace))
	}
	return a.Result("init", r, nil)
}

// place decides where the package is made and how it is called. The name is checked before anything is made.
func (c *initCmd) place(a *app) (dir, name string, err error) {
	here, err := a.dir()
	if err != nil {
		return "", "", err
	}
	if dir = here; c.Path != "" && filepath.IsAbs(c.Path) {
		dir = c.Path
	} else if c.Path != "" {
		dir = filepath.Join(here, c.Path)
	}
	if c.Name != nil {
		if c.Path == "" {
			dir = filepath.Join(here, filepath.FromSlash(*c.Name))
		}
		return dir, *c.Name, manifest.CheckName(*c.Name)
	}
	name = filepath.Base(dir)
	if manifest.CheckName(name) == nil {
		return dir, name, nil
	}
	proposal := manifest.Propose(name)
	return "", "", fault.New(fault.Usage, "bad-name", "the folder's name %q cannot be that of a package", name).
		WithHelp("gal-pkg init %s --path %s", proposal, a.relative(dir))
}

// relative shortens a path to what it is from the folder that the command works in, where it is below it.
func (a *app) relative(path string) string {
	here, err := a.dir()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(here, path)
	if err != nil || !filepath.IsLocal(rel) {
		return path
	}
	return rel
}
