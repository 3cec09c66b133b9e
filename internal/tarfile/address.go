package tarfile

import (
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	scheme = "tar+file"
	inside = "!/"
)

// Base returns what the addresses of all files of a tar begin with, without the last slash: the tar is named by its
// absolute path.
func Base(path string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive
	}
	u := url.URL{Scheme: scheme, Path: slashed}
	return u.String() + strings.TrimSuffix(inside, "/")
}

// Split takes the address of a file in a tar apart; false for any other address.
func Split(address string) (path, file string, ok bool) {
	rest, ok := strings.CutPrefix(address, scheme+"://")
	cut := strings.LastIndex(rest, inside)
	if !ok || cut < 0 {
		return "", "", false
	}
	path, err := url.PathUnescape(rest[:cut])
	if err != nil || !strings.HasPrefix(path, "/") {
		return "", "", false
	}
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/")
	}
	return filepath.FromSlash(path), rest[cut+len(inside):], true
}
