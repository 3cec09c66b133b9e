package archive

import (
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/version"
)

// What is made of a package may be written into its own folder. It is no part of the package: the next archive would hold
// the one before.

// isArchive reports whether a name is that of an archive of this package, of any version.
func (c *collector) isArchive(name string) bool {
	text, ok := strings.CutPrefix(name, c.name+"-")
	text, ended := strings.CutSuffix(text, ".tar.zst")
	if c.name == "" || !ok || !ended {
		return false
	}
	_, err := version.Parse(text)
	return err == nil
}

func (c *collector) hasArchive(entries []fs.DirEntry) bool {
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Type().IsRegular() && c.isArchive(e.Name()) })
}

// isWritten reports whether a file beside an archive of the package was written with it.
func (c *collector) isWritten(name string) bool {
	digest, ok := strings.CutSuffix(name, ".bundle.json")
	bundle := ok && len(digest) == 64 && strings.Trim(digest, "0123456789abcdef") == ""
	return bundle || c.isArchive(name) || strings.HasSuffix(name, ".proposal")
}

// isOutput reports whether a folder is the one that this run writes into.
func (c *collector) isOutput(e fs.DirEntry) bool {
	if c.output == nil {
		return false
	}
	info, err := e.Info()
	return err == nil && os.SameFile(info, c.output)
}

// leaveOutput leaves out the folder that this run writes into, and says so where it holds what no run has written.
func (c *collector) leaveOutput(p string) error {
	entries, err := fs.ReadDir(c.root.FS(), p)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() && c.isWritten(e.Name()) })
	if len(others) > 0 {
		c.problem(p, "output", false, "is where the output goes, and is left out with all that is in it: %s", others[0].Name())
	}
	return nil
}
