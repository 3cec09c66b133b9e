package cmdline

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Progress shows what is being downloaded, on a terminal, below everything else that is printed: a line for each of the
// packages that still bring most, and one for all of them.
//
//	      12.4 MB of 20.1 MB  61 %  large-package 1.2.0
//	       0.3 MB of 3.2 MB    9 %  telemetry 0.5.1
//	Downloading 41 of 300 packages, 13.0 MB of 23.9 MB, 8.2 MB/s
//
// Where nothing comes for a second, it says who is waited for. A terminal of fewer than 60 columns has names first, and of the
// numbers what there is room for; no line is longer than the terminal is wide.
//
// It appears once something takes longer than a moment, is drawn anew ten times a second, and leaves nothing behind. A nil
// Progress shows nothing, which is what there is without a terminal. It is for use by several goroutines at once.
type Progress struct {
	printer *Printer
	width   func() int // columns of the terminal
	now     func() time.Time
	stop    chan struct{}
	stopped sync.WaitGroup
	drawn   int // lines on the screen; the printer's mutex guards it

	mu      sync.Mutex
	active  map[string]*transfer
	planned int
	size    int64 // of all that is planned
	done    int
	bytes   int64  // that came, of what is done and of what is active
	waiting string // what was last waited for, and since when
	since   time.Time
	asked   map[*Asked]struct{}
	moved   time.Time // when the last byte came
	pace    []sample
}

// transfer is one package on its way.
type transfer struct {
	name       string
	size, came int64
	arrived    bool
}

// sample is how many bytes there were at a time.
type sample struct {
	at    time.Time
	bytes int64
}

const (
	redraw   = 100 * time.Millisecond
	paceOver = 2 * time.Second // the speed is that of this time
	maxRows  = 6               // packages that are shown
	maxWait  = time.Minute
	wide     = 59 // columns, without the last, in which a name has room beside its numbers
	// standsAfter is for how long nothing comes before a wait is the reason.
	standsAfter = time.Second
	eraseBelow  = "\x1b[J"
)

// StartProgress begins to show progress on stderr, which must be a terminal as wide as width says. Stop it before the
// program ends. Of two at a time the later one shows.
func (p *Printer) StartProgress(width func() int, now func() time.Time) *Progress {
	g := &Progress{printer: p, width: width, now: now, stop: make(chan struct{}), active: map[string]*transfer{}, asked: map[*Asked]struct{}{}}
	p.mu.Lock()
	p.live = g
	p.mu.Unlock()
	g.stopped.Go(g.run)
	return g
}

func (g *Progress) run() {
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-g.stop:
			return
		case <-tick.C:
			_ = g.printer.write(g.printer.Stderr, "") // which draws it anew
		}
	}
}

// Stop removes what is shown.
func (g *Progress) Stop() {
	if g == nil {
		return
	}
	close(g.stop)
	g.stopped.Wait()
	g.printer.mu.Lock()
	defer g.printer.mu.Unlock()
	fmt.Fprint(g.printer.Stderr, g.erase())
	if g.printer.live == g {
		g.printer.live = nil
	}
}

// Plan announces packages with the sum of their sizes.
func (g *Progress) Plan(packages int, bytes int64) {
	g.change(func() { g.planned += packages; g.size += bytes })
}

// Begin shows a package; size is 0 where it is not known.
func (g *Progress) Begin(name string, size int64) {
	g.change(func() {
		if old := g.active[name]; old != nil {
			g.bytes -= old.came
		}
		g.active[name] = &transfer{name: name, size: size}
	})
}

// Advance says how much of a package is here.
func (g *Progress) Advance(name string, came int64) {
	g.change(func() {
		if t := g.active[name]; t != nil {
			g.bytes += came - t.came
			t.came, g.moved = came, g.now()
		}
	})
}

// Arrived says that all of a package is here, though not everything is done with it.
func (g *Progress) Arrived(name string) {
	g.change(func() {
		if t := g.active[name]; t != nil {
			t.arrived = true
		}
	})
}

// Done takes a package away; it counts where it was downloaded.
func (g *Progress) Done(name string, downloaded bool) {
	g.change(func() {
		delete(g.active, name)
		if downloaded {
			g.done++
		}
	})
}

// Wait says what is waited for; it shows while nothing else goes on.
func (g *Progress) Wait(what string) {
	g.change(func() { g.waiting, g.since = what, g.now() })
}

// Asked is a request that has not been answered in full.
type Asked struct {
	g     *Progress
	host  string
	since time.Time // when it was sent, or last brought anything
}

// Ask says that a host was asked for something. It is shown while nothing else goes on, until [Asked.End].
func (g *Progress) Ask(host string) *Asked {
	if g == nil {
		return nil
	}
	a := &Asked{g: g, host: host, since: g.now()}
	g.change(func() { g.asked[a] = struct{}{} })
	return a
}

// Hear says that some of the answer came.
func (a *Asked) Hear() {
	if a != nil {
		a.g.change(func() { a.since = a.g.now(); a.g.moved = a.since })
	}
}

// End says that nothing more is expected. Twice is fine.
func (a *Asked) End() {
	if a != nil {
		a.g.change(func() { delete(a.g.asked, a) })
	}
}

// stands returns what nothing goes on for, "" where something does: what was waited for last, or a host that was asked since
// then, the one that has been silent for longest.
func (g *Progress) stands() string {
	now := g.now()
	if now.Sub(g.moved) < standsAfter {
		return ""
	}
	var silent *Asked
	for a := range g.asked {
		if silent == nil || cmp.Or(a.since.Compare(silent.since), strings.Compare(a.host, silent.host)) < 0 {
			silent = a
		}
	}
	asked := silent != nil && now.Sub(silent.since) >= standsAfter
	switch {
	case g.waiting != "" && now.Sub(g.since) < maxWait && (!asked || !silent.since.After(g.since)):
		return g.waiting
	case asked:
		return silent.host
	}
	return ""
}

func (g *Progress) change(fn func()) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	fn()
}
