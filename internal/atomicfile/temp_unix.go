//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// openTemp opens the temporary file for path, empty. It is .tmp-<name>, or .tmp-<name>~1 and so on for who writes the same
// file at the same time, and its writer holds the kernel's lock on it: what a crash has left has no lock, is taken over by
// the next writer of the same file, and so never piles up. Where none of them can be had, the name is a random one.
func openTemp(path string) (*os.File, error) {
	dir, name := filepath.Split(path)
	name = dir + TempPrefix + name
	for i, try := 0, name; i < maxWriters; i++ {
		f, err := takeTemp(try)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, err // the folder: with a random name it would only be found missing again, or made in between
		}
		if err != nil {
			break // there is something else, a file that is not ours, or nobody may write
		}
		if f != nil {
			return f, nil
		}
		try = name + "~" + strconv.Itoa(i+1)
	}
	return os.CreateTemp(filepath.Dir(path), TempPrefix+"*")
}

// maxWriters is how many write the same file at the same time before names are random.
const maxWriters = 8

// takeTemp opens and locks the file of a name; nil means that somebody else has it.
func takeTemp(name string) (*os.File, error) {
	// A link may have been put there by whoever wrote the folder, to have us write somewhere else.
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		// Its writer may have renamed it between our opening and our locking.
		info, err := f.Stat()
		if err == nil && isOurs(info, name) && empty(f, info) == nil {
			return f, nil
		}
	}
	return nil, f.Close()
}

// empty makes a file empty that was left behind. A new one is not to be touched: ext4 takes a file that was cut to nothing
// for one that is being replaced, and writes it to the disk when it is closed.
func empty(f *os.File, info fs.FileInfo) error {
	if info.Size() == 0 {
		return nil
	}
	return f.Truncate(0)
}

// Sweep removes what a crash has left of writing the files, and nothing that somebody is writing now.
func Sweep(paths ...string) {
	for _, path := range paths {
		dir, name := filepath.Split(path)
		name = dir + TempPrefix + name
		for i, try := 0, name; i < maxWriters; i++ {
			if _, err := os.Lstat(try); err != nil {
				break
			}
			if f, err := takeTemp(try); err == nil && f != nil {
				os.Remove(try) // it was of no use to anybody
				f.Close()
			}
			try = name + "~" + strconv.Itoa(i+1)
		}
	}
}

// isOurs reports whether an open file is still the one of that name, and has no other name and no other owner.
func isOurs(info fs.FileInfo, name string) bool {
	named, err := os.Lstat(name)
	stat, ok := info.Sys().(*syscall.Stat_t)
	return err == nil && ok && info.Mode().IsRegular() && os.SameFile(info, named) && stat.Nlink == 1 && int(stat.Uid) == os.Geteuid()
}

// place gives a file its name and closes it: in this order, since the lock ends with it.
func place(f *os.File, path string) error {
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return f.Close()
}
