package site

import (
	"errors"
	"io/fs"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/build"
)

// roots returns every root that was published, and the one that waits: from its log size on, that one speaks.
func (s *Site) roots(published tree) (index.Roots, error) {
	state, err := build.OldState(published)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	newest, err := tuf.ParseRoot(state.Root)
	if err != nil {
		return nil, err
	}
	var roots index.Roots
	for n := int64(1); n <= newest.Version+1; n++ {
		data, err := published.ReadFile(tuf.RootPath(n))
		if n > newest.Version {
			data, err = s.nextRoot(n)
		}
		if err != nil || data == nil {
			return roots, err
		}
		root, err := tuf.ParseRoot(data)
		if err != nil {
			return nil, err
		}
		roots = append(roots, root)
	}
	return roots, nil
}
