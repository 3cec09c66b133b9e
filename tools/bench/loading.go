package main

import (
	"context"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/tools/bench/operator"
)

// loadOnce reads packages of a registry over HTTP, with the cache in an empty folder, and returns how long it took.
func loadOnce(ctx context.Context, url, dir string, names []string) (time.Duration, error) {
	client, err := web.New(web.Options{UserAgent: "gal-bench"})
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	transport, err := index.NewStatic(client, url, dir, false)
	if err != nil {
		return 0, err
	}
	snapshot, err := index.Open(ctx, transport, index.Options{Pin: operator.ID})
	if err != nil {
		return 0, err
	}
	err = snapshot.Load(ctx, names)
	return time.Since(begin), err
}
