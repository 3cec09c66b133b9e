package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
)

type infoCmd struct {
	Package  string `arg:"" name:"package[@version]" help:"A package, with a version where not the newest or the locked one is meant."`
	Versions bool   `help:"List all versions."`
	Deps     bool   `help:"List the dependencies."`
	Features bool   `help:"List the features."`
}

func (infoCmd) Help() string {
	return `Shows what the registry says of a package, after the signatures that it rests on were verified. In a project that has
the package locked, the locked version is shown; otherwise the newest one.

EXAMPLES
  gal-pkg info mailbox
  gal-pkg info mailbox@1.0.0 --deps
  gal-pkg info orbit/telemetry --versions --format json`
}

// infoResult is the document of info.
type infoResult struct {
	Name         string              `json:"name"`
	Version      string              `json:"version"`
	Newest       string              `json:"newest"` // "" where every version is yanked
	Locked       bool                `json:"locked"` // the version is the one of gal.lock
	Registry     string              `json:"registry"`
	Description  string              `json:"description"`
	License      string              `json:"license"`
	Authors      []string            `json:"authors"`
	Keywords     []string            `json:"keywords"`
	Categories   []string            `json:"categories"`
	Repository   string              `json:"repository"`
	Homepage     string              `json:"homepage"`
	Docs         string              `json:"documentation"`
	GalVersion   string              `json:"gal-version"`
	Edition      string              `json:"edition"`
	Published    string              `json:"published"`
	Checksum     string              `json:"checksum"`
	Size         int64               `json:"size"`
	Unpacked     int64               `json:"unpacked"`
	Signer       string              `json:"signer"`
	Trust        string              `json:"trust"` // verified, unverified or not-checked
	Owners       []string            `json:"owners"`
	Level        string              `json:"level"`
	Capabilities []string            `json:"capabilities"`
	Yanked       *yankInfo           `json:"yanked"`
	Deprecated   *deprecationInfo    `json:"deprecated"`
	Features     map[string][]string `json:"features"`
	Dependencies []dependencyInfo    `json:"dependencies"`
	Versions     []versionInfo       `json:"versions"` // newest first
}

type yankInfo struct {
	Class    string `json:"class"`
	Reason   string `json:"reason"`
	Advisory string `json:"advisory"`
	By       string `json:"by"` // owners or registry
}

type deprecationInfo struct {
	Message     string `json:"message"`
	Replacement string `json:"replacement"`
}

type dependencyInfo struct {
	Name        string `json:"name"`
	Package     string `json:"package"` // its name in the registry
	Requirement string `json:"requirement"`
	Kind        string `json:"kind"`
	Optional    bool   `json:"optional"`
	Registry    string `json:"registry"` // "" for the one of the package
}

type versionInfo struct {
	Version   string `json:"version"`
	Published string `json:"published"`
	Yanked    string `json:"yanked,omitempty"` // the reason
	Usable    bool   `json:"usable"`
}

func (c *infoCmd) Run(a *app) error {
	name, want, versioned := strings.Cut(c.Package, "@")
	if err := manifest.CheckName(name); err != nil {
		return err
	}
	if versioned && want == "" {
		return fault.New(fault.Usage, "bad-version", "there is no version behind the @ of %q", c.Package)
	}
	set, err := a.registries()
	if err != nil {
		return err
	}
	locked, isLocked := lockedIn(a, name)
	var r *remote.Registry
	var p *index.Package
	var release *index.Release
	err = set.Finding(a.ctx, func() (err error) {
		if r, err = c.registry(a, locked, isLocked); err != nil {
			return err
		}
		if p, err = project.Find(a.ctx, r, name); err != nil {
			return err
		}
		isLocked = isLocked && locked.Source == manifest.Registry(r.ID())
		if want == "" && isLocked {
			want = locked.Version.String()
		}
		release, err = project.Choose(p, want)
		return err
	})
	if err != nil {
		return err
	}
	expect := index.Want{Name: p.Name, Version: release.Version}
	if isLocked = isLocked && release.Version.Equal(locked.Version); isLocked {
		expect.Checksum = index.Digest(locked.Checksum)
	}
	trust, err := c.verify(a, r, expect)
	if err != nil {
		return err
	}
	info := describe(r, p, release)
	info.Trust, info.Locked = trust, isLocked
	return a.Result("info", info, func(w io.Writer) { c.write(w, info) })
}

