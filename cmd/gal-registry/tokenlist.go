package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/tools/site"
)

// tokensResult is the document of token list and token remove.
type tokensResult struct {
	Tokens []site.Token `json:"tokens"`
}

type tokenListCmd struct {
	Dir string `arg:"" placeholder:"DIR" help:"The registry's folder."`
}

func (tokenListCmd) Help() string {
	return `Prints the id, the name and the day of every token. The tokens themselves are not kept: the id is the beginning of the
sha256 of one.

EXAMPLES
  gal-registry token list ./registry`
}

func (c *tokenListCmd) Run(a *app) error {
	s, err := site.Open(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	tokens, err := s.Tokens()
	if err != nil {
		return err
	}
	if len(tokens) == 0 {
		a.Say("there are no tokens; gal-registry token add %s NAME makes one", c.Dir)
	}
	return a.Result("token-list", tokensResult{tokens}, func(w io.Writer) {
		if len(tokens) == 0 {
			return
		}
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tNAME\tMADE")
		for _, t := range tokens {
			fmt.Fprintf(table, "%s\t%s\t%s\n", t.ID, t.Name, t.Created.Format(time.DateOnly))
		}
		table.Flush()
	})
}

type tokenRemoveCmd struct {
	Dir  string `arg:"" placeholder:"DIR" help:"The registry's folder."`
	Name string `arg:"" placeholder:"NAME" help:"Whose tokens are taken back."`
	ID   string `name:"id" placeholder:"ID" help:"Only this one of them: its id, or six or more digits of its beginning."`
}

func (tokenRemoveCmd) Help() string {
	return `Takes back every token of somebody, or one of them. It holds from the next request on. What was published stays, and so do
the keys that signed it: see gal-registry recover revoke for a key that others have.

EXAMPLES
  gal-registry token remove ./registry ada
  gal-registry token remove ./registry ada --id 3fa94c01d2b7`
}

func (c *tokenRemoveCmd) Run(a *app) error {
	s, err := site.Open(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	removed, err := s.RemoveTokens(a.ctx, c.Name, c.ID)
	if err != nil {
		if unknown := fault.Of(err); unknown != nil && unknown.Code == "token-unknown" {
			unknown.WithHelp("gal-registry token list %s", c.Dir)
		}
		return err
	}
	a.Say("%s of %s taken back", cmdline.Plural(len(removed), "token"), c.Name)
	return a.Result("token-remove", tokensResult{removed}, nil)
}
