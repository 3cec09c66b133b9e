package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/geeknik/gal-pkg/internal/chaos"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

// rehearsal is a run of this program on a bad day: --chaos.
type rehearsal struct {
	*chaos.Rehearsal
	profile string // name of the chaos profile
	stop    func() // ends what files meet
}

// rehearse begins one of a command with what --chaos says, PROFILE or PROFILE:SEED. A command that must work without a
// project, which the profile would be in, is not rehearsed.
func (a *app) rehearse(command, arg string) error {
	if mendsConfig(command) || command == "init" {
		a.Note("gal-pkg %s is not rehearsed: no faults are injected into it", strings.ReplaceAll(command, "-", " "))
		return nil
	}
	name, text, seeded := strings.Cut(arg, ":")
	seed, err := strconv.ParseInt(text, 10, 64)
	if seeded && err != nil {
		return fault.New(fault.Usage, "bad-seed", "--chaos: the seed %q is not a whole number", text).WithHelp("--chaos %s:12345", name)
	}
	file, err := a.manifestFile()
	if err != nil {
		if f := fault.Of(err); f != nil {
			f.WithFact("--chaos or GAL_CHAOS asks for its chaos profile %s", name)
		}
		return err
	}
	p, err := project.OpenFile(file)
	if err != nil {
		return err
	}
	name, profile, err := chaosProfile(p.Root(), name)
	if err != nil {
		return err
	}
	switch {
	case seeded:
	case profile.ChaosSeed != nil:
		seed = *profile.ChaosSeed
	default:
		seed = int64(rand.Uint32())
	}
	r := chaos.New(profile, chaos.Options{Seed: seed, Now: a.now, Tell: func(s chaos.Strike) {
		a.Debug("%12s %s into %s (attempt %d): %s", "Injected", s.Fault, s.What, s.Attempt, s.Effect)
	}})
	a.rehearsal = &rehearsal{r, name, failpoint.Rehearse(r.Fail)}
	a.Note("a rehearsal: faults of the chaos profile %s are injected into this run (--chaos %s:%d for the same ones)", name, name, seed)
	if ignored := r.Ignored(); len(ignored) > 0 {
		a.Note("not injected, for lack of a counterpart in gal-pkg: %s", strings.Join(ignored, ", "))
	}
	return nil
}

// chaosProfile finds a chaos profile by its own name, else the one that a build profile of that name uses.
func chaosProfile(m *manifest.Manifest, name string) (string, manifest.ChaosProfile, error) {
	if p, ok := m.ChaosProfiles[name]; ok {
		return name, p, nil
	}
	if used, p, err := m.ChaosOf(name); err == nil && p != nil {
		return used, *p, nil
	} else if err == nil {
		return "", manifest.ChaosProfile{}, fault.New(fault.Manifest, "unknown-chaos-profile", "the build profile %s has no chaos profile", name).
			WithHelp("[profile.%s]\nchaos_profile = \"NAME\"", name)
	}
	known := slices.Sorted(maps.Keys(m.ChaosProfiles))
	e := fault.New(fault.Manifest, "unknown-chaos-profile", "gal.toml has no chaos profile %q", name).
		WithFact("there are: %s", cmp.Or(strings.Join(known, ", "), "none"))
	for _, similar := range manifest.Suggest(name, known) {
		e.WithHelp("did you mean `%s`?", similar)
	}
	if len(known) == 0 {
		e.WithHelp("[chaos-profile.%s]\nfault_injection_rate = 0.1\nallowed_faults = [\"network_delay\", \"packet_loss\", \"service_unavailable\"]", name)
	}
	return "", manifest.ChaosProfile{}, e
}

// rehearsed is what requests go through in a rehearsal, nil for nothing.
func (a *app) rehearsed() func(http.RoundTripper) http.RoundTripper {
	if a.rehearsal == nil {
		return nil
	}
	return a.rehearsal.Transport
}

// endRehearsal stops injecting and says what was survived, or adds to an error what had been injected before it.
func (a *app) endRehearsal(err error) error {
	r := a.rehearsal
	if r == nil {
		return err
	}
	r.stop()
	report := r.Report()
	switch f := fault.Of(err); {
	case err == nil && report.Injected == 0:
		a.Note("nothing was injected: the chaos profile %s with seed %d strikes nothing that this run has attempted", r.profile, report.Seed)
	case err == nil:
		a.Status("Survived", "%s", injected(report))
	case f != nil:
		f.WithFact("in a rehearsal with the chaos profile %s, seed %d: %s", r.profile, report.Seed, injected(report))
	default:
		a.Note("this was a rehearsal with the chaos profile %s, seed %d: %s", r.profile, report.Seed, injected(report))
	}
	return err
}

// injected counts the faults: "3 injected faults: 1 network_delay, 2 packet_loss".
func injected(r chaos.Report) string {
	text := cmdline.Plural(r.Injected, "injected fault")
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.Faults)) {
		parts = append(parts, fmt.Sprintf("%d %s", r.Faults[name], name))
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	if r.LeftOut > 0 {
		text += fmt.Sprintf(" (%d more were left out by max_concurrent_faults)", r.LeftOut)
	}
	return text
}

// Result is [cmdline.Printer.Result], with the rehearsal in the document.
func (a *app) Result(command string, value any, text func(io.Writer)) error {
	if a.JSON {
		return a.Document(command, true, value)
	}
	return a.Printer.Result(command, value, text)
}

// Fail is [cmdline.Printer.Fail], likewise.
func (a *app) Fail(command string, err error) {
	if a.rehearsal == nil || !a.JSON {
		a.Printer.Fail(command, err)
		return
	}
	a.Tell(err)
	var said bytes.Buffer
	(&cmdline.Printer{Stdout: &said, Stderr: io.Discard, JSON: true}).Fail(command, err)
	var members struct {
		Error json.RawMessage `json:"error"`
	}
	_ = json.Unmarshal(said.Bytes(), &members) // which was marshalled just now
	_ = a.Document(command, false, members)    // the error has been said; that it cannot be said twice changes nothing
}

// Document is [cmdline.Printer.Document] with one more member in a rehearsal: "chaos".
func (a *app) Document(command string, ok bool, value any) error {
	if a.rehearsal != nil {
		value = rehearsed{value, rehearsalDocument{a.rehearsal.profile, a.rehearsal.Report()}}
	}
	return a.Printer.Document(command, ok, value)
}

// rehearsalDocument is what a document says of a rehearsal.
type rehearsalDocument struct {
	Profile string `json:"profile"`
	chaos.Report
}

// rehearsed is a document's members with "chaos" behind them.
type rehearsed struct {
	members any
	chaos   rehearsalDocument
}

// MarshalJSON puts the members of both into one object.
func (r rehearsed) MarshalJSON() ([]byte, error) {
	members, err := json.Marshal(r.members)
	if err != nil {
		return nil, err
	}
	told, err := json.Marshal(r.chaos)
	if err != nil {
		return nil, err
	}
	members = bytes.TrimSuffix(members, []byte("}"))
	if len(members) > 1 {
		members = append(members, ',')
	}
	return append(append(append(members, `"chaos":`...), told...), '}'), nil
}
