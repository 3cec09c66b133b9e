package main

import (
	"fmt"
	"io"
	"net/http"
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
	if a.screen() == nil {
		return events
	}
	return followed(a.progress(), events)
}

// screen is the terminal that progress is shown on, nil for none.
func (a *app) screen() *os.File {
	screen, ok := a.sys.stderr.(*os.File)
	if !ok || a.g.NoProgress || a.g.Quiet || a.sys.env("TERM") == "dumb" || !isTerminal(screen) {
		return nil
	}
	return screen
}

// progress is begun when it is first asked for, on a [app.screen].
func (a *app) progress() *cmdline.Progress {
	a.showing.Do(func() {
		screen := a.sys.stderr.(*os.File)
		a.shown = a.StartProgress(func() int { return columns(screen) }, a.now)
	})
	return a.shown
}

// endProgress takes it off the screen, for good.
func (a *app) endProgress() {
	a.showing.Do(func() {})
	a.shown.Stop()
}

// around is what requests go through: the faults of a rehearsal, and on a terminal a word about hosts that are silent. Nil is
// nothing.
func (a *app) around() func(http.RoundTripper) http.RoundTripper {
	faults := a.rehearsed()
	if a.screen() == nil {
		return faults
	}
	return func(next http.RoundTripper) http.RoundTripper {
		if faults != nil {
			next = faults(next)
		}
		return shownRequests{next, a}
	}
}

// shownRequests tells of requests that are not answered yet.
type shownRequests struct {
	next http.RoundTripper
	app  *app
}

// RoundTrip implements [http.RoundTripper].
func (s shownRequests) RoundTrip(r *http.Request) (*http.Response, error) {
	asked := s.app.progress().Ask(r.URL.Host)
	resp, err := s.next.RoundTrip(r)
	if err != nil {
		asked.End()
		return nil, err
	}
	asked.Hear()
	resp.Body = shownBody{resp.Body, asked}
	return resp, nil
}

type shownBody struct {
	io.ReadCloser
	asked *cmdline.Asked
}

func (b shownBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.asked.End()
	} else {
		b.asked.Hear()
	}
	return n, err
}

func (b shownBody) Close() error {
	b.asked.End()
	return b.ReadCloser.Close()
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
