package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/geeknik/gal-pkg/fetch/archive"
)

// quick reports whether the tree is what its listing says, in one pass over the listing: thousands of files are looked at
// whenever links are made, so each costs as few system calls as it can. Folders stay open, and files are named relative to
// them; what nobody listed is found by the number of entries that a folder has. It does not say what is wrong: where
// anything is, [treeCheck.run] finds out.
func (t *treeCheck) quick() bool {
	q := quickWalk{treeCheck: t}
	defer q.close()
	if !q.down(unix.AT_FDCWD, t.dir, "") {
		return false
	}
	for i := range t.want.files {
		e := &t.want.files[i]
		slash := strings.LastIndexByte(e.Path, '/')
		if !q.enter(e.Path[:max(slash, 0)]) || !q.file(e.Path[slash+1:], e) {
			return false
		}
	}
	return q.leave(0)
}

// quickWalk is where a quick check is: in the last of some folders below each other, of which the first is the tree.
type quickWalk struct {
	*treeCheck
	open []quickFolder
}

type quickFolder struct {
	fd   int
	path string
	left int // entries that the listing has not named yet
}

func (q *quickWalk) close() {
	for _, f := range q.open {
		unix.Close(f.fd)
	}
}

// leave goes back up until so many folders are open; it is false where one of the others has an entry too many.
func (q *quickWalk) leave(depth int) bool {
	for len(q.open) > depth {
		last := q.open[len(q.open)-1]
		q.open = q.open[:len(q.open)-1]
		unix.Close(last.fd)
		if last.left != 0 {
			return false
		}
	}
	return true
}

// enter goes to a folder. Below a folder, nothing else lies between its files in a listing, so it is opened once.
func (q *quickWalk) enter(path string) bool {
	depth := len(q.open)
	for at := q.open[depth-1].path; at != "" && path != at && !strings.HasPrefix(path, at+"/"); at = q.open[depth-1].path {
		depth--
	}
	if !q.leave(depth) {
		return false
	}
	for top := &q.open[depth-1]; top.path != path; top = &q.open[len(q.open)-1] {
		from := len(top.path)
		if from > 0 {
			from++
		}
		part, _, _ := strings.Cut(path[from:], "/")
		top.left--
		if !q.down(top.fd, part, path[:from+len(part)]) {
			return false
		}
	}
	return true
}

// down opens a folder and counts what is in it.
func (q *quickWalk) down(above int, name, path string) bool {
	fd, err := retry(func() (int, error) {
		return unix.Openat(above, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return false
	}
	q.open = append(q.open, quickFolder{fd: fd, path: path})
	count := 0
	for {
		n, err := retry(func() (int, error) { return syscall.ReadDirent(fd, q.buf) })
		if err != nil {
			return false
		}
		if n <= 0 {
			break
		}
		count += countEntries(q.buf[:n])
	}
	q.open[len(q.open)-1].left = count
	return true
}

// countEntries counts what getdents64(2) returned, but for the folder itself and the one above it.
func countEntries(b []byte) int {
	const lengthAt, nameAt = 16, 19
	count := 0
	for len(b) > nameAt {
		length := int(binary.NativeEndian.Uint16(b[lengthAt:]))
		if length <= nameAt || length > len(b) {
			return -1 // no kernel writes that
		}
		name := string(b[nameAt:min(nameAt+3, length)])
		if !strings.HasPrefix(name, ".\x00") && name != "..\x00" {
			count++
		}
		b = b[length:]
	}
	return count
}

// lastChange is when a file was changed, or its name or mode, whatever time it has been given since.
func lastChange(info fs.FileInfo) time.Time {
	changed := info.ModTime()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && changed.Before(time.Unix(stat.Ctim.Unix())) {
		changed = time.Unix(stat.Ctim.Unix())
	}
	return changed
}

// file compares one file of the folder that is open last.
func (q *quickWalk) file(name string, want *archive.Entry) bool {
	top := &q.open[len(q.open)-1]
	top.left--
	var info unix.Stat_t
	if q.level == Stat {
		if unix.Fstatat(top.fd, name, &info, unix.AT_SYMLINK_NOFOLLOW) != nil || !asListed(&info, want) {
			return false
		}
		if max(info.Mtim.Nano(), info.Ctim.Nano()) <= q.made.UnixNano() {
			return true
		}
	}
	fd, err := retry(func() (int, error) {
		return unix.Openat(top.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if unix.Fstat(fd, &info) != nil || !asListed(&info, want) {
		return false
	}
	sum, err := digestDescriptor(fd, want.Size, q.buf)
	return err == nil && sum == [sha256.Size]byte(want.SHA256)
}

func asListed(info *unix.Stat_t, want *archive.Entry) bool {
	return info.Mode&unix.S_IFMT == unix.S_IFREG && sameShape(info.Size, info.Mode&0o100 != 0, *want)
}
