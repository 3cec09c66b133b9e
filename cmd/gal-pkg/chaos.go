package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/geeknik/gal-pkg/internal/chaos"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

type chaosCmd struct {
	Show  chaosShowCmd  `cmd:"" help:"Print the chaos profile that a build profile uses."`
	Check chaosCheckCmd `cmd:"" help:"Look for mistakes in the chaos profiles."`
	Next  chaosNextCmd  `cmd:"" help:"List when scheduled faults come next."`
}

func (chaosCmd) Help() string {
	return `Tells of the chaos profiles in gal.toml: which faults a build injects, how often and when. The compiler and the runtime read
the profile from gal-pkg chaos show --format json. gal-pkg itself injects faults only when it is told to, with --chaos
before or behind any command: then requests and files of that one run fail as the profile says, so that a team can see what
a bad day does to an install. No check is weakened by it. PROFILE is a chaos profile, or a build profile that uses one;
PROFILE:SEED takes another seed than the profile's. The same seed gives the same faults.

EXAMPLES
  gal-pkg install --chaos testing -v
  gal-pkg install --chaos testing:7
  gal-pkg chaos show release
  gal-pkg chaos check
  gal-pkg chaos next dev --count 10`
}

type chaosShowCmd struct {
	Profile string `arg:"" optional:"" default:"dev" help:"A build profile: dev, release or one of gal.toml (default: dev)."`
}

func (chaosShowCmd) Help() string {
	return `Prints the chaos profile that a build profile comes to, after what it inherits. A build without chaos is an answer, not an
error; with --format json its "chaos" is null.

EXAMPLES
  gal-pkg chaos show
  gal-pkg chaos show release --format json`
}

// chaosShowResult is the document of chaos show.
type chaosShowResult struct {
	Profile string         `json:"profile"` // of the build
	Chaos   *metadataChaos `json:"chaos"`   // null for a build without chaos
}

func (c *chaosShowCmd) Run(a *app) error {
	name, chaos, err := a.chaosOf(c.Profile)
	if err != nil {
		return err
	}
	result := chaosShowResult{Profile: c.Profile}
	if chaos == nil {
		a.Say("a build with the profile %s injects no faults", c.Profile)
	} else {
		result.Chaos = &metadataChaos{name, *chaos}
	}
	return a.Result("chaos-show", result, func(w io.Writer) {
		if chaos != nil {
			writeChaos(w, c.Profile, name, *chaos)
		}
	})
}

// chaosOf finds the chaos profile of a build profile of the project here.
func (a *app) chaosOf(profile string) (string, *manifest.ChaosProfile, error) {
	p, err := a.project()
	if err != nil {
		return "", nil, err
	}
	name, chaos, err := p.Root().ChaosOf(profile)
	if _, isChaos := p.Root().ChaosProfiles[profile]; isChaos && fault.IsCode(err, "unknown-profile") {
		uses := p.Root().ChaosUses()[profile]
		return "", nil, fault.Of(err).WithFact("%s is a chaos profile, used by: %s", profile, cmp.Or(strings.Join(uses, ", "), "no build profile"))
	}
	return name, chaos, err
}

func writeChaos(w io.Writer, build, name string, p manifest.ChaosProfile) {
	fmt.Fprintf(w, "%s (chaos profile of %s)\n", name, build)
	for _, row := range chaosRows(p) {
		if row[1] != "" {
			fmt.Fprintf(w, "  %-30s %s\n", row[0], row[1])
		}
	}
	if len(p.FaultSchedule) == 0 {
		return
	}
	fmt.Fprintln(w, "  schedule")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, e := range p.FaultSchedule {
		fmt.Fprintf(table, "    %s\t%s\t%s\n", e.FaultType, e.Trigger, chance(e))
	}
	table.Flush()
}

