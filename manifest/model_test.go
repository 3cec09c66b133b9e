package manifest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
)

func TestFeatureRefs(t *testing.T) {
	for _, row := range []struct {
		text string
		want FeatureRef
	}{
		{"f", FeatureRef{Feature: "f"}},
		{"d/f", FeatureRef{Feature: "f", Dependency: "d"}},
		{"d?/f", FeatureRef{Feature: "f", Dependency: "d", Weak: true}},
		{"dep:d", FeatureRef{Dependency: "d"}},
		{"dep:s/d", FeatureRef{Dependency: "s/d"}},
		{"s/d/f", FeatureRef{Feature: "f", Dependency: "s/d"}},
		{"s/d?/f", FeatureRef{Feature: "f", Dependency: "s/d", Weak: true}},
	} {
		if got := ParseFeatureRef(row.text); got != row.want || got.String() != row.text {
			t.Errorf("%s: %+v, written %s", row.text, got, got)
		}
	}
}

func TestFeatures(t *testing.T) {
	m := parse(t, `[dependencies]
actor-utils = "1"
chaos-lib = { version = "1", optional = true }
"s/d" = { version = "1", optional = true }
extra = { version = "1", optional = true }
[dev-dependencies]
kit = "1"
[features]
default = ["all", "chaos-lib"]
all = ["actor_utils/default", "chaos-lib?/x", "dep:s/d", "s/d/f", "kit/more"]
extra = ["dep:extra"]
empty = []
`)
	want := map[string][]string{
		"default": {"all", "chaos-lib"},
		"all":     {"actor-utils/default", "chaos-lib?/x", "dep:s/d", "s/d/f", "kit/more"}, // as the tables spell them
		"extra":   {"dep:extra"},
		"empty":   {},
	}
	if !reflect.DeepEqual(m.Features, want) {
		t.Errorf("%v", m.Features)
	}
}

func TestProfiles(t *testing.T) {
	m := parse(t, `[build]
optimization-level = 1
[chaos-profile.calm]
[profile.dev]
chaos_profile = "calm"
[profile.release]
lto = true
optimization_level = 2
[profile.bench]
inherits = "release"
debug = true
[profile.slow]
lto = false
inherits = "bench"
[profile.other]
`)
	for _, want := range []Profile{
		{"dev", 1, true, "off", "calm"},
		{"release", 2, false, "fat", ""},
		{"bench", 2, true, "fat", ""},
		{"slow", 2, true, "off", ""},
		{"other", 1, true, "off", "calm"}, // inherits dev
	} {
		if got, err := m.Profile(want.Name); got != want || err != nil {
			t.Errorf("%+v %v, want %+v", got, err, want)
		}
	}
	bare := parse(t, "")
	if p, err := bare.Profile("release"); p != (Profile{"release", 3, false, "off", ""}) || err != nil {
		t.Errorf("built-in release: %+v %v", p, err)
	}
	_, err := m.Profile("relaese")
	f := fault.Of(err)
	if f == nil || f.Code != "unknown-profile" || f.Message != "there is no profile `relaese`; did you mean `release`?" ||
		f.Facts[0] != "profiles: bench, dev, other, release, slow" {
		t.Errorf("%+v", f)
	}
}

