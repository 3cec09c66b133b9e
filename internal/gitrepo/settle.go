package gitrepo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
)

// Settle waits until the disk has what a repository that has the commit base lacks of the commit tip, as [Repo.NewObjects]
// lists it. What this package has written is on the disk already; git, which has taken a push, does not wait for that.
func (r *Repo) Settle(ctx context.Context, base, tip Hash) error {
	objects, err := r.NewObjects(ctx, base, tip)
	if err != nil {
		return err
	}
	folders := map[string]bool{"objects": true}
	for _, h := range objects {
		name := h.String()
		folder := "objects/" + name[:2]
		switch err := syncFile(r.path(folder + "/" + name[2:])); {
		case err == nil:
			folders[folder] = true
		case isNotExist(err):
			folders["objects/pack"] = true
		default:
			return err
		}
	}
	if folders["objects/pack"] {
		if err := r.settlePacks(); err != nil {
			return err
		}
	}
	for folder := range folders {
		if err := syncDir(r.path(folder)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Repo) settlePacks() error {
	entries, err := os.ReadDir(r.path("objects/pack"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := syncFile(r.path(path.Join("objects/pack", e.Name()))); err != nil && !isNotExist(err) {
			return err
		}
	}
	return nil
}

// syncFile waits until the disk has a file, where that is to be had of one that may only be read.
func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
