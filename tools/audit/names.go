package audit

import (
	"context"
	"io/fs"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
)

const (
	allowedSigners = "allowed_signers" // on static hosts: `ID[,ID] [options] KEY` a line
)

// ListDir returns the files of a published tree that its lists must have, for [Options.Paths].
func ListDir(tree fs.FS) ([]string, error) {
	paths := []string{}
	for _, dir := range []string{index.PackageDir, index.PublisherDir, index.AdvisoryDir} {
		err := fs.WalkDir(tree, strings.TrimSuffix(dir, "/"), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				paths = append(paths, path)
			}
			return err
		})
		if _, gone := fs.Stat(tree, strings.TrimSuffix(dir, "/")); err != nil && gone == nil {
			return nil, err
		}
	}
	return paths, nil
}

// tree is what there may be to read, each sorted.
type tree struct{ publishers, packages, others []string }

// tree finds out what there is, from the tree itself or from what names it.
func (a *auditor) tree(ctx context.Context) (t tree, err error) {
	if a.o.Paths != nil {
		for _, path := range a.o.Paths {
			switch _, publisher, ok := index.KeyOfPath(path); {
			case !ok:
				t.others = append(t.others, path)
			case publisher:
				t.publishers = append(t.publishers, path)
			default:
				t.packages = append(t.packages, path)
			}
		}
		return t, nil
	}
	rows, err := a.o.Snapshot.Catalogue(ctx)
	if err != nil {
		return t, err
	}
	for _, row := range rows {
		t.packages = append(t.packages, index.PackagePath(row.Name))
	}
	t.publishers, err = a.signers(ctx)
	for _, path := range t.publishers {
		a.met[path] = true
	}
	slices.Sort(t.packages)
	t.packages = slices.Compact(t.packages)
	return t, err
}

// signers returns the files of the publishers whom the host's allowed_signers names. Nothing vouches for that file, and
// nothing has to: the lists say whether a publisher exists.
func (a *auditor) signers(ctx context.Context) ([]string, error) {
	files, err := a.o.Snapshot.Files(ctx, []string{allowedSigners})
	if err != nil && fault.KindOf(err) != fault.Network {
		return nil, err
	}
	var paths []string
	for line := range strings.Lines(string(files[allowedSigners])) {
		principals, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		for id := range strings.SplitSeq(principals, ",") {
			if index.CheckID(id) == nil {
				paths = append(paths, index.PublisherPath(id))
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}