func TestOlderChaosSpellings(t *testing.T) {
	canonical := parse(t, `[chaos-profile.testing]
fault_injection_rate = 0.5
message_drop_rate = 0.1
network_partition_probability = 0.2
actor_crash_rate = 0.3
max_concurrent_faults = 3
`)
	for _, text := range []string{
		"[chaos]\ndefault-profile = \"testing\"\n[chaos.profiles.testing]\nfault-injection-rate = 0.5\nmessage-drop-rate = 0.1\nnetwork-partition-rate = 0.2\nactor-crash-rate = 0.3\nmax-concurrent-faults = 3\n",
		"[chaos]\ndefault_profile = \"testing\"\n[chaos.profiles.testing]\nfault_injection_rate = 0.5\nmessage_drop_rate = 0.1\nnetwork_partition_rate = 0.2\nactor_crash_rate = 0.3\nmax_concurrent_faults = 3\n",
	} {
		m := parse(t, text)
		if !reflect.DeepEqual(m.ChaosProfiles, canonical.ChaosProfiles) || m.DefaultChaosProfile != "testing" {
			t.Errorf("%+v", m.ChaosProfiles)
		}
		if p, _ := m.Profile("dev"); p.ChaosProfile != "testing" {
			t.Errorf("dev has %q", p.ChaosProfile)
		}
		if len(m.Warnings) != 2 || m.Warnings[0].Code != "older-spelling" || m.Warnings[1].Code != "older-spelling" {
			t.Fatalf("%v", m.Warnings)
		}
		// The rewrites, put in the place of the older tables, mean the same.
		rewritten := parse(t, m.Warnings[0].Help+"\n"+m.Warnings[1].Help+"\n")
		if !reflect.DeepEqual(rewritten.ChaosProfiles, canonical.ChaosProfiles) || len(rewritten.Warnings) > 0 {
			t.Errorf("rewrite %s: %+v %v", m.Warnings[1].Help, rewritten.ChaosProfiles, rewritten.Warnings)
		}
		for _, name := range []string{"dev", "release"} {
			a, _ := m.Profile(name)
			if b, _ := rewritten.Profile(name); a != b {
				t.Errorf("%s: %+v, rewritten %+v", name, a, b)
			}
		}
		if line, _ := m.Where("chaos-profile.testing", "message_drop_rate"); line != 8 {
			t.Errorf("message_drop_rate in line %d", line)
		}
	}
}

func TestSchedule(t *testing.T) {
	m := parse(t, `[chaos-profile.testing]
allowed_faults = ["MessageLoss", "network-partition"]
[[chaos-profile.testing.fault_schedule]]
fault_type = "message_drop"
trigger = "on_send"
probability = 0.1
duration = "100ms"

[[chaos-profile.testing.fault_schedule]]
fault_type = "network_partition"
trigger = "cron:0 */5 * * * *"  # Every 5 minutes
duration = "30s"
`)
	events := m.ChaosProfiles["testing"].FaultSchedule
	want := []FaultEvent{
		{"message_drop", Trigger{Event: "on_send"}, 0.1, Duration(100 * time.Millisecond)}, // a synonym allows it
		{"network_partition", Trigger{Event: "cron", Cron: "0 */5 * * * *"}, 1, Duration(30 * time.Second)},
	}
	if !reflect.DeepEqual(events, want) {
		t.Fatalf("%+v", events)
	}
	next, err := events[1].Trigger.Next(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
	if err != nil || !next.Equal(time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC)) {
		t.Errorf("%v %v", next, err)
	}
	text, err := json.Marshal(events[1])
	if got := string(text); err != nil || got != `{"fault_type":"network_partition","trigger":"cron:0 */5 * * * *","probability":1,"duration":"30s"}` {
		t.Errorf("%s %v", got, err)
	}
}

