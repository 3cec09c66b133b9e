package manifest

import (
	"slices"
	"time"
)

// ChaosOf returns the chaos profile that a build profile uses, with its name; nil for a build without chaos. The errors are
// those of [Manifest.Profile]: that a chaos profile exists was seen to when the manifest was read.
func (m *Manifest) ChaosOf(profile string) (name string, chaos *ChaosProfile, err error) {
	p, err := m.Profile(profile)
	if err != nil || p.ChaosProfile == "" {
		return "", nil, err
	}
	found, ok := m.ChaosProfiles[p.ChaosProfile]
	if !ok {
		return "", nil, nil
	}
	return p.ChaosProfile, &found, nil
}

// ChaosUses returns, for every chaos profile, the build profiles that use it, sorted; an empty list for none.
func (m *Manifest) ChaosUses() map[string][]string {
	uses := map[string][]string{}
	for name := range m.ChaosProfiles {
		uses[name] = []string{}
	}
	for _, profile := range m.ProfileNames() {
		if name, _, err := m.ChaosOf(profile); err == nil && name != "" {
			uses[name] = append(uses[name], profile)
		}
	}
	return uses
}

// Firing is a moment at which a scheduled fault is considered.
type Firing struct {
	At    time.Time
	Event FaultEvent
}

// Upcoming returns the first count moments after a time at which faults that are scheduled by the clock are considered, in
// the zone of that time. Those of one moment are in the order of the file. Other triggers have no moments, and one that
// names a day which no year has never comes.
func (p ChaosProfile) Upcoming(after time.Time, count int) []Firing {
	next := make([]time.Time, len(p.FaultSchedule))
	for i, event := range p.FaultSchedule {
		next[i], _ = event.Trigger.Next(after) // the zero time for none
	}
	var list []Firing
	for len(list) < count {
		first := -1
		for i, at := range next {
			if !at.IsZero() && (first < 0 || at.Before(next[first])) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		list = append(list, Firing{next[first], p.FaultSchedule[first]})
		next[first], _ = p.FaultSchedule[first].Trigger.Next(next[first])
	}
	return slices.Clip(list)
}
