package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/metrics"
	"github.com/geeknik/gal-pkg/internal/settings"
)

type metricsCmd struct {
	Reset bool `help:"Begin counting anew."`
}

func (metricsCmd) Help() string {
	return `Prints what all runs of gal-pkg on this machine have counted together: requests to registries, bytes, packages that were in the
cache or had to be downloaded. The numbers are in one small file in the state folder, and are never sent anywhere.
gal-pkg help environment tells where that folder is.

EXAMPLES
  gal-pkg metrics
  gal-pkg metrics --format prometheus > /var/lib/node_exporter/gal.prom
  gal-pkg metrics --reset`
}

// metricsResult is the document of metrics.
type metricsResult struct {
	Since          string `json:"since"`           // when counting began; "" where nothing was counted yet
	CachedPackages int    `json:"cached_packages"` // archives in the cache now
	CacheBytes     int64  `json:"cache_bytes"`     // of archives and unpacked packages
	metrics.Counts
	HitRate float64 `json:"cache_hit_rate"` // 0 to 1
}

func (c *metricsCmd) Run(a *app) error {
	path, err := a.metricsFile()
	if err != nil {
		return err
	}
	if c.Reset {
		if err := metrics.Reset(a.ctx, path); err != nil {
			return err
		}
	}
	store, err := a.cache()
	if err != nil {
		return err
	}
	usage, err := store.Usage()
	if err != nil {
		return err
	}
	totals := metrics.Load(path)
	r := metricsResult{CachedPackages: usage.Blobs, CacheBytes: usage.Bytes(), Counts: totals.Counts, HitRate: totals.HitRate()}
	if !totals.Since.IsZero() {
		r.Since = totals.Since.UTC().Format(time.RFC3339)
	}
	return a.Result("metrics", r, func(w io.Writer) {
		if a.g.Format == formatPrometheus {
			r.writePrometheus(w)
			return
		}
		for _, row := range r.rows() {
			fmt.Fprintf(w, "%-20s %s\n", row[0]+":", row[1])
		}
		if r.Since != "" {
			fmt.Fprintf(w, "since %s\n", r.Since)
		}
	})
}

func (r metricsResult) rows() [][2]string {
	n := func(n int64) string { return strconv.FormatInt(n, 10) }
	return [][2]string{
		{"packages cached", strconv.Itoa(r.CachedPackages) + " (" + cmdline.Size(r.CacheBytes) + ")"},
		{"registry requests", n(r.RegistryRequests)},
		{"retries", n(r.Retries)},
		{"received", cmdline.Size(r.BytesReceived)},
		{"cache hits", n(r.CacheHits)},
		{"cache misses", n(r.CacheMisses)},
		{"cache hit rate", fmt.Sprintf("%.2f%%", r.HitRate*100)},
		{"downloaded", cmdline.Size(r.BytesDownloaded)},
		{"healed", n(r.Healed)},
		{"runs", n(r.Runs)},
	}
}

// formatPrometheus is the value of --format that metrics alone knows.
const formatPrometheus = "prometheus"

// writePrometheus writes the text format of https://prometheus.io/docs/instrumenting/exposition_formats/.
func (r metricsResult) writePrometheus(w io.Writer) {
	n := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, m := range []struct{ name, kind, help, value string }{
		{"gal_pkg_cached_packages", "gauge", "Archives in the cache.", strconv.Itoa(r.CachedPackages)},
		{"gal_pkg_cache_bytes", "gauge", "Bytes of archives and unpacked packages in the cache.", n(r.CacheBytes)},
		{"gal_pkg_registry_requests_total", "counter", "Requests sent to registries.", n(r.RegistryRequests)},
		{"gal_pkg_retries_total", "counter", "Requests that were sent again.", n(r.Retries)},
		{"gal_pkg_received_bytes_total", "counter", "Bytes of all answers.", n(r.BytesReceived)},
		{"gal_pkg_cache_hits_total", "counter", "Packages that were in the cache.", n(r.CacheHits)},
		{"gal_pkg_cache_misses_total", "counter", "Packages that had to be downloaded.", n(r.CacheMisses)},
		{"gal_pkg_cache_hit_ratio", "gauge", "Share of packages that were in the cache.", strconv.FormatFloat(r.HitRate, 'g', -1, 64)},
		{"gal_pkg_downloaded_bytes_total", "counter", "Bytes of archives.", n(r.BytesDownloaded)},
		{"gal_pkg_healed_total", "counter", "Damaged things in the cache that were found.", n(r.Healed)},
		{"gal_pkg_runs_total", "counter", "Runs that counted anything.", n(r.Runs)},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", m.name, m.help, m.name, m.kind, m.name, m.value)
	}
}

func (a *app) metricsFile() (string, error) {
	dirs, _, err := settings.FindDirs(a.sys.env)
	return filepath.Join(dirs.State, "metrics"), err
}

// count adds what this run has counted to what earlier ones have, and says it with -v. A run that asked no registry and
// needed no package counts nothing, and touches no file.
func (a *app) count() {
	var c metrics.Counts
	if a.set != nil {
		for _, u := range a.set.Uses() {
			a.Debug("registry %s (%s): %s, %s", u.ID, u.Name, u.Transport, traffic(u.Requests, u.Retries, u.Bytes))
		}
		asked := a.set.Counts()
		c.RegistryRequests, c.Retries, c.BytesReceived = asked.Requests, asked.Retries, asked.Bytes
	}
	for _, store := range a.caches {
		m := store.Counted()
		c.CacheHits, c.CacheMisses = c.CacheHits+m.Hits, c.CacheMisses+m.Misses
		c.BytesDownloaded, c.Healed = c.BytesDownloaded+m.Bytes, c.Healed+m.Healed
	}
	if c.IsZero() {
		return
	}
	if c.CacheHits+c.CacheMisses > 0 {
		a.Debug("cache: %d of %s were there, %s downloaded", c.CacheHits, cmdline.Plural(int(c.CacheHits+c.CacheMisses), "package"), cmdline.Size(c.BytesDownloaded))
	}
	path, err := a.metricsFile()
	if err == nil {
		err = metrics.Add(context.WithoutCancel(a.ctx), path, c, a.now())
	}
	if err != nil {
		a.Debug("metrics are not kept: %v", err)
	}
}

func traffic(requests, retries, bytes int64) string {
	text := cmdline.Plural(int(requests), "request") + ", " + cmdline.Size(bytes) + " received"
	if retries > 0 {
		text += fmt.Sprintf(", %d sent again", retries)
	}
	return text
}
