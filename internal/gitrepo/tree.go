package gitrepo

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Mode is the kind of a tree's entry, as git writes it.
type Mode uint32

// The modes that exist. Anything else makes a tree malformed.
const (
	ModeFile      Mode = 0o100644
	ModeExec      Mode = 0o100755
	ModeDir       Mode = 0o040000
	ModeLink      Mode = 0o120000
	ModeSubmodule Mode = 0o160000
)

// Regular reports whether the entry is a file with content of its own.
func (m Mode) Regular() bool { return m == ModeFile || m == ModeExec }

// modeText is a mode as it stands in a tree object: octal, no leading zero.
func modeText(m Mode) string {
	switch m {
	case ModeFile:
		return "100644"
	case ModeExec:
		return "100755"
	case ModeDir:
		return "40000"
	case ModeLink:
		return "120000"
	case ModeSubmodule:
		return "160000"
	}
	return ""
}

func parseMode(text []byte) (Mode, bool) {
	for _, m := range []Mode{ModeFile, ModeExec, ModeDir, ModeLink, ModeSubmodule} {
		if modeText(m) == string(text) {
			return m, true
		}
	}
	return 0, false
}

// entry is one line of a tree object: "mode SP name NUL id".
type entry struct {
	name string
	mode Mode
	hash Hash
}

// sortKey orders entries as git does: a folder as if its name ended in a slash.
func (e entry) sortKey() string {
	if e.mode == ModeDir {
		return e.name + "/"
	}
	return e.name
}

// parseTree reads a tree object strictly: encodeTree of the result gives the same bytes.
func parseTree(data []byte) ([]entry, error) {
	var entries []entry
	names := map[string]bool{}
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		text, name, spaced := bytes.Cut(head, []byte{' '})
		mode, known := parseMode(text)
		if !ok || !spaced || !known || len(rest) < len(Hash{}) {
			return nil, unsafe("malformed git tree near %q", head[:min(len(head), 60)])
		}
		e := entry{name: string(name), mode: mode, hash: Hash(rest[:len(Hash{})])}
		if err := checkName(e.name); err != nil {
			return nil, err
		}
		if n := len(entries); n > 0 && entries[n-1].sortKey() >= e.sortKey() || names[e.name] {
			return nil, unsafe("git tree entry %q is double or out of order", e.name)
		}
		names[e.name] = true
		entries = append(entries, e)
		data = rest[len(Hash{}):]
	}
	return entries, nil
}

// encodeTree sorts the entries and returns the tree object's bytes.
func encodeTree(entries []entry) []byte {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.sortKey(), b.sortKey()) })
	var buf bytes.Buffer
	for _, e := range entries {
		buf.WriteString(modeText(e.mode))
		buf.WriteByte(' ')
		buf.WriteString(e.name)
		buf.WriteByte(0)
		buf.Write(e.hash[:])
	}
	return buf.Bytes()
}

// readTree returns the entries of a tree. The zero hash is the empty tree, and so is the id that git knows for it without
// having an object.
func (r *Repo) readTree(h Hash) ([]entry, error) {
	if h.IsZero() || h == plumbing.ComputeHash(plumbing.TreeObject, nil) {
		return nil, nil
	}
	data, err := r.readKind(plumbing.TreeObject, h, MaxTree)
	if err != nil {
		return nil, err
	}
	return parseTree(data)
}

// checkName refuses names that are no plain file name, or that somebody's file system takes for ".git".
func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == "..", strings.ContainsAny(name, "/\x00"), len(name) > MaxName:
		return unsafe("%q is not a file name", name)
	case isDotGit(name):
		return unsafe("%q can be taken for .git", name)
	}
	return nil
}

// isDotGit follows git's own checks: letter case, NTFS short names, streams and trailing dots or spaces, backslashes as
// separators, and the code points that HFS+ ignores.
func isDotGit(name string) bool {
	name = strings.Map(func(c rune) rune {
		switch {
		case c >= 0x200c && c <= 0x200f, c >= 0x202a && c <= 0x202e, c >= 0x206a && c <= 0x206f, c == 0xfeff:
			return -1
		}
		return c
	}, name)
	for part := range strings.SplitSeq(name, `\`) {
		part, _, _ = strings.Cut(part, ":")
		part = strings.TrimRight(part, " .")
		if strings.EqualFold(part, ".git") || strings.EqualFold(part, "git~1") {
			return true
		}
	}
	return false
}

// CheckPath reports why path cannot name a file of a tree: it is relative, with forward slashes, at most [MaxDepth]
// components, and each is a plain name.
func CheckPath(path string) error {
	parts := strings.Split(path, "/")
	if len(parts) > MaxDepth {
		return unsafe("%q has more than %d components", path, MaxDepth)
	}
	for _, p := range parts {
		if err := checkName(p); err != nil {
			return err
		}
	}
	return nil
}
