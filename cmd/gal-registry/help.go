package main

import (
	"context"
	"strings"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
)

type helpCmd struct {
	Topic []string `arg:"" optional:"" placeholder:"TOPIC" help:"A command, or exit-codes."`
}

func (c *helpCmd) Run(a *app) error {
	if len(c.Topic) == 1 && c.Topic[0] == "exit-codes" {
		return a.Result("help", map[string]string{"topic": "exit-codes", "text": exitCodes}, cmdline.Text(exitCodes))
	}
	// What kong says to --help is the help of a command, so that there is one text of it.
	args := append(append([]string{}, c.Topic...), "--help")
	var c2 cli
	parser, err := newParser(&c2, system{stdout: a.Stdout, stderr: a.Stderr, now: a.now, env: func(string) string { return "" }})
	if err != nil {
		return err
	}
	_, err = parser.Parse(args)
	if err != nil {
		return fault.New(fault.NotFound, "no-topic", "there is no help on %q", strings.Join(c.Topic, " ")).WithHelp("gal-registry help exit-codes").WithHelp("gal-registry --help")
	}
	return context.Canceled // not reached: the parser leaves by --help
}