// lockedIn is what the project here has locked. A project that is broken, or none, is no reason to say nothing of a package.
func lockedIn(a *app, name string) (manifest.LockedPackage, bool) {
	dir, err := a.dir()
	if err != nil {
		return manifest.LockedPackage{}, false
	}
	p, err := project.Open(dir)
	if err != nil {
		if !fault.IsCode(err, "no-manifest") {
			a.Debug("the project here is not looked at: %v", err)
		}
		return manifest.LockedPackage{}, false
	}
	return p.Locked(name)
}

// registry is the one of --registry, else the one that the package is locked from, else the one for packages of its name.
func (c *infoCmd) registry(a *app, locked manifest.LockedPackage, isLocked bool) (*remote.Registry, error) {
	set, err := a.registries()
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(c.Package, "@")
	switch {
	case a.g.Registry != "":
		return set.Open(a.ctx, a.g.Registry)
	case isLocked:
		return set.ByID(a.ctx, locked.Source.Location)
	}
	return set.For(a.ctx, name, "")
}

// verify checks the signatures that a release rests on, and says in a word how that went.
func (c *infoCmd) verify(a *app, r *remote.Registry, want index.Want) (string, error) {
	artifacts, warnings, err := r.Snapshot.Verify(a.ctx, []index.Want{want})
	if err != nil {
		return "", err
	}
	for _, w := range index.RecoveryWarnings(artifacts) {
		a.Warn("%s", w)
	}
	for _, w := range warnings {
		a.Warn("%s", w)
	}
	switch {
	case r.Spec.Trust.Signatures == index.SignaturesOff:
		return "not-checked", nil
	case len(warnings) > 0:
		return "unverified", nil
	}
	return "verified", nil
}

// describe puts together what a registry says of a release that was verified.
func describe(r *remote.Registry, p *index.Package, release *index.Release) infoResult {
	line := release.Publish
	info := infoResult{
		Name: p.Name, Version: release.Version.String(), Registry: r.ID(),
		Description: line.About.Description, License: line.License,
		Authors: orEmpty(line.About.Authors), Keywords: orEmpty(line.About.Keywords), Categories: orEmpty(line.About.Categories),
		Repository: line.About.Repository, Homepage: line.About.Homepage, Docs: line.About.Documentation,
		GalVersion: line.GalVersion, Edition: line.Edition, Published: release.At.UTC().Format(time.RFC3339),
		Checksum: string(line.Checksum), Size: line.Size, Unpacked: line.Unpacked,
		Signer: release.By, Owners: orEmpty(p.Owners), Level: line.Level, Capabilities: orEmpty(line.Capabilities),
		Features: map[string][]string{}, Dependencies: []dependencyInfo{}, Versions: []versionInfo{},
	}
	if n := p.Newest(); n != nil {
		info.Newest = n.Version.String()
	}
	if y := release.Yanked(); y != nil {
		info.Yanked = &yankInfo{y.Class, y.Reason, y.Advisory, "owners"}
		if release.YankedBy(index.ByRegistry) != nil {
			info.Yanked.By = "registry"
		}
	}
	if d := p.Deprecated; d != nil {
		info.Deprecated = &deprecationInfo{d.Message, d.Replacement}
	}
	for name, list := range line.Features {
		info.Features[name] = orEmpty(list)
	}
	for _, d := range line.Dependencies {
		kind := "normal"
		if d.Kind != "" {
			kind = d.Kind
		}
		info.Dependencies = append(info.Dependencies, dependencyInfo{d.Name, d.Real(), d.Requirement.String(), kind, d.Optional, d.Registry})
	}
	for _, v := range project.Newest(p) {
		row := versionInfo{Version: v.Version.String(), Published: v.At.UTC().Format(time.RFC3339), Usable: v.Offered()}
		if y := v.Yanked(); y != nil {
			row.Yanked = y.Reason
		}
		info.Versions = append(info.Versions, row)
	}
	return info
}

