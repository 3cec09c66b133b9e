package cache

import "github.com/geeknik/gal-pkg/fetch"

// Counted returns the counters of this Cache since it was opened, as [Cache.Metrics] does, but does not look at the disk.
func (c *Cache) Counted() fetch.Metrics {
	return fetch.Metrics{Hits: c.hits.Load(), Misses: c.misses.Load(), Bytes: c.bytes.Load(), Healed: c.healed.Load()}
}
