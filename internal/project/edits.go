package project

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// edited is a manifest with what it held when it was read, and what it is to hold.
type edited struct {
	path       string
	disk, text []byte
}

// edits are the manifests that the project is to have otherwise than they are on disk: those of the members in their order,
// then that of a root which is none.
func (p *Project) edits() []edited {
	return slices.DeleteFunc(p.manifests(), func(e edited) bool { return bytes.Equal(e.disk, e.text) })
}

// manifests are all that the project is made of: those of the members in their order, then that of a root which is none.
func (p *Project) manifests() []edited {
	var list []edited
	for _, m := range p.Members {
		list = append(list, edited{p.Path(m), m.disk, m.text})
	}
	if p.above.path != "" {
		list = append(list, p.above)
	}
	return list
}

// Write puts the edited manifests and then the lock on disk, each only where it differs from what is there, and keeps other
// processes from doing so meanwhile. Where one of them cannot be written, those before it are put back. Nothing is touched
// where there is nothing to write.
//
// Errors: fault.Negative "changed-meanwhile", where somebody else has written the lock or a manifest since they were read;
// fault.Manifest "not-writable"; those of the context.
func (p *Project) Write(ctx context.Context, lock Locked, events fetch.Events) error {
	if len(p.edits()) == 0 && !p.Changed(lock) {
		return nil
	}
	free, err := hold(ctx, p.Dir, events)
	if err != nil {
		return err
	}
	defer free()
	p.sweep()
	defer p.settle()
	return p.write(lock)
}

// write is Write for those who hold the project. The note of several edits stays, for [Project.settle].
func (p *Project) write(lock Locked) error {
	if err := p.unchanged(lock); err != nil {
		return err
	}
	edits := p.edits()
	if err := p.note(edits); err != nil {
		return err
	}
	for i, e := range edits {
		if err := write(e.path, p.rel(e.path), e.text); err != nil {
			return putBack(edits[:i+1], err)
		}
	}
	if !p.Changed(lock) {
		return nil
	}
	if err := write(p.LockPath(), LockName, lock.text); err != nil {
		return putBack(edits, err)
	}
	return nil
}

// putBack undoes edits after an error, as far as it can, and returns that.
func putBack(edits []edited, err error) error {
	for _, e := range edits {
		_ = atomicfile.Write(e.path, e.disk, 0o644)
	}
	return err
}

// unchanged holds that nobody has written something else into the manifests, those of path dependencies among them, or the
// lock since they were read: what was made from them would undo that, or not fit it. Comments and spaces in a manifest that is
// not going to be written are nobody's business.
func (p *Project) unchanged(lock Locked) error {
	for _, e := range slices.Concat(p.manifests(), lock.beside) {
		now, err := atomicfile.Read(e.path, manifest.MaxManifestSize)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !bytes.Equal(now, e.disk) && !bytes.Equal(now, e.text) && !(bytes.Equal(e.disk, e.text) && sameMeaning(now, e.disk)) {
			return changedMeanwhile(p.rel(e.path))
		}
	}
	return p.lockUnchanged(lock.text)
}

// sameMeaning reports whether two manifests have the same keys with the same values.
func sameMeaning(a, b []byte) bool {
	var both [2]map[string]any
	for i, text := range [][]byte{a, b} {
		if _, err := manifest.DecodeTOML(manifest.FileName, text, manifest.MaxManifestSize, &both[i]); err != nil {
			return false
		}
	}
	return reflect.DeepEqual(both[0], both[1])
}

// rel is a file of the project as it is from the project's folder, with forward slashes.
func (p *Project) rel(file string) string {
	if rel, err := filepath.Rel(p.Dir, file); err == nil {
		file = rel
	}
	return filepath.ToSlash(file)
}

// editsFile notes what is written where that is more than one manifest: `gal-edits 1`, and a line `OLD NEW PATH` for each,
// with the SHA-256 of what it held and of what it is to hold. It is there while they are written, and after a crash.
const editsFile = install.Dir + "/edits"

// maxEdits bounds that file.
const maxEdits = 1 << 20

const editsHead = "gal-edits 1\n"

// finishEdits is the command that edits several manifests, and finishes what it was stopped at.
const finishEdits = "gal-pkg update --breaking"

func (p *Project) editsPath() string { return filepath.Join(p.Dir, filepath.FromSlash(editsFile)) }

// note writes the note of several edits; one needs none, since an install makes gal.lock follow.
func (p *Project) note(edits []edited) error {
	if len(edits) < 2 {
		return nil
	}
	var b bytes.Buffer
	b.WriteString(editsHead)
	for _, e := range edits {
		fmt.Fprintf(&b, "%x %x %s\n", sha256.Sum256(e.disk), sha256.Sum256(e.text), p.rel(e.path))
	}
	if err := os.Mkdir(filepath.Join(p.Dir, install.Dir), 0o755); err != nil && !isFolder(filepath.Join(p.Dir, install.Dir)) {
		return fault.New(fault.Manifest, "not-writable", "%s cannot be written", editsFile).Because(err)
	}
	return write(p.editsPath(), editsFile, b.Bytes())
}

// settle removes the note where it tells of nothing half done. It is for those who hold the project: of what another is
// writing, nothing may be written yet.
func (p *Project) settle() {
	if p.HalfWritten() == "" {
		_ = os.Remove(p.editsPath())
	}
}

// sweep removes what a crash has left of writing manifests and the note of them; [install.Link] does so for the other files.
func (p *Project) sweep() {
	p.settle()
	atomicfile.Sweep(p.editsPath())
	for _, m := range p.Members {
		atomicfile.Sweep(p.Path(m))
	}
}

// HalfWritten says what a command that was killed has left half done: which manifests it has written, and which not. It is
// "" where it has written all of them or none, or somebody has edited them since.
func (p *Project) HalfWritten() string {
	data, err := atomicfile.Read(p.editsPath(), maxEdits)
	rest, ok := strings.CutPrefix(string(data), editsHead)
	if err != nil || !ok {
		return ""
	}
	var written, left []string
	for line := range strings.Lines(rest) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(fields) != 3 || !p.isManifest(fields[2]) {
			continue // whoever wrote the project may have written this
		}
		text, err := atomicfile.Read(filepath.Join(p.Dir, filepath.FromSlash(fields[2])), manifest.MaxManifestSize)
		if err != nil {
			continue
		}
		switch fmt.Sprintf("%x", sha256.Sum256(text)) {
		case fields[0]:
			left = append(left, fields[2])
		case fields[1]:
			written = append(written, fields[2])
		}
	}
	if len(written) == 0 || len(left) == 0 {
		return ""
	}
	return fmt.Sprintf("a `%s` was stopped halfway, and the same again finishes it: it has written %s, and not %s",
		finishEdits, strings.Join(written, ", "), strings.Join(left, ", "))
}

// MendLock is the command that makes gal.lock fit the manifests: the one that was stopped, where they are half done.
func (p *Project) MendLock() string {
	if p.HalfWritten() != "" {
		return finishEdits
	}
	return "gal-pkg lock"
}

// isManifest reports whether a path, relative to the project's folder, is that of a manifest of the project.
func (p *Project) isManifest(rel string) bool {
	return rel == manifest.FileName || slices.ContainsFunc(p.Members, func(m *Member) bool { return rel == join(m.Rel, manifest.FileName) })
}
