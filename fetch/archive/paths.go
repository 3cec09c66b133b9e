package archive

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// CheckPath reports why a path below the package folder cannot be in an archive, or nil. Both ends of the format use it.
func CheckPath(p string) error {
	switch {
	case p == "":
		return fmt.Errorf("path is empty")
	case len(p) > MaxPath:
		return fmt.Errorf("path of %d bytes is longer than %d", len(p), MaxPath)
	case !utf8.ValidString(p):
		return fmt.Errorf("path %q is not UTF-8", p)
	case !norm.NFC.IsNormalString(p):
		return fmt.Errorf("path %q is not in Unicode normal form C", p)
	}
	if strings.Count(p, "/") >= MaxDepth {
		return fmt.Errorf("path %q is deeper than %d folders", p, MaxDepth)
	}
	for part := range strings.SplitSeq(p, "/") {
		if err := checkComponent(part); err != nil {
			return fmt.Errorf("path %q: %w", p, err)
		}
	}
	return nil
}

func checkComponent(part string) error {
	switch {
	case part == "":
		return fmt.Errorf("has an empty part")
	case part == "." || part == "..":
		return fmt.Errorf("has the part %q", part)
	case len(part) > MaxComponent:
		return fmt.Errorf("has a part of %d bytes, at most %d are allowed", len(part), MaxComponent)
	case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
		return fmt.Errorf("the part %q ends in a dot or space, which Windows drops", part)
	case isDevice(part):
		return fmt.Errorf("the part %q is a device on Windows", part)
	case isControlFolder(part):
		return fmt.Errorf("the part %q is reserved for tools", part)
	}
	for _, r := range part {
		if why := badRune(r); why != "" {
			return fmt.Errorf("has %s %q", why, r)
		}
	}
	return nil
}

// badRune names what is wrong with a character: it means something to some file system, or it shows as nothing or as
// another order of characters, so that a person reviews a path other than the one that is written.
func badRune(r rune) string {
	switch {
	case strings.ContainsRune("\\<>:\"|?*", r):
		return "the reserved character"
	case ' ' <= r && r <= '~':
		return ""
	case unicode.IsControl(r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return "the control character"
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
		return "the invisible character"
	}
	return ""
}

// isDevice reports the names that Windows opens as devices in every folder, whatever their extension.
func isDevice(part string) bool {
	stem, _, _ := strings.Cut(part, ".")
	stem = strings.ToLower(strings.TrimRight(stem, " "))
	switch stem {
	case "con", "prn", "aux", "nul", "conin$", "conout$":
		return true
	}
	for _, prefix := range []string{"com", "lpt"} {
		if digit, ok := strings.CutPrefix(stem, prefix); ok && utf8.RuneCountInString(digit) == 1 && strings.Contains("0123456789¹²³", digit) {
			return true
		}
	}
	return false
}

// isControlFolder reports names that make a folder do things when a tool enters it: a repository runs hooks. The second
// spelling of .git is its short name on Windows; [foldKey] has removed what HFS+ ignores.
func isControlFolder(part string) bool {
	switch foldKey(part) {
	case ".git", "git~1", ".gal":
		return true
	}
	return false
}

// foldKey maps paths that some file system takes for one to one text.
func foldKey(p string) string {
	for i := range len(p) {
		if p[i] >= utf8.RuneSelf {
			return norm.NFC.String(cases.Fold().String(norm.NFKC.String(p)))
		}
	}
	return strings.ToLower(p)
}

// nameSet finds paths that cannot exist beside each other.
type nameSet struct {
	files   map[string]string // fold key -> path
	folders map[string]string // fold key -> folder as first spelled
	last    string            // the folder of the path before, which needs no second look
}

func newNameSet() *nameSet {
	return &nameSet{files: map[string]string{}, folders: map[string]string{}}
}

// add reports the path that p clashes with: an equal one, one equal up to case or normal form, a file where p needs a
// folder or a folder where p is a file, or the same folder spelled in another way.
func (s *nameSet) add(p string) error {
	key := foldKey(p)
	if other, ok := s.files[key]; ok {
		return clash(p, other)
	}
	if other, ok := s.folders[key]; ok {
		return clash(p, other+"/")
	}
	s.files[key] = p
	if folder := parent(p); folder != s.last {
		s.last = folder
		return s.addFolders(p, folder)
	}
	return nil
}

func (s *nameSet) addFolders(p, folder string) error {
	for ; folder != ""; folder = parent(folder) {
		key := foldKey(folder)
		if other, ok := s.files[key]; ok {
			return clash(p, other)
		}
		other, ok := s.folders[key]
		if ok && other != folder {
			return clash(p, other+"/")
		}
		if ok {
			return nil
		}
		s.folders[key] = folder
	}
	return nil
}

func clash(a, b string) error {
	if a == b {
		return fmt.Errorf("path %q is there twice", a)
	}
	return fmt.Errorf("paths %q and %q cannot both exist on every system", b, a)
}

// parent is the folder of a path, "" for one at the top.
func parent(p string) string {
	i := strings.LastIndexByte(p, '/')
	return p[:max(i, 0)]
}
