package main

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"

	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/doctor"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/settings"
	"github.com/geeknik/gal-pkg/internal/web"
)

type doctorCmd struct{}

func (doctorCmd) Help() string {
	return `Looks at everything that gal-pkg depends on: each configured registry and what its host is able to do, the clock, proxies and
certificates, how current the registry's metadata is, the rights of files with secrets, the cache, and the project here.
Every finding is ok, warn or fail, and says what mends it. Exit code 1 if something fails. With --offline no host is asked.

EXAMPLES
  gal-pkg doctor
  gal-pkg doctor --registry company
  gal-pkg doctor --offline --format json`
}

// doctorResult is the document of doctor.
type doctorResult struct {
	Failures int              `json:"failures"`
	Warnings int              `json:"warnings"`
	Findings []doctor.Finding `json:"findings"`
}

func (c *doctorCmd) Run(a *app) error {
	var r doctor.Report
	r.Findings = append(r.Findings, doctor.Finding{Area: "program", Level: doctor.OK,
		What: fmt.Sprintf("gal-pkg %s on %s/%s, %s", programVersion, runtime.GOOS, runtime.GOARCH, gitProgram())})
	if err := c.look(a, &r); err != nil {
		r.Failed("configuration", err)
	}
	result := doctorResult{r.Count(doctor.Fail), r.Count(doctor.Warn), r.Findings}
	var bad *fault.Error
	if result.Failures > 0 {
		bad = fault.New(fault.Negative, "doctor-failed", "%s and %s", cmdline.Plural(result.Failures, "failure"), cmdline.Plural(result.Warnings, "warning"))
	} else {
		a.Say("nothing fails; %s", cmdline.Plural(result.Warnings, "warning"))
	}
	return a.verdict("doctor", result, func(w io.Writer) { writeFindings(w, result.Findings) }, bad)
}

// look fills the report. The error is of what keeps it from looking further.
func (c *doctorCmd) look(a *app, r *doctor.Report) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	user, err := settings.Load(a.sys.env, dir)
	if err != nil {
		return err
	}
	for _, w := range user.Warnings {
		r.Warned("configuration", w)
	}
	keys := []string{}
	if key := user.Config.Values().SigningKey; key != "" {
		keys = append(keys, key)
	}
	r.Files(user.Dirs, keys...)
	r.Cache(user.Dirs.Cache)
	set, err := a.registries()
	if err != nil {
		return err
	}
	for _, name := range user.Registries.Names() {
		registry := user.Registries.All[name]
		unused := registry.ID == "" && registry.URL == settings.DefaultURL && name != user.Registries.Default
		if a.g.Registry == name || a.g.Registry == "" && !unused {
			r.Registry(a.ctx, user, set, registry, a.now)
		}
	}
	if address := a.g.Registry; address != "" && !set.Configured(address) {
		a.lookAt(r, set, address)
	}
	file, err := a.manifestFile()
	if fault.IsCode(err, "no-manifest") {
		return nil // doctor is for any folder
	}
	if err != nil {
		return err
	}
	r.Project(a.ctx, set, file, user.Dirs.Cache)
	return nil
}

// lookAt looks at a registry that is not configured: whether it is there.
func (a *app) lookAt(r *doctor.Report, set *remote.Set, address string) {
	area := "registry " + web.Redact(address)
	opened, err := set.Open(a.ctx, address)
	if err != nil {
		r.Failed(area, err)
		return
	}
	r.Findings = append(r.Findings, doctor.Finding{Area: area, Level: doctor.OK,
		What: fmt.Sprintf("%s opens, read as %s; it is not configured", opened.ID(), opened.Transport())})
}

// gitProgram says which git there is. gal-pkg reads registries without it; publishers and editors want it.
func gitProgram() string {
	out, err := exec.Command("git", "--version").Output()
	if err != nil {
		return "no git program, and none is needed"
	}
	return strings.TrimSpace(string(out))
}

func writeFindings(w io.Writer, findings []doctor.Finding) {
	area := ""
	for _, f := range findings {
		if f.Area != area {
			area = f.Area
			fmt.Fprintln(w, area)
		}
		fmt.Fprintf(w, "  %-4s  %s\n", f.Level, strings.ReplaceAll(f.What, "\n", "; "))
		if f.Fix != "" {
			fmt.Fprintln(w, cmdline.Indent("        ", "fix: "+f.Fix))
		}
	}
}
