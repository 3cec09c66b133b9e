package manifest

import (
	"cmp"
	"slices"
	"strings"
)

// Suggest returns the candidates that word is most likely a slip of, the nearest first: at most three, at a
// Damerau-Levenshtein distance of at most 2, of at most 1 where word has four bytes or fewer. Case and `-` for `_` do
// not count.
func Suggest(word string, candidates []string) []string {
	type match struct {
		text     string
		distance int
	}
	var found []match
	folded := foldWord(word)
	for _, c := range candidates {
		if d, ok := slip(folded, foldWord(c)); ok {
			found = append(found, match{c, d})
		}
	}
	slices.SortFunc(found, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.text, b.text))
	})
	found = slices.Compact(found)
	words := make([]string, 0, 3)
	for _, m := range found[:min(3, len(found))] {
		words = append(words, m.text)
	}
	return words
}

// Slip reports whether word may be a slip of another, as [Suggest] judges it, and how many there are; 0 for the same word.
func Slip(word, other string) (slips int, ok bool) { return slip(foldWord(word), foldWord(other)) }

func slip(word, other string) (int, bool) {
	limit := 2
	if len(word) <= 4 {
		limit = 1
	}
	if len(word) > MaxNameLength || max(len(other)-len(word), len(word)-len(other)) > limit {
		return 0, false
	}
	d := distance(word, other)
	return d, d <= limit
}

func foldWord(word string) string { return Fold(strings.ToLower(word)) }

// distance counts the insertions, deletions, substitutions and swaps of neighbours that turn a into b, where no part
// is edited twice (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// didYouMean is the end of a sentence: "; did you mean `a` or `b`?", "" without a suggestion.
func didYouMean(word string, candidates []string) string {
	words := Suggest(word, candidates)
	if len(words) == 0 {
		return ""
	}
	return "; did you mean `" + strings.Join(words, "` or `") + "`?"
}
