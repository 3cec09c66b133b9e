package main

import (
	"time"

	"github.com/geeknik/gal-pkg/tools/site"

	"github.com/geeknik/gal-pkg/internal/cmdline"
)

type tokenCmd struct {
	Add    tokenAddCmd    `cmd:"" help:"Make a token for somebody."`
	List   tokenListCmd   `cmd:"" help:"List whose tokens there are."`
	Remove tokenRemoveCmd `cmd:"" aliases:"rm" help:"Take tokens back."`
}

type tokenAddCmd struct {
	Dir  string `arg:"" placeholder:"DIR" help:"The registry's folder."`
	Name string `arg:"" placeholder:"NAME" help:"Whose token it is, for the events of serve."`
}

func (tokenAddCmd) Help() string {
	return `Prints the token on stdout: once. The registry keeps its sha256 in tokens.toml; gal-registry token remove takes it
back. A token lets its holder upload archives and push proposals. What a proposal may do follows from the keys
that signed its lines, never from the token.

EXAMPLES
  gal-registry token add ./registry ada`
}

func (c *tokenAddCmd) Run(a *app) error {
	s, err := site.Open(c.Dir)
	if err != nil {
		return err
	}
	defer s.Close()
	before, err := s.Tokens()
	if err != nil {
		return err
	}
	token, err := s.AddToken(a.ctx, c.Name, a.now())
	if err != nil {
		return err
	}
	for _, other := range before {
		if other.Name == c.Name {
			a.Say("%s keeps the token of %s; to take it back: gal-registry token remove %s %s --id %s",
				c.Name, other.Created.Format(time.DateOnly), c.Dir, c.Name, other.ID)
		}
	}
	a.Say("A token for %s; it is shown only now", c.Name)
	return a.Result("token-add", map[string]string{"name": c.Name, "token": token}, cmdline.Text(token+"\n"))
}
