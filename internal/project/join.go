package project

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/manifest"
)

// Join makes the package in a folder a member of the workspace above it, the nearest one, and returns that workspace's
// manifest. It is "" where there is no workspace, or where the workspace excludes the folder; a folder that a pattern of its
// members takes in is a member without any change. The errors are those of a manifest that cannot be read or parsed; of kind
// Negative, code "changed-meanwhile", where somebody else has written it; Manifest, "not-writable"; and those of the context.
func Join(ctx context.Context, dir string, events fetch.Events) (string, error) {
	for above := filepath.Dir(dir); ; above = filepath.Dir(above) {
		file := filepath.Join(above, manifest.FileName)
		if _, err := os.Stat(file); err == nil {
			root, text, err := load(file)
			if err != nil {
				return "", err
			}
			if root.Workspace != nil {
				return joinTo(ctx, dir, root, file, text, events)
			}
		}
		if above == filepath.Dir(above) {
			return "", nil
		}
	}
}

// joinTo adds a folder to the members of one workspace.
func joinTo(ctx context.Context, dir string, root *manifest.Manifest, file string, text []byte, events fetch.Events) (string, error) {
	here := os.DirFS(filepath.Dir(file))
	rel, err := filepath.Rel(filepath.Dir(file), dir)
	if err != nil {
		return "", err
	}
	rel = filepath.ToSlash(rel)
	if is, err := isMember(root, here, rel); is || err != nil {
		return file, err
	}
	edit, err := manifest.Open(text)
	if err != nil {
		return "", err
	}
	if err := edit.AddMember(rel); err != nil {
		return "", err
	}
	next, err := manifest.Parse(file, edit.Bytes())
	if err != nil {
		return "", err
	}
	if is, err := isMember(next, here, rel); !is || err != nil {
		return "", err // it is excluded
	}
	free, err := hold(ctx, filepath.Dir(file), events)
	if err != nil {
		return "", err
	}
	defer free()
	if now, err := atomicfile.Read(file, manifest.MaxManifestSize); err != nil || !bytes.Equal(now, text) {
		return "", changedMeanwhile(manifest.FileName)
	}
	return file, write(file, filepath.Base(file), edit.Bytes())
}

func isMember(root *manifest.Manifest, dir fs.FS, rel string) (bool, error) {
	folders, err := root.Workspace.Folders(dir)
	return slices.Contains(folders, rel), err
}
