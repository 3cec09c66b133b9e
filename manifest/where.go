package manifest

import "strings"

// Where returns the line and column, both from 1, at which a key of a table is written. Tables and keys are named as
// the package comment names them, however the file spells them: Where("dependencies", "actor-utils"),
// Where("profile.release", "lto"). The key "" means the table's own name. Both numbers are 0 where nothing is there.
func (m *Manifest) Where(table, key string) (line, column int) {
	parts := strings.Split(table, ".")
	if key != "" {
		parts = append(parts, key)
	}
	path := strings.Join(parts, "\x00")
	at, ok := m.spots[path]
	if !ok {
		at, ok = m.spots[Fold(path)]
	}
	if !ok {
		return 0, 0
	}
	return m.page.position(at.start)
}

// record notes the places of the tables' keys, as they are written and folded.
func (r *reader) record(spots map[string]span, f fields) {
	for name, e := range f {
		if name == "chaos" {
			continue
		}
		recordEntry(spots, name, e)
	}
	// The older spelling answers to the canonical names.
	if chaos := f["chaos"]; chaos != nil {
		if profiles := chaos.node.get("profiles"); profiles != nil {
			for _, e := range profiles.node.entries {
				recordEntry(spots, "chaos-profile\x00"+e.name, e)
			}
		}
	}
}

func recordEntry(spots map[string]span, path string, e *entry) {
	spots[path] = e.key
	if folded := Fold(path); folded != path {
		if _, ok := spots[folded]; !ok {
			spots[folded] = e.key
		}
	}
	for _, child := range e.node.entries {
		recordEntry(spots, path+"\x00"+child.name, child)
	}
}
