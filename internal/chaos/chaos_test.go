package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/manifest"
)

// profile reads a chaos profile as gal.toml has it.
func profile(t testing.TB, text string) manifest.ChaosProfile {
	t.Helper()
	m, err := manifest.Parse("gal.toml", []byte("[package]\nname = \"x\"\nversion = \"1.0.0\"\n[chaos-profile.p]\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return m.ChaosProfiles["p"]
}

// Every fault of the language either has an effect here or is said in the package comment to have none.
func TestEveryFaultIsPlaced(t *testing.T) {
	none := strings.Split("actor_crash actor_memory actor_restart actor_slow compiler_backdoor cpu_fault dependency_confusion high_cpu "+
		"memory_exhaustion memory_pressure message_duplicate message_reordering thread_starvation", " ")
	known := manifest.Faults()
	for _, name := range known {
		if _, ok := effects()[manifest.FaultName(name)]; ok == slices.Contains(none, name) {
			t.Errorf("%s has an effect, and is listed as having none; or neither", name)
		}
	}
	for name, p := range effects() {
		if !slices.Contains(known, name) || manifest.FaultName(name) != name {
			t.Errorf("%s is no fault of the language, or not its first name", name)
		}
		for _, e := range []effect{p.request, p.file} {
			if e != 0 && e.words() == "" {
				t.Errorf("%s: an effect without words", name)
			}
		}
	}
	p := profile(t, "allowed_faults = ['actor_crash', 'delay', 'our_own', 'message_loss']\nactor_crash_rate = 0.1\n"+
		"[[chaos-profile.p.fault_schedule]]\nfault_type = 'delay'\ntrigger = 'on_spawn'\n")
	if got := strings.Join(New(p, Options{}).Ignored(), ", "); got != "actor_crash, actor_crash_rate, delay on_spawn, our_own" {
		t.Errorf("ignored: %s", got)
	}
}

// strikes attempts each of some things several times, in an order, and returns what struck, sorted.
func strikes(r *Rehearsal, order []int, attempts int) []string {
	var mu sync.Mutex
	var list []string
	var wg sync.WaitGroup
	for _, i := range order {
		wg.Go(func() {
			for range attempts {
				s := r.attempt(request, fmt.Sprintf("GET /file/%d", i))
				if s.effect != none {
					s.over()
					mu.Lock()
					list = append(list, fmt.Sprint(s.Strike))
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(list)
	return list
}

// The same seed gives the same faults in whatever order goroutines come; another seed gives others.
func TestSameSeedSameFaults(t *testing.T) {
	p := profile(t, "fault_injection_rate = 0.3\nmessage_drop_rate = 0.1\nnetwork_partition_probability = 0.05\nmax_fault_duration = '500ms'\n")
	forwards := make([]int, 50)
	for i := range forwards {
		forwards[i] = i
	}
	backwards := slices.Clone(forwards)
	slices.Reverse(backwards)
	first := strikes(New(p, Options{Seed: 1}), forwards, 4)
	if again := strikes(New(p, Options{Seed: 1}), backwards, 4); !slices.Equal(first, again) || len(first) < 50 {
		t.Errorf("%d faults, then %d others with the same seed", len(first), len(again))
	}
	if other := strikes(New(p, Options{Seed: 2}), forwards, 4); slices.Equal(first, other) {
		t.Error("another seed gives the same faults")
	}
}

// What the package comment promises of numbers can be recomputed with sha256sum: printf '1\nrate\nGET /a\n1' | sha256sum.
func TestDraw(t *testing.T) {
	r := New(manifest.ChaosProfile{}, Options{Seed: 1})
	if got := fmt.Sprintf("%016x", r.draw("rate", "GET /a", 1)); got != "9f03a5325316f944" {
		t.Errorf("drew %s", got)
	}
	if unit(0) != 0 || unit(math.MaxUint64) >= 1 {
		t.Error("not from 0 to 1")
	}
}

// Over many things a rate is a rate.
func TestRates(t *testing.T) {
	for _, rate := range []float64{0, 0.01, 0.5, 1} {
		r := New(profile(t, fmt.Sprintf("fault_injection_rate = %g\nallowed_faults = ['packet_loss']", rate)), Options{Seed: 7})
		n := 0
		for i := range 10_000 {
			if r.attempt(request, fmt.Sprint(i)).effect != none {
				n++
			}
		}
		if got := float64(n) / 10_000; math.Abs(got-rate) > 0.02 {
			t.Errorf("a rate of %g strikes %g", rate, got)
		}
		if r.Report().Injected != n || r.Report().Faults["packet_loss"] != n {
			t.Errorf("reported %+v of %d", r.Report(), n)
		}
	}
}

// Requests meet what concerns requests, files what concerns files, and nothing meets what is not allowed.
func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		allowed, request, file string
	}{
		{"'disk_fault'", "", "disk_fault"}, {"'packet_loss'", "packet_loss", ""}, {"'resource_exhaustion'", "resource_exhaustion", "resource_exhaustion"},
		{"'actor_crash'", "", ""}, {"'message_loss'", "message_drop", ""}, {"'high_latency'", "latency_spike", ""}, {"'our_own'", "", ""},
	} {
		r := New(profile(t, "fault_injection_rate = 1\nallowed_faults = ["+tt.allowed+"]"), Options{})
		if got := r.attempt(request, "x").Fault; got != tt.request {
			t.Errorf("%s: a request meets %q", tt.allowed, got)
		}
		if got := r.attempt(file, "y").Fault; got != tt.file {
			t.Errorf("%s: a file meets %q", tt.allowed, got)
		}
	}
	only := New(profile(t, "message_drop_rate = 1\nnetwork_partition_probability = 1\nallowed_faults = ['delay']"), Options{})
	if got := only.attempt(request, "x").Fault; got != "" {
		t.Errorf("%s is not allowed", got)
	}
	off := New(profile(t, "fault_injection_rate = 1\nmax_concurrent_faults = 0"), Options{})
	if got := off.attempt(request, "x").Fault; got != "" {
		t.Errorf("%s, and none may be", got)
	}
}

// A fault that lasts takes away the attempts that come within it.
func TestDurationsAreAttempts(t *testing.T) {
	for lasts, want := range map[time.Duration]int{
		0: 1, 100 * time.Millisecond: 1, 200 * time.Millisecond: 1, 201 * time.Millisecond: 2, time.Second: 3, 2 * time.Second: 4, 6 * time.Second: 5,
	} {
		if got := attempts(lasts); got != want {
			t.Errorf("%s takes %d attempts, not %d", lasts, got, want)
		}
	}
	r := New(profile(t, "[[chaos-profile.p.fault_schedule]]\nfault_type = 'node_failure'\ntrigger = 'on_send'\nprobability = 0.1\nduration = '1s'\n"), Options{Seed: 3})
	struck := 0
	for i := range 200 {
		var run []bool
		for range 8 {
			run = append(run, r.attempt(request, fmt.Sprint(i)).effect != none)
		}
		// It ends after three attempts, unless another one has begun meanwhile.
		for n, hit := range run {
			begins := hit && (n == 0 || !run[n-1])
			if begins && n+2 < len(run) && (!run[n+1] || !run[n+2]) {
				t.Fatalf("a fault of three attempts strikes %v", run)
			}
			if begins {
				struck++
			}
		}
	}
	if struck < 50 {
		t.Errorf("only %d faults", struck)
	}
}

// Windows of time open and close by the clock that was handed in.
func TestWindows(t *testing.T) {
	began := time.Date(2026, 1, 2, 6, 3, 0, 0, time.UTC)
	for _, tt := range []struct {
		trigger, duration string
		open              []time.Duration // since the start
		shut              []time.Duration
	}{
		{"on_start", "5s", []time.Duration{0, 4999 * time.Millisecond}, []time.Duration{5 * time.Second, time.Hour}},
		{"on_start", "", []time.Duration{0, 999 * time.Millisecond}, []time.Duration{time.Second}},
		{"interval:30s", "2s", []time.Duration{30 * time.Second, 31 * time.Second, 60 * time.Second}, []time.Duration{0, time.Second, 29 * time.Second, 32 * time.Second}},
		{"cron:0 */5 * * * *", "30s", []time.Duration{2 * time.Minute, 2*time.Minute + 29*time.Second, 7 * time.Minute}, []time.Duration{0, 2*time.Minute - time.Second, 2*time.Minute + 31*time.Second}},
	} {
		now := began
		text := "[[chaos-profile.p.fault_schedule]]\nfault_type = 'delay'\ntrigger = '" + tt.trigger + "'\n"
		if tt.duration != "" {
			text += "duration = '" + tt.duration + "'\n"
		}
		r := New(profile(t, text), Options{Now: func() time.Time { return now }})
		for _, k := range []kind{request, file} {
			for _, d := range tt.open {
				now = began.Add(d)
				if r.attempt(k, "x").effect != late {
					t.Errorf("%s %s: shut after %s", tt.trigger, tt.duration, d)
				}
			}
			for _, d := range tt.shut {
				now = began.Add(d)
				if r.attempt(k, "x").effect != none {
					t.Errorf("%s %s: open after %s", tt.trigger, tt.duration, d)
				}
			}
		}
	}
}

// Where windows overlap, those that are open are asked, the newest of very many: each one that strikes does so from its
// beginning to its end.
func TestWindowsOverlap(t *testing.T) {
	began := time.Date(2026, 1, 2, 6, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		trigger, duration string
		every             time.Duration
		asked             int // at one moment
		probability       float64
		id                func(k int) int
	}{
		{"interval:1m", "150s", time.Minute, 3, 0.3, func(k int) int { return k }},
		{"cron:0 * * * * *", "150s", time.Minute, 3, 0.3, func(k int) int { return int(began.Unix()) + 60*k }},
		{"interval:1m", "23h", time.Minute, MaxWindows, 0.005, func(k int) int { return k }},
		{"cron:0 * * * * *", "23h", time.Minute, MaxWindows, 0.005, func(k int) int { return int(began.Unix()) + 60*k }},
	} {
		now := began
		r := New(profile(t, fmt.Sprintf("[[chaos-profile.p.fault_schedule]]\nfault_type = 'network_partition'\ntrigger = '%s'\nprobability = %g\nduration = '%s'\n", tt.trigger, tt.probability, tt.duration)),
			Options{Seed: 1, Now: func() time.Time { return now }})
		struck := 0
		for k := 200; k < 500; k++ {
			want := false
			for before := range tt.asked {
				want = want || r.chance("schedule:0", "window", tt.id(k-before)) < tt.probability
			}
			now = began.Add(time.Duration(k)*tt.every + 20*time.Second)
			got := r.attempt(request, "GET /x").effect != none
			if got {
				struck++
			}
			if got != want {
				t.Errorf("%s for %s: struck %v in minute %d", tt.trigger, tt.duration, got, k)
			}
		}
		if struck < 90 || struck > 270 {
			t.Errorf("%s for %s: struck in %d minutes of 300", tt.trigger, tt.duration, struck)
		}
	}
}

// An entry of which more windows can be open than are asked is told of, and one that only seems so is not.
func TestCrowded(t *testing.T) {
	for _, tt := range []struct {
		trigger, rest string
		want          bool
	}{
		{"interval:1s", "duration = '128s'", false},
		{"interval:1s", "duration = '129s'", true},
		{"interval:1s", "duration = '129s'\nprobability = 1", false}, // the newest is enough
		{"interval:1s", "duration = '129s'\nprobability = 0", false},
		{"interval:1ns", "", true}, // lasts for a second
		{"interval:9000000000s", "duration = '9000000000s'", false},
		{"on_start", "duration = '1000d'", false},
		{"on_send", "duration = '1000d'", false},
		{"cron:* * * * * *", "", false},
		{"cron:* * * * * *", "duration = '128s'", false},
		{"cron:* * * * * *", "duration = '129s'", true},
		{"cron:0,1 0 0 * * *", "duration = '10m'", false},
		{"cron:0 */5 9-16 * * MON-FRI", "duration = '24h'", false}, // 96 on a day
		{"cron:0 */5 9-16 * * MON-FRI", "duration = '33h'", true},
		{"cron:0 0 0 1 * *", "duration = '900d'", false},
		{"cron:0 0 0 * JAN-MAY *", "duration = '130d'", true},
		{"cron:0 0 0 30 FEB *", "duration = '1000d'", false},
	} {
		text := "[[chaos-profile.p.fault_schedule]]\nfault_type = 'delay'\ntrigger = '" + tt.trigger + "'\n" + tt.rest + "\n"
		if !strings.Contains(tt.rest, "probability") {
			text += "probability = 0.5\n"
		}
		if got := len(Crowded(profile(t, text))) == 1; got != tt.want {
			t.Errorf("%s, %s: crowded %v", tt.trigger, tt.rest, got)
		}
	}
}

// What max_concurrent_faults leaves out depends on what else there is; what strikes at all does not.
func TestLeftOutIsNotReplaced(t *testing.T) {
	const scheduled = "\n[[chaos-profile.p.fault_schedule]]\nfault_type = 'network_delay'\ntrigger = 'on_send'\nprobability = 0.5\n"
	all := New(profile(t, "message_drop_rate = 0.5"+scheduled), Options{Seed: 1})
	some := New(profile(t, "message_drop_rate = 0.5\nmax_concurrent_faults = 1"+scheduled), Options{Seed: 1})
	for i := range 100 {
		want, got := all.attempt(request, fmt.Sprint(i)), some.attempt(request, fmt.Sprint(i))
		if got.effect != none && got.Strike != want.Strike || got.effect == none && want.effect != none && !want.effect.takesTime() {
			t.Errorf("%+v, and %+v with a bound", want.Strike, got.Strike)
		}
	}
	if r := some.Report(); r.LeftOut < 10 || r.Faults["network_delay"] != 1 {
		t.Errorf("%+v", r)
	}
}

// Of what takes time there is never more than max_concurrent_faults at one moment; the rest is counted as left out.
func TestConcurrentFaults(t *testing.T) {
	r := New(profile(t, "fault_injection_rate = 1\nallowed_faults = ['delay']\nmax_concurrent_faults = 2"), Options{})
	a, b := r.attempt(request, "a"), r.attempt(request, "b")
	if c := r.attempt(request, "c"); a.effect != late || b.effect != late || c.effect != none {
		t.Errorf("%v %v %v", a.effect, b.effect, c.effect)
	}
	a.over()
	if d := r.attempt(request, "d"); d.effect != late {
		t.Errorf("%v after one has ended", d.effect)
	}
	if got := r.Report(); got.LeftOut != 1 || got.Injected != 3 {
		t.Errorf("%+v", got)
	}
}

// No delay and no silence is longer than the profile allows.
func TestLengths(t *testing.T) {
	for _, tt := range []struct {
		text       string
		low, high  time.Duration
		effectWant effect
	}{
		{"fault_injection_rate = 1\nallowed_faults = ['delay']", 100 * time.Millisecond, time.Second, late},
		{"fault_injection_rate = 1\nallowed_faults = ['latency_spike']", 500 * time.Millisecond, 5 * time.Second, slow},
		{"fault_injection_rate = 1\nallowed_faults = ['latency_spike']\nmax_fault_duration = '1s'", 100 * time.Millisecond, time.Second, slow},
		{"fault_injection_rate = 1\nallowed_faults = ['database_timeout']", 10 * time.Second, 10 * time.Second, silent},
		{"fault_injection_rate = 1\nallowed_faults = ['database_timeout']\nmax_fault_duration = '1m'", 10 * time.Second, 10 * time.Second, silent},
		{"[[chaos-profile.p.fault_schedule]]\nfault_type = 'delay'\ntrigger = 'on_send'\nduration = '3s'", 3 * time.Second, 3 * time.Second, late},
	} {
		r := New(profile(t, tt.text), Options{})
		lengths := map[time.Duration]bool{}
		for i := range 100 {
			s := r.attempt(request, fmt.Sprint(i))
			if lengths[s.length] = true; s.effect != tt.effectWant || s.length < tt.low || s.length > tt.high {
				t.Errorf("%s: %v for %s", tt.text, s.effect, s.length)
			}
		}
		if tt.low != tt.high && len(lengths) < 50 {
			t.Errorf("%s: only the lengths %v", tt.text, slices.Sorted(maps.Keys(lengths)))
		}
	}
}

func TestDisk(t *testing.T) {
	for fault, want := range map[string]error{"disk_fault": syscall.EIO, "hardware_failure": syscall.EIO, "resource_exhaustion": syscall.ENOSPC, "packet_loss": nil, "delay": nil} {
		slept := 0
		r := New(profile(t, "fault_injection_rate = 1\nallowed_faults = ['"+fault+"']"), Options{Sleep: func(context.Context, time.Duration) error { slept++; return nil }})
		if err := r.Fail(failpoint.FileWritten, "/a/b/gal.lock"); !errors.Is(err, want) || (slept > 0) != (fault == "delay") {
			t.Errorf("%s: %v, slept %d times", fault, err, slept)
		}
	}
	var told []Strike
	r := New(profile(t, "fault_injection_rate = 1\nallowed_faults = ['disk_fault']"), Options{Tell: func(s Strike) { told = append(told, s) }})
	_, _ = r.Fail(failpoint.FileWritten, "/one/gal.lock"), r.Fail(failpoint.FileWritten, "/other/gal.lock")
	want := []Strike{{"disk_fault", "file-written gal.lock", 1, "the disk fails"}, {"disk_fault", "file-written gal.lock", 2, "the disk fails"}}
	if !slices.Equal(told, want) {
		t.Errorf("told %+v", told)
	}
}
