package download

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/hosts"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/tools/faultserver"
)

// faulty serves what a host has by rules.
func faulty(t testing.TB, h *host, rules ...string) (*faultserver.Server, string) {
	t.Helper()
	files := fstest.MapFS{}
	for path, data := range h.archives {
		files[strings.TrimPrefix(path, "/")] = &fstest.MapFile{Data: data}
	}
	s := faultserver.New(files)
	if err := s.Inject(rules...); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); server.Close() })
	return s, server.URL
}

// at are the items with their addresses on other hosts.
func at(items []Item, hosts ...string) []Item {
	items = slices.Clone(items)
	for i := range items {
		name := items[i].URLs[0][strings.LastIndexByte(items[i].URLs[0], '/'):]
		items[i].URLs = nil
		for _, h := range hosts {
			items[i].URLs = append(items[i].URLs, h+name)
		}
	}
	return items
}

// told collects what is told.
type told struct {
	mu    sync.Mutex
	waits []string
	warns []string
	plan  string
}

func (l *told) events() fetch.Events {
	return fetch.Events{
		Waiting: func(what string) { l.mu.Lock(); defer l.mu.Unlock(); l.waits = append(l.waits, what) },
		Warned:  func(what string) { l.mu.Lock(); defer l.mu.Unlock(); l.warns = append(l.warns, what) },
		Planned: func(n int, size int64) { l.mu.Lock(); defer l.mu.Unlock(); l.plan = fmt.Sprint(n, " ", size) },
	}
}

// TestFaultsThatPass meets every fault of a host once: each is got over, and nothing of it is kept.
func TestFaultsThatPass(t *testing.T) {
	for _, rule := range []string{
		"truncate /** 1", "truncate:0 /** 1", "short /** 1", "corrupt /** 1", "long /** 1", "html /** 1", "status:503 /** 1-2", "status:429:2 /** 1",
		"status:429:Fri,_02_Jan_2099_03:04:17_GMT /** 1", "hang /** 1", "hang-body /** 1", "drip /** 1", "endless /** 1", "reset /** 1-3", "delay:20ms /**",
	} {
		h, items := newHost(t, 3)
		_, url := faulty(t, h, rule)
		o := options(t, t.TempDir())
		if _, err := Fetch(t.Context(), at(items, url), o); err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		sound(t, o.Cache, items)
	}
}

func TestFaultsThatStay(t *testing.T) {
	for _, tt := range []struct {
		rule     string
		kind     fault.Kind
		code     string
		requests int
	}{
		{"truncate", fault.Network, "network-unreachable", 4}, {"short", fault.Integrity, "checksum-mismatch", 2}, {"corrupt", fault.Integrity, "checksum-mismatch", 2},
		{"html", fault.Network, "unexpected-page", 2}, {"status:503", fault.Network, "http-status", 4}, {"status:429:1", fault.Network, "rate-limited", 4},
		{"hang", fault.Network, "network-unreachable", 4}, {"hang-body", fault.Network, "network-unreachable", 4}, {"drip", fault.Network, "network-unreachable", 4},
		{"endless", fault.Integrity, "checksum-mismatch", 2}, {"headers", fault.Network, "network-unreachable", 4}, {"gzip", fault.Integrity, "checksum-mismatch", 2},
		{"loop", fault.Network, "bad-redirect", 6}, {"redirect:http://registry.invalid", fault.Network, "insecure-url", 1}, {"reset", fault.Network, "network-unreachable", 4},
	} {
		h, items := newHost(t, 1)
		s, url := faulty(t, h, tt.rule+" /**")
		s.Validator = faultserver.None // else halves of a file would do
		o := options(t, t.TempDir())
		_, err := Fetch(t.Context(), at(items, url), o)
		if fault.KindOf(err) != tt.kind || !fault.IsCode(err, tt.code) || len(s.Requests("/**")) != tt.requests {
			t.Errorf("%s: %v of kind %s after %d requests", tt.rule, err, fault.KindOf(err), len(s.Requests("/**")))
		}
		if u, err := o.Cache.Usage(); err != nil || u != (cache.Usage{}) {
			t.Errorf("%s: kept %+v, %v", tt.rule, u, err)
		}
		empty(t, o.Cache)
	}
}