func TestTriggers(t *testing.T) {
	for _, row := range []struct{ text, canonical, says string }{
		{"on_send", "on_send", ""},
		{"on-receive", "on_receive", ""},
		{"interval:90s", "interval:90s", ""},
		{"interval:60s", "interval:1m", ""},
		{"cron:0  0 12 * jan-mar mon-FRI", "cron:0 0 12 * jan-mar mon-FRI", ""},
		{"cron:0,30 1-5/2 * 1,15 * ?", "cron:0,30 1-5/2 * 1,15 * ?", ""},
		{"on_snd", "", "did you mean `on_send`?"},
		{"", "", "is not known"},
		{"interval:", "", "needs a duration"},
		{"interval:0s", "", "needs a duration"},
		{"cron:*/5 * * * *", "", "this has 5"},
		{"cron:0 0 0 1 1 * 2030", "", "this has 7"},
		{"cron:0 0 0 1 1 2030", "", "weekday `2030` must be within 0-7"}, // a year to the library
		{"cron:60 * * * * *", "", "second `60` must be within 0-59"},
		{"cron:0 5-1 * * * *", "", "minute `5-1` must be within"},
		{"cron:0 */0 * * * *", "", "step `0` of the minute"},
		{"cron:0 0 0 0 * *", "", "day `0` must be within 1-31"},
		{"cron:@daily x x x x x", "", "second `@DAILY`"},
		{"cron:0 0 0 * foo *", "", "month `FOO`"},
		{"cron:0 0 0 ,1 * *", "", "day `` must be"},
		{"cron:" + strings.Repeat("1,", 200) + "1 * * * * *", "", "too long"},
	} {
		got, err := ParseTrigger(row.text)
		if row.says == "" && (err != nil || got.String() != row.canonical) || row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
			t.Errorf("%s: %s %v, want %s %s", row.text, got, err, row.canonical, row.says)
		}
	}
	never, err := ParseTrigger("cron:0 0 0 31 2 *")
	if err != nil {
		t.Fatal(err)
	}
	if at, err := never.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
		t.Errorf("the 31st of February is %v", at)
	}
}

func TestCronNext(t *testing.T) {
	start := time.Date(2024, 2, 28, 23, 59, 58, 0, time.UTC)
	for _, row := range []struct{ cron, want string }{
		{"* * * * * *", "2024-02-28T23:59:59Z"},
		{"0 0 0 29 2 *", "2024-02-29T00:00:00Z"},
		{"0 30 6 * * sun", "2024-03-03T06:30:00Z"},
		{"15 */20 * * * *", "2024-02-29T00:00:15Z"},
		{"0 0 0 1 jan *", "2025-01-01T00:00:00Z"},
	} {
		trigger, err := ParseTrigger("cron:" + row.cron)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := trigger.Next(start); err != nil || got.Format(time.RFC3339) != row.want {
			t.Errorf("%s: %v %v, want %s", row.cron, got, err, row.want)
		}
	}
}

func TestDurations(t *testing.T) {
	for _, row := range []struct {
		text, canonical string
		ok              bool
	}{
		{"5s", "5s", true}, {"100ms", "100ms", true}, {"1m", "1m", true}, {"60m", "1h", true}, {"3d", "3d", true}, {"48h", "2d", true},
		{"1ns", "1ns", true}, {"1000us", "1ms", true}, {"0s", "0ns", true},
		{"5", "", false}, {"s", "", false}, {"1.5s", "", false}, {"-1s", "", false}, {"1h30m", "", false}, {"1 s", "", false},
		{"1S", "", false}, {"99999999999999999999s", "", false}, {"9223372036854775807d", "", false}, {"", "", false},
	} {
		d, err := ParseDuration(row.text)
		if (err == nil) != row.ok || row.ok && d.String() != row.canonical {
			t.Errorf("%q: %s %v", row.text, d, err)
		}
	}
	for text, want := range map[string]time.Duration{"7 days": 7 * day, "1 week": 7 * day, "2 hours": 2 * time.Hour, "90 seconds": 90 * time.Second, "3d": 3 * day, "1 month": 0, "7  days": 0, "days": 0, "1 fortnight": 0} {
		if got, err := ParseSpan(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}

func TestSecurityAndResolver(t *testing.T) {
	m := parse(t, `[security]
require_signatures = true
max_risk_level = "Medium"
vulnerability_scan = false
allowed_licenses = ["MIT", "Apache-2.0"]
min_release_age = "7 days"
[[security.ignore]]
id = "GAL-2026-0001"
reason = "not reachable"
until = 2026-12-31
[resolver]
duplicates = "deny"
exclude-newer = "2026-01-01T01:00:00+01:00"
exclude-newer-package = { "s/fast" = "1 day", slow = false }
[patch]
rand = { path = "../rand" }
`)
	s := m.Security
	if !*s.RequireSignatures || *s.VulnerabilityScan || s.DependencyAudit != nil || s.MaxRiskLevel != "medium" || s.MinReleaseAge != 7*day || len(s.AllowedLicenses) != 2 {
		t.Errorf("%+v", s)
	}
	if want := (IgnoredEntry{"GAL-2026-0001", "", "not reachable", time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)}); !reflect.DeepEqual(s.Ignore, []IgnoredEntry{want}) {
		t.Errorf("%+v", s.Ignore)
	}
	r, now := m.Resolver, time.Date(2026, 5, 5, 5, 5, 5, 999, time.UTC)
	if r.Duplicates != "deny" || r.IncompatibleGalVersions != "fallback" || !r.ExcludeNewer.At(now).Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", r)
	}
	if got := r.ExcludeNewerPackage["s/fast"].At(now); !got.Equal(time.Date(2026, 5, 4, 5, 5, 5, 0, time.UTC)) {
		t.Errorf("%v", got)
	}
	if cutoff, ok := r.ExcludeNewerPackage["slow"]; !ok || !cutoff.IsZero() || !cutoff.At(now).IsZero() {
		t.Errorf("%v", cutoff)
	}
	if m.Patch["rand"].Path != "../rand" {
		t.Errorf("%+v", m.Patch)
	}
	if none := parse(t, "[security]\nallowed_licenses = []").Security.AllowedLicenses; none == nil || len(none) > 0 {
		t.Errorf("a list that allows nothing is %#v, as if it were not there", none)
	}
	if bare := parse(t, ""); bare.Security.AllowedLicenses != nil {
		t.Errorf("%#v", bare.Security)
	}
	if bare := parse(t, ""); bare.Resolver.Duplicates != "allow" || !bare.Resolver.ExcludeNewer.IsZero() {
		t.Errorf("%+v", bare.Resolver)
	}
}

