package download

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestWindow(t *testing.T) {
	w := newWindows(0).host("https://h")
	for range 64 {
		if _, err := w.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// However many of those that are under way together are refused, it is one piece of news.
	for range 64 {
		w.refused(0)
	}
	if w.limit != 32 {
		t.Errorf("limit %v after one wave of refusals", w.limit)
	}
	w.refused(1)
	for range 64 {
		w.leave(false)
	}
	if w.limit != 16 || w.busy != 0 {
		t.Errorf("limit %v, %d busy", w.limit, w.busy)
	}
	for range 20 {
		w.refused(w.halved)
	}
	if w.limit != 1 {
		t.Errorf("limit %v: one request must always be allowed", w.limit)
	}
	for range 1000 {
		if _, err := w.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.leave(true)
	}
	if w.limit != 128 {
		t.Errorf("limit %v: it does not recover, or grows without end", w.limit)
	}
	if fixed := newWindows(3).host("https://h"); fixed.limit != 3 || fixed.most != 3 {
		t.Errorf("a wish of 3 gives %v to %d", fixed.limit, fixed.most)
	}
}

// Who waits is let in by turns, and who gives up waiting takes no place.
func TestWindowIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindows(1).host("https://h")
		if _, err := w.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var order []int
		for i := range 10 {
			own := t.Context()
			if i%3 == 1 {
				own = ctx
			}
			go func() {
				_, err := w.enter(own)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					order = append(order, i)
					go w.leave(true)
				}
			}()
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		w.leave(true)
		synctest.Wait()
		if want := []int{0, 2, 3, 5, 6, 8, 9}; len(order) != len(want) || order[1] != 2 || order[6] != 9 || w.busy != 0 {
			t.Errorf("order %v, %d busy", order, w.busy)
		}
	})
}

func TestWindowTellsOnce(t *testing.T) {
	w, now := newWindows(0).host("https://h"), time.Unix(1e9, 0)
	for i, tt := range []struct {
		after, pause time.Duration
		want         bool
	}{
		{0, 200 * time.Millisecond, false}, {0, 7 * time.Second, true}, {0, 7 * time.Second, false}, {time.Second, 3 * time.Second, false},
		{time.Second, time.Minute, true}, {8 * time.Second, 7 * time.Second, false}, {2 * time.Minute, 7 * time.Second, true},
	} {
		if got := w.news(now.Add(tt.after), tt.pause); got != tt.want {
			t.Errorf("row %d: %v", i, got)
		}
	}
}
