package universe

import (
	"strconv"

	"github.com/geeknik/gal-pkg/tools/bench/graph"
)

// Content makes the bytes of a file: text that looks and compresses like source, to a bit more than a third.
func (u *Universe) Content(f File) []byte {
	chance := graph.NewChance(u.seed, f.stream)
	text := make([]byte, 0, f.Bytes+128)
	for len(text) < f.Bytes {
		text = u.appendLine(text, chance)
	}
	text = text[:f.Bytes]
	text[f.Bytes-1] = '\n'
	return text
}

func (u *Universe) appendLine(text []byte, c graph.Chance) []byte {
	word := func() string { return u.words[c.Zipf(len(u.words))] }
	for range c.IntN(4) {
		text = append(text, "    "...)
	}
	switch c.IntN(8) {
	case 0:
		text = append(append(text, "// "...), word()...)
		for range 4 + c.IntN(8) {
			text = append(append(text, ' '), word()...)
		}
	case 1:
		text = append(append(append(text, "on "...), word()...), " =>"...)
	case 2:
		text = append(append(append(text, "let "...), word()...), " = 0x"...)
		text = strconv.AppendUint(text, c.Uint64(), 16)
	case 3:
		text = append(append(append(text, "send "...), word()...), ", \""...)
		text = append(append(append(text, word()...), ' '), word()...)
		text = append(text, '"')
	default:
		text = append(append(append(text, "let "...), word()...), " = "...)
		text = append(append(append(text, word()...), '.'), word()...)
		text = append(append(text, '('), word()...)
		text = append(append(strconv.AppendInt(append(text, ", "...), int64(c.IntN(10000)), 10), ')'), ';')
	}
	return append(text, '\n')
}