func TestWrongBytesAreAskedForOnceMorePastCaches(t *testing.T) {
	h, items := newHost(t, 1)
	s, url := faulty(t, h, "corrupt /** 1")
	if _, err := Fetch(t.Context(), at(items, url), options(t, t.TempDir())); err != nil {
		t.Fatal(err)
	}
	if r := s.Requests("/**"); len(r) != 2 || r[0].CacheControl != "" || r[1].CacheControl != "no-cache" || r[1].Range != "" {
		t.Errorf("asked %+v", r)
	}
	// That the second answer does not come is no way to hide the first.
	s, url = faulty(t, h, "corrupt /** 1", "status:503 /** 2-9")
	_, other := faulty(t, h)
	if _, err := Fetch(t.Context(), at(items, url, other), options(t, t.TempDir())); fault.KindOf(err) != fault.Integrity {
		t.Errorf("got %v after %+v", err, s.Requests("/**"))
	}
}

// A body that breaks off is joined from its parts, and the digest is that of the whole.
func TestResumedBody(t *testing.T) {
	h, _ := newHost(t, 0)
	item := h.add(t, "large", 400_000)
	s, url := faulty(t, h, "truncate:100000 /** 1-3")
	o := options(t, t.TempDir())
	var most int64
	o.Events.Progress = func(_ fetch.Item, n int64) { most = max(most, n) }
	if _, err := Fetch(t.Context(), at([]Item{item}, url), o); err != nil {
		t.Fatal(err)
	}
	var ranges []string
	for _, r := range s.Requests("/**") {
		ranges = append(ranges, r.Range)
	}
	if strings.Join(ranges, " ") != " bytes=100000- bytes=200000- bytes=300000-" || most != item.Size {
		t.Errorf("asked for %q, at most %d of %d bytes were told", ranges, most, item.Size)
	}
	sound(t, o.Cache, []Item{item})
}

func TestMirrors(t *testing.T) {
	h, items := newHost(t, 6)
	bad, badURL := faulty(t, h, "status:503 /**")
	_, goodURL := faulty(t, h)
	items = at(items, badURL, goodURL)
	dir := t.TempDir()
	now := time.Now()
	run := func(some []Item, dir string) int {
		t.Helper()
		before := len(bad.Requests("/**"))
		o := options(t, dir)
		o.Concurrency, o.Now = 1, func() time.Time { return now }
		results, err := Fetch(t.Context(), some, o)
		if err != nil || !strings.HasPrefix(results[0].URL, goodURL) {
			t.Fatalf("%+v: %v", results, err)
		}
		return len(bad.Requests("/**")) - before
	}
	if n := run(items[:3], dir); n != 2 {
		t.Errorf("the host that fails was asked %d times for 3 archives", n)
	}
	if n := run(items[3:4], dir); n != 0 {
		t.Errorf("another process asked it %d times", n)
	}
	if now = now.Add(hosts.Rest); run(items[4:5], dir) != 2 {
		t.Error("it is never asked again")
	}
	// With everybody failing everybody is asked.
	bad2, bad2URL := faulty(t, h, "status:503 /**")
	if _, err := Fetch(t.Context(), at(items[:1], badURL, bad2URL), options(t, t.TempDir())); !fault.IsCode(err, "download-failed") || len(bad2.Requests("/**")) != 4 {
		t.Errorf("%v after %d requests", err, len(bad2.Requests("/**")))
	}
}

func TestWaitIsTold(t *testing.T) {
	h, items := newHost(t, 8)
	_, url := faulty(t, h, "status:429:12 /** 1")
	o := options(t, t.TempDir())
	var l told
	o.Events = l.events()
	if _, err := Fetch(t.Context(), at(items, url), o); err != nil {
		t.Fatal(err)
	}
	if len(l.waits) != 1 || !strings.HasSuffix(l.waits[0], ": it answers 429; asking again in 12s") {
		t.Errorf("told %q", l.waits)
	}
	size := int64(0)
	for _, i := range items {
		size += i.Size
	}
	if want := fmt.Sprint(len(items), " ", size); l.plan != want {
		t.Errorf("planned %s, not %s", l.plan, want)
	}
}

func TestNoRoom(t *testing.T) {
	h, items := newHost(t, 2)
	items[1].Unpacked = 1 << 60
	o := options(t, t.TempDir())
	_, err := Fetch(t.Context(), items, o)
	f := fault.Of(err)
	if f == nil || f.Code != "disk-full" || !strings.Contains(f.Message, o.Cache.Dir()) || h.requests() != 0 {
		t.Fatalf("%v after %d requests", err, h.requests())
	}
	needed := items[0].Size + items[1].Size + items[0].Unpacked + items[1].Unpacked
	if f.Facts[0] != fmt.Sprintf("needed %d bytes", needed) || !strings.HasPrefix(f.Facts[1], "free   ") {
		t.Errorf("facts %q", f.Facts)
	}
	// Archives alone fit.
	o.ArchivesOnly = true
	if _, err := Fetch(t.Context(), items, patient(t, o)); err != nil {
		t.Error(err)
	}
}
