// Package version is the arithmetic of versions: strict semantic versions, Cargo's requirements and
// compatibility buckets.
//
// # Versions
//
// A [Version] is SemVer 2.0.0 (https://semver.org), written in full: three numbers, then an optional
// pre-release, then optional build metadata, at most [MaxLength] bytes. `v1.2.3`, `1.2` and `01.2.3` are
// refused. Build metadata takes no part in order or equality; a registry refuses it (see [Version.Build]).
//
// # Requirements
//
// A [Requirement] is a list of comparators joined by commas, all of which must hold. The grammar and the
// meaning are those of Cargo (https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html):
//
//	requirement = "*" | comparator *( "," comparator )
//	comparator  = [ "^" | "~" | "=" | ">" | ">=" | "<" | "<=" ] partial
//	partial     = number [ "." ( number | "*" ) [ "." ( number | "*" ) [ "-" pre-release ] ] ]
//
// No operator means caret. A pre-release matches only where a comparator names the same major, minor and
// patch with a pre-release of its own. `||`, `!=`, `==`, hyphen ranges, `x` wildcards and a leading `v` are
// refused with what to write instead.
//
// # Buckets
//
// Two versions are compatible when they share a [Bucket]: the left-most number that is not zero, with
// what stands before it. One graph holds at most one version of a package in each bucket.
package version

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// MaxLength is the greatest length of a version, in bytes.
const MaxLength = 64

// Version is one semantic version. The zero value is no version: see [Version.IsZero].
// Versions are immutable; compare them with [Version.Compare] or [Version.Equal], not with ==.
type Version struct {
	text                string // as parsed, which is the canonical form
	major, minor, patch uint64
	pre                 string // without its hyphen
}

// Parse reads a version written in full. The error says what is wrong with the text and quotes it.
func Parse(text string) (Version, error) {
	if len(text) > MaxLength {
		return Version{}, fmt.Errorf("version of %d bytes is longer than %d", len(text), MaxLength)
	}
	v := Version{text: text}
	rest, ok := text, true
	for _, part := range []*uint64{&v.major, &v.minor, &v.patch} {
		if part != &v.major {
			rest, ok = strings.CutPrefix(rest, ".")
		}
		if ok {
			*part, rest, ok = leadingNumber(rest)
		}
		if !ok {
			return Version{}, fmt.Errorf("version %q: %w", text, explainVersion(text))
		}
	}
	if rest == "" {
		return v, nil
	}
	if rest[0] != '-' && rest[0] != '+' || !semver.IsValid("v0.0.0"+rest) {
		return Version{}, fmt.Errorf("version %q: %w", text, explainVersion(text))
	}
	pre, _, _ := strings.Cut(rest, "+")
	v.pre = strings.TrimPrefix(pre, "-")
	return v, nil
}

// leadingNumber reads a number without leading zeros.
func leadingNumber(text string) (n uint64, rest string, ok bool) {
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	if digits > 1 && text[0] == '0' {
		return 0, text, false
	}
	n, err := strconv.ParseUint(text[:digits], 10, 64)
	return n, text[digits:], err == nil
}

// explainVersion finds words for the most common slips; the library's own are about its parser.
func explainVersion(text string) error {
	core, _, _ := strings.Cut(text, "+")
	core, _, _ = strings.Cut(core, "-")
	numbers := strings.Split(core, ".")
	switch {
	case text == "":
		return errors.New("is empty; write three numbers, as in 1.0.0")
	case strings.HasPrefix(text, "v"):
		return fmt.Errorf("starts with v; write %s", strings.TrimPrefix(text, "v"))
	case len(numbers) != 3:
		return errors.New("needs three numbers, as in 1.0.0")
	}
	for _, n := range numbers {
		if len(n) > 1 && n[0] == '0' {
			return fmt.Errorf("number %s has a leading zero", n)
		}
	}
	return errors.New("is not a semantic version (MAJOR.MINOR.PATCH[-pre-release])")
}

// MustParse is Parse for texts that are known to be right; it panics on others.
func MustParse(text string) Version {
	v, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return v
}

// IsZero reports whether v is the zero Version, which no text parses to.
func (v Version) IsZero() bool { return v.text == "" }

// Major returns the first number.
func (v Version) Major() uint64 { return v.major }

// Minor returns the second number.
func (v Version) Minor() uint64 { return v.minor }

// Patch returns the third number.
func (v Version) Patch() uint64 { return v.patch }

// Pre returns the pre-release without its hyphen, "" for a release.
func (v Version) Pre() string { return v.pre }

// Build returns the build metadata without its plus, "" where there is none.
func (v Version) Build() string {
	_, build, _ := strings.Cut(v.text, "+")
	return build
}

// String returns the canonical text, which Parse reads back; "" for the zero Version.
func (v Version) String() string { return v.text }

// MarshalText writes the canonical text.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is [Parse].
func (v *Version) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}

// Compare orders versions by SemVer's precedence: -1, 0 or +1. Build metadata does not count.
func (v Version) Compare(w Version) int {
	if c := cmp.Compare(v.major, w.major); c != 0 {
		return c
	}
	if c := cmp.Compare(v.minor, w.minor); c != 0 {
		return c
	}
	if c := cmp.Compare(v.patch, w.patch); c != 0 {
		return c
	}
	return comparePre(v.pre, w.pre)
}

// comparePre orders pre-releases; none comes after all.
func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	return semver.Compare("v0.0.0-"+a, "v0.0.0-"+b)
}

// Equal reports whether v and w have the same precedence.
func (v Version) Equal(w Version) bool { return v.Compare(w) == 0 }

// Less reports whether v comes before w.
func (v Version) Less(w Version) bool { return v.Compare(w) < 0 }

// Same reports whether v and w have the same [Version.Key].
func (v Version) Same(w Version) bool {
	return v.major == w.major && v.minor == w.minor && v.patch == w.patch && strings.EqualFold(v.pre, w.pre)
}

// Key is the form in which two versions that a registry takes for the same have equal text: lower case, no build
// metadata.
func (v Version) Key() string {
	text, _, _ := strings.Cut(v.String(), "+")
	return strings.ToLower(text)
}

// A Bucket is a class of versions that are compatible with each other: M for M.x.y with M > 0, 0.m for 0.m.x with
// m > 0, else 0.0.p. It is comparable, so it can be a map's key.
type Bucket struct{ Major, Minor, Patch uint64 }

// Bucket returns the class that v is in. A pre-release is in the bucket of its release.
func (v Version) Bucket() Bucket {
	switch {
	case v.Major() > 0:
		return Bucket{Major: v.Major()}
	case v.Minor() > 0:
		return Bucket{Minor: v.Minor()}
	default:
		return Bucket{Patch: v.Patch()}
	}
}

// String writes the bucket as the shortest requirement that covers it: "1", "0.5", "0.0.3".
func (b Bucket) String() string {
	switch {
	case b.Major > 0:
		return fmt.Sprint(b.Major)
	case b.Minor > 0:
		return fmt.Sprintf("0.%d", b.Minor)
	default:
		return fmt.Sprintf("0.0.%d", b.Patch)
	}
}

// Compare orders buckets as their versions are ordered.
func (b Bucket) Compare(c Bucket) int {
	return cmp.Or(cmp.Compare(b.Major, c.Major), cmp.Compare(b.Minor, c.Minor), cmp.Compare(b.Patch, c.Patch))
}
