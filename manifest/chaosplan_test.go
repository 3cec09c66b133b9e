package manifest

import (
	"strings"
	"testing"
	"time"
)

const chaosText = `
[package]
name = "demo"
version = "1.0.0"

[profile.dev]
chaos_profile = "testing"

[profile.soak]
inherits = "dev"

[profile.quiet]
inherits = "release"

[chaos-profile.testing]
fault_injection_rate = 0.5

[[chaos-profile.testing.fault_schedule]]
fault_type = "message_drop"
trigger = "on_send"

[[chaos-profile.testing.fault_schedule]]
fault_type = "network_partition"
trigger = "cron:0 */5 * * * *"

[[chaos-profile.testing.fault_schedule]]
fault_type = "node_failure"
trigger = "cron:0 10 6 * * MON-FRI"

[[chaos-profile.testing.fault_schedule]]
fault_type = "node_failure"
trigger = "cron:0 0 0 30 FEB *"

[chaos-profile.spare]
message_drop_rate = 0.1
`

func TestChaosOf(t *testing.T) {
	m, err := Parse("gal.toml", []byte(chaosText))
	if err != nil {
		t.Fatal(err)
	}
	for profile, want := range map[string]string{"dev": "testing", "soak": "testing", "release": "", "quiet": ""} {
		name, chaos, err := m.ChaosOf(profile)
		if name != want || (chaos != nil) != (want != "") || err != nil {
			t.Errorf("%s: %q, %v, %v; want %q", profile, name, chaos, err, want)
		}
	}
	if _, _, err := m.ChaosOf("nowhere"); err == nil {
		t.Error("a profile that is not there has chaos")
	}
	uses := m.ChaosUses()
	if got := strings.Join(uses["testing"], " "); got != "dev soak" || uses["spare"] == nil || len(uses["spare"]) != 0 {
		t.Errorf("uses %v", uses)
	}
}

func TestUpcoming(t *testing.T) {
	m, err := Parse("gal.toml", []byte(chaosText))
	if err != nil {
		t.Fatal(err)
	}
	after := time.Date(2026, 1, 2, 6, 3, 0, 0, time.UTC) // a Friday
	var got []string
	for _, f := range m.ChaosProfiles["testing"].Upcoming(after, 4) {
		got = append(got, f.At.Format("15:04:05")+" "+f.Event.FaultType)
	}
	want := "06:05:00 network_partition, 06:10:00 network_partition, 06:10:00 node_failure, 06:15:00 network_partition"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	if n := len(m.ChaosProfiles["spare"].Upcoming(after, 4)); n != 0 {
		t.Errorf("a profile without a schedule has %d moments", n)
	}
}

// What comes is in order, strictly after the start, and nothing is left out: the same list in two halves.
func TestUpcomingInHalves(t *testing.T) {
	m, err := Parse("gal.toml", []byte(chaosText))
	if err != nil {
		t.Fatal(err)
	}
	p := m.ChaosProfiles["testing"]
	start := time.Date(2026, 1, 2, 5, 57, 11, 0, time.UTC)
	whole := p.Upcoming(start, 40)
	for i, f := range whole {
		if !f.At.After(start) || i > 0 && f.At.Before(whole[i-1].At) {
			t.Fatalf("firing %d is at %v", i, f.At)
		}
		// A moment may have several firings; behind its last the list goes on as one from that moment.
		if i+1 < len(whole) && whole[i+1].At.After(f.At) {
			rest := p.Upcoming(f.At, 1)
			if len(rest) != 1 || !rest[0].At.Equal(whole[i+1].At) || rest[0].Event != whole[i+1].Event {
				t.Errorf("behind %v: %v, want %v", f.At, rest, whole[i+1])
			}
		}
	}
}

// Between a moment and the next there is none: from anywhere between the two the last is the one and the next the other.
func TestLastAndNext(t *testing.T) {
	for _, cron := range []string{"* * * * * *", "0 */5 9-17 * * MON-FRI", "30 59 23 31 12 *", "0 0 0 29 FEB *", "15 0 */7 1,15 * 2", "0 10 6 * * 0,7"} {
		trigger := Trigger{Event: "cron", Cron: cron}
		at, err := trigger.Next(time.Date(2024, 2, 27, 23, 59, 58, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			next, err := trigger.Next(at)
			if err != nil {
				t.Fatal(err)
			}
			for _, moment := range []time.Time{at, at.Add(999 * time.Millisecond), at.Add(next.Sub(at) / 2), next.Add(-time.Second), next.Add(-time.Nanosecond)} {
				if last, err := trigger.Last(moment); err != nil || !last.Equal(at) {
					t.Fatalf("%s: the last until %s is %s, %v; want %s", cron, moment, last, err, at)
				}
			}
			at = next
		}
	}
	for _, trigger := range []Trigger{{Event: "on_start"}, {Event: "cron", Cron: "0 0 0 30 FEB *"}} {
		if at, err := trigger.Last(time.Unix(0, 0).UTC()); err == nil {
			t.Errorf("%s has fired at %s", trigger, at)
		}
	}
}

func TestChaosProblemsAreTold(t *testing.T) {
	m, err := Parse("gal.toml", []byte(chaosText+"what = 1\n\n[dependancies]\n"))
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	for _, w := range m.Warnings {
		codes[w.Code] = codes[w.Code] || w.Chaos
		if w.Chaos && strings.Contains(w.Message, "dependancies") || !w.Chaos && strings.Contains(w.Message, "what") {
			t.Errorf("%s: chaos %v", w, w.Chaos)
		}
	}
	if !codes["never-fires"] || !codes["unknown-key"] {
		t.Errorf("codes %v", codes)
	}
	_, err = Parse("gal.toml", []byte("[package]\nname = 1\n\n[profile.dev]\nchaos_profile = \"none\"\n"))
	problems, _ := err.(Problems)
	for _, p := range problems {
		if p.Chaos != (p.Code == "unknown-chaos-profile") {
			t.Errorf("%s: chaos %v", p, p.Chaos)
		}
	}
	if len(problems) < 2 {
		t.Errorf("problems %v", problems)
	}
}
