package failpoint

import "sync/atomic"

// rule decides what fails, nil for nothing. It belongs to the process, as the disks do that it stands for.
var rule atomic.Pointer[func(Point, string) error]

// Fail stands beside [Reach] where a step can fail, and returns the error that a disk would have given there: nil, unless
// somebody rehearses ([Rehearse]). file is the name of what is made, the same in every run; temporary names are none.
func Fail(p Point, file string) error {
	if ask := rule.Load(); ask != nil {
		return (*ask)(p, file)
	}
	return nil
}

// Rehearse lets ask decide which steps fail, from any goroutine, until stop is called. Another rehearsal takes the place of
// the first.
func Rehearse(ask func(p Point, file string) error) (stop func()) {
	rule.Store(&ask)
	return func() { rule.CompareAndSwap(&ask, nil) }
}
