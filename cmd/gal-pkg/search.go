package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
)

type searchCmd struct {
	Query         []string `arg:"" optional:"" help:"Words that must all be found in name, keywords or description."`
	Limit         int      `default:"20" aliases:"per-page" placeholder:"N" help:"Show at most N packages a page (1-100)."`
	Page          int      `default:"1" placeholder:"N" help:"Show the Nth page of them."`
	Sort          string   `enum:"relevance,name,updated" default:"relevance" help:"Order: relevance, name, updated."`
	Keyword       string   `placeholder:"WORD" help:"Only packages with this keyword."`
	Category      string   `placeholder:"WORD" help:"Only packages of this category."`
	IncludeYanked bool     `help:"Also packages of which every version is yanked."`
}

func (searchCmd) Help() string {
	return `Searches the registry's catalogue, which is read whole and kept: with --offline it is searched as it was last seen.
Best are packages of exactly that name, then names that begin with the word, then words of names, keywords, and
descriptions. Where nothing has the words, packages are shown of whose names or keywords they may be slips.

EXAMPLES
  gal-pkg search mailbox
  gal-pkg search "fault injection" --keyword chaos
  gal-pkg search --category actor-model --page 2
  gal-pkg search actor --sort updated --limit 5 --format json`
}

// maxPage bounds --limit.
const maxPage = 100

// searchResult is the document of search.
type searchResult struct {
	Registry string     `json:"registry"` // its id
	Total    int        `json:"total"`    // packages that were found
	Page     int        `json:"page"`
	Limit    int        `json:"limit"`
	Close    bool       `json:"close"`    // nothing has the words: these have words of which they may be slips
	Packages []foundRow `json:"packages"` // of this page
}

type foundRow struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"` // newest; "" where all are yanked
	Description string   `json:"description"`
	Keywords    []string `json:"keywords"`
	License     string   `json:"license"`
	Updated     string   `json:"updated"`
	Yanked      bool     `json:"yanked"`
	ReplacedBy  string   `json:"replaced-by"`
	Level       string   `json:"level"`
	Categories  []string `json:"categories"`
}

func (c *searchCmd) Run(a *app) error {
	text, err := c.check()
	if err != nil {
		return err
	}
	id, page, err := c.search(a, text)
	if err != nil {
		return c.orOffline(a, text, err)
	}
	found := searchResult{Registry: id, Total: page.Total, Page: c.Page, Limit: c.Limit, Close: page.Close, Packages: []foundRow{}}
	for _, row := range page.Rows {
		found.Packages = append(found.Packages, foundRow{
			row.Name, row.Version, row.Description, orEmpty(row.Keywords), row.License, row.Updated.UTC().Format(time.RFC3339),
			row.Yanked, row.ReplacedBy, row.Level, orEmpty(row.Categories),
		})
	}
	c.comment(a, found)
	return a.Result("search", found, func(w io.Writer) {
		for _, row := range found.Packages {
			fmt.Fprintln(w, row.line())
		}
	})
}

// search looks a text up in the registry's catalogue, and returns the registry's id with what it finds.
func (c *searchCmd) search(a *app, text string) (registry string, page index.Found, err error) {
	r, err := a.registry()
	if err != nil {
		return "", page, err
	}
	page, err = r.Snapshot.Search(a.ctx, index.Query{
		Text: text, Keyword: c.Keyword, Category: c.Category, Sort: c.Sort, IncludeYanked: c.IncludeYanked,
	}, c.Page, c.Limit)
	return r.ID(), page, err
}

// orOffline adds to an error of the network that the same search works without one, where it does.
func (c *searchCmd) orOffline(a *app, text string, err error) error {
	f := fault.Of(err)
	if f == nil || f.Kind != fault.Network || a.g.Offline {
		return err
	}
	if a.withoutNetwork(func() error { _, _, err := c.search(a, text); return err }) == nil {
		f.WithHelp("gal-pkg search --offline WORD searches the catalogue as it was last seen")
	}
	return err
}

func (c *searchCmd) check() (text string, err error) {
	for _, word := range c.Query {
		if strings.TrimSpace(word) == "" {
			return "", fault.New(fault.Usage, "empty-query", "a word to search for is empty")
		}
	}
	text = strings.Join(c.Query, " ")
	switch {
	case text == "" && c.Keyword == "" && c.Category == "":
		return "", fault.New(fault.Usage, "empty-query", "there is nothing to search for").WithHelp("gal-pkg search WORD")
	case c.Limit < 1 || c.Limit > maxPage:
		return "", fault.New(fault.Usage, "bad-limit", "--limit must be from 1 to %d, not %d", maxPage, c.Limit)
	case c.Page < 1:
		return "", fault.New(fault.Usage, "bad-page", "--page must be 1 or more, not %d", c.Page)
	}
	return text, nil
}

// comment says on stderr what the rows alone do not.
func (c *searchCmd) comment(a *app, found searchResult) {
	last := (c.Page-1)*c.Limit + len(found.Packages)
	if found.Close && len(found.Packages) > 0 {
		a.Say("no packages match; these are close")
	}
	switch {
	case found.Total == 0:
		a.Say("no packages match")
	case len(found.Packages) == 0:
		a.Say("there is no page %d: %s in all", c.Page, cmdline.Plural(found.Total, "package"))
	case last < found.Total:
		a.Say("%d of %s; more with --page %d", last, cmdline.Plural(found.Total, "package"), c.Page+1)
	}
}

// line is what people see of a package.
func (r foundRow) line() string {
	line := r.Name
	if r.Version != "" {
		line += " " + r.Version
	}
	if r.Description != "" {
		line += "  " + strings.ReplaceAll(r.Description, "\n", " ")
	}
	if r.License != "" {
		line += "  [" + r.License + "]"
	}
	if r.Yanked {
		line += "  (yanked)"
	}
	if r.ReplacedBy != "" {
		line += "  (use " + r.ReplacedBy + ")"
	}
	return line
}
