package project

import (
	"slices"

	"github.com/geeknik/gal-pkg/manifest"
)

// isOff reports whether a member depends on a package only as an optional dependency that none of its default features turns
// on: it is locked, and not installed unless a feature asks for it.
func isOff(m *Member, to manifest.LockedPackage) bool {
	if m == nil {
		return false
	}
	off := false
	on := onByDefault(m.Manifest)
	for _, k := range kindNames {
		for alias, spec := range m.Manifest.Table(k.table) {
			if !asksFor(alias, spec, to) {
				continue
			}
			if !spec.Optional || slices.Contains(on, manifest.Fold(alias)) {
				return false
			}
			off = true
		}
	}
	return off
}

// onByDefault lists the folded names of the dependencies that the default features of a package turn on.
func onByDefault(m *manifest.Manifest) (on []string) {
	seen := map[string]bool{"default": true}
	for queue := []string{"default"}; len(queue) > 0; queue = queue[1:] {
		for _, item := range m.Features[queue[0]] {
			ref := manifest.ParseFeatureRef(item)
			_, isFeature := m.Features[ref.Feature]
			switch {
			case ref.Dependency != "" && !ref.Weak:
				on = append(on, manifest.Fold(ref.Dependency))
			case ref.Dependency == "" && isFeature && !seen[ref.Feature]:
				seen[ref.Feature] = true
				queue = append(queue, ref.Feature)
			case ref.Dependency == "" && !isFeature:
				on = append(on, manifest.Fold(ref.Feature))
			}
		}
	}
	return on
}
