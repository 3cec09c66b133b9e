package download

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/tools/faultserver"
)

// TestABusyMirrorIsLeftToOthers: nobody waits for a host that asks for a pause while there is another.
func TestABusyMirrorIsLeftToOthers(t *testing.T) {
	for name, tt := range map[string]struct {
		first, second string // rules
		from, waits   int    // which host served; how often somebody waited
		code          string
	}{
		"another serves":         {"status:503:20 /**", "", 1, 0, ""},
		"too many requests":      {"status:429:20 /**", "", 1, 0, ""},
		"the other is dead":      {"status:503:20 /** 1-2", "reset /**", 0, 1, ""},
		"the other has nothing":  {"status:429:20 /** 1-2", "status:404 /**", 0, 1, ""},
		"both, and not for ever": {"status:503:20 /**", "status:503:20 /**", 0, 6, "download-failed"},
	} {
		h, items := newHost(t, 1)
		rules := func(rule string) []string {
			return slices.DeleteFunc([]string{rule}, func(r string) bool { return r == "" })
		}
		first, firstURL := faulty(t, h, rules(tt.first)...)
		_, secondURL := faulty(t, h, rules(tt.second)...)
		o := options(t, t.TempDir())
		var l told
		o.Events = l.events()
		results, err := Fetch(t.Context(), at(items, firstURL, secondURL), o)
		waits := 0
		for _, w := range l.waits {
			if strings.Contains(w, "asking again in 20s") {
				waits++
			}
		}
		if waits != min(tt.waits, 2) { // one host's waits of the same time are told once
			t.Errorf("%s: told of %q", name, l.waits)
		}
		if tt.code != "" {
			if !fault.IsCode(err, tt.code) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || !strings.HasPrefix(results[0].URL, []string{firstURL, secondURL}[tt.from]) {
			t.Errorf("%s: %+v: %v", name, results, err)
		}
		if tt.from == 1 && len(first.Requests("/**")) != 1 {
			t.Errorf("%s: the busy one was asked %d times", name, len(first.Requests("/**")))
		}
	}
}

// TestASlowMirrorIsLeftToOthers: what came of it is kept, and it serves to the end where nobody else does.
func TestASlowMirrorIsLeftToOthers(t *testing.T) {
	h, _ := newHost(t, 0)
	items := []Item{h.add(t, "big", 18_000)}
	for _, alone := range []bool{false, true} {
		slow, slowURL := faulty(t, h, "bandwidth:6000 /**")
		rules := []string{}
		if alone {
			rules = []string{"status:404 /**"}
		}
		quick, quickURL := faulty(t, h, rules...)
		o := options(t, t.TempDir())
		client, err := web.New(web.Options{Timeout: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		o.Client = client
		results, err := Fetch(t.Context(), at(items, slowURL, quickURL), o)
		if err != nil {
			t.Fatalf("alone %v: %v", alone, err)
		}
		served, url := quick, quickURL
		if alone {
			served, url = slow, slowURL
		}
		asked := served.Requests("/**")
		if rest := asked[len(asked)-1].Range; !strings.HasPrefix(results[0].URL, url) || !strings.HasPrefix(rest, "bytes=") || rest == "bytes=0-" {
			t.Errorf("alone %v: %s served, asked for %q", alone, results[0].URL, rest)
		}
	}
}

// TestTheRestFromAnotherMirror: what a host has sent before it failed is not sent again by the next one, and if the two do
// not fit, the next one sends all.
func TestTheRestFromAnotherMirror(t *testing.T) {
	cut := []string{"truncate:400 /** 1", "reset /**"}
	for name, tt := range map[string]struct {
		spoil         func([]byte) []byte // what the first host has
		first, second []string            // rules
		ranges        string              // that the second was asked for
	}{
		"the same":               {nil, cut, nil, "bytes=400-"},
		"another file":           {func(d []byte) []byte { d[7]++; return d }, cut, nil, "bytes=400- "},
		"it sends no parts":      {nil, cut, []string{"status:416 /** 1"}, "bytes=400- "},
		"cut as well":            {nil, cut, []string{"truncate:100 /** 1"}, "bytes=400- bytes=500-"},
		"a page before":          {nil, []string{"html /**"}, nil, ""},
		"a page, and then whole": {nil, cut, []string{"html /** 1"}, "bytes=400- "},
	} {
		h, _ := newHost(t, 0)
		items := []Item{h.add(t, "one", 1000)}
		path := strings.TrimPrefix(items[0].URLs[0], h.URL)
		other, _ := newHost(t, 0)
		other.archives[path] = slices.Clone(h.archives[path])
		if tt.spoil != nil {
			other.archives[path] = tt.spoil(other.archives[path])
		}
		_, firstURL := faulty(t, other, tt.first...)
		second, secondURL := faulty(t, h, tt.second...)
		o := options(t, t.TempDir())
		results, err := Fetch(t.Context(), at(items, firstURL, secondURL), o)
		if err != nil || !strings.HasPrefix(results[0].URL, secondURL) {
			t.Errorf("%s: %+v: %v", name, results, err)
		}
		var ranges []string
		for _, r := range second.Requests("/**") {
			ranges = append(ranges, r.Range)
		}
		if got := strings.Join(ranges, " "); got != tt.ranges {
			t.Errorf("%s: asked for %q, want %q", name, got, tt.ranges)
		}
		sound(t, o.Cache, items)
	}
}

// TestTheRestIsWrong: a host that sends other bytes to one who asked for the rest is to blame for them where they are all its
// own, whatever becomes of its second answer, and not where another's are among them. Nobody is asked for what comes after
// wrong bytes.
func TestTheRestIsWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		validator faultserver.Validator
		served    bool // by the third host
	}{
		"the whole of another file":  {faultserver.None, false},
		"the rest of another's file": {faultserver.Strong, true},
	} {
		h, _ := newHost(t, 0)
		items := []Item{h.add(t, "one", 1000)}
		path := strings.TrimPrefix(items[0].URLs[0], h.URL)
		other, _ := newHost(t, 0)
		other.archives[path] = slices.Clone(h.archives[path])
		other.archives[path][7]++
		_, firstURL := faulty(t, other, "truncate:400 /** 1", "reset /**")
		second, secondURL := faulty(t, other, "reset /** 2-9")
		second.Validator = tt.validator
		third, thirdURL := faulty(t, h)
		o := options(t, t.TempDir())
		results, err := Fetch(t.Context(), at(items, firstURL, secondURL, thirdURL), o)
		asked := third.Requests("/**")
		if !tt.served {
			if !fault.IsCode(err, "checksum-mismatch") || len(asked) != 0 {
				t.Errorf("%s: %v, the third was asked %d times", name, err, len(asked))
			}
			continue
		}
		if err != nil || !strings.HasPrefix(results[0].URL, thirdURL) || len(asked) != 1 || asked[0].Range != "" {
			t.Errorf("%s: %+v: %v, the third was asked for %+v", name, results, err, asked)
		}
	}
}

// TestManyCuts: a line that breaks again and again is no failure as long as it brings something each time.
func TestManyCuts(t *testing.T) {
	h, _ := newHost(t, 0)
	items := []Item{h.add(t, "big", 60_000)}
	s, url := faulty(t, h, "truncate:5000 /**")
	o := options(t, t.TempDir())
	if _, err := Fetch(t.Context(), at(items, url), o); err != nil {
		t.Errorf("after %d requests: %v", len(s.Requests("/**")), err)
	}
}

// TestEndlessWithoutASize: a lock names no sizes, and what is said of an archive that does not end is true all the same. It
// is cut off where the size has become known.
func TestEndlessWithoutASize(t *testing.T) {
	h, items := newHost(t, 1)
	_, url := faulty(t, h, "endless /**")
	items = at(items, url)
	unknown := items[0]
	unknown.Size = 0
	_, err := Fetch(t.Context(), []Item{unknown}, options(t, t.TempDir()))
	if f := fault.Of(err); f == nil || f.Code != "checksum-mismatch" || !strings.Contains(f.Facts[1], "more than 67108864 bytes, which no archive has") {
		t.Errorf("%v: %q", err, fault.Of(err).Facts)
	}
	h.lie = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		for r.Context().Err() == nil { // at a rate that takes minutes for what an archive may have
			_, _ = w.Write(make([]byte, 4<<10))
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
		return true
	}
	items = at(items, h.URL)
	o := options(t, t.TempDir())
	o.Early = NewEarly(t.Context(), o)
	unknown.URLs = items[0].URLs
	o.Early.Begin(unknown)
	_, err = Fetch(t.Context(), items, o)
	o.Early.Stop()
	if f := fault.Of(err); f == nil || !strings.Contains(f.Facts[1], fmt.Sprintf("more than the %d bytes that it has", items[0].Size)) {
		t.Errorf("early: %v", err)
	}
}
