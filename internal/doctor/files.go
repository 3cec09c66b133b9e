package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/settings"
)

// Files looks at the user's folders and the secrets in them. More keys are files with signing keys that lie elsewhere.
func (r *Report) Files(dirs settings.Dirs, keys ...string) {
	a := r.area("files")
	a.writable("configuration", dirs.Config)
	a.writable("state", dirs.State)
	a.secret(filepath.Join(dirs.Config, settings.CredentialsFile))
	inside, err := filepath.Glob(filepath.Join(dirs.Config, "keys", "*.pem"))
	if err != nil {
		a.failed(err, "")
	}
	for _, key := range append(inside, keys...) {
		a.secret(key)
	}
}

// writable holds that a folder can be written to, or made.
func (a area) writable(what, dir string) {
	at := dir
	for !exists(at) && at != filepath.Dir(at) {
		at = filepath.Dir(at)
	}
	f, err := os.CreateTemp(at, ".gal-doctor-*")
	if err != nil {
		a.fail("chown -R $USER "+at, "the folder for %s, %s, cannot be written to", what, dir)
		return
	}
	_ = f.Close()
	if err := os.Remove(f.Name()); err != nil {
		a.fail("chown -R $USER "+at, "in the folder for %s, %s, nothing can be removed", what, dir)
		return
	}
	a.ok("%s: %s", what, dir)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// secret holds that a file is its owner's alone. One that is not there is none.
func (a area) secret(path string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		a.fail("", "%s cannot be looked at", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		a.fail("chmod 600 "+path, "%s has mode %04o: others can read what is secret", path, info.Mode().Perm())
	default:
		a.ok("%s is its owner's alone", path)
	}
}

// Cache looks at the cache's folder: how much is in it, and whether what is downloaded can be put in its place.
func (r *Report) Cache(dir string) {
	a := r.area("cache")
	store, err := cache.NewCache(dir, noEvents())
	if err != nil {
		a.failed(err, "gal-pkg help environment")
		return
	}
	usage, err := store.Usage()
	if err != nil {
		a.failed(err, "gal-pkg cache verify")
		return
	}
	a.ok("%s: %s, %s unpacked, %s", dir, cmdline.Plural(usage.Blobs, "archive"), cmdline.Plural(usage.Trees, "package"), cmdline.Size(usage.Bytes()))
	if err := rename(filepath.Join(dir, "tmp"), filepath.Join(dir, "store")); err != nil {
		a.warn("chown -R $USER "+dir, "cannot be written to, so that only what is in it can be used")
		return
	}
	a.ok("can be written to, and is on one file system")
}

// rename does what puts a package in its place: a file is made in one folder and moved to another.
func rename(from, to string) error {
	f, err := os.CreateTemp(from, ".tmp-doctor-*")
	if err != nil {
		return err
	}
	_ = f.Close()
	moved := filepath.Join(to, filepath.Base(f.Name()))
	if err := os.Rename(f.Name(), moved); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Remove(moved)
}
