package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// impossible means that a package cannot get into this project in one way; always, that none can.
type impossible struct {
	err    error
	always bool
}

func (e *impossible) Error() string { return e.err.Error() }
func (e *impossible) Unwrap() error { return e.err }

// refused tells errors of making a link that mean that another way is needed from all others, such as a disk that is full.
func refused(err error) error {
	if noLinks(err) || otherDevice(err) {
		return &impossible{err, true}
	}
	if tooManyLinks(err) {
		return &impossible{err, false}
	}
	return err
}

// noLinks reports errors that mean that links of a kind cannot be made here at all: as symbolic ones on Windows without the
// privilege, or hard ones to files of somebody else.
func noLinks(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || isRefusal(err)
}

// refusal is the error where nothing else may be tried. Where nothing at all can be made, that is the error.
func (l *linker) refusal(way LinkMode, tree string, no *impossible) error {
	const probe = atomicfile.TempPrefix + "probe"
	if err := errors.Join(l.root.Mkdir(probe, 0o755), l.root.Remove(probe)); err != nil {
		return no.err
	}
	what := map[LinkMode]string{Symlink: "symbolic links to", Junction: "junctions to", Hardlink: "hard links of"}[way]
	why := "they are not possible here"
	switch {
	case otherDevice(no):
		why = "the two are on different file systems"
	case tooManyLinks(no):
		why = "one of its files has as many as its file system allows"
	case way == Hardlink && errors.Is(no, fs.ErrPermission):
		why = "the system refuses them; it may be that its files belong to another user"
	}
	cause := no.err
	var at *os.LinkError
	if errors.As(cause, &at) {
		cause = at.Err // without its paths, one of which is not there any more
	}
	f := fault.New(fault.Manifest, "link-not-possible", "packages cannot be %s the cache: %s", what, why).
		WithFact("cache    %s", filepath.Dir(tree)).WithFact("project  %s", filepath.Join(l.project, filepath.FromSlash(PackagesDir))).Because(cause).
		WithHelp("gal-pkg install --link-mode copy     # for every command: gal-pkg config set store.link-mode copy")
	if otherDevice(no) {
		f.WithHelp("export GAL_CACHE_DIR=FOLDER          # one on the file system of the project")
	}
	return f
}
