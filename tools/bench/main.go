// Command bench measures gal-pkg beside other package managers: those of bun, pnpm, npm, cargo and go that are on PATH.
//
//	go run ./tools/bench [flags] [scenario...]
//
// Scenarios, by default the first three:
//
//	install   300 packages with 65 MB of files, five ways: s1 cold cache, no lock; s2 cold cache, lock; s3 warm cache,
//	          lock, empty project; s4 nothing to do; s5 warm cache, no lock, empty project
//	latency   s1, s2 and s5 with a server that waits 30 ms before every answer
//	start     how long programs take to say their version
//	lock      choosing versions for 600 direct dependencies out of 20,000 packages, beside cargo; a lock that is right;
//	          a search
//	scale     registries of 1,000, 10,000 and 100,000 packages: the first use, over HTTP, git and from afar, a refresh
//	find      the same registries: searches, choosing versions without a network
//	grow      the same registries: a build after one publish, refreshes after 100
//	flip      one bit that flips in what was unpacked, and another install
//	cut       a server that dies while something is read from it or downloaded, and the run after that
//
// Everything is made here, from a seed: the same packages are rendered for every package manager (packages universe and
// world) and served by one server in this process (package host). The programs take turns: each round runs every program
// once, and each round begins with another one. What a run must leave behind is checked after every run.
// docs/performance.md says how to read the results.
//
// What is made is kept in the folder of --work, and made only once. A folder in memory keeps the disk out of the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/geeknik/gal-pkg/tools/bench/measure"
)

// options are the flags.
type options struct {
	rounds   int
	work     string
	json     string   // a file; "" writes none
	gal      string   // a program; "" builds one
	tools    []string // nil means all that there are
	small    bool
	packages int
}

// scenario is something to measure; it adds its tables to the report.
type scenario struct {
	name      string
	byDefault bool
	run       func(*bench, context.Context) error
}

func scenarios() []scenario {
	return []scenario{
		{"install", true, (*bench).install}, {"latency", true, (*bench).latency}, {"start", true, (*bench).start},
		{"lock", false, (*bench).lock}, {"scale", false, (*bench).scale}, {"find", false, (*bench).find},
		{"grow", false, (*bench).grow}, {"cut", false, (*bench).cut}, {"flip", false, (*bench).flip},
	}
}

func main() {
	measure.Main()
	o, chosen, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, o, chosen, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (o options, chosen []scenario, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: go run ./tools/bench [flags] [install|latency|start|lock|scale|find|grow|cut|flip]...")
		flags.PrintDefaults()
	}
	flags.IntVar(&o.rounds, "n", 5, "rounds that count; one more comes first")
	flags.StringVar(&o.work, "work", filepath.Join(os.TempDir(), "gal-bench"), "the folder to work in")
	flags.StringVar(&o.json, "json", "", "write all figures to this file, too")
	flags.StringVar(&o.gal, "gal", "", "measure this gal-pkg; else it is built from this tree")
	tools := flags.String("tools", "", "run these package managers only, separated by commas")
	flags.BoolVar(&o.small, "small", false, "tiny sizes, to see whether everything works")
	flags.IntVar(&o.packages, "packages", 20_000, "packages of the registry of lock; it has ten times as many versions")
	if err := flags.Parse(args); err != nil {
		return o, nil, err
	}
	if o.work, err = filepath.Abs(o.work); err != nil {
		return o, nil, err
	}
	if o.rounds < 1 || o.packages < 1000 {
		return o, nil, errors.New("-n is at least 1, --packages at least 1000")
	}
	if *tools != "" {
		o.tools = strings.Split(*tools, ",")
	}
	chosen, err = choose(flags.Args())
	return o, chosen, err
}

func choose(names []string) ([]scenario, error) {
	var chosen []scenario
	for _, s := range scenarios() {
		if slices.Contains(names, s.name) || len(names) == 0 && s.byDefault {
			chosen = append(chosen, s)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(chosen, func(s scenario) bool { return s.name == name }) {
			return nil, fmt.Errorf("%q is no scenario", name)
		}
	}
	return chosen, nil
}

func run(ctx context.Context, o options, chosen []scenario, out io.Writer) (err error) {
	b, err := newBench(ctx, o, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	for _, s := range chosen {
		if err := s.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	b.report.compare()
	if o.json == "" {
		return nil
	}
	return b.report.save(o.json)
}
