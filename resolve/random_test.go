package resolve

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// randomUniverse writes a universe of a few packages in the notation of parseUniverse, with everything that a
// registry may hold.
func randomUniverse(random *rand.Rand) string {
	w := universeWriter{random: random, names: []string{"a", "b", "c", "d", "e"}[:2+random.IntN(4)]}
	w.printf("root app 1.0.0")
	for _, name := range w.names {
		if random.IntN(2) == 0 {
			w.dependency(name, random.IntN(6) == 0)
		}
	}
	for i, name := range w.names {
		w.pkg(name, i)
	}
	return w.text.String()
}

type universeWriter struct {
	random *rand.Rand
	names  []string
	text   strings.Builder
}

func (w *universeWriter) printf(format string, args ...any) {
	fmt.Fprintf(&w.text, format+"\n", args...)
}

func (w *universeWriter) one(words ...string) string { return words[w.random.IntN(len(words))] }

func (w *universeWriter) rarely(n int, word string) string {
	if w.random.IntN(n) == 0 {
		return word
	}
	return ""
}

func (w *universeWriter) pkg(name string, at int) {
	all := []string{"0.1.0", "0.1.1", "1.0.0", "1.1.0", "1.2.0", "2.0.0-rc.1", "2.0.0", "2.1.0"}
	for _, v := range all {
		if w.random.IntN(2) == 0 {
			continue
		}
		w.printf("%s %s %s %s %s", name, v, w.rarely(8, "yanked"), w.rarely(6, "links=z"), w.rarely(20, "unusable"))
		var optional []string
		for i, other := range w.names {
			if w.random.IntN(3) == 0 && (i > at || w.random.IntN(4) == 0) {
				if w.dependency(other, w.random.IntN(3) == 0) {
					optional = append(optional, other)
				}
			}
		}
		for _, f := range []string{"default", "f", "g"} {
			if w.random.IntN(2) == 0 {
				w.feature(f, optional)
			}
		}
	}
}

func (w *universeWriter) feature(name string, optional []string) {
	values := ""
	for range w.random.IntN(3) {
		other := w.one(w.names...)
		if len(optional) > 0 && w.random.IntN(2) == 0 {
			other = w.one(optional...)
		}
		if value := w.one("f", "g", other+"/f", other+"?/g", "dep:"+other, other); value != name {
			values += " " + value
		}
	}
	w.printf("  feature %s =%s", name, values)
}

func (w *universeWriter) dependency(name string, optional bool) bool {
	words := "  "
	if w.random.IntN(6) == 0 {
		words += "build "
	} else if w.random.IntN(10) == 0 {
		words += "dev "
	}
	if optional {
		words += "? "
	}
	words += w.rarely(4, "! ") + name + " "
	words += w.one("^1", "*", "^0.1", "^2", "=1.1.0", "~1.0", ">=1.1", ">=0.1,<2", "^2.0.0-rc", "<=1.1.0", "=1.0.0", "^1.2")
	if w.random.IntN(4) == 0 {
		words += " [" + w.one("f", "g", "f g") + "]"
	}
	w.printf("%s", words)
	return optional
}
