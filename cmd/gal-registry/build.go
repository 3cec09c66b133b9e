package main

import (
	"fmt"
	"strings"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/tools/site"
)

type buildCmd struct {
	Dir string `arg:"" placeholder:"DIR" help:"The registry's folder."`
}

func (buildCmd) Help() string {
	return `Stamps the lines of branch main that are not published yet, adds them to the log, and writes branch dist and
public/. A build that was cut off is finished by the next; one that has nothing to do changes nothing.

EXAMPLES
  gal-registry build ./registry`
}

func (c *buildCmd) Run(a *app) error {
	s, err := site.Open(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	report, err := s.Build(a.ctx, a.now())
	if err != nil {
		return err
	}
	for _, dropped := range report.Dropped {
		a.Say("warning: %s", dropped)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "dist %s, %s\n", report.Commit, cmdline.Plural(report.Lines, "new line"))
	return a.Result("build", report, cmdline.Text(text.String()))
}
