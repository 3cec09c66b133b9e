package manifest

import (
	"fmt"
	"path"
	"strings"
)

// SourceKind says what a [Source] is.
type SourceKind string

const (
	RegistrySource SourceKind = "registry"
	PathSource     SourceKind = "path"
	GitSource      SourceKind = "git"
)

// Source is where a locked package comes from. The zero Source is "not said": the default registry. Sources are
// comparable.
//
//	registry+ID          a registry by its id, never by a URL, so that a mirror changes nothing
//	path+REL             a folder relative to the lock file's, clean, with forward slashes; "." is the root
//	git+URL?tag=T#COMMIT a commit; ?branch= and ?rev= likewise, or none of them for the default branch
type Source struct {
	Kind     SourceKind
	Location string // the registry's id, the path, or the URL
	RefKind  string // "", "tag", "branch" or "rev": what the manifest asked for
	Ref      string
	Commit   string // 40 or 64 hex digits
}

// Registry returns the source of packages from a registry.
func Registry(id string) Source { return Source{Kind: RegistrySource, Location: id} }

// Local returns the source of a package in a folder.
func Local(rel string) Source { return Source{Kind: PathSource, Location: rel} }

// ParseSource reads a source; the error quotes it.
func ParseSource(text string) (Source, error) {
	kind, rest, ok := strings.Cut(text, "+")
	s := Source{Kind: SourceKind(kind), Location: rest}
	if !ok {
		return Source{}, fmt.Errorf("source %s has no kind; it is registry+ID, path+FOLDER or git+URL#COMMIT", quote(text))
	}
	var reason string
	switch s.Kind {
	case RegistrySource:
		if !goodRegistryID(rest) {
			reason = "has no registry id"
		}
	case PathSource:
		if reason = pathReason(rest, false); reason == "" && (rest == "" || path.Clean(rest) != rest) {
			reason = "is not a clean path"
		}
	case GitSource:
		s, reason = parseGitSource(rest)
	default:
		reason = "is of an unknown kind; it is registry, path or git"
	}
	if reason != "" {
		return Source{}, fmt.Errorf("source %s %s", quote(text), reason)
	}
	return s, nil
}

func parseGitSource(text string) (Source, string) {
	i := strings.LastIndexByte(text, '#')
	if i < 0 {
		return Source{}, "has no commit"
	}
	s := Source{Kind: GitSource, Location: text[:i], Commit: text[i+1:]}
	if address, query, ok := strings.Cut(s.Location, "?"); ok {
		s.Location = address
		s.RefKind, s.Ref, _ = strings.Cut(query, "=")
	}
	switch {
	case len(s.Commit) != 40 && len(s.Commit) != 64 || !goodRev(s.Commit):
		return Source{}, "needs a commit of 40 or 64 lower-case hex digits"
	case s.Location == "":
		return Source{}, "has no address"
	case gitReason(s.Location) != "":
		return Source{}, gitReason(s.Location)
	case s.RefKind == "" && s.Ref == "" && !strings.Contains(text[:i], "?"):
		return s, ""
	case s.RefKind == "rev" && goodRev(s.Ref), (s.RefKind == "tag" || s.RefKind == "branch") && goodRef(s.Ref):
		return s, ""
	}
	return Source{}, "asks for neither tag, branch nor rev"
}

// goodRegistryID is the grammar of a registry's id.
func goodRegistryID(id string) bool {
	for i := range len(id) {
		c := id[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '.' && c != '-') {
			return false
		}
	}
	return len(id) >= 3 && len(id) <= 64
}

// String writes the source as ParseSource reads it, "" for the zero Source.
func (s Source) String() string {
	if s.Kind == "" {
		return ""
	}
	text := string(s.Kind) + "+" + s.Location
	if s.Kind != GitSource {
		return text
	}
	if s.RefKind != "" {
		text += "?" + s.RefKind + "=" + s.Ref
	}
	return text + "#" + s.Commit
}

// IsZero reports whether the source is not said.
func (s Source) IsZero() bool { return s == Source{} }

// MarshalText is [Source.String].
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is [ParseSource]; an empty text is the zero Source.
func (s *Source) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*s = Source{}
		return nil
	}
	parsed, err := ParseSource(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
