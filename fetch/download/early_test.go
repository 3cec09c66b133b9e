package download

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
)

func TestEarlyDownloadsCountAndAreNotRepeated(t *testing.T) {
	h, items := newHost(t, 12)
	o := patient(t, options(t, t.TempDir()))
	o.Early = NewEarly(t.Context(), o)
	for _, item := range slices.Concat(items[:8], items[:8]) {
		item.Size, item.Unpacked = 0, 0 // as a lock knows them
		o.Early.Begin(item)
	}
	results, err := Fetch(t.Context(), items, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Early.Stop()
	for _, r := range results {
		if !r.Downloaded || r.URL != r.Item.URLs[0] || r.Item.Size == 0 {
			t.Errorf("%s: %+v", r.Item, r)
		}
	}
	if h.requests() != len(items) {
		t.Errorf("%d requests for %d items", h.requests(), len(items))
	}
	sound(t, o.Cache, items)
}

func TestWhatFailsEarlyIsNotTriedTwice(t *testing.T) {
	h, items := newHost(t, 1)
	h.lie = func(w http.ResponseWriter, r *http.Request, data []byte) bool {
		w.Write(make([]byte, len(data)))
		return true
	}
	plain := options(t, t.TempDir())
	_, want := Fetch(t.Context(), items, plain)
	alone := h.requests()

	o := options(t, t.TempDir())
	o.Early = NewEarly(t.Context(), o)
	o.Early.Begin(items[0])
	_, err := Fetch(t.Context(), items, o)
	o.Early.Stop()
	if !fault.IsCode(err, "checksum-mismatch") || err.Error() != want.Error() {
		t.Errorf("got %v, want %v", err, want)
	}
	if early := h.requests() - alone; early != alone {
		t.Errorf("%d requests, without an early one %d", early, alone)
	}
	empty(t, o.Cache)
}

// TestWrongBytesEarlyAreTold: a host that lies is not asked again in the hope that it will not, however many addresses the
// line itself has.
func TestWrongBytesEarlyAreTold(t *testing.T) {
	h, items := newHost(t, 1)
	var asked atomic.Int64
	h.lie = func(w http.ResponseWriter, r *http.Request, data []byte) bool {
		if asked.Add(1) > 2 {
			return false
		}
		w.Write(make([]byte, len(data)))
		return true
	}
	o := options(t, t.TempDir())
	o.Early = NewEarly(t.Context(), o)
	o.Early.Begin(items[0])
	item := items[0]
	item.URLs = append(slices.Clone(item.URLs), "https://mirror.invalid/")
	_, err := Fetch(t.Context(), []Item{item}, o)
	o.Early.Stop()
	if !fault.IsCode(err, "checksum-mismatch") {
		t.Errorf("after %d requests: %v, want checksum-mismatch", asked.Load(), err)
	}
	empty(t, o.Cache)
}

// TestEarlyDownloadsAreShared: also where the shared cache takes its time, and the early downloads have long ended.
func TestEarlyDownloadsAreShared(t *testing.T) {
	_, items := newHost(t, 4)
	all := make(chan struct{})
	b, _ := shared(t, nil)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			<-all
		}
		b.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	o := patient(t, options(t, t.TempDir()))
	o.Shared = newShared(t, slow.URL, true)
	o.Early = NewEarly(t.Context(), o)
	for _, item := range items {
		o.Early.Begin(item)
	}
	o.Early.queue.Close()
	o.Early.Stop()
	close(all)
	if _, err := Fetch(t.Context(), items, o); err != nil {
		t.Fatal(err)
	}
	if err := o.Shared.Settle(t.Context(), o.Events); err != nil {
		t.Fatal(err)
	}
	if b.count("PUT") != len(items) {
		t.Errorf("%d of %d archives were given to the shared cache", b.count("PUT"), len(items))
	}
}

func TestAnEarlyFailureIsNoneWhereAnotherAddressServes(t *testing.T) {
	_, items := newHost(t, 1)
	item := items[0]
	o := options(t, t.TempDir())
	o.Early = NewEarly(t.Context(), o)
	known := item
	known.URLs = []string{item.URLs[0] + ".gone"}
	o.Early.Begin(known)
	item.URLs = append(known.URLs, item.URLs...)
	results, err := Fetch(t.Context(), []Item{item}, o)
	o.Early.Stop()
	if err != nil || !results[0].Downloaded {
		t.Errorf("%+v: %v", results, err)
	}
}

func TestEarlyDownloadsThatNobodyNeeds(t *testing.T) {
	h, items := newHost(t, 3)
	hung := make(chan struct{})
	h.lie = func(w http.ResponseWriter, r *http.Request, data []byte) bool {
		if r.URL.Path != "/p0-1.0.0.tar.zst" {
			return false
		}
		w.(http.Flusher).Flush()
		close(hung)
		<-r.Context().Done()
		return true
	}
	o := patient(t, options(t, t.TempDir()))
	e := NewEarly(t.Context(), o)
	for _, item := range items {
		e.Begin(item)
	}
	<-hung
	e.Stop()
	e.Begin(items[0]) // which is too late
	if o.Cache.Has(items[0]) {
		t.Error("an archive is there that never came")
	}
	empty(t, o.Cache)

	h.lie, o.Early = nil, e
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := Fetch(ctx, items, o); err != nil {
		t.Errorf("after early downloads were stopped: %v", err)
	}
	sound(t, o.Cache, items)
}
