package main

import (
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/project"
)

type fetchCmd struct{}

func (fetchCmd) Help() string {
	return `Downloads and verifies the archives of every package in gal.lock, for all profiles and features, and links
nothing. Afterwards gal-pkg install --offline works.

EXAMPLES
  gal-pkg fetch                # before going offline
  gal-pkg fetch --locked       # in an image that is built for CI`
}

// fetchResult is the document of fetch.
type fetchResult struct {
	Packages   int   `json:"packages"`
	Downloaded int   `json:"downloaded"`
	Bytes      int64 `json:"bytes"`
}

func (c *fetchCmd) Run(a *app) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	fetching, err := a.fetching()
	if err != nil {
		return err
	}
	fetching.ArchivesOnly = true
	if fetching.Ahead, err = project.NewAhead(a.ctx, fetching, a.g.Offline); err != nil {
		return err
	}
	defer fetching.Ahead.Stop() // which holds the cache until then
	plan, err := a.plan(p, project.Locking{Ahead: fetching.Ahead})
	if err != nil {
		return err
	}
	results, err := plan.Fetch(a.ctx, nil, fetching)
	if err != nil {
		return err
	}
	if err := p.Write(a.ctx, plan.Lock, fetching.Events); err != nil {
		return err
	}
	if err := fetching.Shared.Settle(a.ctx, fetching.Events); err != nil {
		return err
	}
	done := fetchResult{Packages: len(results)}
	for _, r := range results {
		if r.Downloaded {
			done.Downloaded++
			done.Bytes += r.Item.Size
		}
	}
	a.Status("Fetched", "%s (%d downloaded, %s)", cmdline.Plural(done.Packages, "package"), done.Downloaded, a.amount(done.Bytes))
	return a.Result("fetch", done, nil)
}
