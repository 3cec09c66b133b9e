package archive

import (
	"io/fs"
	"strings"
	"syscall"
)

// target is a folder of our own that files are written to, in the order of their paths. It keeps the folders open that it
// is in: each system call then names one component, which cannot be a link that leads elsewhere. There are thousands of
// files, so it does without os.File, which asks the kernel four more things about each.
type target struct {
	open  []int    // descriptors of the folder, and of those of parts below each other
	parts []string // where it is
	name  string   // parts, joined
	mode  uint32   // of folders, whatever the umask; 0 for none
}

const (
	openFolder = syscall.O_RDONLY | syscall.O_DIRECTORY | syscall.O_NOFOLLOW | syscall.O_CLOEXEC
	newFile    = syscall.O_WRONLY | syscall.O_CREAT | syscall.O_EXCL | syscall.O_NOFOLLOW | syscall.O_CLOEXEC
)

func openTarget(dir string, folders fs.FileMode) (*target, error) {
	fd, err := retry(func() (int, error) { return syscall.Open(dir, openFolder, 0) })
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	mode := uint32(folders.Perm())
	if folders&fs.ModeSetgid != 0 {
		mode |= syscall.S_ISGID
	}
	return &target{open: []int{fd}, mode: mode}, nil
}

func (t *target) close() { t.leave(-1) }

// leave closes what is deeper than so many parts.
func (t *target) leave(depth int) {
	for _, fd := range t.open[depth+1:] {
		syscall.Close(fd)
	}
	t.open, t.parts = t.open[:depth+1], t.parts[:max(depth, 0)]
}

// enter goes to a folder, and makes it with its parents where they are missing.
func (t *target) enter(folder string) error {
	if folder == t.name {
		return nil
	}
	depth, rest := 0, folder
	for rest != "" && depth < len(t.parts) {
		part, after, _ := strings.Cut(rest, "/")
		if part != t.parts[depth] {
			break
		}
		depth, rest = depth+1, after
	}
	t.leave(depth)
	for rest != "" {
		part, after, _ := strings.Cut(rest, "/")
		if err := t.down(part); err != nil {
			return &fs.PathError{Op: "mkdir", Path: folder, Err: err}
		}
		rest = after
	}
	t.name = folder
	return nil
}

func (t *target) down(part string) error {
	above := t.open[len(t.open)-1]
	if err := syscall.Mkdirat(above, part, 0o755); err != nil && err != syscall.EEXIST {
		return err
	}
	fd, err := retry(func() (int, error) { return syscall.Openat(above, part, openFolder, 0) })
	if err != nil {
		return err
	}
	t.open, t.parts = append(t.open, fd), append(t.parts, part)
	if t.mode != 0 {
		return syscall.Fchmod(fd, t.mode)
	}
	return nil
}

// create makes a new file in the folder that it is in.
func (t *target) create(name string, mode fs.FileMode) (*newborn, error) {
	fd, err := retry(func() (int, error) { return syscall.Openat(t.open[len(t.open)-1], name, newFile, uint32(mode.Perm())) })
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &newborn{fd, name}, nil
}

// newborn is a file that is being written.
type newborn struct {
	fd   int
	name string
}

// Write implements io.Writer.
func (f *newborn) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		n, err := retry(func() (int, error) { return syscall.Write(f.fd, p[done:]) })
		if err != nil {
			return done, &fs.PathError{Op: "write", Path: f.name, Err: err}
		}
		done += n
	}
	return len(p), nil
}

// Close implements io.Closer.
func (f *newborn) Close() error {
	// After EINTR the descriptor is closed all the same.
	if err := syscall.Close(f.fd); err != nil && err != syscall.EINTR {
		return &fs.PathError{Op: "close", Path: f.name, Err: err}
	}
	return nil
}

// retry repeats a system call that a signal has interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != syscall.EINTR {
			return n, err
		}
	}
}
