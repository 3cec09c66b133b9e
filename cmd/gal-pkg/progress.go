package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/internal/cmdline"
)

// narrow is how wide a terminal is taken to be that does not say.
const narrow = 80

// showProgress shows downloads on a terminal while they run, and nowhere else. It takes over what events tell of them.
func (a *app) showProgress(events fetch.Events) fetch.Events {
	screen, ok := a.sys.stderr.(*os.File)
	if !ok || a.g.NoProgress || a.g.Quiet || !isTerminal(screen) || a.sys.env("TERM") == "dumb" {
		return events
	}
	if a.shown == nil {
		a.shown = a.StartProgress(func() int { return columns(screen) }, a.now)
	}
	return followed(a.shown, events)
}

// pace is from when to when downloads went on.
type pace struct {
	mu          sync.Mutex
	first, last time.Time
}

// note takes a moment in which a download began or ended.
func (p *pace) note(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first.IsZero() {
		p.first = now
	}
	p.last = now
}

// speakingOf is from how many bytes on a speed says more about the line than about the moment.
const speakingOf = 1 << 20

// amount is what was downloaded, with the time and the speed where there was enough of it: "23.9 MB in 1.2 s, 19.9 MB/s".
func (a *app) amount(bytes int64) string {
	a.pace.mu.Lock()
	defer a.pace.mu.Unlock()
	took := a.pace.last.Sub(a.pace.first)
	if bytes < speakingOf || took <= 0 {
		return cmdline.Size(bytes)
	}
	return fmt.Sprintf("%s in %.1f s, %s/s", cmdline.Size(bytes), took.Seconds(), cmdline.Size(int64(float64(bytes)/took.Seconds())))
}

func columns(screen *os.File) int {
	width, _, err := term.GetSize(int(screen.Fd()))
	if err != nil || width <= 0 {
		return narrow
	}
	return width
}

// followed are events that a progress is told of as well. What it shows itself needs no line of its own.
func followed(g *cmdline.Progress, events fetch.Events) fetch.Events {
	done, started := events.Done, events.Started
	events.Planned = g.Plan
	events.Started = func(i fetch.Item) {
		g.Begin(i.String(), i.Size)
		if started != nil {
			started(i)
		}
	}
	events.Progress = func(i fetch.Item, bytes int64) { g.Advance(i.String(), bytes) }
	events.Arrived = func(i fetch.Item) { g.Arrived(i.String()) }
	events.Waiting = g.Wait
	events.Done = func(i fetch.Item, cached bool) {
		g.Done(i.String(), !cached)
		if done != nil {
			done(i, cached)
		}
	}
	return events
}
