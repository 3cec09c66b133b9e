package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

type outdatedCmd struct {
	Packages []string `arg:"" optional:"" name:"package" help:"Packages to look at; all in gal.lock where none is named."`
	Direct   bool     `help:"Only what gal.toml itself asks for."`
	ExitCode bool     `help:"End with exit code 1 where something is listed."`
}

func (outdatedCmd) Help() string {
	return `Lists the locked packages for which there is a newer version, and those that are yanked or deprecated. COMPATIBLE is the
newest version that everything which depends on the package allows, which is where gal-pkg update can move it; NEWEST is
the newest of all, and what keeps it out stands behind. Of a package from git they are the commits of its branch or tag.
With --offline the index is the one that was last seen, and git is left out. A gal.lock that does not match gal.toml is an
error with exit code 1: an install would take other versions.

EXAMPLES
  gal-pkg outdated
  gal-pkg outdated --direct --exit-code      # for a scheduled job
  gal-pkg outdated mailbox --format json`
}

// outdatedResult is the document of outdated.
type outdatedResult struct {
	Checked  int           `json:"checked"` // packages that were looked at
	Packages []outdatedRow `json:"packages"`
}

type outdatedRow struct {
	project.Standing
	Deprecated *deprecationInfo `json:"deprecated"`
}

func (c *outdatedCmd) Run(a *app) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	for _, name := range c.Packages {
		if err := manifest.CheckName(name); err != nil {
			return err
		}
		if p.Lock != nil && len(p.Lock.Find(name)) == 0 {
			return notLocked(p, name)
		}
	}
	set, err := a.registries()
	if err != nil {
		return err
	}
	all, err := p.Standings(a.ctx, set, a.now())
	if err != nil {
		return err
	}
	result := c.pick(all)
	if a.g.Offline && p.UsesGit() {
		a.Note("offline, packages from git are not looked at")
	}
	if stale := fault.Of(p.StaleLock()); stale != nil { // what is locked is not what an install would take
		return a.verdict("outdated", result, func(w io.Writer) { writeOutdated(w, result.Packages) }, stale)
	}
	if result.Checked > 0 || !a.g.Offline || !p.UsesGit() {
		a.Say("%s", summaryOf(result))
	}
	var bad *fault.Error
	if n := len(result.Packages); c.ExitCode && n > 0 {
		bad = fault.New(fault.Negative, "outdated", "%s to look at", cmdline.Plural(n, "package")).WithHelp("gal-pkg update")
	}
	return a.verdict("outdated", result, func(w io.Writer) { writeOutdated(w, result.Packages) }, bad)
}

// pick keeps what the command is asked about, and of that what there is something to say of.
func (c *outdatedCmd) pick(all []project.Standing) outdatedResult {
	r := outdatedResult{Packages: []outdatedRow{}}
	for _, s := range all {
		named := slices.ContainsFunc(c.Packages, func(n string) bool { return manifest.Fold(n) == manifest.Fold(s.Name) })
		if len(c.Packages) > 0 && !named || c.Direct && !s.Direct {
			continue
		}
		r.Checked++
		if !s.Outdated() {
			continue
		}
		row := outdatedRow{Standing: s}
		if d := s.Deprecated; d != nil {
			row.Deprecated = &deprecationInfo{d.Message, d.Replacement}
		}
		r.Packages = append(r.Packages, row)
	}
	return r
}

func summaryOf(r outdatedResult) string {
	behind, movable := 0, 0
	for _, row := range r.Packages {
		if row.Newest != row.Locked {
			behind++
		}
		if row.Compatible != "" && row.Compatible != row.Locked {
			movable++
		}
	}
	if r.Checked == 0 {
		return "gal.lock takes no such package from a registry or from git"
	}
	if behind == 0 {
		return fmt.Sprintf("%s at the newest version", are(r.Checked))
	}
	text := fmt.Sprintf("%d of %s behind", behind, cmdline.Plural(r.Checked, "package"))
	if movable > 0 {
		text += fmt.Sprintf("; gal-pkg update moves %d", movable)
	}
	return text
}

func are(n int) string {
	if n == 1 {
		return "1 package is"
	}
	return fmt.Sprintf("%d packages are", n)
}

func writeOutdated(w io.Writer, rows []outdatedRow) {
	if len(rows) == 0 {
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PACKAGE\tLOCKED\tCOMPATIBLE\tNEWEST\tNOTES")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.Name, r.short(r.Locked), r.short(r.Compatible), r.short(r.Newest), cmp.Or(r.notes(), "-"))
	}
	table.Flush()
}

// short is a version, or the beginning of a commit.
func (r outdatedRow) short(text string) string {
	if r.Repository != "" {
		return fmt.Sprintf("%.8s", text)
	}
	return cmp.Or(text, "-")
}

// notes say what the versions alone do not.
func (r outdatedRow) notes() string {
	var notes []string
	if r.Repository != "" {
		notes = append(notes, r.Repository)
	}
	if r.Yanked != "" {
		notes = append(notes, "yanked ("+r.Yanked+")")
	}
	if d := r.Deprecated; d != nil {
		notes = append(notes, strings.TrimSpace("deprecated: "+d.Message+useInstead(d.Replacement)))
	}
	for _, d := range r.HeldBy {
		note := d.By + " requires " + d.Requirement
		if d.Where != "" {
			note += " (" + d.Where + ")"
		}
		notes = append(notes, note)
	}
	if r.Policy != "" {
		notes = append(notes, r.Policy)
	}
	return strings.ReplaceAll(strings.Join(notes, "; "), "\n", " ")
}
