package cache

import (
	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// Plenty is more than all but the largest installs take.
const Plenty = 4 << 30

// HasPlenty reports whether the disk has so much room that nobody need count what will be needed.
func (c *Cache) HasPlenty() bool {
	free, ok := FreeSpace(c.dir)
	return !ok || free >= Plenty
}

// Room fails where the disk has less room than the items will take that are not in the cache: their archives, and with
// trees their files as well. Lengths that nobody knows count as nothing, so it is no promise; it is there to say so before
// an hour of downloading and not after.
func (c *Cache) Room(items []fetch.Item, trees bool) error {
	needed := int64(0)
	for _, item := range items {
		if trees && c.HasTree(item) {
			continue
		}
		if !c.Has(item) {
			needed += max(item.Size, 0)
		}
		if trees {
			needed += max(item.Unpacked, 0)
		}
	}
	free, ok := FreeSpace(c.dir)
	if needed == 0 || !ok || free >= needed {
		return nil
	}
	return fault.New(fault.Manifest, "disk-full", "not enough space for the cache %s", c.dir).
		WithFact("needed %d bytes", needed).WithFact("free   %d bytes", free).WithFact("nothing was downloaded").
		WithHelp("gal-pkg cache prune").WithHelp("GAL_CACHE_DIR=DIR gal-pkg install    # with the cache on another disk")
}
