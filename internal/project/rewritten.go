package project

import (
	"maps"
	"slices"

	"github.com/geeknik/gal-pkg/manifest"
)

// Rewritten is a dependency whose requirement a manifest is to have otherwise than it is on disk.
type Rewritten struct {
	File  string `json:"file"`           // the manifest, relative to the project's folder
	Table string `json:"table"`          // dependencies, dev-dependencies, build-dependencies or workspace.dependencies
	Name  string `json:"name"`           // as the manifest has it
	From  string `json:"from,omitempty"` // requirement that it had; "" for a dependency that is added, or had none
	To    string `json:"to,omitempty"`   // requirement that it has now; "" for one that is removed, or has none
}

// Rewritten lists what the project's edited manifests have otherwise, in the order of members, tables and names; what they
// have in common comes last.
func (p *Project) Rewritten() ([]Rewritten, error) {
	var all, common []Rewritten
	for _, e := range p.edits() {
		before, err := requirements(e.path, e.disk)
		if err != nil {
			return nil, err
		}
		after, err := requirements(e.path, e.text)
		if err != nil {
			return nil, err
		}
		for _, table := range tables {
			all = append(all, rewritten(p.rel(e.path), table.name, before, after)...)
		}
		common = append(common, rewritten(p.rel(e.path), shared, before, after)...)
	}
	return append(all, common...), nil
}

// rewritten lists what one table of a manifest has otherwise, in the order of names.
func rewritten(file, table string, before, after map[string]map[string]string) (list []Rewritten) {
	names := maps.Clone(before[table])
	maps.Copy(names, after[table])
	for _, name := range slices.Sorted(maps.Keys(names)) {
		from, had := before[table][name]
		to, has := after[table][name]
		if from != to || had != has {
			list = append(list, Rewritten{file, table, name, from, to})
		}
	}
	return list
}

// requirements are those of a manifest, by table and name.
func requirements(file string, text []byte) (map[string]map[string]string, error) {
	m, err := manifest.Parse(file, text)
	if err != nil {
		return nil, err
	}
	all := map[string]map[string]string{shared: {}}
	if m.Workspace != nil {
		for name, spec := range m.Workspace.Dependencies {
			all[shared][name] = spec.Requirement.String()
		}
	}
	for _, table := range tables {
		all[table.name] = map[string]string{}
		for name, spec := range m.Table(table.name) {
			all[table.name][name] = spec.Requirement.String()
		}
	}
	return all, nil
}