func TestPublish(t *testing.T) {
	for _, row := range []struct {
		text            string
		company, public bool
		json            string
	}{
		{"", true, true, ""},
		{"publish = true\n", true, true, ""},
		{"publish = false\n", false, false, `"publish":false`},
		{"publish = []\n", false, false, `"publish":false`},
		{"publish = [\"company\"]\n", true, false, `"publish":["company"]`},
	} {
		m := parse(t, row.text)
		text, err := json.Marshal(m.Package)
		if p := m.Package.Publish; p.Allows("company") != row.company || p.Allows("default") != row.public || err != nil || !strings.Contains(string(text), row.json) {
			t.Errorf("%s: %+v %s %v", row.text, p, text, err)
		}
	}
}

func TestGalVersions(t *testing.T) {
	for text, want := range map[string]string{"1": "1.0.0", "1.0": "1.0.0", "1.2.3": "1.2.3", "1.0.0-rc.1": "1.0.0-rc.1", "01": "", "v1": "", "1.2.3.4": "", "": "", "^1": ""} {
		got, err := parseMinimum(text)
		if got.String() != want || (err == nil) != (want != "") {
			t.Errorf("%q: %s %v", text, got, err)
		}
	}
}

func TestWorkspaceFolders(t *testing.T) {
	manifest := &fstest.MapFile{}
	root := fstest.MapFS{
		"gal.toml": manifest, "a/gal.toml": manifest, "packages/x/gal.toml": manifest, "packages/y/gal.toml": manifest,
		"packages/y/deep/gal.toml": manifest, "packages/empty/readme": manifest, "packages/folder/gal.toml/x": manifest,
	}
	for _, row := range []struct {
		members, exclude []string
		want             string
	}{
		{[]string{"packages/*", "a"}, nil, "a packages/x packages/y"},
		{[]string{"a", "a", "./a/"}, nil, "a"},
		{[]string{"packages/*", "packages/*/*"}, []string{"packages/y"}, "packages/x"},
		{nil, nil, ""},
		{[]string{"."}, nil, "."},
		{[]string{"nothing/*"}, nil, ""},
		{[]string{"packages/empty"}, nil, "workspace member `packages/empty` has no gal.toml"},
		{[]string{"nothing"}, nil, "workspace member `nothing` has no gal.toml"},
	} {
		list := func(texts []string) string { return "[\"" + strings.Join(texts, "\", \"") + "\"]" }
		text := "[workspace]\n"
		if row.members != nil {
			text += "members = " + list(row.members) + "\n"
		}
		if row.exclude != nil {
			text += "exclude = " + list(row.exclude) + "\n"
		}
		m, err := Parse("gal.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		folders, err := m.Workspace.Folders(root)
		got := strings.Join(folders, " ")
		if err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%v: %s, want %s", row.members, got, row.want)
		}
	}
	if _, err := (&Workspace{Members: []string{"a"}}).Folders(broken{}); !fault.IsCode(err, "bad-workspace") {
		t.Errorf("%v", err)
	}
}

