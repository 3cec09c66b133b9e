package resolve

import (
	"fmt"
	"slices"
	"strings"
)

// Resolution says which of the versions that fit is tried first: "highest", "lowest" or "lowest-direct".
type Resolution uint8

const (
	Highest      Resolution = iota // the newest
	Lowest                         // the oldest, of every package
	LowestDirect                   // the oldest of what roots depend on, the newest of all else
)

// GalPolicy says what becomes of versions that need a newer GAL than the roots promise to build with: "fallback",
// "allow" or "deny".
type GalPolicy uint8

const (
	GalFallback GalPolicy = iota // used only where nothing else fits
	GalAllow                     // used as if they said nothing
	GalDeny                      // never used
)

// DuplicatePolicy says whether several versions of one package may be in a graph: "allow", "warn" or "deny".
type DuplicatePolicy uint8

const (
	DuplicatesAllow DuplicatePolicy = iota
	DuplicatesWarn                  // allowed, with a warning for each package
	DuplicatesDeny                  // at most one version of each package
)

func resolutions() []string       { return []string{"highest", "lowest", "lowest-direct"} }
func galPolicies() []string       { return []string{"fallback", "allow", "deny"} }
func duplicatePolicies() []string { return []string{"allow", "warn", "deny"} }

// String returns the word for it.
func (r Resolution) String() string { return wordOf(resolutions(), uint8(r)) }

// String returns the word for it.
func (p GalPolicy) String() string { return wordOf(galPolicies(), uint8(p)) }

// String returns the word for it.
func (p DuplicatePolicy) String() string { return wordOf(duplicatePolicies(), uint8(p)) }

// UnmarshalText reads the word; the error lists all of them.
func (r *Resolution) UnmarshalText(text []byte) error { return readWord(r, resolutions(), text) }

// UnmarshalText reads the word; the error lists all of them.
func (p *GalPolicy) UnmarshalText(text []byte) error { return readWord(p, galPolicies(), text) }

// UnmarshalText reads the word; the error lists all of them.
func (p *DuplicatePolicy) UnmarshalText(text []byte) error {
	return readWord(p, duplicatePolicies(), text)
}

func wordOf(words []string, i uint8) string {
	if int(i) < len(words) {
		return words[i]
	}
	return fmt.Sprintf("unknown %d", i)
}

func readWord[T ~uint8](to *T, words []string, text []byte) error {
	at := slices.Index(words, string(text))
	if at < 0 {
		return fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
	}
	*to = T(at)
	return nil
}
