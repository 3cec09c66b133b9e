package index

import (
	"bytes"
	"math/bits"
	"strings"

	"github.com/geeknik/gal-pkg/manifest"
)

// A catalogue is searched in texts: one for each row, with what words are looked for in and what rows are ordered by, and
// nothing else. A text is
//
//	Y or N           whether every version is yanked
//	10 of A to P     the time of the newest change, as Unix seconds: letters that no word holds, for texts are lower case
//	NAME LF          folded
//	KEYWORD TAB ...LF
//	CATEGORY TAB ...LF
//	DESCRIPTION NUL
//
// so that a search of the whole file for a word finds rows in which it is, and seldom another one.
type rowText struct {
	yanked  bool
	updated int64

	name, keywords, categories, description []byte
}

const timeLetters = 10 // 40 bits

// appendText appends the text of a row.
func appendText(to []byte, r SearchRow) []byte {
	yanked := byte('N')
	if r.Yanked {
		yanked = 'Y'
	}
	to = append(to, yanked)
	updated := max(0, r.Updated.Unix())
	for shift := 4 * (timeLetters - 1); shift >= 0; shift -= 4 {
		to = append(to, 'A'+byte(updated>>shift&15))
	}
	to = append(append(to, plain(r.Name)...), '\n')
	for _, list := range [][]string{r.Keywords, r.Categories} {
		for i, word := range list {
			if i > 0 {
				to = append(to, '\t')
			}
			to = append(to, plain(word)...)
		}
		to = append(to, '\n')
	}
	return append(append(to, plain(r.Description)...), 0)
}

// plain is a text as words are compared: in lower case, with - for _, and without control characters.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '_':
			return '-'
		case r < ' ':
			return ' '
		}
		return r
	}, strings.ToLower(text))
}

// parseText reads the text of a row, without the NUL at its end; ok is false where it is none.
func parseText(text []byte) (t rowText, ok bool) {
	if len(text) < 1+timeLetters {
		return t, false
	}
	t.yanked = text[0] == 'Y'
	for _, c := range text[1 : 1+timeLetters] {
		t.updated = t.updated<<4 | int64((c-'A')&15)
	}
	rest := text[1+timeLetters:]
	for _, field := range []*[]byte{&t.name, &t.keywords, &t.categories} {
		if *field, rest, ok = bytes.Cut(rest, []byte{'\n'}); !ok {
			return t, false
		}
	}
	t.description = rest
	return t, true
}

// listed reports whether a word is in a list of a text.
func listed(list []byte, word []byte) bool {
	for len(list) > 0 {
		var next []byte
		if next, list, _ = bytes.Cut(list, []byte{'\t'}); bytes.Equal(next, word) {
			return true
		}
	}
	return false
}

// matcher is a query in the form in which it is held against texts.
type matcher struct {
	words             []word
	whole             word   // the words as one name
	keyword, category []byte // nil for any
	needle            []byte // what every row that is found has in its text
	yanked            bool   // also packages of which every version is
	slips             bool   // words may be slips of what rows have
}

func newMatcher(q Query) *matcher {
	m := &matcher{yanked: q.IncludeYanked}
	if q.Keyword != "" {
		m.keyword = []byte(plain(q.Keyword))
	}
	if q.Category != "" {
		m.category = []byte(plain(q.Category))
	}
	m.needle = m.category
	texts := append(bytes.Fields([]byte(q.Text)), m.keyword)
	for i, text := range texts {
		texts[i] = []byte(plain(string(text)))
		if len(texts[i]) > len(m.needle) { // the longest is in the fewest rows
			m.needle = texts[i]
		}
	}
	texts = texts[:len(texts)-1]
	for _, text := range texts {
		m.words = append(m.words, newWord(text))
	}
	m.whole = newWord(bytes.Join(texts, []byte{'-'}))
	return m
}

