package filelock

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// openForAll opens a file for reading and writing so that all who may write to a folder can do so too. A file that they
// cannot is given the folder's mode, by whoever may do that.
func openForAll(path, folder string) (*os.File, error) {
	like, err := os.Stat(folder)
	if err != nil {
		return nil, err
	}
	const flags = os.O_RDWR | unix.O_NOFOLLOW
	perm := like.Mode().Perm() & 0o666
	f, err := os.OpenFile(path, flags, 0) // to create what is there is forbidden in folders with a sticky bit
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.OpenFile(path, flags|os.O_CREATE, perm)
	}
	if err != nil {
		return nil, err
	}
	if err := openToAll(f, like, perm); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func openToAll(f *os.File, folder fs.FileInfo, perm fs.FileMode) error {
	for range 2 {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if isOpenTo(info, folder) {
			return nil
		}
		// Another name could be that of a private file.
		if !info.Mode().IsRegular() || info.Size() > 0 || info.Sys().(*syscall.Stat_t).Nlink != 1 || f.Chmod(perm|info.Mode().Perm()) != nil {
			break
		}
	}
	return errors.ErrUnsupported
}

// isOpenTo reports whether whoever may write to a folder may read and write a file, as far as modes tell. The owner of a
// folder that its group may write to is taken for one of the group.
func isOpenTo(file, folder fs.FileInfo) bool {
	f, d := file.Sys().(*syscall.Stat_t), folder.Sys().(*syscall.Stat_t)
	mode, writers := file.Mode().Perm(), folder.Mode().Perm()&0o022
	switch {
	case !file.Mode().IsRegular():
		return false
	case mode&0o666 == 0o666:
		return true
	case writers == 0:
		return mode&0o600 == 0o600 && (f.Uid == d.Uid || d.Uid == 0)
	}
	return writers == 0o020 && mode&0o660 == 0o660 && f.Gid == d.Gid
}
