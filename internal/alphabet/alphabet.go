// Package alphabet checks identifiers against the letters that they may have. A regular expression says the same in fewer
// words, but each costs its compilation at every start of a program, most of which never look at one.
package alphabet

import "strings"

// Letters to build alphabets from.
const (
	Lower  = "abcdefghijklmnopqrstuvwxyz"
	Upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	Digits = "0123456789"
)

// Is reports whether text has at least min and at most max bytes, of which the first is in first and every other is in
// rest.
func Is(text string, min, max int, first, rest string) bool {
	if len(text) < min || len(text) > max || text == "" || strings.IndexByte(first, text[0]) < 0 {
		return false
	}
	for i := 1; i < len(text); i++ {
		if strings.IndexByte(rest, text[i]) < 0 {
			return false
		}
	}
	return true
}
