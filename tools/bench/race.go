package main

import (
	"context"
	"fmt"

	"github.com/geeknik/gal-pkg/tools/bench/host"
	"github.com/geeknik/gal-pkg/tools/bench/measure"
)

// contestant is a program in a race.
type contestant struct {
	name    string
	base    bool // ratios are to the best of these
	prepare func(context.Context) error
	command measure.Command
	check   func() error // of what the program has left behind
	server  counting     // that the program asks; nil for the bench's own

	client string // what reads, in the table of all sizes; "" is in none
	size   int    // packages of the registry
}

// counting is a server that counts.
type counting interface{ Reset() host.Counts }

// row is what was measured of a contestant.
type row struct {
	Name    string           `json:"name"`
	Base    bool             `json:"base,omitempty"` // ratios are to the best of these
	Client  string           `json:"client,omitempty"`
	Size    int              `json:"size,omitempty"` // packages of the registry
	Samples []measure.Sample `json:"samples"`
	Counts  []host.Counts    `json:"counts"` // what the server counted, one for each sample
}

// race runs every contestant once for warming up and then once in each round. Each round begins with another one, so that
// none always runs behind the same. A contestant that fails, or leaves behind what is wrong, ends the race with an error.
func (b *bench) race(ctx context.Context, title string, rounds int, contestants []contestant) error {
	t := table{Title: title, Rows: make([]row, len(contestants)), Before: load()}
	for i, c := range contestants {
		t.Rows[i] = row{Name: c.name, Base: c.base, Client: c.client, Size: c.size}
	}
	for round := range rounds + 1 {
		for k := range contestants {
			i := (k + round) % len(contestants)
			sample, counts, err := b.heat(ctx, contestants[i])
			if err != nil {
				return fmt.Errorf("%s: %w", contestants[i].name, err)
			}
			if round > 0 {
				t.Rows[i].Samples = append(t.Rows[i].Samples, sample)
				t.Rows[i].Counts = append(t.Rows[i].Counts, counts)
			}
		}
	}
	t.After = load()
	return b.report.add(t)
}

// heat is one run of one contestant.
func (b *bench) heat(ctx context.Context, c contestant) (measure.Sample, host.Counts, error) {
	if c.prepare != nil {
		if err := c.prepare(ctx); err != nil {
			return measure.Sample{}, host.Counts{}, fmt.Errorf("preparing: %w", err)
		}
	}
	server := c.server
	if server == nil {
		server = b.host
	}
	server.Reset()
	sample, err := measure.Run(ctx, c.command)
	counts := server.Reset()
	if err == nil && c.check != nil {
		err = c.check()
	}
	return sample, counts, err
}
