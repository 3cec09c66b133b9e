package index

import (
	"context"
	"sync"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/internal/workqueue"
)

// Limits of what is read before it is asked for. A longer file is asked for again when its length is known; the other half of
// the connections are left to the lists, which everything waits for.
const (
	maxAhead     = 256 << 10 // bytes of a file
	maxHeldAhead = 16 << 20  // bytes of files that nobody has asked for yet
	slotsAhead   = maxInFlight / 2
)

// ahead is what a [Static] reads before it is asked for it.
type ahead struct {
	ctx   context.Context
	stop  context.CancelFunc
	queue *workqueue.Queue[announced]

	mu   sync.Mutex
	got  map[string]early
	held int // bytes of got
	age  int // how often got was cleared
}

// announced is a file that is to be asked for; it is its turn until done.
type announced struct {
	path string
	age  int
	done func()
}

// early is what came of a request, for the first who asks.
type early struct {
	data []byte
	err  error
}

func newAhead(read func(announced)) *ahead {
	ctx, stop := context.WithCancel(context.Background())
	return &ahead{ctx: ctx, stop: stop, queue: workqueue.New(slotsAhead, read), got: map[string]early{}}
}

// close ends all requests.
func (a *ahead) close() {
	a.stop()
	a.queue.Close()
}

// take returns what has come for a path, once.
func (a *ahead) take(path string) (early, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.got[path]
	delete(a.got, path)
	a.held -= len(e.data)
	return e, ok
}

// put keeps what has come; false means that it was asked for before got was cleared last, and may be otherwise now. What is
// too much to hold is in the cache on disk.
func (a *ahead) put(path string, e early, age int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if age == a.age && a.held+len(e.data) <= maxHeldAhead {
		a.got[path] = e
		a.held += len(e.data)
	}
	return age == a.age
}

// clear forgets what has come: it may be otherwise now.
func (a *ahead) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.got)
	a.held = 0
	a.age++
}

func (a *ahead) now() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.age
}

// Announce implements [Announced]: a file of which nothing is kept is asked for at once, beside the lists that say what it
// must be. Over a far connection that is half of the time.
func (t *Static) Announce(paths []string) {
	if t.offline {
		return
	}
	a := t.ahead
	age := a.now()
	for _, path := range paths {
		if CheckPath(path) != nil || t.isKept(path) || t.isAbsent(path) {
			continue
		}
		if done, _ := t.tryTurn(path); done != nil && !a.queue.Add(announced{path, age, done}) {
			done()
		}
	}
}

// readAhead asks for one file; it is its turn. What is too long for it is left to those who know how long it is; what else is
// wrong is told to the first of them, who would otherwise find out once more.
func (t *Static) readAhead(next announced) {
	defer next.done()
	if t.ahead.ctx.Err() != nil {
		return
	}
	response, err := t.get(t.ahead.ctx, next.path, web.GetOptions{MaxBytes: maxAhead})
	if t.ahead.ctx.Err() != nil || fault.IsCode(err, web.TooLarge) {
		return
	}
	e := early{err: err}
	if err == nil {
		e.data = response.Body
		t.keep(next.path, response.ETag(), response.Body)
	}
	if t.ahead.put(next.path, e, next.age) && err == nil {
		t.mu.Lock()
		t.fresh[next.path] = true
		t.mu.Unlock()
	}
}
