package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/geeknik/gal-pkg/tools/bench/host"
	"github.com/geeknik/gal-pkg/tools/bench/measure"
)

// cutting is a run whose server died on the way, and the run after the server had come back.
type cutting struct {
	What   string      `json:"what"`
	At     int         `json:"at"`   // the request in which the server died
	Exit   int         `json:"exit"` // of the first run
	Wall   float64     `json:"wall"` // seconds, likewise
	Words  string      `json:"words"`
	Before host.Counts `json:"before"` // what the first run was sent
	After  host.Counts `json:"after"`  // the second
	Whole  host.Counts `json:"whole"`  // a run that nothing happens to
}

// cut has the server die in the middle of a first use, and of an install, and looks what is left and what the next run
// has to fetch again.
func (b *bench) cut(ctx context.Context) error {
	u := b.universe()
	if err := b.all(ctx, u); err != nil {
		return err
	}
	urls, err := b.serveUniverse(ctx, u)
	if err != nil {
		return err
	}
	install, err := newGal(ctx, b, "gal-cut", urls["gal"], u.Root())
	if err != nil {
		return err
	}
	middle := b.estates[len(b.estates)/2]
	if err := b.cutting(ctx, fmt.Sprintf("lock, %d packages", middle.size), middle.static, "lock"); err != nil {
		return err
	}
	return b.cutting(ctx, "install", install, "install")
}

func (b *bench) cutting(ctx context.Context, what string, t *tool, args ...string) error {
	whole, err := b.counted(ctx, t, args)
	if err != nil {
		return err
	}
	b.report.say("\ncut: %s; undisturbed %d requests, %.0f KB\n", what, whole.Requests, float64(whole.Sent)/1000)
	parts := []float64{0.05, 0.3, 0.6, 0.95}
	if b.small {
		parts = []float64{0.4, 0.95}
	}
	for _, part := range parts {
		c := cutting{What: what, At: max(1, int(part*float64(whole.Requests))), Whole: whole}
		if err := b.cutOnce(ctx, t, args, &c); err != nil {
			return fmt.Errorf("%s, cut at request %d: %w", what, c.At, err)
		}
		b.report.Cuts = append(b.report.Cuts, c)
		b.report.say("server dies in request %d: exit %d after %.1f s; %.0f KB, then %d requests with %.0f KB, together %.3f of an undisturbed run\n%s",
			c.At, c.Exit, c.Wall, float64(c.Before.Sent)/1000, c.After.Requests, float64(c.After.Sent)/1000,
			float64(c.Before.Sent+c.After.Sent)/float64(whole.Sent), indent(c.Words))
	}
	return nil
}

// counted is an undisturbed run on a first day.
func (b *bench) counted(ctx context.Context, t *tool, args []string) (host.Counts, error) {
	if err := asNew(nil, t); err != nil {
		return host.Counts{}, err
	}
	b.host.Reset()
	err := t.run(ctx, args...)
	return b.host.Reset(), err
}

func (b *bench) cutOnce(ctx context.Context, t *tool, args []string, c *cutting) error {
	if err := asNew(nil, t); err != nil {
		return err
	}
	b.host.Reset()
	b.host.DieAfter(c.At)
	sample, exit, err := measure.Try(ctx, t.command(args...))
	if err := errors.Join(err, b.host.Revive()); err != nil {
		return err
	}
	c.Before, c.Exit, c.Wall = b.host.Reset(), exit, sample.Wall
	printed, err := measure.Printed(t.dir)
	if err != nil {
		return err
	}
	c.Words = lastWords(printed)
	if exit == 0 {
		return errors.New("it succeeds")
	}
	if seen, err := filepath.Glob(t.path("project", ".gal", "packages", "*")); err != nil || len(seen) > 0 {
		return errors.Join(err, fmt.Errorf("%d packages can be seen", len(seen)))
	}
	err = t.run(ctx, args...)
	c.After = b.host.Reset()
	return err
}

// lastWords are those of an error, without what was said before.
func lastWords(printed string) string {
	return printed[max(0, strings.LastIndex(printed, "error[")):]
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
}
