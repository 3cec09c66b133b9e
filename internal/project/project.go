// Package project joins the parts for one project on disk: it finds gal.toml and its workspace, has the resolver choose
// versions from the registries, writes gal.lock, and puts verified packages where the compiler finds them. Commands are
// thin layers over it.
//
// The order of every change is the same: solve, verify, unpack, link .gal, then write gal.toml and gal.lock. A command
// that fails has changed neither of the two. One that is killed while it writes the manifests of several packages has
// noted what it writes, and [Project.HalfWritten] tells of it. Archives may be downloaded before that ([Ahead]); they lie in the cache, packed
// and under their digests.
package project

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// LockName is the name of the lock file, beside the manifest of a project's root.
const LockName = "gal.lock"

// maxLock bounds gal.lock, as its format does.
const maxLock = 16 << 20

// Project is a package, or a workspace with its members, on disk.
type Project struct {
	Dir     string // of the workspace's root, or of the package: where gal.lock is
	Members []*Member
	Current *Member        // the one that commands are about; see [Project.One]
	Lock    *manifest.Lock // nil where there is none

	root     *manifest.Manifest // of Dir
	lockText []byte
	beside   []edited // that Lock was made from, where it was made just now
	above    edited   // manifest of a root that is no member; the zero value for none
	torn     bool     // by a merge: Lock is what is left of lockText
	vague    bool     // Current is only the first of several members: the manifest itself has no package
}

// One returns the package that a command is about which acts on one. At the root of a workspace with several
// members and no package of its own there is none, and the error, of kind Usage with code "which-member", lists those that may have been meant.
func (p *Project) One() (*Member, error) {
	if !p.vague {
		return p.Current, nil
	}
	err := fault.New(fault.Usage, "which-member", "this workspace has no package of its own; say which member is meant")
	for _, m := range p.Members[:min(len(p.Members), maxNamed)] {
		err.WithFact("%s (in %s)", m.Manifest.Package.Name, m.Rel)
	}
	if more := len(p.Members) - maxNamed; more > 0 {
		err.WithFact("and %d more", more)
	}
	return nil, err
}

// maxNamed is how many members a message names.
const maxNamed = 10

// Member is one package of a project.
type Member struct {
	Rel      string // folder relative to the project's, with forward slashes; "." for the root itself
	Manifest *manifest.Manifest
	text     []byte // of the manifest as it is on disk, or will be
	disk     []byte // of the manifest as it was read
}

// Path returns where a member's manifest is, relative to the working directory's view of the project.
func (p *Project) Path(m *Member) string {
	return filepath.Join(p.Dir, filepath.FromSlash(m.Rel), manifest.FileName)
}

// LockPath returns where gal.lock is, or will be.
func (p *Project) LockPath() string { return filepath.Join(p.Dir, LockName) }

// Root returns the manifest whose policy holds for the whole project: the workspace's, or the package's.
func (p *Project) Root() *manifest.Manifest { return p.root }

// Open finds the project that a directory is in: the nearest gal.toml upwards, and the workspace above it that has it as
// a member.
func Open(dir string) (*Project, error) {
	file, err := manifest.Find(dir)
	if err != nil {
		return nil, err
	}
	return OpenFile(file)
}

// OpenFile opens the project that a manifest belongs to.
func OpenFile(file string) (*Project, error) {
	p, err := openWithoutLock(file)
	if err != nil {
		return nil, err
	}
	return p, p.readLock()
}

func openWithoutLock(file string) (*Project, error) {
	own, text, err := load(file)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(file)
	p := &Project{Dir: dir, root: own}
	rootText := text
	if own.Workspace == nil {
		root, above, found, err := workspaceAbove(dir)
		if err != nil {
			return nil, err
		}
		if found != "" {
			p.Dir, p.root, rootText = found, root, above
		}
	}
	if p.root.Workspace != nil && p.root.Package == nil {
		p.above = edited{filepath.Join(p.Dir, manifest.FileName), rootText, rootText}
	}
	return p, p.addMembers(dir, own, text)
}

// load reads a manifest once: the text is what the rest was made from, whoever writes beside us.
func load(file string) (*manifest.Manifest, []byte, error) {
	text, err := manifest.Read(file)
	if err != nil {
		return nil, nil, err
	}
	m, err := manifest.Parse(file, text)
	return m, text, err
}

// workspaceAbove looks for a workspace root in the folders above dir that has dir as a member, and returns it with its text
// and its folder; "" for none.
func workspaceAbove(dir string) (*manifest.Manifest, []byte, string, error) {
	for above := filepath.Dir(dir); ; above = filepath.Dir(above) {
		file := filepath.Join(above, manifest.FileName)
		if _, err := os.Stat(file); err == nil {
			m, text, err := load(file)
			if err != nil {
				return nil, nil, "", err
			}
			if m.Workspace != nil {
				folders, err := m.Workspace.Folders(os.DirFS(above))
				if err != nil {
					return nil, nil, "", err
				}
				rel, err := filepath.Rel(above, dir)
				if err != nil {
					return nil, nil, "", err
				}
				for _, f := range folders {
					if f == filepath.ToSlash(rel) {
						return m, text, above, nil
					}
				}
			}
		}
		if above == filepath.Dir(above) {
			return nil, nil, "", nil
		}
	}
}

