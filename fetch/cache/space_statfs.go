//go:build linux || darwin || freebsd

package cache

import "syscall"

// FreeSpace is how many bytes may still be written to the disk that a folder is on; ok is false where there is no telling.
func FreeSpace(dir string) (bytes int64, ok bool) {
	var s syscall.Statfs_t
	_, err := retry(func() (int, error) { return 0, syscall.Statfs(dir, &s) })
	// Some file systems have no number, and say 0 of 0.
	if err != nil || s.Blocks == 0 {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
