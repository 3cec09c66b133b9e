package manifest

import (
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/version"
)

// dependencyTables are the tables of dependencies, each with the flag that picks it on the command line.
func dependencyTables() [3][2]string {
	return [3][2]string{{"dependencies", ""}, {"dev-dependencies", " --dev"}, {"build-dependencies", " --build"}}
}

// AddDependency writes a dependency into a table ("dependencies", "dev-dependencies", "build-dependencies"). One that
// is there, in any spelling of its name, keeps its place and form as far as the new spec allows; keys that the format
// does not know stay. The spec must be complete and legal: an illegal one is [Problems] or the error of [CheckName].
func (e *Edit) AddDependency(table, name string, spec DependencySpec) error {
	if !Builtin(name) {
		if err := CheckName(name); err != nil {
			return err
		}
	}
	before := e.document
	err := e.addDependency(table, name, spec)
	if err == nil {
		err = e.checkDependencyAt(table, name)
	}
	if err != nil {
		e.document = before
	}
	return err
}

func (e *Edit) addDependency(table, name string, spec DependencySpec) error {
	w := e.walk([]string{table, name})
	if len(w.rest) > 0 || w.last().node.kind != tableKind {
		return e.set([]string{table, name}, spec.value())
	}
	known := []string{"version", "features", "default-features", "optional", "registry", "package", "path", "git", "tag", "branch", "rev", "workspace"}
	wanted := spec.fields()
	// Set first: a table that loses its last key would lose its place.
	for _, f := range wanted {
		at := e.walk([]string{table, name, f.key})
		if len(at.rest) == 0 && same(plain(at.last().node), meaning(f.value)) {
			continue
		}
		if err := e.set([]string{table, name, f.key}, f.value); err != nil {
			return err
		}
	}
	for _, key := range known {
		if slices.ContainsFunc(wanted, func(f field) bool { return f.key == key }) {
			continue
		}
		// A default that is written out is no reason for a change.
		if at := e.walk([]string{table, name, key}); len(at.rest) == 0 && !isDefault(key, at.last().node) {
			if err := e.RemoveKey(table, name, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// SetShared gives an entry of [workspace.dependencies] that is there another requirement; the rest of it stays. The error is
// of kind Manifest, code "edit-refused", where something else is in the way; else as [Edit] says.
func (e *Edit) SetShared(name string, r version.Requirement) error {
	at := []string{"workspace", "dependencies", name}
	if w := e.walk(at); len(w.rest) == 0 && w.last().node.kind == tableKind {
		at = append(at, "version")
	}
	return e.SetKey(r.String(), at...)
}

// isDefault reports whether a key of a dependency says what its absence says.
func isDefault(key string, n *node) bool {
	switch key {
	case "default-features":
		return n.value == true
	case "optional":
		return n.value == false
	case "features":
		return n.kind == arrayKind && len(n.list) == 0
	}
	return false
}

// checkDependencyAt reads an entry as Parse would.
func (e *Edit) checkDependencyAt(table, name string) error {
	r := &reader{document: e.document}
	r.dependency(e.walk([]string{table, name}).last())
	if len(r.problems) > 0 {
		return r.problems
	}
	return nil
}

// RemoveDependency removes a dependency, in any spelling of its name, from a table. Where it is not there the error is
// a [fault.Error] of kind NotFound, code "dependency-not-found", that tells the table which has it.
func (e *Edit) RemoveDependency(table, name string) error {
	if e.Has(table, name) {
		return e.RemoveKey(table, name)
	}
	f := fault.New(fault.NotFound, "dependency-not-found", "%s is not in [%s] of %s", quote(name), table, e.path)
	var known []string
	for _, t := range dependencyTables() {
		if e.Has(t[0], name) {
			f.WithFact("found in [%s]", t[0]).WithHelp("gal-pkg remove %s%s", name, t[1])
		}
		if n := e.walk([]string{t[0]}); len(n.rest) == 0 && t[0] == table {
			for _, d := range n.last().node.entries {
				known = append(known, d.name)
			}
		}
	}
	if len(f.Facts) == 0 {
		for _, word := range Suggest(name, known) {
			f.WithHelp("gal-pkg remove %s", word)
		}
	}
	return f
}

// RemoveFeatureRefs removes from [features] what names a dependency that no table has any more, and returns the
// items that went, as `feature: item`. It does nothing while a table has the dependency.
func (e *Edit) RemoveFeatureRefs(dependency string) ([]string, error) {
	for _, t := range dependencyTables() {
		if e.Has(t[0], dependency) {
			return nil, nil
		}
	}
	before := e.document
	var removed []string
	for {
		feature, item := e.danglingRef(dependency)
		if feature == nil {
			return removed, nil
		}
		array := feature.node
		removed = append(removed, feature.name+": "+array.list[item].value.(string))
		if err := e.removeElement(feature, item); err != nil {
			e.document = before
			return nil, err
		}
	}
}

// danglingRef finds the first item of a feature that names a dependency.
func (e *Edit) danglingRef(dependency string) (feature *entry, item int) {
	features := e.root.get("features")
	if features == nil {
		return nil, 0
	}
	for _, f := range features.node.entries {
		for i, n := range f.node.list {
			text, ok := n.value.(string)
			ref := ParseFeatureRef(text)
			implicit := ref.Dependency == "" && ref.Feature == dependency && features.node.get(dependency) == nil
			if ok && (implicit || ref.Dependency != "" && Fold(ref.Dependency) == Fold(dependency)) {
				return f, i
			}
		}
	}
	return nil, 0
}

// removeElement takes one element out of a feature's list, with the comma that belongs to it.
func (e *Edit) removeElement(feature *entry, i int) error {
	list := feature.node.list
	at := list[i].at
	switch {
	case i+1 < len(list):
		at.end = list[i+1].at.start
	case i > 0:
		at.start = list[i-1].at.end
	default:
		rest := string(e.text[at.end:feature.node.at.end])
		if trimmed := strings.TrimLeft(rest, " \t\r\n"); strings.HasPrefix(trimmed, ",") {
			at.end += len(rest) - len(trimmed) + 1
		}
	}
	values := plain(feature.node).([]any)
	return e.commit([]splice{{at: at}}, e.with([]string{"features", feature.name}, slices.Delete(values, i, i+1)))
}
