package manifest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// FaultEvent is one entry of a fault schedule.
type FaultEvent struct {
	FaultType   string   `json:"fault_type"`
	Trigger     Trigger  `json:"trigger"`
	Probability float64  `json:"probability"` // 1 where it is not written
	Duration    Duration `json:"duration,omitzero"`
}

// Trigger says when a scheduled fault is considered: at an event (on_send, on_receive, on_spawn, on_start), at an
// interval ("interval:30s"), or by the clock ("cron:" and six fields: second minute hour day month weekday).
type Trigger struct {
	Event    string   // the event's name, "interval" or "cron"
	Interval Duration // for an interval
	Cron     string   // the six fields, for the clock
}

// Triggers returns the names of the events that a trigger may be.
func Triggers() []string { return []string{"on_receive", "on_send", "on_spawn", "on_start"} }

// ParseTrigger reads a trigger. The error names the trigger and what is wrong with it.
func ParseTrigger(text string) (Trigger, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case kind == "cron":
		if err := checkCron(rest); err != nil {
			return Trigger{}, fmt.Errorf("trigger %s: %w", quote(text), err)
		}
		return Trigger{Event: "cron", Cron: strings.Join(strings.Fields(rest), " ")}, nil
	case kind == "interval":
		d, err := ParseDuration(rest)
		if err != nil || d <= 0 {
			return Trigger{}, fmt.Errorf("trigger %s needs a duration after the colon, as in interval:30s", quote(text))
		}
		return Trigger{Event: "interval", Interval: d}, nil
	case slices.Contains(Triggers(), snake(text)):
		return Trigger{Event: snake(text)}, nil
	}
	return Trigger{}, fmt.Errorf("trigger %s is not known; write %s, interval:DURATION or cron:FIELDS%s", quote(text),
		strings.Join(Triggers(), ", "), didYouMean(text, Triggers()))
}

// checkCron accepts six fields of numbers, lists, ranges and steps, and the names of months and weekdays.
func checkCron(text string) error {
	fields := strings.Fields(text)
	if len(text) > 256 {
		return fmt.Errorf("%d bytes are too long for a cron expression", len(text))
	}
	if len(fields) != 6 {
		return fmt.Errorf("cron needs six fields, second minute hour day month weekday, and this has %d", len(fields))
	}
	for i, field := range fields {
		if err := checkCronField(i, strings.ToUpper(field)); err != nil {
			return err
		}
	}
	if !gronx.IsValid(strings.Join(fields, " ")) {
		return fmt.Errorf("%s is not a cron expression", quote(strings.Join(fields, " ")))
	}
	return nil
}

// checkCronField refuses what the library takes for something else: a field of four digits in the last place is a
// year to it, and it does not look at the order of a range.
func checkCronField(i int, field string) error {
	name := [...]string{"second", "minute", "hour", "day", "month", "weekday"}[i]
	low := [...]int{0, 0, 0, 1, 1, 0}[i]
	high := [...]int{59, 59, 23, 31, 12, 7}[i]
	for _, item := range strings.Split(field, ",") {
		values, step, stepped := strings.Cut(item, "/")
		if n, ok := cronNumber(step, nil); stepped && (!ok || n < 1 || n > high) {
			return fmt.Errorf("the step %s of the %s must be between 1 and %d", quote(step), name, high)
		}
		if values == "*" || values == "?" && (i == 3 || i == 5) && !stepped {
			continue
		}
		from, to, ranged := strings.Cut(values, "-")
		a, ok := cronNumber(from, cronNames(i))
		b := a
		if ranged && ok {
			b, ok = cronNumber(to, cronNames(i))
		}
		if !ok || a < low || b > high || a > b {
			return fmt.Errorf("the %s %s must be within %d-%d", name, quote(item), low, high)
		}
	}
	return nil
}

