package install

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// exchange gives two files or folders each other's names, in one step.
func exchange(root *os.Root, a, b string) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	fd := int(dir.Fd())
	return errors.Join(unix.Renameat2(fd, a, fd, b, unix.RENAME_EXCHANGE), dir.Close())
}
