package project

import (
	"context"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
)

// Preview is what a [Plan.Install] would do, as far as a look at the names in the cache and the project tells.
type Preview struct {
	Packages []resolve.Selected
	Download int   // packages of registries of which neither archive nor files are in the cache
	Bytes    int64 // of their archives, as far as registries say
	Link     int   // packages that are not in .gal/packages, or lead elsewhere than they would
	Yanked   []Yanked
}

// Preview looks at what an install would do, and does nothing.
func (p *Plan) Preview(ctx context.Context, c Choice, store *cache.Cache) (*Preview, error) {
	selected, err := p.Select(ctx, c)
	if err != nil {
		return nil, err
	}
	v := &Preview{Packages: selected, Yanked: p.yanked(selected)}
	wanted := refs(selected)
	for _, l := range p.Lock.Packages {
		if !wanted[l.Ref()] {
			continue
		}
		a, ok := p.artifacts[l.Ref()]
		if !ok {
			v.link(p.Project.Dir, manifest.Key(l.Name)+"-"+l.Version.String(), "")
			continue
		}
		item := p.item(l, a)
		if !store.HasTree(item) && !store.Has(item) {
			v.Download++
			v.Bytes += max(item.Size, 0)
		}
		tree, err := store.TreePath(item)
		if err != nil {
			return nil, err
		}
		v.link(p.Project.Dir, item.Folder(), tree)
	}
	return v, nil
}

// link counts a package that is not in place. A folder is, and so is what leads anywhere where no tree is known.
func (v *Preview) link(project, name, tree string) {
	place := filepath.Join(project, filepath.FromSlash(install.PackagesDir), name)
	target, err := os.Readlink(place)
	if err != nil {
		target = tree
		_, err = os.Lstat(place)
	}
	if err != nil || tree != "" && target != tree {
		v.Link++
	}
}
