package manifest

import (
	"maps"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Values of lto.
const (
	LTOFat  = "fat" // also written as true
	LTOThin = "thin"
	LTOOff  = "off" // also written as false
)

// ProfileSpec is one [profile.NAME] as written; what is nil or "" comes from the profile it inherits.
type ProfileSpec struct {
	OptimizationLevel *int   `json:"optimization_level,omitempty"` // 0 to 3
	Debug             *bool  `json:"debug,omitempty"`
	LTO               string `json:"lto,omitempty"`
	ChaosProfile      string `json:"chaos_profile,omitempty"`
	Inherits          string `json:"inherits,omitempty"`
}

// Profile is a build profile with everything decided.
type Profile struct {
	Name              string `json:"name"`
	OptimizationLevel int    `json:"optimization_level"`
	Debug             bool   `json:"debug"`
	LTO               string `json:"lto"`
	ChaosProfile      string `json:"chaos_profile,omitempty"` // "" for a build without chaos
}

// ProfileNames returns the profiles that can be asked for, sorted; dev and release are always among them.
func (m *Manifest) ProfileNames() []string {
	names := append(sortedKeys(m.Profiles), "dev", "release")
	slices.Sort(names)
	return slices.Compact(names)
}

// Profile returns a profile with what it inherits. A value comes from the profile itself, else from the one that it
// inherits, and so on; then from [build]; then from the built-in dev (level 0, debug, no lto) or release (level 3, no
// debug, no lto). A profile that names no other inherits dev. An unknown name is a [fault.Error] with code
// "unknown-profile" that lists the known ones.
func (m *Manifest) Profile(name string) (Profile, error) {
	names := m.ProfileNames()
	if !slices.Contains(names, name) {
		e := fault.New(fault.Manifest, "unknown-profile", "there is no profile %s%s", quote(name), didYouMean(name, names))
		return Profile{}, e.WithFact("profiles: %s", strings.Join(names, ", "))
	}
	var merged ProfileSpec
	base := name
	for range len(m.Profiles) + 2 {
		merged = merged.over(m.Profiles[base])
		next := parentProfile(base, m.Profiles[base])
		if next == "" {
			break
		}
		base = next
	}
	return m.decide(name, base, merged), nil
}

// parentProfile is the profile that one inherits, "" for the built-in ones unless they say so.
func parentProfile(name string, spec ProfileSpec) string {
	if spec.Inherits != "" || name == "dev" || name == "release" {
		return spec.Inherits
	}
	return "dev"
}

// over returns s with what it lacks taken from base.
func (s ProfileSpec) over(base ProfileSpec) ProfileSpec {
	if s.OptimizationLevel == nil {
		s.OptimizationLevel = base.OptimizationLevel
	}
	if s.Debug == nil {
		s.Debug = base.Debug
	}
	if s.LTO == "" {
		s.LTO = base.LTO
	}
	if s.ChaosProfile == "" {
		s.ChaosProfile = base.ChaosProfile
	}
	return s
}

// decide fills what no profile says.
func (m *Manifest) decide(name, base string, s ProfileSpec) Profile {
	p := Profile{Name: name, Debug: base != "release", LTO: LTOOff, ChaosProfile: m.DefaultChaosProfile}
	if base == "release" {
		p.OptimizationLevel = 3
	}
	for _, level := range []*int{m.Build.OptimizationLevel, s.OptimizationLevel} {
		if level != nil {
			p.OptimizationLevel = *level
		}
	}
	if s.Debug != nil {
		p.Debug = *s.Debug
	}
	if s.LTO != "" {
		p.LTO = s.LTO
	}
	if s.ChaosProfile != "" {
		p.ChaosProfile = s.ChaosProfile
	}
	return p
}

// profiles reads [profile], after the chaos profiles.
func (r *reader) profiles(m *Manifest, e *entry) {
	m.Profiles = map[string]ProfileSpec{}
	n := r.table(e)
	if n == nil {
		return
	}
	for _, p := range n.entries {
		if !goodProfile(p.name) {
			r.fail("bad-name", p.key, "profile %s must be letters, digits, -, _ and +", quote(p.name))
		}
		if t := r.table(p); t != nil {
			m.Profiles[p.name] = r.profile(m, t, "[profile."+p.name+"]")
		}
	}
	seen := map[string]bool{}
	for _, p := range n.entries {
		if _, ok := m.Profiles[p.name]; ok {
			r.inherits(m, n, p, seen)
		}
	}
}

// goodProfile is the grammar of the names of profiles and chaos profiles: a dot would make them look like a path.
func goodProfile(name string) bool { return goodFeature(name) && !strings.Contains(name, ".") }

func (r *reader) profile(m *Manifest, n *node, where string) ProfileSpec {
	f := r.fields(n, where, "optimization_level", "debug", "lto", "chaos_profile", "inherits")
	s := ProfileSpec{
		OptimizationLevel: r.level(f["optimization_level"]),
		Debug:             r.flag(f["debug"]),
		LTO:               r.lto(f["lto"]),
		ChaosProfile:      r.text(f["chaos_profile"]),
		Inherits:          r.text(f["inherits"]),
	}
	if s.ChaosProfile != "" {
		r.chaosRef(m, s.ChaosProfile, f["chaos_profile"])
	}
	return s
}

func (r *reader) lto(e *entry) string {
	if e == nil || e.node.kind != boolKind {
		return r.choice(e, LTOFat, LTOThin, LTOOff)
	}
	if e.node.value == true {
		return LTOFat
	}
	return LTOOff
}

// inherits checks that a profile's ancestors exist and come to an end; in seen are the profiles that were on such a way
// before. A cycle is reported once.
func (r *reader) inherits(m *Manifest, profiles *node, e *entry, seen map[string]bool) {
	spec := m.Profiles[e.name]
	if _, there := m.Profiles[spec.Inherits]; !there && spec.Inherits != "" && spec.Inherits != "dev" && spec.Inherits != "release" {
		if len(r.problems) < maxProblems {
			names := m.ProfileNames()
			r.fail("unknown-profile", placeOf(e, "inherits"), "profile %s is not defined (there are %s)%s", quote(spec.Inherits),
				listing(names), didYouMean(spec.Inherits, names))
		}
		return
	}
	var way []string
	place := map[string]int{}
	for at := e.name; at != "" && !seen[at]; at = parentProfile(at, m.Profiles[at]) {
		if i, again := place[at]; again {
			r.fail("profile-cycle", placeOf(profiles.get(at), "inherits"), "profile %s inherits itself: %s", quote(at),
				listing(append(way[i:], at)))
			break
		}
		place[at], way = len(way), append(way, at)
	}
	for _, name := range way {
		seen[name] = true
	}
}

// placeOf returns the place of a key's value in a table, in either spelling, or that of the table's name.
func placeOf(e *entry, key string) span {
	for _, k := range e.node.entries {
		if Fold(k.name) == Fold(key) {
			return k.node.at
		}
	}
	return e.key
}

// listing writes names for a message, the first twenty.
func listing(names []string) string {
	if len(names) > 20 {
		return strings.Join(names[:20], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
