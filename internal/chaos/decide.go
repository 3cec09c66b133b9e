package chaos

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/manifest"
)

// rule is one reason for faults.
type rule struct {
	name        string   // as the draw has it
	faults      []string // of which one strikes, sorted
	probability float64
	trigger     manifest.Trigger
	lasts       time.Duration // of the fault, 0 where nothing says so
}

// defaultDuration is that of a fault which lasts and does not say how long.
const defaultDuration = time.Second

// rulesOf turns a profile into rules, in their order.
func rulesOf(p manifest.ChaosProfile) []rule {
	if p.MaxConcurrentFaults != nil && *p.MaxConcurrentFaults == 0 {
		return nil
	}
	lasting := lastingOf(p)
	var rules []rule
	add := func(name string, chance float64, trigger manifest.Trigger, lasts time.Duration, faults ...string) {
		faults = slices.DeleteFunc(faults, func(f string) bool { return !p.Allows(f) || effects()[manifest.FaultName(f)] == pair{} })
		if chance > 0 && len(faults) > 0 && trigger.Event != "on_spawn" {
			rules = append(rules, rule{name, faults, chance, trigger, lasts})
		}
	}
	for i, e := range p.FaultSchedule {
		lasts := time.Duration(e.Duration)
		if byTime(e.Trigger) {
			lasts = cmp.Or(lasts, lasting)
		}
		add(fmt.Sprintf("schedule:%d", i), e.Probability, e.Trigger, lasts, e.FaultType)
	}
	each := manifest.Trigger{Event: "on_send"}
	add("partition", p.NetworkPartitionProbability, each, lasting, "network_partition")
	add("drop", p.MessageDropRate, each, 0, "message_drop")
	var all []string
	for name := range effects() {
		all = append(all, name)
	}
	slices.Sort(all)
	add("rate", p.FaultInjectionRate, manifest.Trigger{}, 0, all...)
	return rules
}

// lastingOf is how long a fault lasts that does not say it.
func lastingOf(p manifest.ChaosProfile) time.Duration {
	return cmp.Or(time.Duration(p.MaxFaultDuration), defaultDuration)
}

// byTime reports whether a trigger opens a window of time in which everything is struck.
func byTime(t manifest.Trigger) bool {
	return t.Event == "on_start" || t.Event == "interval" || t.Event == "cron"
}

// kind is what is attempted.
type kind int

const (
	request kind = iota
	file
)

func (p pair) of(k kind) effect {
	if k == file {
		return p.file
	}
	return p.request
}

// struck is a fault that was decided on.
type struck struct {
	Strike
	effect effect
	length time.Duration // of a delay or a silence
	where  uint64        // a number to choose a place in an answer with
	over   func()        // ends it, for the count of those at one moment
}

// attempt counts that something is attempted and decides what becomes of it; the effect is none for nothing.
func (r *Rehearsal) attempt(k kind, what string) struck {
	r.mu.Lock()
	r.attempts[what]++
	n := r.attempts[what]
	r.mu.Unlock()
	for _, rule := range r.rules {
		fault := r.fault(rule, k, what, n)
		if fault == "" {
			continue
		}
		s := struck{Strike: Strike{Fault: fault, What: what, Attempt: n}, effect: effects()[manifest.FaultName(fault)].of(k), over: func() {}}
		s.Effect = s.effect.words()
		s.where = r.draw("where", what, n)
		s.length = r.length(rule, s)
		if s.effect.takesTime() && !r.begin(&s) {
			return struck{}
		}
		if !s.effect.alters() { // which is noted when there is something to alter
			r.note(s.Strike)
		}
		return s
	}
	return struck{}
}

// fault is the one that a rule strikes an attempt with, "" for none.
func (r *Rehearsal) fault(rule rule, k kind, what string, n int) string {
	faults := slices.DeleteFunc(slices.Clone(rule.faults), func(f string) bool { return effects()[manifest.FaultName(f)].of(k) == none })
	if len(faults) == 0 || k == file && strings.HasPrefix(rule.trigger.Event, "on_") && !byTime(rule.trigger) {
		return ""
	}
	chosen := faults[r.draw(rule.name+":fault", what, n)%uint64(len(faults))]
	if byTime(rule.trigger) {
		if r.strikesNow(rule) {
			return chosen
		}
		return ""
	}
	// It may have begun with an attempt before this one.
	for first := max(1, n-attempts(rule.lasts)+1); first <= n; first++ {
		if first < n && effects()[manifest.FaultName(chosen)].of(k).takesTime() {
			continue // those last within the attempt
		}
		if r.chance(rule.name, what, first) < rule.probability {
			return chosen
		}
	}
	return ""
}

// attempts is how many attempts of a request begin while a fault lasts, when each waits for the usual pause.
func attempts(lasts time.Duration) int {
	n, at, pause := 1, time.Duration(0), 200*time.Millisecond
	for n < maxAttempts && at+pause < lasts {
		n, at, pause = n+1, at+pause, pause*5/2
	}
	return n
}

// maxAttempts is more than anything is attempted.
const maxAttempts = 32

// length is how long a delay or a silence takes: what a schedule says, else a part of the most; never more than the
// profile allows.
func (r *Rehearsal) length(rule rule, s struck) time.Duration {
	if !s.effect.takesTime() {
		return 0
	}
	most := s.effect.longest()
	if rule.lasts > 0 && strings.HasPrefix(rule.name, "schedule") {
		most = rule.lasts
	}
	if limit := time.Duration(r.profile.MaxFaultDuration); limit > 0 {
		most = min(most, limit)
	}
	if s.effect == silent || rule.lasts > 0 {
		return most
	}
	return most/10 + time.Duration(unit(s.where)*float64(most-most/10))
}

// begin counts a fault that takes time; false means that there are enough of them.
func (r *Rehearsal) begin(s *struck) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.profile.MaxConcurrentFaults != nil && r.lasting >= *r.profile.MaxConcurrentFaults {
		r.leftOut++
		return false
	}
	r.lasting++
	s.over = func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lasting--
	}
	return true
}

func (r *Rehearsal) note(s Strike) {
	r.mu.Lock()
	r.counts[s.Fault]++
	r.mu.Unlock()
	if r.o.Tell != nil {
		r.o.Tell(s)
	}
}

// draw is a number that follows from the seed and what it is for.
func (r *Rehearsal) draw(rule, what string, n int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%s\n%d", r.o.Seed, rule, what, n))
	return binary.BigEndian.Uint64(sum[:8])
}

// chance is a draw from 0 to 1, and never 1.
func (r *Rehearsal) chance(rule, what string, n int) float64 { return unit(r.draw(rule, what, n)) }

// unit maps a number to [0,1); the lowest bits are more than a float can hold.
func unit(x uint64) float64 { return math.Ldexp(float64(x>>11), -53) }
