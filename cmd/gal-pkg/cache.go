package main

import (
	"fmt"
	"io"
	"time"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

type cacheCmd struct {
	Dir    cacheDirCmd    `cmd:"" help:"Print where the cache is."`
	Size   cacheSizeCmd   `cmd:"" help:"Print how much is in it."`
	Verify cacheVerifyCmd `cmd:"" help:"Hash everything in it."`
	Prune  cachePruneCmd  `cmd:"" help:"Remove what was not used for a while."`
	Clean  cacheCleanCmd  `cmd:"" help:"Remove everything in it."`
}

func (cacheCmd) Help() string {
	return `Looks after the archives and unpacked files that all projects share. All of it can be fetched again.

EXAMPLES
  gal-pkg cache size
  gal-pkg cache prune --older-than "2 weeks"
  gal-pkg cache verify`
}

type cacheDirCmd struct{}

func (cacheDirCmd) Help() string {
	return `Prints the cache's folder: GAL_CACHE_DIR, else the system's folder for caches.

EXAMPLES
  du -sh "$(gal-pkg cache dir)"`
}

// cacheDirResult is the document of cache dir.
type cacheDirResult struct {
	Path string `json:"path"`
}

func (c *cacheDirCmd) Run(a *app) error {
	dirs, err := a.dirs()
	if err != nil {
		return err
	}
	return a.Result("cache-dir", cacheDirResult{dirs.Cache}, func(w io.Writer) { fmt.Fprintln(w, dirs.Cache) })
}

type cacheSizeCmd struct{}

func (cacheSizeCmd) Help() string {
	return `Prints what the cache has at each level, and how much of the disk that takes: archives, unpacked packages, copies of the
registries' files, and copies of repositories that dependencies are in.

EXAMPLES
  gal-pkg cache size --format json`
}

// cacheUsageResult is the document of cache size, prune and clean: what is there, or what was removed.
type cacheUsageResult struct {
	cache.Usage
	project.Levels
	Bytes int64 `json:"bytes"` // of all levels
}

func cacheUsage(u cache.Usage, l project.Levels) cacheUsageResult {
	return cacheUsageResult{u, l, u.Bytes() + l.IndexBytes + l.GitBytes}
}

func (c *cacheSizeCmd) Run(a *app) error {
	store, err := a.cache()
	if err != nil {
		return err
	}
	usage, err := store.Usage()
	if err != nil {
		return err
	}
	levels, err := project.CacheLevels(store.Dir())
	if err != nil {
		return err
	}
	return a.Result("cache-size", cacheUsage(usage, levels), func(w io.Writer) {
		fmt.Fprintf(w, "%s  %s\n", cmdline.Plural(usage.Blobs, "archive"), cmdline.Size(usage.BlobBytes))
		fmt.Fprintf(w, "%s  %s unpacked\n", cmdline.Plural(usage.Trees, "package"), cmdline.Size(usage.TreeBytes))
		fmt.Fprintf(w, "registries  %s\n", cmdline.Size(levels.IndexBytes))
		fmt.Fprintf(w, "repositories  %s\n", cmdline.Size(levels.GitBytes))
	})
}

type cacheVerifyCmd struct {
	Heal bool `help:"Remove what is damaged, so that it is made anew."`
}

func (cacheVerifyCmd) Help() string {
	return `Hashes every archive and every unpacked file, and lists what is damaged; exit code 7 where something is. Nothing is
removed: what is damaged is made anew by the next command that needs it, such as gal-pkg install in a project that links to
it. With --heal it is removed at once, when no other gal-pkg uses the cache, and the exit code is 0.

EXAMPLES
  gal-pkg cache verify
  gal-pkg cache verify --heal`
}

func (c *cacheVerifyCmd) Run(a *app) error {
	store, err := a.cache()
	if err != nil {
		return err
	}
	v, err := project.VerifyStore(a.ctx, store)
	if err != nil {
		return err
	}
	var bad *fault.Error
	switch n := len(v.Damaged); {
	case n > 0 && c.Heal:
		if err := heal(a, store, v.Damaged); err != nil {
			return err
		}
	case n > 0:
		bad = fault.New(fault.Integrity, "cache-damaged", "%s in the cache damaged", things(n)).WithHelp("gal-pkg cache verify --heal")
	default:
		a.Status("Verified", "%s, %s", cmdline.Plural(v.Archives, "archive"), cmdline.Plural(v.Trees, "unpacked package"))
	}
	return a.verdict("cache-verify", v, func(w io.Writer) {
		for _, d := range v.Damaged {
			fmt.Fprintf(w, "%s: %s\n", d.Path, d.Message)
		}
	}, bad)
}

// heal removes what is damaged; the next install makes it anew.
func heal(a *app, store *cache.Cache, damaged []project.Damaged) error {
	paths := make([]string, len(damaged))
	for i, d := range damaged {
		paths[i] = d.Path
	}
	if _, err := store.Discard(a.ctx, paths); err != nil {
		return err
	}
	a.Status("Healed", "%s removed; gal-pkg install makes them anew", cmdline.Plural(len(damaged), "damaged thing"))
	return nil
}

type cachePruneCmd struct {
	OlderThan string `default:"30 days" placeholder:"SPAN" help:"Remove what was last used before that (default: 30 days)."`
}

func (cachePruneCmd) Help() string {
	return `Removes archives and unpacked packages that no install, fetch, verify or vendor has used for a while. Projects that link
to them are healed by their next install.

Uses are noted a day apart, so count days. An install that finds everything in place notes what its links lead to, and nothing
where packages are hard links or copies. What another user has brought into a cache is as old as their last use of it.

EXAMPLES
  gal-pkg cache prune
  gal-pkg cache prune --older-than "1 week"`
}

func (c *cachePruneCmd) Run(a *app) error {
	span, err := manifest.ParseSpan(c.OlderThan)
	if err != nil {
		return fault.New(fault.Usage, "bad-span", "--older-than: %v", err)
	}
	return a.emptyCache("cache-prune", &project.Levels{}, func(store *cache.Cache) (cache.Usage, error) {
		return store.Prune(a.ctx, a.now().Add(-time.Duration(span)))
	})
}

type cacheCleanCmd struct{}

func (cacheCleanCmd) Help() string {
	return `Removes every archive, every unpacked package and the copies of repositories that dependencies are in. It waits until no
other gal-pkg uses the cache; a repository that one is just reading stays.

EXAMPLES
  gal-pkg cache clean`
}

func (c *cacheCleanCmd) Run(a *app) error {
	var levels project.Levels
	return a.emptyCache("cache-clean", &levels, func(store *cache.Cache) (usage cache.Usage, err error) {
		if usage, err = store.Clean(a.ctx); err != nil {
			return usage, err
		}
		var inUse int
		if levels.GitBytes, inUse, err = project.ClearGit(store.Dir()); inUse > 0 {
			a.Note("%s of repositories stay, because another gal-pkg reads them", copies(inUse))
		}
		return usage, err
	})
}

func copies(n int) string {
	if n == 1 {
		return "1 copy"
	}
	return fmt.Sprintf("%d copies", n)
}

// emptyCache removes a part of the cache and says how much that was. Levels are set by remove.
func (a *app) emptyCache(command string, levels *project.Levels, remove func(*cache.Cache) (cache.Usage, error)) error {
	store, err := a.cache()
	if err != nil {
		return err
	}
	removed, err := remove(store)
	if err != nil {
		return err
	}
	r := cacheUsage(removed, *levels)
	a.Status("Removed", "%s, %s (%s)", cmdline.Plural(removed.Blobs, "archive"), cmdline.Plural(removed.Trees, "unpacked package"), cmdline.Size(r.Bytes))
	return a.Result(command, r, nil)
}
