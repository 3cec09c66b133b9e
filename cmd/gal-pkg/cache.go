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
	return `Prints how many archives and unpacked packages the cache has, and how much of the disk they take.

EXAMPLES
  gal-pkg cache size --format json`
}

// cacheUsageResult is the document of cache size, prune and clean: what is there, or what was removed.
type cacheUsageResult struct {
	cache.Usage
	Bytes int64 `json:"bytes"`
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
	return a.Result("cache-size", cacheUsageResult{usage, usage.Bytes()}, func(w io.Writer) {
		fmt.Fprintf(w, "%s  %s\n", cmdline.Plural(usage.Blobs, "archive"), cmdline.Size(usage.BlobBytes))
		fmt.Fprintf(w, "%s  %s unpacked\n", cmdline.Plural(usage.Trees, "package"), cmdline.Size(usage.TreeBytes))
	})
}

type cacheVerifyCmd struct{}

func (cacheVerifyCmd) Help() string {
	return `Hashes every archive and every unpacked file, and lists what is damaged; exit code 7 where something is. Nothing is
changed: what is damaged is found and made anew by the next command that needs it.

EXAMPLES
  gal-pkg cache verify`
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
	if n := len(v.Damaged); n > 0 {
		bad = fault.New(fault.Integrity, "cache-damaged", "%s in the cache damaged", things(n)).WithHelp("gal-pkg cache clean")
	} else {
		a.Status("Verified", "%s, %s", cmdline.Plural(v.Archives, "archive"), cmdline.Plural(v.Trees, "unpacked package"))
	}
	return a.verdict("cache-verify", v, func(w io.Writer) {
		for _, d := range v.Damaged {
			fmt.Fprintf(w, "%s: %s\n", d.Path, d.Message)
		}
	}, bad)
}

type cachePruneCmd struct {
	OlderThan string `default:"30 days" placeholder:"SPAN" help:"Remove what was last used before that (default: 30 days)."`
}

func (cachePruneCmd) Help() string {
	return `Removes archives and unpacked packages that no command has used for a while. Projects that link to them are healed by
their next install.

EXAMPLES
  gal-pkg cache prune
  gal-pkg cache prune --older-than "1 week"`
}

func (c *cachePruneCmd) Run(a *app) error {
	span, err := manifest.ParseSpan(c.OlderThan)
	if err != nil {
		return fault.New(fault.Usage, "bad-span", "--older-than: %v", err)
	}
	return a.emptyCache("cache-prune", func(store *cache.Cache) (cache.Usage, error) {
		return store.Prune(a.ctx, a.now().Add(-time.Duration(span)))
	})
}

type cacheCleanCmd struct{}

func (cacheCleanCmd) Help() string {
	return `Removes every archive and every unpacked package. It waits until no other gal-pkg uses the cache.

EXAMPLES
  gal-pkg cache clean`
}

func (c *cacheCleanCmd) Run(a *app) error {
	return a.emptyCache("cache-clean", func(store *cache.Cache) (cache.Usage, error) { return store.Clean(a.ctx) })
}

// emptyCache removes a part of the cache and says how much that was.
func (a *app) emptyCache(command string, remove func(*cache.Cache) (cache.Usage, error)) error {
	store, err := a.cache()
	if err != nil {
		return err
	}
	removed, err := remove(store)
	if err != nil {
		return err
	}
	a.Status("Removed", "%s, %s (%s)", cmdline.Plural(removed.Blobs, "archive"), cmdline.Plural(removed.Trees, "unpacked package"), cmdline.Size(removed.Bytes()))
	return a.Result(command, cacheUsageResult{removed, removed.Bytes()}, nil)
}
