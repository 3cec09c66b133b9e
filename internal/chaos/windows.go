package chaos

import (
	"cmp"
	"time"

	"github.com/geeknik/gal-pkg/manifest"
)

// MaxWindows bounds how many windows of one entry that are open at one moment are asked, the newest first.
const MaxWindows = 128

// strikesNow reports whether a rule by time strikes now, which it does where any of its open windows does.
func (r *Rehearsal) strikesNow(rule rule) bool {
	now := r.o.Now()
	since := now.Sub(r.began)
	strikes := func(id int) bool { return r.chance(rule.name, "window", id) < rule.probability }
	switch rule.trigger.Event {
	case "on_start":
		return since < rule.lasts && strikes(0)
	case "interval":
		every := time.Duration(rule.trigger.Interval)
		newest := int(since / every)
		for id := newest; id > max(0, newest-MaxWindows) && since-time.Duration(id)*every < rule.lasts; id-- {
			if strikes(id) {
				return true
			}
		}
		return false
	}
	at := now.UTC()
	for range MaxWindows {
		var err error
		if at, err = rule.trigger.Last(at); err != nil || now.Sub(at) >= rule.lasts {
			return false
		}
		if strikes(int(at.Unix())) {
			return true
		}
		at = at.Add(-time.Second)
	}
	return false
}

// Crowded returns the entries of a profile's schedule of which more than [MaxWindows] windows may be open at one moment, in
// their order: they strike less often than they say. Where each window strikes, the newest is enough.
func Crowded(p manifest.ChaosProfile) []manifest.FaultEvent {
	var list []manifest.FaultEvent
	for _, e := range p.FaultSchedule {
		lasts := cmp.Or(time.Duration(e.Duration), lastingOf(p))
		if e.Probability > 0 && e.Probability < 1 && crowds(e.Trigger, lasts) {
			list = append(list, e)
		}
	}
	return list
}

func crowds(t manifest.Trigger, lasts time.Duration) bool {
	switch t.Event {
	case "interval":
		return (lasts-1)/MaxWindows >= time.Duration(t.Interval)
	case "cron":
		return lasts > MaxWindows*time.Second && crowdsByClock(t, lasts)
	}
	return false
}

// maxFirings is as many moments of an expression as show how close together they come: one that has fewer in an hour shows
// more than a day of them, and one that has fewer in a day more than a month.
const maxFirings = 4000

func crowdsByClock(t manifest.Trigger, lasts time.Duration) bool {
	var began [MaxWindows]time.Time // of the windows before this one, around and around
	at := time.Unix(0, 0).UTC()
	for n := range maxFirings {
		var err error
		if at, err = t.Next(at); err != nil {
			return false
		}
		if n >= MaxWindows && at.Sub(began[n%MaxWindows]) < lasts {
			return true
		}
		began[n%MaxWindows] = at
	}
	return false
}
