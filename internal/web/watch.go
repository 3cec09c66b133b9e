package web

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// errStalled is the cause of an attempt that stood still or crawled, errSlow that of one which was slower than it should be.
var (
	errStalled = errors.New("the connection stands still")
	errSlow    = errors.New("the connection is too slow")
)

// minProgress is how many bytes a body must bring in the time that it may stand still; less is a host that holds us.
const minProgress = 1 << 10

// workFactor is how much longer a host may take to answer once it has all of what we sent: it has to check it.
const workFactor = 6

// watch gives up an attempt that makes no progress. Only the time in which we wait for the other side counts: a caller
// that takes long between two reads does not.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer

	mu       sync.Mutex
	answered bool          // the head of the answer is here
	since    time.Time     // when the present read began
	waited   time.Duration // time in reads since the last full measure of bytes
	arrived  int           // bytes in that time
	rate     func() int64  // bytes a second that must come, or nil
}

func newWatch(parent context.Context, limit time.Duration) *watch {
	ctx, cancel := context.WithCancelCause(parent)
	w := &watch{ctx: ctx, cancel: cancel, limit: limit}
	w.timer = time.AfterFunc(limit, func() { cancel(errStalled) })
	return w
}

// sent notes that a part of our body went out, last that it was the end. A host may answer before it has all of it.
func (w *watch) sent(last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.answered:
	case last:
		w.timer.Reset(workFactor * w.limit)
	default:
		w.timer.Reset(w.limit)
	}
}

// answer notes that the head of the answer has come; from now on only reads count.
func (w *watch) answer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = true
	w.timer.Stop()
}

// expect sets how many bytes a second the body must bring.
func (w *watch) expect(rate func() int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rate = rate
}

func (w *watch) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = time.Now()
	w.timer.Reset(w.limit)
}

// received notes the end of a read of n bytes and returns an error when too little came in too long a time.
func (w *watch) received(n int) error {
	w.timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waited += time.Since(w.since)
	w.arrived += n
	if w.rate == nil && w.arrived >= minProgress {
		w.waited, w.arrived = 0, 0
	}
	if w.waited <= w.limit {
		return nil
	}
	crawls := errStalled
	if w.arrived >= minProgress {
		if float64(w.arrived) >= float64(w.rate())*w.waited.Seconds() {
			w.waited, w.arrived = 0, 0
			return nil
		}
		crawls = errSlow
	}
	w.cancel(crawls)
	return crawls
}

// reason names the stall where an error is only its consequence.
func (w *watch) reason(err error) error {
	if cause := context.Cause(w.ctx); errors.Is(cause, errStalled) || errors.Is(cause, errSlow) {
		return cause
	}
	return err
}

// end releases the watch and returns the reason of err.
func (w *watch) end(err error) error {
	w.timer.Stop()
	if err != nil {
		err = w.reason(err)
	}
	w.cancel(nil)
	return err
}

// arriving is a body that knows for how long its bytes came: from its head to the last of them.
type arriving struct {
	io.Reader
	began, last time.Time
}

func newArriving(r io.Reader) *arriving {
	now := time.Now()
	return &arriving{r, now, now}
}

func (a *arriving) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if n > 0 {
		a.last = time.Now()
	}
	return n, err
}

func (a *arriving) came() time.Duration { return a.last.Sub(a.began) }
