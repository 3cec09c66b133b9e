package project

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/manifest"
)

// details says in a line each what two locks have differently that are of the same versions: the root, what the project's
// own packages are, and of every package its source, checksum, features and dependencies.
func details(old, next *manifest.Lock) (lines []string) {
	say := func(name, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("%-20s "+format, append([]any{name}, args...)...))
	}
	if old.Root != next.Root {
		lines = append(lines, fmt.Sprintf("root: %s, gal.lock has %s", orNone(next.Root), orNone(old.Root)))
	}
	if !old.ExcludeNewer.Equal(next.ExcludeNewer) {
		lines = append(lines, "exclude-newer is another time")
	}
	for _, p := range next.Packages {
		was := counterpart(old, p)
		if was == nil {
			say(p.Name, "%s is needed, gal.lock has no entry", p.Version)
			continue
		}
		for _, d := range [][3]string{
			{"version", p.Version.String(), was.Version.String()},
			{"source", p.Source.String(), was.Source.String()},
			{"checksum", p.Checksum, was.Checksum},
		} {
			if d[1] != d[2] {
				say(p.Name, "%s: %s, gal.lock has %s", d[0], orNone(d[1]), orNone(d[2]))
			}
		}
		for _, d := range []struct {
			what      string
			next, old []string
		}{{"features", p.Features, was.Features}, {"dependencies", edges(p), edges(*was)}} {
			if text := setDifference(d.next, d.old); text != "" {
				say(p.Name, "%s: gal.lock %s", d.what, text)
			}
		}
	}
	for _, p := range old.Packages {
		if counterpart(next, p) == nil {
			say(p.Name, "gal.lock has %s, nothing needs it", p.Version)
		}
	}
	return lines
}

// counterpart is what another lock has in the place of a package: the same, else the same name and version from elsewhere,
// else another version from the same place.
func counterpart(l *manifest.Lock, p manifest.LockedPackage) *manifest.LockedPackage {
	var near *manifest.LockedPackage
	for _, q := range l.Find(p.Name) {
		same := q.Version.Equal(p.Version)
		switch {
		case same && q.Source == p.Source:
			return q
		case near == nil && (same || q.Source == p.Source):
			near = q
		}
	}
	return near
}

// edges are the dependencies of a locked package in words, without the sources.
func edges(p manifest.LockedPackage) (names []string) {
	for _, ref := range p.Dependencies {
		ref.Source = manifest.Source{}
		names = append(names, ref.String())
	}
	return names
}

// setDifference says what one list has and another has not, "" where they have the same.
func setDifference(next, old []string) string {
	var parts []string
	if lacks := minus(next, old); len(lacks) > 0 {
		parts = append(parts, "lacks "+strings.Join(lacks, ", "))
	}
	if extra := minus(old, next); len(extra) > 0 {
		parts = append(parts, "has "+strings.Join(slices.Compact(extra), ", ")+", which nothing needs")
	}
	return strings.Join(parts, " and ")
}
