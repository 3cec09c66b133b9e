package index

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// maxAhead bounds a file that is read before it is known how long it must be, in bytes. A longer one is asked for again
// when that is known.
const maxAhead = 256 << 10

// ahead is what a [Static] reads before it is asked for it.
type ahead struct {
	ctx   context.Context
	stop  context.CancelFunc
	slots chan struct{} // taken while a request is under way
	group sync.WaitGroup

	mu  sync.Mutex
	got map[string]early
}

// early is what came of a request, for the first who asks.
type early struct {
	data []byte
	err  error
}

func newAhead() *ahead {
	ctx, stop := context.WithCancel(context.Background())
	return &ahead{ctx: ctx, stop: stop, slots: make(chan struct{}, maxInFlight), got: map[string]early{}}
}

// close ends all requests.
func (a *ahead) close() {
	a.stop()
	a.group.Wait()
}

// take returns what has come for a path, once.
func (a *ahead) take(path string) (early, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.got[path]
	delete(a.got, path)
	return e, ok
}

// Announce implements [Announced]: a file of which nothing is kept is asked for at once, beside the lists that say what it
// must be. Over a far connection that is half of the time.
func (t *Static) Announce(paths []string) {
	if t.offline {
		return
	}
	for _, path := range paths {
		if CheckPath(path) != nil || t.isKept(path) || t.isAbsent(path) {
			continue
		}
		if done, _ := t.tryTurn(path); done != nil {
			t.ahead.group.Go(func() {
				defer done()
				t.readAhead(path)
			})
		}
	}
}

func (t *Static) isKept(path string) bool {
	_, err := os.Lstat(filepath.Join(t.dir, filepath.FromSlash(path)))
	return err == nil
}

// readAhead asks for one file; it is its turn. What is too long for it, or not there, is left to those who know
// what they want; what else is wrong is told to the first of them, who would otherwise have to find out once more.
func (t *Static) readAhead(path string) {
	a := t.ahead
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-a.ctx.Done():
		return
	}
	data, err := t.ask(a.ctx, path, keptFile{}, false, maxAhead)
	if errors.Is(err, ErrNotFound) || fault.IsCode(err, web.TooLarge) || a.ctx.Err() != nil {
		return
	}
	if err == nil {
		t.mu.Lock()
		t.fresh[path] = true
		t.mu.Unlock()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got[path] = early{data, err}
}