// chaosRows are the keys of a profile with their values, "" for one that is not there to be shown.
func chaosRows(p manifest.ChaosProfile) [][2]string {
	whole := func(n *int64, none string) string {
		if n == nil {
			return none
		}
		return strconv.FormatInt(*n, 10)
	}
	longest := ""
	if p.MaxFaultDuration > 0 {
		longest = p.MaxFaultDuration.String()
	}
	return [][2]string{
		{"fault_injection_rate", number(p.FaultInjectionRate)},
		{"network_partition_probability", number(p.NetworkPartitionProbability)},
		{"message_drop_rate", number(p.MessageDropRate)},
		{"actor_crash_rate", number(p.ActorCrashRate)},
		{"allowed_faults", cmp.Or(strings.Join(p.AllowedFaults, ", "), "all")},
		{"max_fault_duration", longest},
		{"max_concurrent_faults", whole(p.MaxConcurrentFaults, "")},
		{"chaos_seed", whole(p.ChaosSeed, "none: every run differs")},
	}
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// chance says how likely a scheduled fault is, and how long it lasts where that is said.
func chance(e manifest.FaultEvent) string {
	text := "probability " + number(e.Probability)
	if e.Duration > 0 {
		text += " for " + e.Duration.String()
	}
	return text
}

type chaosCheckCmd struct{}

func (chaosCheckCmd) Help() string {
	return `Looks at all chaos profiles, their schedules, and the build profiles that name them. Exit code 1 if there is an error; a
profile that no build uses is a warning, and so is a trigger that never fires, or fires far more often than its faults
end. gal-pkg check finds the errors too.

EXAMPLES
  gal-pkg chaos check
  gal-pkg chaos check --format json`
}

// chaosCheckResult is the document of chaos check.
type chaosCheckResult struct {
	Errors   int               `json:"errors"`
	Warnings int               `json:"warnings"`
	Profiles []chaosUse        `json:"profiles"` // by name; empty where gal.toml has errors
	Findings []project.Finding `json:"findings"`
}

type chaosUse struct {
	Name      string   `json:"name"`
	UsedBy    []string `json:"used-by"` // build profiles
	Scheduled int      `json:"scheduled"`
}

func (c *chaosCheckCmd) Run(a *app) error {
	file, err := a.manifestFile()
	if err != nil {
		return err
	}
	p, err := project.OpenFile(file)
	var problems manifest.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	r := chaosCheckResult{Profiles: []chaosUse{}}
	if err == nil {
		problems = p.Root().Warnings
		r.Profiles = usesOf(p.Root())
	}
	r.Findings = chaosFindings(problems)
	if err != nil && len(r.Findings) == 0 {
		return err // other mistakes, behind which nothing can be seen
	}
	warn := func(code, format string, args ...any) {
		r.Findings = append(r.Findings, project.Finding{Level: manifest.LevelWarning, Code: code, Path: p.Root().Path, Message: fmt.Sprintf(format, args...)})
	}
	for _, use := range r.Profiles {
		if len(use.UsedBy) == 0 {
			warn("unused-chaos-profile", "chaos profile `%s` is used by no build profile", use.Name)
		}
		for _, e := range chaos.Crowded(p.Root().ChaosProfiles[use.Name]) {
			warn("chaos-crowded", "chaos profile `%s`: of `%s` more than %d windows may be open at once, and only the newest %d are asked: shorten the duration",
				use.Name, e.Trigger, chaos.MaxWindows, chaos.MaxWindows)
		}
	}
	return c.judge(a, file, r)
}

// chaosFindings picks out what is about chaos.
func chaosFindings(problems manifest.Problems) []project.Finding {
	findings := []project.Finding{}
	for _, p := range problems {
		if p.Chaos {
			findings = append(findings, project.Finding{
				Level: p.Level, Code: p.Code, Path: p.Path, Line: p.Line, Column: p.Column, Message: p.Message, Help: p.Help, Excerpt: p.Excerpt(),
			})
		}
	}
	return findings
}

func usesOf(m *manifest.Manifest) []chaosUse {
	list := []chaosUse{}
	uses := m.ChaosUses()
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		list = append(list, chaosUse{name, uses[name], len(m.ChaosProfiles[name].FaultSchedule)})
	}
	return list
}

func (c *chaosCheckCmd) judge(a *app, file string, r chaosCheckResult) error {
	var bad *fault.Error
	if r.Errors, r.Warnings, bad = a.weigh(r.Findings); bad == nil {
		a.Status("Checked", "%s: %s, %s", a.relative(file), cmdline.Plural(len(r.Profiles), "chaos profile"), cmdline.Plural(r.Warnings, "warning"))
	}
	return a.verdict("chaos-check", r, func(w io.Writer) { (&checkCmd{}).write(w, r.Findings) }, bad)
}

type chaosNextCmd struct {
	Profile string `arg:"" optional:"" default:"dev" help:"A build profile (default: dev)."`
	Count   int    `default:"5" placeholder:"N" help:"List N moments (1-1000)."`
	After   string `placeholder:"TIME" help:"Count from this moment, as in 2026-01-02T15:04:05Z, not from now."`
}

func (chaosNextCmd) Help() string {
	return `Lists the next moments at which faults come that are scheduled by the clock (trigger = "cron:..."), in UTC. Faults that
follow events or intervals have no such moments.

EXAMPLES
  gal-pkg chaos next
  gal-pkg chaos next release --count 20
  gal-pkg chaos next dev --after 2026-01-02T15:04:05Z --format json`
}

// maxFirings bounds --count.
const maxFirings = 1000

// chaosNextResult is the document of chaos next.
type chaosNextResult struct {
	Profile string        `json:"profile"`
	Chaos   string        `json:"chaos"` // name of the chaos profile; "" for none
	Firings []chaosFiring `json:"firings"`
}

type chaosFiring struct {
	At string `json:"at"`
	manifest.FaultEvent
}

func (c *chaosNextCmd) Run(a *app) error {
	if c.Count < 1 || c.Count > maxFirings {
		return fault.New(fault.Usage, "bad-limit", "--count must be from 1 to %d, not %d", maxFirings, c.Count)
	}
	after := a.now()
	if c.After != "" {
		var err error
		if after, err = time.Parse(time.RFC3339, c.After); err != nil {
			return fault.New(fault.Usage, "bad-time", "--after: %q is not a time such as 2026-01-02T15:04:05Z", c.After)
		}
	}
	name, chaos, err := a.chaosOf(c.Profile)
	if err != nil {
		return err
	}
	result := chaosNextResult{Profile: c.Profile, Chaos: name, Firings: []chaosFiring{}}
	if chaos != nil {
		for _, f := range chaos.Upcoming(after.UTC(), c.Count) {
			result.Firings = append(result.Firings, chaosFiring{f.At.Format(time.RFC3339), f.Event})
		}
	}
	if len(result.Firings) == 0 {
		a.Say("a build with the profile %s has no faults that come by the clock", c.Profile)
	}
	return a.Result("chaos-next", result, func(w io.Writer) {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, f := range result.Firings {
			fmt.Fprintf(table, "%s\t%s\t%s\n", f.At, f.FaultType, chance(f.FaultEvent))
		}
		table.Flush()
	})
}
