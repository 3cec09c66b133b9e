package install

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// maxInput bounds a file that a stamp covers: a lock is the longest.
const maxInput = 16 << 20

// Stamp is the digest of everything that an installation follows from. Two equal stamps mean that there is nothing to do.
type Stamp string

// NewStamp computes the stamp of a project: files are its lock and manifests, relative to it, in a fixed order; words are
// all else that counts: options, the program's version, the cache's folder and generation. Contents are hashed, not
// times, for a file can change twice within one tick of a clock. A file that is missing is part of the stamp as such.
func NewStamp(project string, files []string, words ...string) (Stamp, error) {
	h := sha256.New()
	fmt.Fprintf(h, "gal-stamp 1\n%d %d\n", len(files), len(words))
	for _, name := range files {
		data, err := atomicfile.Read(filepath.Join(project, filepath.FromSlash(name)), maxInput)
		if errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(h, "absent %q\n", name)
			continue
		}
		if err != nil {
			return "", fault.New(fault.Manifest, "unreadable", "%s cannot be read", name).Because(err)
		}
		fmt.Fprintf(h, "file %q %d\n", name, len(data))
		h.Write(data)
	}
	for _, w := range words {
		fmt.Fprintf(h, "word %q\n", w)
	}
	return Stamp("sha256:" + hex.EncodeToString(h.Sum(nil))), nil
}

// The state file is `gal-state 4`, the stamp, the times at which .gal/packages and packages.json were last changed with the
// length of the latter, the time of the cache's store folder, and when it was last noted that the trees are used, each a line.
// They show that somebody removed a link, has changed the list, or that a tree came or went to which a link may lead; these
// are compared for equality alone.

// Fresh reports whether the project was installed from exactly what s stands for, and its links are as they were left and
// lead somewhere. Store is the folder of the cache with the trees. Where that has changed, or a day has passed, every link is
// followed, it is noted that the trees are used ([cache.Used]), and the state is written anew, so that the next run need not.
func (s Stamp) Fresh(project, store string) bool {
	data, err := atomicfile.Read(filepath.Join(project, filepath.FromSlash(StateFile)), 512)
	if err != nil {
		return false
	}
	own, err := s.state(project)
	kept, same := strings.CutPrefix(string(data), own)
	if err != nil || !same {
		return false
	}
	now := changed(store)
	if noted, same := strings.CutPrefix(kept, now); same && recent(noted) {
		return true
	}
	if !linked(project, store) {
		return false
	}
	_ = write(project, own+now+noted()) // without it the next run only looks again
	return true
}

// noted is the last line of the state file.
func noted() string { return fmt.Sprintf("%d\n", time.Now().Unix()) }

// recent reports whether what [noted] has written is of less than [cache.UsedEvery] ago.
func recent(noted string) bool {
	at, err := strconv.ParseInt(strings.TrimSuffix(noted, "\n"), 10, 64)
	age := time.Since(time.Unix(at, 0))
	return err == nil && 0 <= age && age < cache.UsedEvery
}

// Record notes that the project is installed. Call it last. Where a link leads nowhere already, nothing is noted: the next
// run makes what is missing.
func (s Stamp) Record(project, store string) error {
	own, err := s.state(project)
	if err != nil {
		return err
	}
	now := changed(store)
	if !linked(project, store) {
		return Forget(project)
	}
	if err := write(project, own+now+noted()); err != nil {
		return err
	}
	failpoint.Reach(failpoint.StateSaved)
	return nil
}

// write is not synced: packages.json was, and a state that a power cut has spoilt only makes the next run look.
func write(project, state string) error {
	return atomicfile.WriteCache(filepath.Join(project, filepath.FromSlash(StateFile)), []byte(state))
}

// Forget removes the stamp, so that the next run looks at everything.
func Forget(project string) error {
	err := os.Remove(filepath.Join(project, filepath.FromSlash(StateFile)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// state is the state file without its last two lines.
func (s Stamp) state(project string) (string, error) {
	dir, err := os.Lstat(filepath.Join(project, filepath.FromSlash(PackagesDir)))
	if err != nil {
		return "", err
	}
	list, err := os.Lstat(filepath.Join(project, filepath.FromSlash(ListFile)))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("gal-state 4\n%s\n%d\n%d %d\n", s, dir.ModTime().UnixNano(), list.ModTime().UnixNano(), list.Size()), nil
}

// changed is the last line but one of the state file. It is taken before the links are looked at: what goes while they are is
// seen by the next run.
func changed(store string) string {
	info, err := os.Stat(store)
	if err != nil {
		return "no store\n"
	}
	return fmt.Sprintf("%d\n", info.ModTime().UnixNano())
}

// linked reports whether everything in .gal/packages is a folder, or leads to one. What leads to a tree of the store uses it.
func linked(project, store string) bool {
	dir := filepath.Join(project, filepath.FromSlash(PackagesDir))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		link := filepath.Join(dir, e.Name())
		info, err := os.Stat(link)
		if err != nil || !info.IsDir() {
			return false
		}
		if tree, err := os.Readlink(link); err == nil && filepath.Dir(tree) == store {
			cache.Used(tree, info)
		}
	}
	return true
}
