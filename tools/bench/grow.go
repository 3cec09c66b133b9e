package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/geeknik/gal-pkg/tools/bench/graph"
	"github.com/geeknik/gal-pkg/tools/bench/measure"
	"github.com/geeknik/gal-pkg/tools/bench/universe"
)

const (
	publishes    = 100 // between two refreshes
	publishUsed  = 10  // of them, of packages that the project uses
	overOperator = "gal-registry"
)

// grow measures what a publication costs who publishes, and who reads. It changes the registries: they have some more
// versions afterwards.
func (b *bench) grow(ctx context.Context) error {
	u := b.universe()
	if err := b.all(ctx, u); err != nil {
		return err
	}
	chance := graph.NewChance(seed, uint64(b.estates[0].published)+1)
	if err := b.building(ctx, u, chance); err != nil {
		return err
	}
	return b.catchingUp(ctx, u, chance)
}

func (b *bench) registryCommand(e *estate, args ...string) measure.Command {
	t := e.static
	return measure.Command{Dir: t.path("project"), Env: t.env, Args: append([]string{b.path("bin", "gal-registry")}, args...), Scratch: t.dir}
}

// building is the build after one publish.
func (b *bench) building(ctx context.Context, u *universe.Universe, chance graph.Chance) error {
	var contestants []contestant
	for _, e := range b.estates {
		contestants = append(contestants, contestant{
			name: fmt.Sprintf("%s, %d packages", overOperator, e.size), client: overOperator, size: e.size,
			command: b.registryCommand(e, "build", "-q", e.Dir),
			prepare: func(ctx context.Context) error {
				return e.Publish(ctx, graph.Pick(chance, u.Packages).Name)
			},
		})
	}
	return b.race(ctx, "grow: build after 1 publish", b.rounds, contestants)
}

// catchingUp is a refresh after 100 publishes, which all readers of a registry see at once.
func (b *bench) catchingUp(ctx context.Context, u *universe.Universe, chance graph.Chance) error {
	all := b.each(nil, "lock", "-q", "--upgrade")
	for _, e := range b.estates {
		for _, c := range entrant(e, gitItself, e.gitItself, b) {
			c.command = e.gitItself.command(e.gitItself.again...)
			all = append(all, c)
		}
	}
	of := map[int]*estate{}
	for _, e := range b.estates {
		of[e.size] = e
	}
	for i := range all {
		e, heats := of[all[i].size], 0
		// Whoever is first of all readers in a round has the registry grow.
		all[i].prepare = func(ctx context.Context) error {
			if heats++; heats <= e.published {
				return nil
			}
			e.published++
			return b.publish(ctx, u, e, chance)
		}
		if err := b.ready(ctx, all[i]); err != nil {
			return err
		}
	}
	for _, e := range b.estates {
		e.published = 0
	}
	return b.race(ctx, fmt.Sprintf("grow: refresh after %d publishes, %d of packages in use", publishes, min(publishUsed, len(u.Packages))), b.rounds, all)
}

// ready has a reader read everything once.
func (b *bench) ready(ctx context.Context, c contestant) error {
	_, code, err := measure.Try(ctx, c.command)
	if err != nil || code == 0 {
		return err
	}
	for _, e := range b.estates {
		if e.size == c.size && c.client == gitItself {
			return errors.Join(asNew(e, e.gitItself), e.gitItself.run(ctx, e.gitItself.install...))
		}
	}
	_, err = measure.Run(ctx, c.command)
	return err
}

// publish merges a hundred new versions, and builds.
func (b *bench) publish(ctx context.Context, u *universe.Universe, e *estate, chance graph.Chance) error {
	others, err := e.Names()
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, i := range chance.Perm(len(u.Packages))[:min(publishUsed, len(u.Packages))] {
		names[u.Packages[i].Name] = true
	}
	used := map[string]bool{}
	for _, p := range u.Packages {
		used[p.Name] = true
	}
	for len(names) < min(publishes, len(others)-len(used)) {
		if name := graph.Pick(chance, others); !used[name] {
			names[name] = true
		}
	}
	if err := e.Publish(ctx, slices.Sorted(maps.Keys(names))...); err != nil {
		return err
	}
	if _, err := measure.Run(ctx, b.registryCommand(e, "build", "-q", e.Dir)); err != nil {
		return err
	}
	b.host.Forget()
	return nil
}
