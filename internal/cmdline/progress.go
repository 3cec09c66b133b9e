package cmdline

import (
	"cmp"
	"fmt"
	"slices"
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
	// standsAfter is for how long nothing comes before a wait is the reason.
	standsAfter = time.Second
	eraseBelow  = "\x1b[J"
)

// StartProgress begins to show progress on stderr, which must be a terminal as wide as width says. Stop it before the
// program ends. Of two at a time the later one shows.
func (p *Printer) StartProgress(width func() int, now func() time.Time) *Progress {
	g := &Progress{printer: p, width: width, now: now, stop: make(chan struct{}), active: map[string]*transfer{}}
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

// stands reports whether nothing goes on because of what was waited for last.
func (g *Progress) stands() bool {
	now := g.now()
	return g.waiting != "" && now.Sub(g.since) < maxWait && now.Sub(g.moved) >= standsAfter
}

func (g *Progress) change(fn func()) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	fn()
}

// erase takes what is drawn off the screen. The caller has the printer's mutex, as for draw.
func (g *Progress) erase() string {
	if g.drawn == 0 {
		return ""
	}
	up := fmt.Sprintf("\r\x1b[%dA", g.drawn)
	g.drawn = 0
	return up + eraseBelow
}

func (g *Progress) draw() string {
	lines := g.lines()
	width := max(g.width()-1, 20)
	var out strings.Builder
	for _, line := range lines {
		if r := []rune(Printable(line)); len(r) > width {
			line = string(r[:width])
		} else {
			line = string(r)
		}
		out.WriteString(line + "\n")
	}
	g.drawn = len(lines)
	return out.String()
}

// lines are what is to be seen now, none where nothing is on its way.
func (g *Progress) lines() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.active) == 0 && !g.stands() {
		return nil
	}
	rows := make([]*transfer, 0, len(g.active))
	arrived := 0
	for _, t := range g.active {
		if t.arrived {
			arrived++
		} else {
			rows = append(rows, t)
		}
	}
	slices.SortFunc(rows, func(a, b *transfer) int {
		return cmp.Or(cmp.Compare(b.size-b.came, a.size-a.came), strings.Compare(a.name, b.name))
	})
	var lines []string
	for _, t := range rows[:min(len(rows), maxRows)] {
		lines = append(lines, t.line())
	}
	return append(lines, g.total(arrived))
}

func (t *transfer) line() string {
	if t.size <= 0 {
		return fmt.Sprintf("%24s        %s", Size(t.came), t.name)
	}
	return fmt.Sprintf("%24s  %3d %%  %s", Size(t.came)+" of "+Size(t.size), min(100*t.came/t.size, 100), t.name)
}

// total is the line for all; of what is active, so many have arrived.
func (g *Progress) total(arrived int) string {
	if g.stands() {
		return fmt.Sprintf("%12s %s", "Waiting for", g.waiting)
	}
	text := fmt.Sprintf("%12s %d of %s, %s", "Downloading", g.done+arrived, Plural(max(g.planned, g.done+len(g.active)), "package"), Size(g.bytes))
	if g.size > 0 {
		text += " of " + Size(max(g.size, g.bytes))
	}
	if speed := g.speed(); speed > 0 {
		text += ", " + Size(speed) + "/s"
	}
	return text
}

// speed is bytes a second over the last moments, 0 while there is too little to tell.
func (g *Progress) speed() int64 {
	now := g.now()
	g.pace = append(g.pace, sample{now, g.bytes})
	g.pace = slices.DeleteFunc(g.pace, func(s sample) bool { return now.Sub(s.at) > paceOver })
	first, last := g.pace[0], g.pace[len(g.pace)-1]
	took := last.at.Sub(first.at)
	if took < 3*redraw {
		return 0
	}
	return max(int64(float64(last.bytes-first.bytes)/took.Seconds()), 0)
}
