// Package workqueue does things in the order in which they were asked for, a few at once, while whoever asks goes on.
//
//	q := workqueue.New(4, download)
//	q.Add(first)  // returns at once
//	q.Add(second)
//	q.Close()     // when both are done
//
// A queue with nothing to do has no goroutine, and one with thousands of things to do has no more than it may use at once:
// each of these grows its stack a single time, which for short work is most of what a goroutine costs.
package workqueue

import "sync"

// Queue calls one function for everything that is added. It is safe for concurrent use.
type Queue[T any] struct {
	do     func(T)
	atOnce int
	work   sync.WaitGroup

	mu      sync.Mutex
	waiting []T
	busy    int // goroutines
	closed  bool
}

// New returns a queue that calls do, from at most atOnce goroutines, but at least one. It need not be closed.
func New[T any](atOnce int, do func(T)) *Queue[T] {
	return &Queue[T]{do: do, atOnce: max(atOnce, 1)}
}

// Add has do called with an item, once, after all that was added before it has been begun. It reports false, and forgets
// the item, where the queue is closed.
func (q *Queue[T]) Add(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, item)
	if q.busy < q.atOnce {
		q.busy++
		q.work.Go(q.doAll)
	}
	return true
}

// Close takes nothing more, and waits until all that was taken is done. Where the rest is not wanted any more, do has to know
// that and return at once.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.work.Wait()
}

func (q *Queue[T]) doAll() {
	for item, ok := q.next(); ok; item, ok = q.next() {
		q.do(item)
	}
}

// next takes what has waited longest; false means that nothing is, and that the caller ends.
func (q *Queue[T]) next() (item T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.busy--
		return item, false
	}
	item, q.waiting = q.waiting[0], q.waiting[1:]
	return item, true
}