// cronNames are the words of a field, from its lowest number on.
func cronNames(i int) []string {
	switch i {
	case 4:
		return []string{"", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	case 5:
		return []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
	}
	return nil
}

func cronNumber(text string, names []string) (int, bool) {
	if i := slices.Index(names, text); i >= 0 && text != "" {
		return i, true
	}
	if text == "" || len(text) > 2 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n := 0
	for i := range len(text) {
		n = n*10 + int(text[i]-'0')
	}
	return n, true
}

// String writes the trigger as ParseTrigger reads it.
func (t Trigger) String() string {
	switch t.Event {
	case "cron":
		return "cron:" + t.Cron
	case "interval":
		return "interval:" + t.Interval.String()
	}
	return t.Event
}

// MarshalText is [Trigger.String].
func (t Trigger) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText is [ParseTrigger].
func (t *Trigger) UnmarshalText(text []byte) error {
	parsed, err := ParseTrigger(string(text))
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}

// Next returns the first moment after a time at which the trigger fires. Only a trigger by the clock has one; an
// expression like the 31st of February has none. Both are errors.
func (t Trigger) Next(after time.Time) (time.Time, error) {
	return t.moment(func() (time.Time, error) { return gronx.NextTickAfter(t.Cron, after, false) })
}

// Last returns the last moment up to a time, that one included, at which the trigger has fired. Errors are those of Next.
func (t Trigger) Last(until time.Time) (time.Time, error) {
	return t.moment(func() (time.Time, error) { return gronx.PrevTickBefore(t.Cron, until, true) })
}

func (t Trigger) moment(tick func() (time.Time, error)) (time.Time, error) {
	if t.Event != "cron" {
		return time.Time{}, fmt.Errorf("trigger %s does not fire by the clock", quote(t.String()))
	}
	at, err := tick()
	if err != nil {
		return time.Time{}, fmt.Errorf("trigger %s never fires: %w", quote(t.String()), err)
	}
	return at, nil
}

// never reports whether a trigger by the clock has no moment at all. The calendar repeats, so any moment to start from will do.
func (t Trigger) never() bool {
	_, err := t.Next(time.Unix(0, 0).UTC())
	return err != nil
}

// schedule reads [[chaos-profile.NAME.fault_schedule]].
func (r *reader) schedule(p ChaosProfile, e *entry) []FaultEvent {
	if !r.is(e, arrayKind) {
		return nil
	}
	var events []FaultEvent
	for _, n := range e.node.list {
		if n.kind != tableKind {
			r.fail("wrong-type", n.at, "%s must be tables, as in [[chaos-profile.NAME.fault_schedule]]", quote(e.name))
			continue
		}
		f := r.fields(n, "a fault_schedule", "fault_type", "trigger", "probability", "duration")
		event := FaultEvent{Probability: 1, FaultType: r.scheduledFault(p, n, f["fault_type"])}
		event.Trigger = r.trigger(n, f["trigger"])
		if v := r.probability(f["probability"]); v != nil {
			event.Probability = *v
		}
		event.Duration = r.duration(f["duration"])
		if p.MaxFaultDuration > 0 && event.Duration > p.MaxFaultDuration {
			r.warn("chaos-duration", f["duration"].node.at, "duration = %s is longer than max_fault_duration = %s", event.Duration, p.MaxFaultDuration)
		}
		events = append(events, event)
	}
	return events
}

func (r *reader) scheduledFault(p ChaosProfile, n *node, e *entry) string {
	if e == nil {
		r.fail("missing-key", n.at, "a fault_schedule has no fault_type")
		return ""
	}
	name := r.text(e)
	if name == "" {
		return ""
	}
	s := r.fault(name, e.node.at)
	if !p.Allows(s) {
		r.fail("chaos-faults", e.node.at, "fault_type %s is not in allowed_faults (%s)", quote(s), strings.Join(p.AllowedFaults, ", "))
	}
	return s
}

func (r *reader) trigger(n *node, e *entry) Trigger {
	if e == nil {
		r.fail("missing-key", n.at, "a fault_schedule has no trigger")
		return Trigger{}
	}
	text := r.text(e)
	if text == "" {
		return Trigger{}
	}
	t, err := ParseTrigger(text)
	if err != nil {
		r.fail("bad-trigger", e.node.at, "%v", err)
	} else if t.Event == "cron" && t.never() {
		r.warn("never-fires", e.node.at, "trigger %s names a day that no year has; it never fires", quote(text))
	}
	return t
}
