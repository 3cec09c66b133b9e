// Package chaos rehearses bad days: it makes the network and the disk of one run fail as a chaos profile of gal.toml says.
// It injects into the requests and the files of the program that asks for it, and into nothing else; what a compiled
// program meets at run time is the matter of the compiler and its runtime. Nothing here is switched on by a manifest:
// somebody has to name the profile.
//
// A fault only takes away what the world gives: answers, bytes, room on the disk. It is injected below every check, so
// that what is wrong is found, tried again and reported exactly as on a real bad day, with the same exit code.
//
// # What the faults of the language are here
//
//	fault                                        a request                                        a file that is written
//	message_drop (message_loss, message_drops)   the connection is reset, and no answer comes     -
//	packet_loss                                  the same                                         -
//	connection_loss                              the answer ends in the middle                    -
//	connection_timeout, database_timeout         nothing comes for as long as the fault lasts     -
//	network_partition, node_failure              the host cannot be reached                       -
//	service_unavailable, query_error             status 503                                       -
//	resource_exhaustion                          status 429                                       no space left (ENOSPC)
//	network_delay, message_delay                 the answer is late by up to a second             -
//	delay                                        the same                                         the disk is slow, likewise
//	latency_spike (high_latency)                 the answer is late by up to 5 seconds            -
//	message_corruption                           one bit of the answer is another                 -
//	malicious_update                             every byte of the answer is another              -
//	byzantine_behavior                           a web page with status 200                       -
//	disk_fault, hardware_failure                 -                                                the write fails (EIO)
//
// What has no counterpart in a package manager is never injected: actor_crash, actor_memory, actor_restart, actor_slow,
// compiler_backdoor, cpu_fault, dependency_confusion, high_cpu, memory_exhaustion, memory_pressure, message_duplicate,
// message_reordering, thread_starvation, the faults that a program defines itself, the rate actor_crash_rate and the
// trigger on_spawn. [Rehearsal.Ignored] names what of a profile that is. (A program that killed itself could not say what
// became of it; that every crash does no harm is tested elsewhere, step by step.)
//
// A request that is not GET or HEAD meets its fault before it is sent, and never after: what others have is not put at
// risk by a rehearsal. Requests of other programs, such as git and ssh, meet none.
//
// What is altered is the content of an answer with status 200 or 206, which is asked for as if nothing of it were kept. What
// has none comes as it is, and is not counted. So does git's protocol where malicious_update would leave nothing of it: the
// archives of such a registry are what is other then.
//
// # When they come
//
//	fault_injection_rate             each request and each step of writing a file, with one of the allowed faults that
//	                                 apply to it, for that one attempt
//	message_drop_rate                each request
//	network_partition_probability    each request; it lasts for max_fault_duration, else a second
//	fault_schedule, on_send or on_receive    each request, for the entry's duration
//	fault_schedule, on_start         everything from the start on, for the entry's duration
//	fault_schedule, interval         everything from each whole interval since the start on, likewise
//	fault_schedule, cron             everything from the moment on that the clock says, in UTC, likewise
//
// allowed_faults restricts all of them, and max_fault_duration bounds every delay and every silence. An entry of a schedule
// by time that has no duration lasts for max_fault_duration, else a second. The first that strikes is the one; the order is
// that of schedule, partition, drop, rate.
//
// How long a fault of one request lasts is counted in attempts, not on a clock: it strikes the attempt that it begins with
// and those that come within its duration when pauses are 0.2, 0.5, 1.25 and 3.125 s. So 1s takes away three attempts.
//
// Where windows of one entry by time overlap, it strikes if any of those that are open does, of which the newest 128 are asked.
//
// max_concurrent_faults bounds what takes time, delays and silences, at one moment; what is more comes through as if nothing
// had struck it. 0 is no fault at all.
//
// # Determinism
//
// Whether a fault strikes, and which, is a function of the seed, of what is attempted (the method and the path of a request,
// the step and the name of a file) and of how often that was attempted before, and not of hosts, goroutines or the clock:
//
//	x = first 8 bytes, big endian, of SHA-256("SEED\nRULE\nWHAT\nATTEMPT")    strikes where x / 2^64 < probability
//
// The same seed gives the same faults to whoever attempts the same things. Two things are not like that: what a schedule ties to
// time follows the clock, and which of the faults that take time max_concurrent_faults leaves out depends on what else runs at
// that moment, and so, where silences make a client try again, does which attempts there are. SEED and ATTEMPT are decimal; RULE is `rate`, `drop`, `partition` or `schedule:N`, where N counts the entries
// from 0. For an entry by time WHAT is `window` and ATTEMPT 0 for on_start, the number of the interval, or the moment of
// the clock in seconds since 1970. `rate:fault` draws the fault, and `where` the byte, the bit or the length.
package chaos

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/geeknik/gal-pkg/manifest"
)

// Options shape a Rehearsal. Seed is what everything follows from; the rest may be nil.
type Options struct {
	Seed  int64
	Now   func() time.Time                                 // nil means time.Now
	Sleep func(ctx context.Context, d time.Duration) error // nil means the real thing
	Tell  func(Strike)                                     // is told of every fault as it is injected, from any goroutine
}

// Strike is one fault that was injected.
type Strike struct {
	Fault   string // its name in the language
	What    string // "GET /index/a/b" or "file-written gal.lock"
	Attempt int    // which attempt of that, from 1
	Effect  string // in a few words
}

// Report is what was injected.
type Report struct {
	Seed     int64          `json:"seed"`
	Injected int            `json:"injected"`           // sum of Faults
	Faults   map[string]int `json:"faults"`             // by name
	LeftOut  int            `json:"left_out,omitempty"` // because of max_concurrent_faults
	Ignored  []string       `json:"ignored"`            // what of the profile has no counterpart here, sorted
}

// Rehearsal injects the faults of one profile into one run. It is for use by several goroutines.
type Rehearsal struct {
	profile manifest.ChaosProfile
	o       Options
	rules   []rule
	ignored []string
	began   time.Time

	mu       sync.Mutex
	attempts map[string]int // of everything that was attempted
	counts   map[string]int
	lasting  int64 // faults that take time, now
	leftOut  int
}

// New begins a rehearsal of a profile, which must come out of a manifest that was read without errors.
func New(p manifest.ChaosProfile, o Options) *Rehearsal {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	r := &Rehearsal{profile: p, o: o, began: o.Now(), attempts: map[string]int{}, counts: map[string]int{}}
	r.rules = rulesOf(p)
	r.ignored = ignored(p)
	return r
}

// Ignored names what of the profile has no counterpart here, sorted. "all" stands for all that has one.
func (r *Rehearsal) Ignored() []string { return r.ignored }

// Report returns what was injected so far.
func (r *Rehearsal) Report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := Report{Seed: r.o.Seed, Faults: maps.Clone(r.counts), LeftOut: r.leftOut, Ignored: append([]string{}, r.ignored...)}
	for _, n := range r.counts {
		report.Injected += n
	}
	return report
}

// ignored lists what a profile says in vain.
func ignored(p manifest.ChaosProfile) []string {
	var list []string
	for _, name := range p.AllowedFaults {
		if _, ok := effects()[manifest.FaultName(name)]; !ok && name != "all" {
			list = append(list, name)
		}
	}
	if p.ActorCrashRate > 0 {
		list = append(list, "actor_crash_rate")
	}
	for _, e := range p.FaultSchedule {
		if _, ok := effects()[manifest.FaultName(e.FaultType)]; !ok {
			list = append(list, e.FaultType)
		} else if e.Trigger.Event == "on_spawn" {
			list = append(list, e.FaultType+" on_spawn")
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
