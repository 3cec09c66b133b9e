package graph

import (
	"math"
	"math/rand/v2"

	"github.com/geeknik/gal-pkg/manifest"
)

// Chance is a source of everything that is random here.
type Chance struct{ *rand.Rand }

// NewChance returns the source of a seed and a stream: different streams of one seed do not depend on each other.
func NewChance(seed, stream uint64) Chance { return Chance{rand.New(rand.NewPCG(seed, stream))} }

// Happens is true with a probability.
func (c Chance) Happens(probability float64) bool { return c.Float64() < probability }

// LogNormal returns a value around a median; a sigma of 1 puts one in six above 2.7 times the median.
func (c Chance) LogNormal(median, sigma float64) float64 {
	return median * math.Exp(sigma*c.NormFloat64())
}

// Zipf returns one of 0 to n-1, the k-th with a probability near 1/(k+1).
func (c Chance) Zipf(n int) int {
	return min(n-1, int(math.Exp(c.Float64()*math.Log(float64(n+1))))-1)
}

// Pick returns one of a list.
func Pick[T any](c Chance, from []T) T { return from[c.IntN(len(from))] }

// Share splits a total into positive whole numbers in the proportion of weights. The total must be at least their number.
func Share(total int64, weights []float64) []int64 {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	out := make([]int64, len(weights))
	spare := total - int64(len(weights))
	var reach float64
	var given int64
	for i, w := range weights {
		// What is given grows with the weights passed so far, so that the roundings do not add up.
		reach += w
		upTo := min(spare, int64(float64(spare)*reach/sum+0.5))
		out[i] = 1 + upTo - given
		given = upTo
	}
	out[len(out)-1] += spare - given
	return out
}

// Namer makes up names of packages: pronounceable, legal for GAL, npm, Cargo and Go, and no two of them alike.
type Namer struct {
	chance Chance
	taken  map[string]bool
}

// NewNamer returns a namer that makes none of the names taken.
func NewNamer(c Chance, taken ...string) *Namer {
	n := &Namer{c, map[string]bool{}}
	for _, name := range taken {
		n.taken[manifest.Key(name)] = true
	}
	return n
}

// Name returns another name.
func (n *Namer) Name() string {
	for {
		name := Word(n.chance) + n.syllable()
		if n.chance.Happens(0.4) {
			name += "-" + Pick(n.chance, []string{"client", "codec", "derive", "fmt", "io", "log", "macros", "net", "rt", "sys", "util"})
		}
		if key := manifest.Key(name); !n.taken[key] && manifest.CheckName(name) == nil {
			n.taken[key] = true
			return name
		}
	}
}

func (n *Namer) syllable() string { return syllable(n.chance) }

// Word makes up a word of one or two syllables.
func Word(c Chance) string {
	if c.Happens(0.4) {
		return syllable(c)
	}
	return syllable(c) + syllable(c)
}

func syllable(c Chance) string {
	const first, middle = "bcdfghjklmnprstvz", "aeiou"
	return string(first[c.IntN(len(first))]) + string(middle[c.IntN(len(middle))]) + Pick(c, []string{"", "", "n", "r", "s", "x", "l"})
}
