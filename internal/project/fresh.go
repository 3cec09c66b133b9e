package project

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/manifest"
)

// lockedFile holds the stamp under which gal.lock was last found right; behind it, where the stamp follows from gal.toml
// and gal.lock alone and there is nothing to warn of, the number of packages: then neither need be parsed to see it.
const lockedFile = install.Dir + "/locked"

// LockIsFresh reports whether gal.lock was made, or found right, from exactly what is there now.
func (p *Project) LockIsFresh(words ...string) bool {
	stamp, err := p.Stamp(words...)
	if err != nil || p.Lock == nil {
		return false
	}
	kept, _, _ := readLocked(p.Dir)
	return kept == string(stamp)
}

// LockIsFreshIn is LockIsFresh for the project of a gal.toml that stands alone, without reading more than its two files;
// packages is how many gal.lock has. It is false wherever that is not enough to know.
func LockIsFreshIn(file string, words ...string) (packages int, fresh bool) {
	dir := filepath.Dir(file)
	kept, packages, counted := readLocked(dir)
	if !counted || filepath.Base(file) != manifest.FileName || manifestAbove(dir) {
		return 0, false
	}
	stamp, err := stampAlone(dir, words)
	return packages, err == nil && kept == string(stamp)
}

// IsInstalledIn reports for the project of a gal.toml that stands alone whether it was installed from exactly what is there
// now, as [install.Stamp.Fresh] does, without reading more than its two files. It is false wherever that is not enough. Store
// is the folder of the cache with the trees.
func IsInstalledIn(file, store string, words ...string) bool {
	dir := filepath.Dir(file)
	if filepath.Base(file) != manifest.FileName || manifestAbove(dir) {
		return false
	}
	stamp, err := stampAlone(dir, words)
	return err == nil && stamp.Fresh(dir, store)
}

// alone is a word of the stamps of projects that stand alone.
const alone = "alone"

// stampAlone is the stamp of a project that stands alone.
func stampAlone(dir string, words []string) (install.Stamp, error) {
	return install.NewStamp(dir, []string{LockName, manifest.FileName}, append(slices.Clone(words), alone)...)
}

// manifestAbove reports whether a folder above may make the project a member of its workspace.
func manifestAbove(dir string) bool {
	for above := filepath.Dir(dir); above != dir; dir, above = above, filepath.Dir(above) {
		if _, err := os.Lstat(filepath.Join(above, manifest.FileName)); err == nil {
			return true
		}
	}
	return false
}

// RecordLock notes that gal.lock, as it was read, or written just now, is right. Where somebody has written a manifest or
// the lock since, there is nothing to note: the error is "changed-meanwhile".
func (p *Project) RecordLock(words ...string) error {
	stamp, err := p.sound(words)
	if err != nil {
		return err
	}
	dir := filepath.Join(p.Dir, install.Dir)
	if err := os.Mkdir(dir, 0o755); err != nil && !isFolder(dir) {
		return err // a link may lead to the user's own files
	}
	text := string(stamp) + "\n"
	if p.standsAlone() {
		text += fmt.Sprintf("%d packages\n", len(p.Lock.Packages))
	}
	return atomicfile.WriteCache(filepath.Join(p.Dir, filepath.FromSlash(lockedFile)), []byte(text))
}

// standsAlone reports whether all that the project follows from is in its two files, and they are as they should be.
func (p *Project) standsAlone() bool {
	if len(p.Members) != 1 || p.root.Workspace != nil || len(p.Current.Manifest.Warnings) > 0 || p.Lock == nil {
		return false
	}
	for _, l := range p.Lock.Packages {
		if l.Source.Kind == manifest.PathSource && l.Source.Location != p.Current.Rel {
			return false
		}
	}
	return true
}

func readLocked(dir string) (stamp string, packages int, counted bool) {
	kept, err := atomicfile.Read(filepath.Join(dir, filepath.FromSlash(lockedFile)), 1<<10)
	if err != nil {
		return "", 0, false
	}
	stamp, rest, _ := strings.Cut(string(kept), "\n")
	_, err = fmt.Sscanf(rest, "%d packages\n", &packages)
	return stamp, packages, err == nil
}
