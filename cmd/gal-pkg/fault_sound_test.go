package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

func sound(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sound PROJECT")
	}
	home := ts.Getenv("HOME")
	ts.Check(soundness(ts.MkAbs(args[0]), home, filepath.Join(home, ".cache", "gal")))
}

// soundness is the one invariant of everything that can go wrong. After a command that said it worked:
//
//   - gal.toml and gal.lock parse;
//   - for every package of the lock the store has the archive, with its digest, and the tree, with every byte of it;
//   - nothing in the store is damaged, whoever it belongs to;
//   - .gal/packages has a link to each tree, and nothing else, and packages.json names folders that are there;
//   - no temporary file is left, neither in the project nor in the home; in the folders of waiting see [nothingLeft].
func soundness(dir, home, cacheDir string, waiting ...string) error {
	items, store, err := lockedItems(dir, cacheDir)
	if err != nil {
		return err
	}
	whole, err := project.VerifyStore(context.Background(), store)
	if err != nil {
		return err
	}
	if len(whole.Damaged) > 0 {
		return fmt.Errorf("damaged in the store: %+v", whole.Damaged)
	}
	links := map[string]string{}
	for _, item := range items {
		if err := inStore(store, item); err != nil {
			return fmt.Errorf("%s of the lock: %w", item, err)
		}
		if links[item.Folder()], err = store.TreePath(item); err != nil {
			return err
		}
	}
	return errors.Join(linksAre(dir, links), listIs(dir), nothingLeft(dir), nothingLeft(home, append(waiting, filepath.Join(cacheDir, "index"), filepath.Join(home, ".local", "state"))...))
}

// usable holds that every byte of the packages of a lock is right where projects link to it. Their archives may not be.
func usable(dir, cacheDir string) error {
	items, store, err := lockedItems(dir, cacheDir)
	if err != nil {
		return err
	}
	for _, item := range items {
		err = errors.Join(err, store.VerifyTree(item, cache.Content))
	}
	return err
}

// lockedItems are what a project's lock names of registries.
func lockedItems(dir, cacheDir string) ([]fetch.Item, *cache.Cache, error) {
	p, err := project.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	if p.Lock == nil {
		return nil, nil, errors.New("there is no gal.lock")
	}
	var items []fetch.Item
	for _, l := range p.Lock.Packages {
		if l.Source.Kind == manifest.RegistrySource {
			items = append(items, fetch.Item{Name: l.Name, Key: manifest.Key(l.Name), Version: l.Version, Digest: l.Checksum})
		}
	}
	store, err := cache.NewCache(cacheDir, fetch.Events{})
	return items, store, err
}

func inStore(store *cache.Cache, item fetch.Item) error {
	if err := store.VerifyTree(item, cache.Content); err != nil {
		return err
	}
	archive, err := store.Open(context.Background(), item)
	if err != nil {
		return err
	}
	return archive.Close()
}

// linksAre compares the links of a project with those that it should have.
func linksAre(dir string, want map[string]string) error {
	folder := filepath.Join(dir, filepath.FromSlash(install.PackagesDir))
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(folder, e.Name())); err != nil || to != want[e.Name()] {
			return fmt.Errorf("%s leads to %q, not to %q: %w", e.Name(), to, want[e.Name()], err)
		}
	}
	if len(entries) != len(want) {
		return fmt.Errorf("%d links for %d packages", len(entries), len(want))
	}
	return nil
}

// listIs holds that every folder of packages.json is there.
func listIs(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(install.ListFile)))
	if err != nil {
		return err
	}
	var list struct{ Packages []struct{ Folder string } }
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, p := range list.Packages {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(p.Folder))); err != nil {
			return err
		}
	}
	return nil
}

// nothingLeft looks for temporary files. Nobody works any more, so all of them are left over. Only where names are those of
// files that wait to be written again one may stay, until its next writer takes it over: of those there is never more than
// that one, and they are a cache's or hold no secret.
func nothingLeft(dir string, waiting ...string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, temporary := strings.CutPrefix(d.Name(), atomicfile.TempPrefix)
		random := len(name) > 3 && strings.Trim(name, "0123456789") == "" // a short one is of a file that is called so
		mayStay := slices.ContainsFunc(waiting, func(folder string) bool { return strings.HasPrefix(path, folder) }) && !random
		if filepath.Base(filepath.Dir(path)) == "tmp" || temporary && !mayStay {
			return fmt.Errorf("left over: %s", path)
		}
		return nil
	})
}