// addMembers lists the packages of the project: the root's own, then the members in the order of their folders.
func (p *Project) addMembers(dir string, own *manifest.Manifest, text []byte) error {
	add := func(rel string, m *manifest.Manifest, text []byte) error {
		full, err := m.Inherit(p.root)
		if err != nil {
			return err
		}
		member := &Member{Rel: rel, Manifest: full, text: text, disk: text}
		p.Members = append(p.Members, member)
		if filepath.Join(p.Dir, filepath.FromSlash(rel)) == dir {
			p.Current = member
		}
		return nil
	}
	if p.root.Workspace == nil {
		p.Current = &Member{Rel: ".", Manifest: own, text: text, disk: text}
		p.Members = []*Member{p.Current}
		return nil
	}
	if p.root.Package != nil {
		m, text, err := load(filepath.Join(p.Dir, manifest.FileName))
		if err != nil {
			return err
		}
		if err := add(".", m, text); err != nil {
			return err
		}
	}
	folders, err := p.root.Workspace.Folders(os.DirFS(p.Dir))
	if err != nil {
		return err
	}
	for _, rel := range folders {
		m, text, err := load(filepath.Join(p.Dir, filepath.FromSlash(rel), manifest.FileName))
		if err != nil {
			return err
		}
		if err := add(rel, m, text); err != nil {
			return err
		}
	}
	if len(p.Members) == 0 {
		return fault.New(fault.Manifest, "empty-workspace", "the workspace %s has no members", p.Dir)
	}
	if p.Current == nil {
		p.Current, p.vague = p.Members[0], len(p.Members) > 1
	}
	return nil
}

func (p *Project) readLock() error {
	text, err := atomicfile.Read(p.LockPath(), maxLock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.New(fault.Manifest, "lock-unreadable", "gal.lock cannot be read").Because(err)
	}
	p.lockText = text
	p.Lock, err = manifest.ParseLock(LockName, text)
	return err
}

// WithManifest returns the project as it would be with another text of the current member's manifest; nothing is written.
func (p *Project) WithManifest(text []byte) (*Project, error) {
	m, err := manifest.Parse(p.Path(p.Current), text)
	if err != nil {
		return nil, err
	}
	next := *p
	next.Members = append([]*Member(nil), p.Members...)
	if p.root == p.Current.Manifest || p.Current.Rel == "." {
		next.root = m
	}
	full, err := m.Inherit(next.root)
	if err != nil {
		return nil, err
	}
	for i, member := range next.Members {
		if member == p.Current {
			next.Current = &Member{Rel: member.Rel, Manifest: full, text: text, disk: member.disk}
			next.Members[i] = next.Current
		}
	}
	return &next, nil
}

// Locked is a lock together with what its file holds.
type Locked struct {
	*manifest.Lock
	text   []byte
	beside []edited // the manifests of path dependencies, from which it was made too
}

func locked(lock *manifest.Lock) Locked { return Locked{Lock: lock, text: lock.Format()} }

// WithLock returns the project as it is once a lock has been written, where it says something else.
func (p *Project) WithLock(lock Locked) *Project {
	next := *p
	if next.Lock, next.beside = lock.Lock, lock.beside; p.Changed(lock) {
		next.lockText = lock.text
	}
	return &next
}

// Text returns the current member's manifest as it is written.
func (p *Project) Text() []byte { return p.Current.text }

func (p *Project) lockUnchanged(text []byte) error {
	now, err := atomicfile.Read(p.LockPath(), maxLock)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.Equal(now, p.lockText) && !bytes.Equal(now, text) {
		return changedMeanwhile(LockName)
	}
	return nil
}

func changedMeanwhile(name string) error {
	return fault.New(fault.Negative, "changed-meanwhile", "%s was changed while this ran; nothing was written", name).
		WithHelp("run the command again")
}

// write puts text into a file, which the error calls name.
func write(file, name string, text []byte) error {
	if err := atomicfile.Write(file, text, 0o644); err != nil {
		return fault.New(fault.Manifest, "not-writable", "%s cannot be written", name).Because(err).
			WithHelp("ls -ld %q      # a file is written anew there: who may, and is there space?", filepath.Dir(file))
	}
	return nil
}

// Changed reports whether a lock says something else than the one on disk. How that is written is no difference: git turns
// line ends into those of the system, and people write comments.
func (p *Project) Changed(lock Locked) bool {
	if bytes.Equal(lock.text, p.lockText) {
		return false
	}
	return p.Lock == nil || p.torn || !bytes.Equal(lock.text, p.Lock.Format())
}

// join returns a path dependency's folder relative to the project's, from the folder of the manifest that names it.
func join(rel, dependency string) string { return path.Join(rel, dependency) }