// match reads a text, and returns the rank of its row, 0 for the best; ok is false where it is not what is asked for.
func (m *matcher) match(text []byte) (rank int, t rowText, ok bool) {
	if t, ok = parseText(text); !ok || !m.admits(&t) {
		return 0, t, false
	}
	if m.slips {
		rank, ok = m.near(&t)
	} else {
		rank, ok = m.rank(&t)
	}
	return rank, t, ok
}

// admits reports whether a row is of the kind that is asked for, whatever its words are.
func (m *matcher) admits(t *rowText) bool {
	return (!t.yanked || m.yanked) && (m.keyword == nil || listed(t.keywords, m.keyword)) &&
		(m.category == nil || listed(t.categories, m.category))
}

// rank adds up the places where each word is found; ok is false where a word is not found.
func (m *matcher) rank(t *rowText) (rank int, ok bool) {
	if len(m.words) > 1 && bytes.Equal(m.whole.text, t.name) {
		return 0, true
	}
	for _, word := range m.words {
		place := placeOf(word.text, t)
		if place < 0 {
			return 0, false
		}
		rank += place
	}
	return rank, true
}

func placeOf(word []byte, t *rowText) int {
	switch {
	case bytes.HasPrefix(t.name, word):
		if len(t.name) == len(word) {
			return 0
		}
		return 1
	case isPart(t.name, word):
		return 2
	case listed(t.keywords, word):
		return 3
	case bytes.Contains(t.name, word):
		return 4
	case bytes.Contains(t.keywords, word):
		return 5
	case bytes.Contains(t.description, word):
		return 6
	}
	return -1
}

// isPart reports whether a word is one of those that a name consists of.
func isPart(name, word []byte) bool {
	found := false
	eachPart(name, func(part []byte) { found = found || bytes.Equal(part, word) })
	return found
}

// eachPart calls each with the words that a name consists of.
func eachPart(name []byte, each func([]byte)) {
	begin := 0
	for i, c := range name {
		if c == '-' || c == '/' {
			each(name[begin:i])
			begin = i + 1
		}
	}
	each(name[begin:])
}

// minSlip is the length of the shortest word that is looked at for slips: every word of two letters is near every other.
const minSlip = 3

// near adds up how far each word is from the nearest part of a row's name and from its keywords; a name as a whole goes
// before parts of others. Ok is false where a word is near nothing.
func (m *matcher) near(t *rowText) (rank int, ok bool) {
	if slips := m.whole.slips(t.name); slips >= 0 {
		return slips, true
	}
	for i := range m.words {
		word := &m.words[i]
		best := word.slips(t.name)
		try := func(part []byte) {
			if slips := word.slips(part); slips >= 0 && (best < 0 || slips < best) {
				best = slips
			}
		}
		eachPart(t.name, try)
		for part := range bytes.SplitSeq(t.keywords, []byte{'\t'}) {
			try(part)
		}
		if best < 0 {
			return 0, false
		}
		rank += best
	}
	return rank + 1, true
}

// word is a word of a query.
type word struct {
	text    []byte
	letters uint64
}

func newWord(text []byte) word { return word{text, letters(text)} }

// slips is [manifest.Slip], -1 where it says no; it is asked only where lengths and letters allow it. A slip brings in at
// most one letter, and drops at most one, and there are at most two slips.
func (w *word) slips(other []byte) int {
	if d := len(w.text) - len(other); d > 2 || d < -2 || len(w.text) < minSlip {
		return -1
	}
	theirs := letters(other)
	if bits.OnesCount64(w.letters&^theirs) > 2 || bits.OnesCount64(theirs&^w.letters) > 2 {
		return -1
	}
	if slips, ok := manifest.Slip(string(w.text), string(other)); ok {
		return slips
	}
	return -1
}

// letters is a set of bytes, of which those that differ by a multiple of 64 are one.
func letters(text []byte) (set uint64) {
	for _, c := range text {
		set |= 1 << (c & 63)
	}
	return set
}
