package graph

import (
	"cmp"
	"slices"
)

// Times between which everything made up was published, as Unix seconds: the years 2015 to 2024.
const (
	Begin = 1420070400
	End   = 1735689600
)

// Release is a version number and when it was published.
type Release struct {
	Number Number
	At     int64
	Yanked bool
}

// History makes up the releases of a package, oldest first. Numbers rise as they do in practice, patches most of all;
// half of the packages stay below 1.0. Majors above the limit do not occur. Of versions that a caret takes for each other
// the newest is never yanked, so every caret requirement on a version that is there can be met.
func History(c Chance, count, maxMajor int) []Release {
	birth := Begin + c.Int64N(End-Begin-30*86400)
	times := []int64{birth}
	for range count - 1 {
		times = append(times, birth+c.Int64N(End-birth))
	}
	slices.Sort(times)
	number, stable := Number{Minor: 1}, c.Happens(0.5)
	if c.Happens(0.2) {
		number = Number{Major: 1}
	}
	releases := make([]Release, count)
	for i, at := range times {
		if i > 0 {
			number = next(c, number, stable, maxMajor)
		}
		releases[i] = Release{Number: number, At: at}
	}
	for i := range releases[:count-1] {
		releases[i].Yanked = releases[i].Number.Bucket() == releases[i+1].Number.Bucket() && c.Happens(0.03)
	}
	return releases
}

func next(c Chance, n Number, stable bool, maxMajor int) Number {
	x := c.Float64()
	switch {
	case x < 0.66 || n.Major == 0 && x < 0.76:
		return Number{n.Major, n.Minor, n.Patch + 1}
	case n.Major == 0 && stable && c.Happens(0.25):
		return Number{Major: 1}
	case n.Major > 0 && x > 0.93 && n.Major < maxMajor:
		return Number{Major: n.Major + 1}
	}
	return Number{n.Major, n.Minor + 1, 0}
}

// Newest is the index of the newest release at a time, the first where there was none yet.
func Newest(releases []Release, at int64) int {
	i, found := slices.BinarySearchFunc(releases, at, func(r Release, at int64) int { return cmp.Compare(r.At, at) })
	if found {
		return i
	}
	return max(0, i-1)
}
