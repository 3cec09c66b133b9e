package gate

import (
	"fmt"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/version"
)

// sequence looks at a further version beside those that are there; it is called before the version is one of them.
func (j *judge) sequence(l *index.Line, p *index.Publish, file string) {
	state, err := j.rules.Ledger.Package(l.Subject)
	if err != nil || !state.Exists() || p.Version.Pre() != "" || state.Release(p.Version) != nil {
		return
	}
	if best := highest(state, func(version.Version) bool { return true }); best != nil && !follows(state, p.Version) {
		j.find(Finding{
			ID: "G21", Verdict: Pass, Path: file, Fix: "look at the number once more: a published version stays taken for ever",
			Message: fmt.Sprintf("version %s leaves out numbers after %s", p.Version, best.Version),
		})
	}
	j.toolchain(state, p, file)
}

// highest returns the release with the highest version that a condition holds for, no pre-release; nil for none.
func highest(state *index.Package, holds func(version.Version) bool) *index.Release {
	var best *index.Release
	for _, r := range state.Releases {
		if r.Offered() && r.Version.Pre() == "" && holds(r.Version) && (best == nil || best.Version.Less(r.Version)) {
			best = r
		}
	}
	return best
}

// follows reports whether a version is the next patch, minor or major version of one that is there.
func follows(state *index.Package, v version.Version) bool {
	return highest(state, func(w version.Version) bool {
		switch {
		case v.Major() == w.Major() && v.Minor() == w.Minor():
			return v.Patch() == w.Patch()+1 || v.Patch() < w.Patch() // a number that was left out before
		case v.Major() == w.Major():
			return v.Minor() == w.Minor()+1 && v.Patch() == 0 || v.Minor() < w.Minor()
		}
		return v.Major() == w.Major()+1 && v.Minor() == 0 && v.Patch() == 0 || v.Major() < w.Major()
	}) != nil
}

// toolchain holds that a patch builds wherever the version builds that it patches.
func (j *judge) toolchain(state *index.Package, p *index.Publish, file string) {
	before := highest(state, func(w version.Version) bool {
		return w.Major() == p.Version.Major() && w.Minor() == p.Version.Minor() && w.Less(p.Version)
	})
	if before == nil || p.GalVersion == "" {
		return
	}
	now, err := version.Parse(p.GalVersion)
	old, oldErr := version.Parse(before.Publish.GalVersion)
	if err != nil || oldErr == nil && !old.Less(now) {
		return
	}
	j.find(Finding{
		ID: "G24", Verdict: Human, Path: file,
		Message: fmt.Sprintf("%s is a patch of %s and needs gal-version %s, which that one does not", p.Version, before.Version, p.GalVersion),
		Fix:     fmt.Sprintf("publish it as %d.%d.0, or wait for a person", p.Version.Major(), p.Version.Minor()+1),
	})
}
