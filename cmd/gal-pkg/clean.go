package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
)

type cleanCmd struct {
	Target bool `xor:"what" help:"Only what was built: target."`
	Cache  bool `xor:"what" help:"The archives and files that all projects share."`
	All    bool `xor:"what" help:"The cache, the copies of indexes, and the outputs of the project here."`
	DryRun bool `short:"n" help:"Say what would be removed, and remove nothing."`
}

func (cleanCmd) Help() string {
	return `Removes what can be made again. Without flags that is target and .gal of the project. Configuration, credentials, keys
and what is remembered about trust always stay. It waits until no other gal-pkg
works in the project, or uses the cache.

EXAMPLES
  gal-pkg clean              # target and .gal of this project
  gal-pkg clean --cache
  gal-pkg clean --all -n     # how much would be freed`
}

// cleanResult is the document of clean.
type cleanResult struct {
	DryRun  bool          `json:"dry-run"`
	Bytes   int64         `json:"bytes"`
	Removed []cleanFolder `json:"removed"`
}

type cleanFolder struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

func (c *cleanCmd) Run(a *app) error {
	folders, err := c.folders(a)
	if err != nil {
		return err
	}
	if c.All && !c.DryRun && a.asks() {
		if err := a.confirm("Remove the whole cache, for all projects?", "--yes"); err != nil {
			return err
		}
	}
	r := cleanResult{DryRun: c.DryRun, Removed: []cleanFolder{}}
	for _, folder := range folders {
		n, err := project.FolderSize(folder)
		if err != nil {
			return fault.New(fault.Manifest, "not-readable", "%s cannot be looked at", folder).Because(err)
		}
		if n == 0 && c.DryRun {
			continue
		}
		r.Bytes += n
		r.Removed = append(r.Removed, cleanFolder{folder, n})
		if c.DryRun {
			continue
		}
		if err := project.RemoveOutput(a.ctx, folder, a.events()); a.ctx.Err() != nil {
			return a.ctx.Err()
		} else if err != nil {
			return fault.New(fault.Manifest, "not-writable", "%s cannot be removed", folder).Because(err)
		}
	}
	if (c.Cache || c.All) && !c.DryRun {
		usage, err := c.cleanCache(a)
		if err != nil {
			return err
		}
		r.Bytes += usage.Bytes
		r.Removed = append(r.Removed, usage)
	}
	return c.report(a, r)
}

// folders are removed as a whole. With -n the cache is among them, to be counted.
func (c *cleanCmd) folders(a *app) ([]string, error) {
	var folders []string
	if !c.Cache {
		p, err := a.project()
		switch {
		case err == nil:
			folders = p.Outputs(!c.Target)
		case !c.All || !fault.IsCode(err, "no-manifest"):
			return nil, err
		}
	}
	if !c.Cache && !c.All {
		return folders, nil
	}
	dirs, err := a.dirs()
	if err != nil {
		return nil, err
	}
	if c.DryRun {
		folders = append(folders, filepath.Join(dirs.Cache, "blobs"), filepath.Join(dirs.Cache, "store"), filepath.Join(dirs.Cache, "git"))
		if c.All {
			folders = append(folders, filepath.Join(dirs.Cache, "index"))
		}
	}
	return folders, nil
}

func (c *cleanCmd) cleanCache(a *app) (cleanFolder, error) {
	store, err := a.cache()
	if err != nil {
		return cleanFolder{}, err
	}
	usage, err := store.Clean(a.ctx)
	if err != nil {
		return cleanFolder{}, err
	}
	total, inUse := usage.Bytes(), 0
	for _, part := range []struct {
		on    bool
		clear func(string) (int64, int, error)
	}{{true, project.ClearGit}, {c.All, project.ClearIndexes}} {
		if !part.on {
			continue
		}
		bytes, stay, err := part.clear(store.Dir())
		if err != nil {
			return cleanFolder{}, err
		}
		total, inUse = total+bytes, inUse+stay
	}
	if inUse > 0 {
		a.Note("%s of registries and repositories stay, because another gal-pkg reads them", copies(inUse))
	}
	return cleanFolder{store.Dir(), total}, nil
}

func (c *cleanCmd) report(a *app, r cleanResult) error {
	verb := "Removed"
	if c.DryRun {
		verb = "Would free"
	}
	a.Status(verb, "%s", cmdline.Size(r.Bytes))
	return a.Result("clean", r, func(w io.Writer) {
		if !c.DryRun {
			return
		}
		for _, f := range r.Removed {
			fmt.Fprintf(w, "%s  %s\n", f.Path, cmdline.Size(f.Bytes))
		}
	})
}
