package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	ignoreName   = ".gitignore"
	maxPattern   = 1024 // bytes of a pattern
	maxPatterns  = 20_000
	maxIgnoreLen = 1 << 20
)

type match byte

const (
	matchNone match = iota
	matchOut        // the last pattern that matches is a plain one
	matchIn         // it begins with !
)

// ignoreList is a list of patterns with the meaning that gitignore(5) gives them. The zero value matches nothing; a list
// is never changed once others were made [ignoreList.with] it.
type ignoreList struct {
	base     string // the way from the top of the repository down to the package, "" or ending in a slash
	patterns []pattern
}

type pattern struct {
	base       string // the folder that the pattern is relative to, "" or ending in a slash
	glob       glob
	nameOnly   bool // without a slash: it matches the last part alone
	folderOnly bool
	negated    bool
}

// with returns the list with the patterns of the .gitignore in one folder of the package, "." for its top.
func (l *ignoreList) with(root *os.Root, folder string) (*ignoreList, error) {
	f, err := root.Open(path.Join(folder, ignoreName))
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return l, err
	}
	if info.Size() > maxIgnoreLen {
		return nil, fmt.Errorf("%s is longer than %d bytes", path.Join(folder, ignoreName), maxIgnoreLen)
	}
	data := make([]byte, info.Size())
	if _, err := f.Read(data); err != nil && len(data) > 0 {
		return nil, err
	}
	base := l.base
	if folder != "." {
		base += folder + "/"
	}
	more := &ignoreList{base: l.base, patterns: l.patterns[:len(l.patterns):len(l.patterns)]}
	more.addLines(data, base)
	return more, nil
}

// addLines adds the lines of a .gitignore. A line that is no pattern matches nothing, as in git.
func (l *ignoreList) addLines(data []byte, base string) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for line := range strings.SplitSeq(string(data), "\n") {
		if len(l.patterns) < maxPatterns {
			_ = l.add(strings.TrimSuffix(line, "\r"), base)
		}
	}
}

// add parses one pattern relative to base.
func (l *ignoreList) add(line, base string) error {
	if len(line) > maxPattern {
		return fmt.Errorf("is longer than %d bytes", maxPattern)
	}
	line = trimSpaces(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	p := pattern{base: base}
	if line[0] == '!' {
		p.negated, line = true, line[1:]
	}
	if strings.HasSuffix(line, "/") {
		p.folderOnly, line = true, line[:len(line)-1]
	}
	p.nameOnly = !strings.Contains(line, "/")
	g, err := parseGlob(strings.TrimPrefix(line, "/"))
	if err != nil {
		return err
	}
	p.glob = g
	l.patterns = append(l.patterns, p)
	return nil
}

// trimSpaces drops trailing spaces, but for one that a backslash keeps.
func trimSpaces(line string) string {
	for strings.HasSuffix(line, " ") {
		before := line[:len(line)-1]
		slashes := len(before) - len(strings.TrimRight(before, "\\"))
		if slashes%2 == 1 {
			break
		}
		line = before
	}
	return line
}

// match returns the verdict of the last pattern that matches p, a path below the package. A nil list has none.
func (l *ignoreList) match(p string, isDir bool) match {
	if l == nil {
		return matchNone
	}
	full := l.base + p
	for i := len(l.patterns) - 1; i >= 0; i-- {
		pat := &l.patterns[i]
		if pat.folderOnly && !isDir {
			continue
		}
		below, ok := strings.CutPrefix(full, pat.base)
		if !ok {
			continue
		}
		if pat.nameOnly {
			below = path.Base(below)
		}
		if !pat.glob.match(below) {
			continue
		}
		if pat.negated {
			return matchIn
		}
		return matchOut
	}
	return matchNone
}

// outerIgnores reads the .gitignore files of the folders above dir, up to the one that holds .git; none where dir is in
// no repository. Patterns of a folder above see the whole path, so they are kept with the way down to dir.
func outerIgnores(dir string) (*ignoreList, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	var above []string
	top := abs
	for {
		if _, err := os.Lstat(filepath.Join(top, ".git")); err == nil {
			break
		}
		up := filepath.Dir(top)
		if up == top {
			return &ignoreList{}, nil
		}
		top = up
		above = append(above, top)
	}
	rel, err := filepath.Rel(top, abs)
	if err != nil {
		return nil, err
	}
	list := &ignoreList{}
	if rel != "." {
		list.base = filepath.ToSlash(rel) + "/"
	}
	for _, folder := range slices.Backward(above) {
		if err := list.addFile(folder, top); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (l *ignoreList) addFile(folder, top string) error {
	data, err := os.ReadFile(filepath.Join(folder, ignoreName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(top, folder)
	if err != nil {
		return err
	}
	base := ""
	if rel != "." {
		base = filepath.ToSlash(rel) + "/"
	}
	l.addLines(data, base)
	return nil
}
