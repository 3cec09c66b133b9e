// Package hosts remembers which hosts have failed lately, so that they are asked last: in this process, and in a file for
// the next one. It is a hint that saves time and decides nothing else, so a file that is missing, damaged, written by
// another version or on another clock is no error.
//
//	gal-hosts 1
//	<origin> <seconds since 1970 of the failure>       sorted by origin
package hosts

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/web"
)

// Limits. A file that is longer is not read, and of more hosts the rest is not remembered.
const (
	maxFile  = 64 << 10
	maxHosts = 256
	// Rest is for how long a host that failed is asked last.
	Rest = 5 * time.Minute
)

const (
	name = "hosts" // of the file
	head = "gal-hosts 1\n"
)

// Health is what is known of hosts. It is safe for concurrent use.
type Health struct {
	file string
	now  func() time.Time

	mu      sync.Mutex
	failed  map[string]time.Time // by origin
	changed map[string]bool      // origins that failed, or, with false, serve again since the file was read
}

// Load reads what is known of hosts in a cache folder.
func Load(cacheDir string, now func() time.Time) *Health {
	h := &Health{file: filepath.Join(cacheDir, name), now: now, changed: map[string]bool{}}
	h.failed = h.read()
	maps.DeleteFunc(h.failed, func(_ string, at time.Time) bool { return !h.recent(at) })
	return h
}

// read returns what the file has; with failures that are yet to come, which another process has seen since we looked at the
// clock, or its clock goes before ours.
func (h *Health) read() map[string]time.Time {
	failed := map[string]time.Time{}
	data, err := atomicfile.Read(h.file, maxFile)
	if err != nil {
		return failed
	}
	text, ok := strings.CutPrefix(string(data), head)
	if !ok {
		return failed
	}
	for line := range strings.Lines(text) {
		origin, seconds, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		at, err := strconv.ParseInt(seconds, 10, 64)
		if err == nil && h.now().Sub(time.Unix(at, 0)).Abs() < Rest && len(failed) < maxHosts {
			failed[origin] = time.Unix(at, 0)
		}
	}
	return failed
}

// recent reports whether a failure still counts; one in the future is of a clock that was wrong.
func (h *Health) recent(at time.Time) bool {
	age := h.now().Sub(at)
	return age >= 0 && age < Rest
}

// Order returns addresses with those last whose hosts failed lately. What is not on a host never fails.
func (h *Health) Order(addresses []string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.failed) == 0 {
		return addresses
	}
	sorted := slices.Clone(addresses)
	slices.SortStableFunc(sorted, func(a, b string) int { return h.rank(a) - h.rank(b) })
	return sorted
}

func (h *Health) rank(address string) int {
	if origin, err := originOf(address); err == nil && h.rests(origin) {
		return 1
	}
	return 0
}

// originOf is the origin of an address of files, or of a git repository.
func originOf(address string) (string, error) { return web.Origin(strings.TrimPrefix(address, "git+")) }

// Rests reports whether a host failed lately.
func (h *Health) Rests(origin string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rests(origin)
}

func (h *Health) rests(origin string) bool {
	at, failed := h.failed[origin]
	return failed && h.recent(at)
}

// Note keeps how the host of an address did.
func (h *Health) Note(address string, ok bool) {
	origin, err := originOf(address)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, failed := h.failed[origin]; failed == !ok || !ok && len(h.failed) >= maxHosts {
		return
	}
	if ok {
		delete(h.failed, origin)
	} else {
		h.failed[origin] = h.now().Truncate(time.Second)
	}
	h.changed[origin] = !ok
}

// Save writes the file where something has changed, and leaves in it what others have found out meanwhile.
func (h *Health) Save() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.changed) == 0 {
		return
	}
	all := h.read()
	for origin, failed := range h.changed {
		if delete(all, origin); failed {
			all[origin] = h.failed[origin]
		}
	}
	clear(h.changed)
	out := bytes.NewBufferString(head)
	for _, origin := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(out, "%s %d\n", origin, all[origin].Unix())
	}
	_ = atomicfile.WriteCache(h.file, out.Bytes()) // a hint that cannot be kept is none
}
