package fetch

// Metrics are counters of one cache, the specification's PackageMetrics.
type Metrics struct {
	CachedPackages   int64 `json:"cached_packages"`   // archives in the cache now
	RegistryRequests int64 `json:"registry_requests"` // HTTP requests sent
	Hits             int64 `json:"cache_hits"`        // packages that were there
	Misses           int64 `json:"cache_misses"`      // packages that had to be downloaded
	Bytes            int64 `json:"bytes_downloaded"`
	Healed           int64 `json:"healed"` // damaged archives and trees that were found
}

// HitRate is the share of packages that were in the cache, from 0 to 1; 0 where none was asked for.
func (m Metrics) HitRate() float64 {
	if m.Hits+m.Misses == 0 {
		return 0
	}
	return float64(m.Hits) / float64(m.Hits+m.Misses)
}

// Add returns the sum of two counts of the same cache; the packages in it are the later count's.
func (m Metrics) Add(later Metrics) Metrics {
	return Metrics{
		CachedPackages:   later.CachedPackages,
		RegistryRequests: m.RegistryRequests + later.RegistryRequests,
		Hits:             m.Hits + later.Hits,
		Misses:           m.Misses + later.Misses,
		Bytes:            m.Bytes + later.Bytes,
		Healed:           m.Healed + later.Healed,
	}
}
