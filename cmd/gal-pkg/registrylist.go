package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/settings"
)

type registryListCmd struct {
	Check bool `help:"Open each, and say whether that works."`
}

func (registryListCmd) Help() string {
	return `Lists the registries with their addresses and whether there are credentials for them. With --check each is opened, but for
the built-in one where another is the default; exit code 6 where one cannot be reached.

EXAMPLES
  gal-pkg registry list
  gal-pkg registry list --check`
}

// registryListResult is the document of registry list.
type registryListResult struct {
	Registries []registryRow `json:"registries"`
}

type registryRow struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Kind    string `json:"kind"` // static, git or dir
	ID      string `json:"id"`   // "" until it was seen
	Default bool   `json:"default"`
	Root    string `json:"root,omitempty"`    // with --check: fingerprint of the root of trust, "" where it has none
	Expires string `json:"expires,omitempty"` // with --check: when its metadata does
	Auth    string `json:"auth"`              // where its credentials come from, none, or error
	Status  string `json:"status,omitempty"`  // with --check: ok, not used, or why not
	took    time.Duration
}

func (c *registryListCmd) Run(a *app) error {
	user, err := a.configured()
	if err != nil {
		return err
	}
	list := registryListResult{[]registryRow{}}
	var failed []error
	for _, name := range user.Registries.Names() {
		r := user.Registries.All[name]
		row := registryRow{Name: name, URL: r.URL, Kind: r.Kind(), ID: r.ID, Default: name == user.Registries.Default, Auth: authOf(user, name)}
		switch {
		case c.Check && unconfigured(r) && !row.Default:
			row.Status = "not used"
		case c.Check:
			if err := c.check(a, &row); fault.KindOf(err) == fault.Network && unconfigured(r) {
				a.Warn("no registry is configured: gal-pkg registry add NAME URL --default")
			} else if err != nil {
				failed = append(failed, err)
			}
		}
		list.Registries = append(list.Registries, row)
	}
	return a.verdict("registry-list", list, func(w io.Writer) { c.write(w, list) }, failure(failed))
}

// authOf says where the credentials of a registry come from.
func authOf(user *settings.User, name string) string {
	found, ok, err := user.Credentials.For(name)
	switch {
	case err != nil:
		return "error"
	case !ok:
		return "none"
	}
	return found.Source
}

// check opens a registry; the error is also in the row, in one line.
func (c *registryListCmd) check(a *app, row *registryRow) error {
	set, err := a.registries()
	if err != nil {
		return err
	}
	start := a.now()
	r, err := set.Open(a.ctx, row.Name)
	if err == nil {
		err = r.CheckKept()
	}
	if row.took = a.now().Sub(start); err != nil {
		row.Status = "error: " + strings.ReplaceAll(err.Error(), "\n", "; ")
		return err
	}
	row.Status, row.ID = "ok", r.ID()
	if current, ok := r.Snapshot.Currency(); ok {
		row.Root, row.Expires = current.Root, current.Expires.UTC().Format(time.RFC3339)
	}
	return nil
}

// failure is the one error for all registries that could not be opened, of the gravest kind among them.
func failure(failed []error) *fault.Error {
	if len(failed) == 0 {
		return nil
	}
	kind := fault.Network
	for _, err := range failed {
		switch k := fault.KindOf(err); {
		case k == fault.Integrity, k == fault.Auth && kind != fault.Integrity:
			kind = k
		}
	}
	return fault.New(kind, "registry-check", "%d of the registries cannot be used", len(failed))
}

func (c *registryListCmd) write(w io.Writer, list registryListResult) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "NAME\tURL\tKIND\tDEFAULT\tAUTH"
	if c.Check {
		head += "\tSTATUS"
	}
	fmt.Fprintln(table, head)
	for _, r := range list.Registries {
		mark := "-"
		if r.Default {
			mark = "*"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s", r.Name, r.URL, r.Kind, mark, r.Auth)
		if c.Check {
			status := r.Status
			if status == "ok" {
				status = fmt.Sprintf("ok %d ms", r.took.Milliseconds())
			}
			fmt.Fprintf(table, "\t%s", status)
		}
		fmt.Fprintln(table)
	}
	table.Flush()
	for _, r := range list.Registries {
		if r.Root != "" {
			fmt.Fprintf(w, "%s: root of trust %s, current until %s\n", r.Name, r.Root, r.Expires)
		}
	}
}
