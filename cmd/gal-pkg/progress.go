package main

import (
	"os"

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

func columns(screen *os.File) int {
	width, _, err := term.GetSize(int(screen.Fd()))
	if err != nil || width <= 0 {
		return narrow
	}
	return width
}

// followed are events that a progress is told of as well. What it shows itself needs no line of its own.
func followed(g *cmdline.Progress, events fetch.Events) fetch.Events {
	done := events.Done
	events.Planned = g.Plan
	events.Started = func(i fetch.Item) { g.Begin(i.String(), i.Size) }
	events.Progress = func(i fetch.Item, bytes int64) { g.Advance(i.String(), bytes) }
	events.Waiting = g.Wait
	events.Done = func(i fetch.Item, cached bool) {
		g.Done(i.String(), !cached)
		if done != nil {
			done(i, cached)
		}
	}
	return events
}
