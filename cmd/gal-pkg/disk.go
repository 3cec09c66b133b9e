package main

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/settings"
)

// diskFault is [cmdline.DiskFault] with what helps: room on the disk, or another folder than one that may not be written.
func (a *app) diskFault(err error) error {
	var at *fs.PathError
	explained := cmdline.DiskFault(err)
	if explained == err || !errors.As(err, &at) {
		return err
	}
	f := fault.Of(explained)
	if f.Code == "disk-full" {
		return f.WithHelp("gal-pkg cache prune")
	}
	if dirs, _, err := settings.FindDirs(a.sys.env); err == nil {
		adviseFolder(f, at.Path, dirs)
	}
	return f
}

// adviseFolder names the variable of that of the user's folders in which a path is, or that would be in it.
func adviseFolder(f *fault.Error, path string, dirs settings.Dirs) {
	for _, kept := range []struct{ dir, variable, what string }{
		{dirs.Config, "GAL_CONFIG_DIR", "settings and keys are"}, {dirs.State, "GAL_DATA_DIR", "what is known of registries is"}, {dirs.Cache, "GAL_CACHE_DIR", "what was fetched is"},
	} {
		if strings.HasPrefix(kept.dir+"/", path+"/") || strings.HasPrefix(path, kept.dir+"/") {
			f.WithHelp("export %s=/path/to/folder     # %s kept there", kept.variable, kept.what)
			return
		}
	}
}
