package download

import (
	"context"
	"sync"
	"time"
)

// window bounds the requests that one host gets at once. It opens by one for every four that succeed, and halves when the
// host says that it has too many (429, 503): at most once for all that were under way together, since they all tell the
// same. Who waits is served in the order of coming, which is biggest first.
type window struct {
	mu     sync.Mutex
	limit  float64
	most   int
	busy   int
	halved int // how often; a request that was sent before the last time tells nothing new
	queue  []chan struct{}
	quiet  time.Time // until then the user knows that we wait for this host
}

// opensBy is what a success adds to the limit.
const opensBy = 0.25

// enter waits for a place and returns its ticket, for refused and leave.
func (w *window) enter(ctx context.Context) (ticket int, err error) {
	w.mu.Lock()
	if w.busy < int(w.limit) && len(w.queue) == 0 {
		w.busy++
		defer w.mu.Unlock()
		return w.halved, nil
	}
	turn := make(chan struct{})
	w.queue = append(w.queue, turn)
	w.mu.Unlock()
	select {
	case <-turn:
	case <-ctx.Done():
		w.abandon(turn)
		return 0, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.halved, nil
}

// abandon gives up a place in the queue, or the place itself where it has been given just now.
func (w *window) abandon(turn chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, t := range w.queue {
		if t == turn {
			w.queue = append(w.queue[:i], w.queue[i+1:]...)
			return
		}
	}
	w.busy--
	w.admit()
}

// refused notes that the host has too many requests; it returns the ticket under which the next attempt goes.
func (w *window) refused(ticket int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ticket == w.halved {
		w.halved++
		w.limit = max(w.limit/2, 1)
	}
	return w.halved
}

// underWay is how many requests the host has, at least the caller's.
func (w *window) underWay() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(w.busy, 1)
}

// leave frees a place; ok says that the host served it.
func (w *window) leave(ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy--
	if ok {
		w.limit = min(w.limit+opensBy, float64(w.most))
	}
	w.admit()
}

// admit lets in who waits, as far as there is room. The caller has the mutex.
func (w *window) admit() {
	for len(w.queue) > 0 && w.busy < int(w.limit) {
		w.busy++
		close(w.queue[0])
		w.queue = w.queue[1:]
	}
}

// news reports whether a wait is worth telling: not while the user knows of one for this host that lasts as long.
func (w *window) news(now time.Time, pause time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	until := now.Add(pause)
	if pause < time.Second || until.Before(w.quiet.Add(time.Second)) {
		return false
	}
	w.quiet = until
	return true
}

// windows are the windows of all hosts of one Fetch.
type windows struct {
	first, most int
	mu          sync.Mutex
	of          map[string]*window
}

// limits of a window where the caller says nothing: measured, 64 requests at once hide a latency of 30 ms, and more than
// 128 only queue elsewhere.
const (
	firstLimit = 64
	mostLimit  = 128
)

func newWindows(concurrency int) *windows {
	w := &windows{first: firstLimit, most: mostLimit, of: map[string]*window{}}
	if concurrency > 0 {
		w.first, w.most = concurrency, concurrency
	}
	return w
}

// host is the window of an origin.
func (w *windows) host(origin string) *window {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of[origin] == nil {
		w.of[origin] = &window{limit: float64(w.first), most: w.most}
	}
	return w.of[origin]
}