// write is what people see.
func (c *infoCmd) write(w io.Writer, i infoResult) {
	fmt.Fprintln(w, i.Name, i.Version)
	if i.Description != "" {
		fmt.Fprintln(w, i.Description)
	}
	for _, row := range i.rows() {
		if row[1] != "" {
			fmt.Fprintf(w, "%-13s %s\n", row[0]+":", strings.ReplaceAll(row[1], "\n", " "))
		}
	}
	if c.Features {
		fmt.Fprintln(w, "features:")
		for _, name := range slices.Sorted(maps.Keys(i.Features)) {
			fmt.Fprintf(w, "  %s = [%s]\n", name, strings.Join(i.Features[name], ", "))
		}
	}
	if c.Deps {
		fmt.Fprintln(w, "dependencies:")
		for _, d := range i.Dependencies {
			fmt.Fprintf(w, "  %s\n", d)
		}
	}
	if c.Versions {
		fmt.Fprintln(w, "versions:")
		for _, v := range i.Versions {
			fmt.Fprintf(w, "  %s\n", v)
		}
	}
}

func (i infoResult) rows() [][2]string {
	newest, locked, features := i.Newest, "", slices.Sorted(maps.Keys(i.Features))
	if newest == i.Version {
		newest = ""
	}
	if i.Locked {
		locked = i.Version
	}
	names := make([]string, len(i.Dependencies))
	for n, d := range i.Dependencies {
		names[n] = d.Name
	}
	rows := [][2]string{
		{"newest", newest}, {"gal.lock has", locked}, {"license", i.License}, {"gal-version", i.GalVersion}, {"repository", i.Repository},
		{"homepage", i.Homepage}, {"docs", i.Docs}, {"keywords", strings.Join(i.Keywords, ", ")},
		{"published", i.Published}, {"signer", i.Signer + " (" + trustWords(i.Trust) + ")"}, {"registry", i.Registry},
		{"checksum", i.Checksum}, {"size", cmdline.Size(i.Size) + " packed, " + cmdline.Size(i.Unpacked) + " unpacked"},
		{"level", i.Level}, {"capabilities", strings.Join(i.Capabilities, ", ")},
		{"features", strings.Join(features, ", ")}, {"depends on", strings.Join(names, ", ")},
	}
	if i.Yanked != nil {
		by := map[string]string{"registry": " (by the registry)"}[i.Yanked.By]
		rows = append(rows, [2]string{"YANKED", i.Yanked.Class + ": " + i.Yanked.Reason + by})
	}
	if i.Deprecated != nil {
		rows = append(rows, [2]string{"DEPRECATED", strings.TrimSpace(i.Deprecated.Message + useInstead(i.Deprecated.Replacement))})
	}
	return rows
}

func useInstead(replacement string) string {
	if replacement == "" {
		return ""
	}
	return " (use " + replacement + ")"
}

func trustWords(trust string) string {
	switch trust {
	case "verified":
		return "signature verified"
	case "unverified":
		return "signature NOT verified"
	}
	return "signature not checked: verify_signatures = false"
}

func (d dependencyInfo) String() string {
	line := fmt.Sprintf("%s = %q", d.Name, d.Requirement)
	for _, note := range []struct {
		on   bool
		text string
	}{
		{d.Package != d.Name, "package " + d.Package}, {d.Kind != "normal", d.Kind},
		{d.Optional, "optional"}, {d.Registry != "", "from " + d.Registry},
	} {
		if note.on {
			line += " (" + note.text + ")"
		}
	}
	return line
}

func (v versionInfo) String() string {
	line := fmt.Sprintf("%-12s %s", v.Version, v.Published[:min(10, len(v.Published))])
	if v.Yanked != "" {
		line += "  yanked: " + strings.ReplaceAll(v.Yanked, "\n", " ")
	}
	if !v.Usable {
		line += "  not usable with this gal-pkg"
	}
	return line
}
