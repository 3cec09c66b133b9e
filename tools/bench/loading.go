package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/tools/bench/operator"
)

// reading is a way to read packages through a transport.
type reading func(ctx context.Context, t index.Transport, names []string) error

// fetchFiles fetches the files of packages, and looks at none.
func fetchFiles(ctx context.Context, t index.Transport, names []string) error {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = index.PackagePath(name)
	}
	files, err := t.Fetch(ctx, paths)
	if err == nil && len(files) != len(paths) {
		err = fmt.Errorf("%d of %d files came", len(files), len(paths))
	}
	return err
}

// loadPackages fetches the metadata, the lists and the files of packages, holds one against the other, and folds the lines.
func loadPackages(ctx context.Context, t index.Transport, names []string) error {
	snapshot, err := index.Open(ctx, t, index.Options{Pin: operator.ID})
	if err != nil {
		return err
	}
	return snapshot.Load(ctx, names)
}

// loadOnce reads packages of a registry over HTTP, with the cache in an empty folder, and returns how long it took.
func loadOnce(ctx context.Context, url, dir string, names []string, read reading) (time.Duration, error) {
	client, err := web.New(web.Options{UserAgent: "gal-bench"})
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	transport, err := index.NewStatic(client, url, dir, false)
	if err != nil {
		return 0, err
	}
	err = read(ctx, transport, names)
	return time.Since(begin), errors.Join(err, transport.Close())
}
