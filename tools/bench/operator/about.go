package operator

import (
	"hash/fnv"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/tools/bench/graph"
)

// describe makes up what people read of a package, from its name: a description of 5 to 12 words and up to three
// keywords, which many packages share.
func describe(name string) index.About {
	sum := fnv.New64a()
	sum.Write([]byte(name)) // it takes what it is given
	c := graph.NewChance(sum.Sum64(), 0)
	words := make([]string, 5+c.IntN(8))
	for i := range words {
		words[i] = graph.Word(c) + graph.Word(c)
	}
	about := index.About{Description: strings.ToUpper(words[0][:1]) + words[0][1:] + " " + strings.Join(words[1:], " ")}
	all := topics()
	for range c.IntN(4) {
		if topic := all[c.Zipf(len(all))]; !slices.Contains(about.Keywords, topic) {
			about.Keywords = append(about.Keywords, topic)
		}
	}
	return about
}

// topics are the keywords, those that are used most first.
func topics() []string {
	return []string{
		"actor", "network", "parser", "async", "codec", "crypto", "database", "logging", "testing", "chaos", "metrics", "storage",
		"terminal", "compression", "graphics", "simulation", "scheduler", "bindings", "embedded", "replay", "audio", "matrix",
	}
}
