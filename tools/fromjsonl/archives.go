package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// packer makes the archives of versions and puts them into the tree.
type packer struct {
	base string
	tree folder
}

// pack makes the archive of a version and tells its line of it.
func (k *packer) pack(n *neutral, p *index.Publish) error {
	files, err := k.files(n, p)
	if err != nil {
		return n.failf("%w", err)
	}
	packed, err := archive.Pack(index.ArchivePrefix(n.Name, n.Version), files)
	if err != nil {
		return n.failf("%w", err)
	}
	p.Checksum, p.Size, p.Unpacked = index.Digest(packed.Digest), packed.Size, packed.Unpacked
	return k.tree.write(index.ArchivePath(n.Name, n.Version), packed.Bytes)
}

// files returns what the archive holds: the folder's files, with a gal.toml.
func (k *packer) files(n *neutral, p *index.Publish) ([]archive.File, error) {
	var files []archive.File
	if n.Path != "" {
		dir := n.Path
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(k.base, filepath.FromSlash(dir))
		}
		var err error
		if files, err = collect(dir); err != nil {
			return nil, err
		}
	}
	if i := slices.IndexFunc(files, func(f archive.File) bool { return f.Path == manifest.FileName }); i >= 0 {
		return files, describe(files[i].Data, n, p)
	}
	text, err := makeManifest(n)
	return append(files, archive.File{Path: manifest.FileName, Data: text}), err
}

func collect(dir string) ([]archive.File, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, errors.Join(fmt.Errorf("path %s is not a folder", dir), ignoreMissing(err))
	}
	files, problems, err := archive.Collect(dir, archive.CollectOptions{})
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%s: %s", dir, problems[0])
	}
	return files, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// describe takes what the input does not say from a package's own gal.toml.
func describe(text []byte, n *neutral, p *index.Publish) error {
	m, err := manifest.Parse(manifest.FileName, text)
	if err != nil {
		return err
	}
	if m.Package == nil || m.Package.Name != n.Name || m.Package.Version.String() != n.Version {
		return errors.New("the gal.toml in its folder is that of another package or version")
	}
	info := m.Package
	p.Edition, p.License = info.Edition, info.License
	p.About = index.About{
		Description: info.Description, Keywords: info.Keywords, Categories: info.Categories, Authors: info.Authors,
		Repository: info.Repository, Homepage: info.Homepage, Documentation: info.Documentation,
	}
	return nil
}

// makeManifest writes the gal.toml of a version that has none.
func makeManifest(n *neutral) ([]byte, error) {
	e, err := manifest.Open([]byte("[package]\n"))
	if err != nil {
		return nil, err
	}
	set := func(value any, path ...string) {
		if err == nil {
			err = e.SetKey(value, path...)
		}
	}
	set(n.Name, "package", "name")
	set(n.Version, "package", "version")
	if n.GalVersion != "" {
		set(padded(n.GalVersion), "package", "gal-version")
	}
	if n.Links != "" {
		set(n.Links, "package", "links")
	}
	for _, d := range n.Deps {
		if err == nil {
			err = addDependency(e, d)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Features)) {
		set(n.Features[name], "features", name)
	}
	return e.Bytes(), err
}

func addDependency(e *manifest.Edit, d neutralDependency) error {
	requirement, err := version.ParseRequirement(d.Req)
	if err != nil {
		return err
	}
	table := map[string]string{"dev": "dev-dependencies", "build": "build-dependencies"}[d.Kind]
	if table == "" {
		table = "dependencies"
	}
	return e.AddDependency(table, d.Name, manifest.DependencySpec{
		Requirement: requirement, Features: d.Features, Optional: d.Optional,
		DefaultFeatures: d.DefaultFeatures == nil || *d.DefaultFeatures,
	})
}
