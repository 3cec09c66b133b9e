package download

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/web"
)

// health remembers which hosts have failed lately, so that they are asked last: in this process, and in a file for the
// next one. It is a hint that saves time and decides nothing else, so a file that is missing, damaged, written by another
// version or on another clock is no error.
//
//	gal-hosts 1
//	<origin> <seconds since 1970 of the failure>       sorted by origin
type health struct {
	file string
	now  func() time.Time

	mu      sync.Mutex
	failed  map[string]time.Time
	changed bool
}

const (
	healthName = "hosts" // in the cache's folder
	healthHead = "gal-hosts 1\n"
	maxHealth  = 64 << 10
	maxHosts   = 256
	// rest is for how long a host that failed is asked last.
	rest = 5 * time.Minute
)

func loadHealth(file string, now func() time.Time) *health {
	h := &health{file: file, now: now, failed: map[string]time.Time{}}
	data, err := atomicfile.Read(file, maxHealth)
	if err != nil {
		return h
	}
	text, ok := strings.CutPrefix(string(data), healthHead)
	if !ok {
		return h
	}
	for line := range strings.Lines(text) {
		origin, seconds, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		at, err := strconv.ParseInt(seconds, 10, 64)
		if err == nil && h.recent(time.Unix(at, 0)) && len(h.failed) < maxHosts {
			h.failed[origin] = time.Unix(at, 0)
		}
	}
	return h
}

// recent reports whether a failure still counts; one in the future is of a clock that was wrong.
func (h *health) recent(at time.Time) bool {
	age := h.now().Sub(at)
	return age >= 0 && age < rest
}

// order returns addresses with those last whose hosts failed lately.
func (h *health) order(addresses []string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.failed) == 0 {
		return addresses
	}
	sorted := slices.Clone(addresses)
	slices.SortStableFunc(sorted, func(a, b string) int { return h.rank(a) - h.rank(b) })
	return sorted
}

func (h *health) rank(address string) int {
	origin, err := web.Origin(address)
	if at, failed := h.failed[origin]; err == nil && failed && h.recent(at) {
		return 1
	}
	return 0
}

// note keeps how a host did.
func (h *health) note(origin string, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, failed := h.failed[origin]; failed == !ok {
		return
	}
	if h.changed = true; ok {
		delete(h.failed, origin)
	} else if len(h.failed) < maxHosts {
		h.failed[origin] = h.now().Truncate(time.Second)
	}
}

// save writes the file where something has changed.
func (h *health) save() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.changed {
		return
	}
	origins := make([]string, 0, len(h.failed))
	for origin := range h.failed {
		origins = append(origins, origin)
	}
	slices.Sort(origins)
	out := bytes.NewBufferString(healthHead)
	for _, origin := range origins {
		fmt.Fprintf(out, "%s %d\n", origin, h.failed[origin].Unix())
	}
	_ = atomicfile.WriteCache(h.file, out.Bytes()) // a hint that cannot be kept is none
}
