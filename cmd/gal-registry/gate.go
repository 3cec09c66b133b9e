package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/tools/gate"
	"github.com/geeknik/gal-pkg/tools/site"
)

type gateCmd struct {
	Dir     string   `arg:"" optional:"" placeholder:"DIR" help:"The registry's folder."`
	Branch  string   `arg:"" optional:"" placeholder:"BRANCH" help:"One proposal; every open one where it is left out."`
	Merge   bool     `help:"Merge what passes, and close what fails."`
	Approve []string `placeholder:"BRANCH" sep:"none" help:"With --merge: you have looked at this proposal, and it needs nobody else. Can be repeated."`
	Reject  string   `placeholder:"BRANCH" help:"Close this proposal: you have looked at it, and say no. Its author reads the reason."`
	Reason  string   `placeholder:"TEXT" help:"With --reject: why; everybody can read it."`
	Explain string   `placeholder:"ID" help:"Say what a check is for, and judge nothing."`
}

func (gateCmd) Help() string {
	return `A proposal is a branch publish/NAME/DIGITS. The gate's verdict on it is pass, fail, or human: a person decides, and
says so with --approve, or with --reject. Without --merge and --reject nothing is changed. Exits with 1 when a proposal fails.

EXAMPLES
  gal-registry gate ./registry
  gal-registry gate ./registry publish/mailbox/0123456789abcdef --format json
  gal-registry gate ./registry --merge --approve publish/mailbox/0123456789abcdef
  gal-registry gate ./registry --reject publish/mailbox/0123456789abcdef --reason "its name is taken for mail-box"
  gal-registry gate --explain G31`
}

func (c *gateCmd) Run(a *app) error {
	if c.Explain != "" {
		return c.explain(a)
	}
	if err := c.check(); err != nil {
		return err
	}
	s, err := openSite(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	if c.Reject != "" {
		return c.reject(a, s)
	}
	branches, err := s.Proposals()
	if err != nil {
		return err
	}
	for _, wanted := range c.Approve {
		if !slices.Contains(branches, wanted) {
			return fault.New(fault.NotFound, "no-proposal", "there is no proposal %s", wanted).WithHelp("gal-registry gate %s", c.Dir)
		}
	}
	var outcomes []site.Outcome
	if c.Merge {
		outcomes, err = s.Merge(a.ctx, a.now(), c.Approve)
	} else {
		outcomes, err = c.judge(a, s, branches)
	}
	// What was merged before an error is said as well.
	if printErr := a.outcomes(outcomes, err == nil); printErr != nil || err != nil {
		return firstOf(err, printErr)
	}
	if slices.ContainsFunc(outcomes, failed) {
		return negative()
	}
	return nil
}

func (c *gateCmd) reject(a *app, s *site.Site) error {
	o, err := s.Reject(a.ctx, a.now(), c.Reject, c.Reason)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.Document("outcomes", true, map[string]any{"outcomes": []site.Outcome{*o}})
	}
	a.Say("closed; the author is told")
	var out strings.Builder
	writeOutcome(&out, *o)
	return a.Result("outcomes", nil, cmdline.Text(out.String()))
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *gateCmd) check() error {
	usage := func(format string, args ...any) error {
		return fault.New(fault.Usage, "usage", format, args...).WithHelp("gal-registry gate --help")
	}
	switch {
	case c.Dir == "":
		return usage("the registry's folder is missing")
	case c.Merge && c.Branch != "":
		return usage("--merge takes every open proposal; a BRANCH is only judged")
	case c.Reject != "" && (c.Merge || c.Branch != ""):
		return usage("--reject closes one proposal, and goes neither with --merge nor with a BRANCH beside it")
	case (c.Reject == "") != (c.Reason == ""):
		return usage("--reject and --reason go together")
	case len(c.Approve) > 0 && !c.Merge:
		return usage("--approve goes with --merge")
	}
	return nil
}

func failed(o site.Outcome) bool { return o.Report.Verdict == gate.Fail }

func (c *gateCmd) judge(a *app, s *site.Site, branches []string) ([]site.Outcome, error) {
	if c.Branch != "" {
		branches = []string{c.Branch}
	}
	var outcomes []site.Outcome
	for _, branch := range branches {
		o, err := s.Judge(a.ctx, a.now(), branch)
		if err != nil {
			return outcomes, err
		}
		outcomes = append(outcomes, *o)
	}
	return outcomes, nil
}

// outcomes prints verdicts; complete says that no error will be printed after them.
func (a *app) outcomes(list []site.Outcome, complete bool) error {
	if a.JSON {
		if !complete {
			return nil // the one document is that of the error; the answers are below public/gate
		}
		if list == nil {
			list = []site.Outcome{}
		}
		return a.Document("outcomes", !slices.ContainsFunc(list, failed), map[string]any{"outcomes": list})
	}
	var out strings.Builder
	if len(list) == 0 && complete {
		a.Say("no open proposals")
	}
	for _, o := range list {
		writeOutcome(&out, o)
	}
	return a.Result("outcomes", nil, cmdline.Text(out.String()))
}

func writeOutcome(out *strings.Builder, o site.Outcome) {
	fmt.Fprintf(out, "%-5s %s\n", o.Report.Verdict, o.Branch)
	for _, l := range o.Report.Lines {
		fmt.Fprintf(out, "      %s\n", strings.Join(strings.Fields(l.Event+" "+l.Subject+" "+l.Version+" by "+l.By), " "))
	}
	for _, f := range o.Report.Findings {
		where := ""
		if f.Path != "" {
			where = f.Path + ": "
		}
		fmt.Fprintf(out, "      %s %s: %s%s\n", f.ID, f.Verdict, where, f.Message)
		if f.Fix != "" {
			fmt.Fprintf(out, "          fix: %s\n", f.Fix)
		}
	}
	if o.Merged != "" {
		fmt.Fprintf(out, "      merged as %s\n", o.Merged)
	}
}

func (c *gateCmd) explain(a *app) error {
	check, ok := gate.Explain(strings.ToUpper(c.Explain))
	if !ok {
		err := fault.New(fault.NotFound, "no-check", "the gate has no check %q", c.Explain)
		for _, known := range gate.Checks() {
			err.WithFact("%s  %s", known.ID, known.Holds)
		}
		return err
	}
	return a.Result("check", check, cmdline.Text(fmt.Sprintf("%s: %s\n\n%s\n", check.ID, check.Holds, check.Why)))
}
