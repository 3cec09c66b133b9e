package manifest

import (
	"slices"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// ResolvedForArchive returns the text of gal.toml as it goes into an archive: the text as written, but that what is
// inherited from the workspace is filled in, and that dependencies with a version lose their path or git address. root
// is the manifest of the workspace's root, nil where there is none. original reports that the text differs, so that
// the archive must hold the one as written as gal.toml.orig beside it.
//
// A dependency with a path or git address and no version cannot be published: that is [Problems] with code
// "path-without-version".
func (m *Manifest) ResolvedForArchive(root *Manifest) (text []byte, original bool, err error) {
	full := m
	if m.Inherits() {
		if root == nil {
			return nil, false, fault.New(fault.Manifest, "bad-workspace", "%s inherits from a workspace, and there is none above it", m.Path)
		}
		if full, err = m.Inherit(root); err != nil {
			return nil, false, err
		}
	}
	e, err := Open(m.page.text)
	if err != nil {
		return nil, false, err
	}
	if err := e.fillPackage(m.Package, full.Package); err != nil {
		return nil, false, err
	}
	var problems Problems
	for _, table := range dependencyTables() {
		found, err := e.publishable(m, full, table[0])
		if err != nil {
			return nil, false, err
		}
		problems = append(problems, found...)
	}
	if len(problems) > 0 {
		return nil, false, inOrder(problems)
	}
	if _, err := Parse(m.Path, e.text); err != nil {
		return nil, false, err
	}
	return e.Bytes(), !slices.Equal(e.text, m.page.text), nil
}

// publishable rewrites the dependencies of one table as a registry can serve them.
func (e *Edit) publishable(m, full *Manifest, table string) (Problems, error) {
	var problems Problems
	for _, name := range sortedKeys(full.Table(table)) {
		spec := full.Table(table)[name]
		local := spec.Path != "" || spec.Git != ""
		if local && spec.Requirement.IsZero() {
			at := m.spots[table+"\x00"+name]
			problems = append(problems, m.page.problem(LevelError, "path-without-version", at,
				"%s has no version; who installs this package from a registry cannot reach its path or git address", quote(name)))
			continue
		}
		if !local && !m.Table(table)[name].Workspace {
			continue
		}
		spec.Path, spec.Git, spec.Tag, spec.Branch, spec.Rev = "", "", "", "", ""
		if err := e.AddDependency(table, name, spec); err != nil {
			return nil, err
		}
	}
	return problems, nil
}

// fillPackage writes what [package] inherited.
func (e *Edit) fillPackage(written, full *PackageInfo) error {
	if written == nil {
		return nil
	}
	for _, key := range written.inherited {
		v, _ := normalize(full.value(key))
		if err := e.collapse([]string{"package", key}, v); err != nil {
			return err
		}
	}
	return nil
}

// value returns an inheritable key as it is written.
func (p *PackageInfo) value(key string) any {
	switch key {
	case "version":
		return p.Version.String()
	case "gal-version":
		return p.GalVersion.String()
	case "publish":
		if len(p.Publish.Registries) > 0 {
			return p.Publish.Registries
		}
		return !p.Publish.Never
	}
	if text := p.texts()[key]; text != nil {
		return *text
	}
	return *p.lists()[key]
}
