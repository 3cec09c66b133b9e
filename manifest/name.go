package manifest

import (
	"fmt"
	"strings"

	"github.com/geeknik/gal-pkg/internal/alphabet"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// Limits of a package name, in bytes.
const (
	MaxNameLength     = 96
	MaxNamePartLength = 64
)

// isReserved reports whether the toolchain owns a folded word, or the root of every project does.
func isReserved(word string) bool {
	switch word {
	case "std", "gal", "stdlib", "gal-std", "core", "self", "super", "crate", "main", "test":
		return true
	}
	return false
}

// isKeyword reports whether a folded word is a keyword of the language.
func isKeyword(word string) bool {
	switch word {
	case "actor", "on", "new", "spawn", "send", "reply", "let", "mut", "if", "else", "match", "while", "for", "loop", "break",
		"continue", "return", "true", "false", "null", "type", "trait", "impl", "where", "requires", "ensures", "invariant",
		"assume", "assert", "verify", "proof", "contract", "chaos", "fault", "inject", "timeout", "receive", "select",
		"supervise", "restart", "reflect", "compile", "optimize", "transform", "ast", "meta", "quote", "unquote", "eval",
		"import", "export", "module", "package", "use":
		return true
	}
	return false
}

// isDevice reports whether Windows has a device of that name in every folder.
func isDevice(word string) bool {
	switch word {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(word) == 4 && (word[:3] == "com" || word[:3] == "lpt") && word[3] >= '0' && word[3] <= '9'
}

// CheckName reports what is wrong with a package name, nil where nothing is. The error is a [fault.Error] of kind
// Usage with code "bad-name"; it names a legal spelling.
func CheckName(name string) error {
	reason := nameReason(name)
	if reason == "" {
		return nil
	}
	return fault.New(fault.Usage, "bad-name", "%s %s; try `%s`", quote(name), reason, Propose(name))
}

// nameReason is the rest of a sentence that begins with the name, "" for a legal name.
func nameReason(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > MaxNameLength:
		return fmt.Sprintf("has %d bytes, at most %d are allowed", len(name), MaxNameLength)
	case strings.Count(name, "/") > 1:
		return "has more than one slash; a name is `name` or `scope/name`"
	}
	scope, rest, scoped := strings.Cut(name, "/")
	if reason := partReason(scope); reason != "" || !scoped {
		return reason
	}
	return partReason(rest)
}

// partReason judges one side of the slash.
func partReason(part string) string {
	folded := Fold(part)
	switch {
	case part == "":
		return "has nothing on one side of the slash"
	case len(part) > MaxNamePartLength:
		return fmt.Sprintf("has a part of %d bytes, at most %d are allowed", len(part), MaxNamePartLength)
	case part[0] >= '0' && part[0] <= '9':
		return "starts with a digit"
	}
	for _, c := range part {
		if reason := characterReason(c); reason != "" {
			return reason
		}
	}
	switch {
	case part[0] == '-' || part[0] == '_':
		return fmt.Sprintf("starts with %c", part[0])
	case strings.HasSuffix(folded, "-"):
		return fmt.Sprintf("ends with %c", part[len(part)-1])
	case isDevice(folded):
		return fmt.Sprintf("holds %s, a device on Windows", quote(part))
	case isKeyword(folded):
		return fmt.Sprintf("holds %s, a keyword of GAL", quote(part))
	case isReserved(folded):
		return fmt.Sprintf("holds %s, which is reserved", quote(part))
	}
	return ""
}

func characterReason(c rune) string {
	switch {
	case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		return ""
	case c >= 'A' && c <= 'Z':
		return "has upper-case letters"
	case c > 0x7e || c < 0x20:
		// A look-alike reads like the letter it imitates: only its code shows what it is.
		return fmt.Sprintf("holds %U; names are lower-case ASCII letters, digits, - and _", c)
	default:
		return fmt.Sprintf("holds %q; names are lower-case ASCII letters, digits, - and _", c)
	}
}

// Propose returns a legal name that resembles text, which may be anything: a folder's name, a name of another
// package manager. A legal name is returned as it is.
func Propose(text string) string {
	if nameReason(text) == "" {
		return text
	}
	scope, name, scoped := strings.Cut(strings.TrimPrefix(text, "@"), "/")
	if !scoped {
		return proposePart(scope)
	}
	name = name[strings.LastIndexByte(name, '/')+1:]
	if !strings.ContainsAny(strings.ToLower(scope), alphabet.Lower+alphabet.Digits) {
		return proposePart(name) // `../x` has no scope: there is nothing in it to make one from
	}
	return proposePart(scope) + "/" + proposePart(name)
}

func proposePart(text string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(text) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		// 40 bytes leave room for a prefix, and for a scope beside a name.
		if b.Len() == 40 {
			break
		}
	}
	part := strings.Trim(b.String(), "-_")
	for _, try := range []string{part, "gal-" + part, "my-" + part} {
		if partReason(try) == "" {
			return try
		}
	}
	return "my-package"
}

// Fold returns the form in which two spellings of one name are equal: `_` becomes `-`. Names are lower case already.
func Fold(name string) string { return strings.ReplaceAll(name, "_", "-") }

// Key returns the path key of a name, the form in which it stands in paths: folded, with `~` for the slash.
func Key(name string) string { return strings.ReplaceAll(Fold(name), "/", "~") }

// Shard returns the folder that a path key's files are in, with a slash at its end: `1/`, `2/` and `3/a/` for keys
// of one to three characters, `ab/cd/` from the first four for others, "" for no key.
func Shard(key string) string {
	switch len(key) {
	case 0:
		return ""
	case 1, 2:
		return fmt.Sprintf("%d/", len(key))
	case 3:
		return "3/" + key[:1] + "/"
	default:
		return key[:2] + "/" + key[2:4] + "/"
	}
}

// Ident returns a name as GAL code writes it: `actor_utils` for `actor-utils`, `company::x_y` for `company/x-y`.
func Ident(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "-", "_"), "/", "::")
}

// Builtin reports whether name is the standard library, which comes with the toolchain: it may be declared as a
// dependency, and is never fetched.
func Builtin(name string) bool {
	switch Fold(name) {
	case "std", "stdlib", "gal", "gal-std":
		return true
	}
	return false
}