// broken is a file system that cannot be read.
type broken struct{}

func (broken) Open(string) (fs.File, error) { return nil, errors.New("input/output error") }

const workspaceRoot = `[workspace]
members = ["a/*"]
[workspace.package]
version = "1.2.3"
license = "MIT"
license-file = "LICENSE"
keywords = ["k"]
publish = false
[workspace.dependencies]
chaos-lib = { version = "0.5", features = ["x"], default-features = false }
near = { version = "1", path = "near" }
`

func TestInherit(t *testing.T) {
	root, err := Parse("ws/gal.toml", []byte(workspaceRoot))
	if err != nil {
		t.Fatal(err)
	}
	member, err := Parse("ws/a/b/gal.toml", []byte(`[package]
name = "b"
version.workspace = true
license = { workspace = true }
license-file.workspace = true
keywords.workspace = true
publish.workspace = true
description = "own"
[dependencies]
chaos_lib = { workspace = true, features = ["y", "x"], optional = true }
[dev-dependencies]
near.workspace = true
[build-dependencies]
chaos-lib = { workspace = true, default-features = true }
`))
	if err != nil {
		t.Fatal(err)
	}
	if !member.Inherits() {
		t.Error("nothing to inherit")
	}
	full, err := member.Inherit(root)
	if err != nil {
		t.Fatal(err)
	}
	p := full.Package
	if p.Version.String() != "1.2.3" || p.License != "MIT" || p.LicenseFile != "../../LICENSE" || p.Keywords[0] != "k" || !p.Publish.Never || p.Description != "own" {
		t.Errorf("%+v", p)
	}
	got := full.Dependencies["chaos_lib"]
	if got.Requirement.String() != "0.5" || strings.Join(got.Features, " ") != "x y" || got.DefaultFeatures || !got.Optional || got.Workspace || got.Name("chaos_lib") != "chaos-lib" {
		t.Errorf("%+v", got)
	}
	if near := full.DevDependencies["near"]; near.Path != "../../near" || near.Requirement.String() != "1" || !near.DefaultFeatures {
		t.Errorf("%+v", near)
	}
	if !full.BuildDependencies["chaos-lib"].DefaultFeatures {
		t.Error("the member's default-features = true does not win")
	}
	if full.Inherits() || !member.Inherits() || len(root.Workspace.Dependencies["chaos-lib"].Features) != 1 {
		t.Error("Inherit changed what it was given, or left something")
	}
}

func TestInheritProblems(t *testing.T) {
	root, err := Parse("ws/gal.toml", []byte(workspaceRoot))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse("ws/a/gal.toml", []byte("[package]\nname = \"a\"\nversion = \"1.0.0\"\nreadme.workspace = true\n[dependencies]\nnothing.workspace = true\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Inherit(root)
	var ps Problems
	if !errors.As(err, &ps) || brief(ps) != "4:1 missing-key, 6:1 missing-key" {
		t.Errorf("%v", err)
	}
	bare := parse(t, "")
	if _, err := m.Inherit(bare); err == nil {
		t.Error("a root without a workspace gives something")
	}
}
