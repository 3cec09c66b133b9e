package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// A kept file is `1 SHA256 ETAG` and a line feed before its bytes; the digest finds what the disk has spoilt. A file that
// cannot be kept is asked for again next time: that costs time, and must not cost what it was asked for.
func (t *Static) keep(path, etag string, data []byte) {
	if strings.ContainsAny(etag, "\r\n") {
		etag = "" // no validator that a host could have meant
	}
	if !t.unmark(path) {
		return
	}
	name, sum := t.keptName(path), sha256.Sum256(data)
	write := func() error {
		return atomicfile.WriteCache(name, fmt.Appendf(nil, "1 %x %s\n", sum, etag), data)
	}
	err := write()
	if errors.Is(err, fs.ErrNotExist) && os.MkdirAll(filepath.Dir(name), 0o755) == nil {
		err = write()
	}
	if err != nil && isFolder(name) && os.RemoveAll(name) == nil {
		_ = write()
	}
}

func (t *Static) keptName(path string) string { return filepath.Join(t.dir, filepath.FromSlash(path)) }

func isFolder(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.IsDir()
}

// keptFile is a file as it is kept; ok is false where it is not.
type keptFile struct {
	data []byte
	etag string
	ok   bool
}

func (t *Static) kept(path string) keptFile {
	file, err := atomicfile.Read(t.keptName(path), MaxFile+1<<10)
	if err != nil {
		return keptFile{}
	}
	head, data, found := bytes.Cut(file, []byte("\n"))
	fields := strings.SplitN(string(head), " ", 3)
	if !found || len(fields) != 3 || fields[0] != "1" {
		return keptFile{}
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != fields[1] {
		return keptFile{}
	}
	return keptFile{data, fields[2], true}
}

// isKept reports whether something is kept of a file, right or not.
func (t *Static) isKept(path string) bool {
	_, err := os.Lstat(t.keptName(path))
	return err == nil
}

// absentDir has a file for each path of which the host said that it does not have it: so a search works offline although
// most of its catalogue may not exist. It lies apart from the files, because nothing can be below a path that is a file.
const absentDir = ".absent"

func markOf(path string) string { return DigestOf([]byte(path)).Hex()[:32] }

func (t *Static) isAbsent(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	marks := t.marks()
	return len(marks) > 0 && marks[markOf(path)]
}

// marks reads the folder of marks once: most registries have few. t.mu is held.
func (t *Static) marks() map[string]bool {
	if t.absent == nil {
		t.absent = map[string]bool{}
		entries, _ := os.ReadDir(filepath.Join(t.dir, absentDir)) // what is not known is asked for
		for _, e := range entries {
			t.absent[e.Name()] = true
		}
	}
	return t.absent
}

// keepAbsent marks a path.
func (t *Static) keepAbsent(path string) {
	mark := markOf(path)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.marks()[mark] {
		return
	}
	dir := filepath.Join(t.dir, absentDir)
	if os.MkdirAll(dir, 0o755) == nil && atomicfile.WriteCache(filepath.Join(dir, mark), nil) == nil {
		t.absent[mark] = true
	}
}

// unmark takes a path's mark away, and reports whether it has none.
func (t *Static) unmark(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.marks()) == 0 {
		return true
	}
	mark := markOf(path)
	if !t.absent[mark] {
		return true
	}
	if err := os.Remove(filepath.Join(t.dir, absentDir, mark)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	delete(t.absent, mark)
	return true
}
