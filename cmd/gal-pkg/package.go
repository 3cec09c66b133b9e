package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
)

type packageCmd struct {
	List   bool   `help:"List the files, and write nothing."`
	Output string `placeholder:"DIR" help:"Where the archive goes (default: target/package)."`
}

func (packageCmd) Help() string {
	return `Checks the package as publish does and makes its archive. The same files give the same archive on every machine.
What .gitignore and [package] exclude name is left out, and so are .gal, target, recordings (*.chaos, *.gal-replay, *.trace),
the folder of --output, archives of the package and proposals beside them, folders that gal-pkg vendor has filled, and what
other tools leave behind (node_modules, *.swp, .DS_Store). Private keys are refused, and so are files called as secrets are
(.env, id_rsa, *.pem, credentials.toml, .npmrc), unless [package] include names them one by one.

EXAMPLES
  gal-pkg package --list
  gal-pkg package --output /tmp`
}

// packageResult is the document of package.
type packageResult struct {
	Name     string         `json:"name"`
	Version  string         `json:"version"`
	Path     string         `json:"path"` // "" with --list
	Size     int64          `json:"size"`
	Unpacked int64          `json:"unpacked"`
	Checksum string         `json:"checksum"`
	Files    []packagedFile `json:"files"`
}

type packagedFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (c *packageCmd) Run(a *app) error {
	p, err := a.onePackage()
	if err != nil {
		return err
	}
	target, err := c.target(a)
	if err != nil {
		return err
	}
	dir := filepath.Dir(p.Path(p.Current))
	draft, err := publish.Prepare(dir, publish.Options{Target: target, Workspace: p.Root(), Registry: a.otherID, Output: c.place(a, p.Dir)})
	if err != nil {
		return err
	}
	for _, problem := range draft.Problems {
		if problem.Level == publish.LevelWarning {
			a.Warn("%s", strings.TrimPrefix(problem.Where+": "+problem.Message, ": "))
		}
	}
	if err := draft.Err(); err != nil {
		if c.List && !a.JSON { // what is wrong is often one of the files
			for _, file := range draft.Files {
				fmt.Fprintln(a.Stdout, cmdline.Printable(file))
			}
		}
		return err
	}
	r := packageResult{
		Name: draft.Name, Version: draft.Publish.Version.String(),
		Size: draft.Archive.Size, Unpacked: draft.Archive.Unpacked, Checksum: draft.Archive.Digest, Files: filesOf(draft.Archive),
	}
	if !c.List {
		if r.Path, err = draft.WriteArchive(c.place(a, p.Dir)); err != nil {
			return fault.New(fault.Manifest, "not-writable", "the archive cannot be written").Because(err)
		}
		a.Status("Packaged", "%s %s: %s, %s (%s packed)", r.Name, r.Version, cmdline.Plural(len(r.Files), "file"), cmdline.Size(r.Unpacked), cmdline.Size(r.Size))
	}
	return a.Result("package", r, func(w io.Writer) {
		if c.List {
			for _, f := range r.Files {
				fmt.Fprintln(w, f.Path)
			}
			return
		}
		fmt.Fprintf(w, "%s\n%d\n%s\n", a.relative(r.Path), r.Size, r.Checksum)
	})
}

// target is the user's name of the registry that the package would go to.
func (c *packageCmd) target(a *app) (string, error) {
	if a.g.Registry != "" {
		return a.g.Registry, nil
	}
	registries, _, _, err := a.settings()
	if err != nil {
		return "", err
	}
	return registries.Default, nil
}

func (c *packageCmd) place(a *app, project string) string {
	switch {
	case c.Output == "":
		return filepath.Join(project, "target", "package")
	case filepath.IsAbs(c.Output):
		return c.Output
	}
	return filepath.Join(a.g.Directory, c.Output)
}

// otherID asks the registry that a dependency names for its id; it is "" for the one that the package itself goes to.
func (a *app) otherID(name string) (string, error) {
	set, err := a.registries()
	if err != nil {
		return "", err
	}
	if name == set.Default() {
		return "", nil
	}
	r, err := set.Open(a.ctx, name)
	if err != nil {
		return "", err
	}
	return r.ID(), nil
}

func filesOf(packed *archive.Archive) []packagedFile {
	files := []packagedFile{}
	for _, f := range packed.Files {
		files = append(files, packagedFile{f.Path, f.Size, fmt.Sprintf("%x", f.SHA256)})
	}
	return files
}
