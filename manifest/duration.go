package manifest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Duration is a length of time, written as GAL writes it: an integer and one of the units ns, us, ms, s, m, h, d.
type Duration time.Duration

// ParseDuration reads a duration. The error quotes the text and tells the grammar.
func ParseDuration(text string) (Duration, error) {
	d, ok := scale(text, "", map[string]time.Duration{"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond,
		"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day})
	if !ok {
		return 0, fmt.Errorf("duration %s is not an integer with a unit (ns us ms s m h d), as in 500ms or 30s", quote(text))
	}
	return Duration(d), nil
}

// scale reads an integer, a gap and a unit.
func scale(text, gap string, units map[string]time.Duration) (time.Duration, bool) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	rest, ok := strings.CutPrefix(text[digits:], gap)
	unit, known := units[rest]
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if !ok || !known || err != nil || n > math.MaxInt64/int64(unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// String writes the duration in the greatest unit that needs no fraction.
func (d Duration) String() string {
	for _, u := range []struct {
		text string
		unit time.Duration
	}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}} {
		if d != 0 && time.Duration(d)%u.unit == 0 {
			return fmt.Sprintf("%d%s", time.Duration(d)/u.unit, u.text)
		}
	}
	return fmt.Sprintf("%dns", int64(d))
}

// MarshalText is [Duration.String].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is [ParseDuration].
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// ParseSpan reads a span of time for policies: a number and a unit in words, as in "7 days" or "1 week" (seconds,
// minutes, hours, days, weeks: months have no fixed length), or a [Duration].
func ParseSpan(text string) (time.Duration, error) {
	if d, err := ParseDuration(text); err == nil {
		return time.Duration(d), nil
	}
	units := map[string]time.Duration{}
	for unit, length := range map[string]time.Duration{"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": day, "week": 7 * day} {
		units[unit], units[unit+"s"] = length, length
	}
	if d, ok := scale(text, " ", units); ok {
		return d, nil
	}
	return 0, fmt.Errorf("span %s is not a number of seconds, minutes, hours, days or weeks, as in \"7 days\"", quote(text))
}

// Cutoff is a moment after which what was published is not seen: fixed, or a span before the present. The zero
// Cutoff hides nothing.
type Cutoff struct {
	Time time.Time     `json:"time,omitzero"`
	Span time.Duration `json:"span,omitempty"` // in nanoseconds
}

// IsZero reports whether nothing is cut off.
func (c Cutoff) IsZero() bool { return c.Time.IsZero() && c.Span == 0 }

// At returns the moment, in UTC and whole seconds, as of now; the zero time where nothing is cut off.
func (c Cutoff) At(now time.Time) time.Time {
	if c.Span > 0 {
		return now.Add(-c.Span).UTC().Truncate(time.Second)
	}
	return c.Time
}

// cutoff reads a moment or a span.
func (r *reader) cutoff(e *entry) Cutoff {
	if e == nil {
		return Cutoff{}
	}
	if t, ok := r.instant(e); ok {
		return Cutoff{Time: t.Truncate(time.Second)}
	}
	s, ok := e.node.value.(string)
	if span, err := ParseSpan(s); ok && err == nil && span > 0 {
		return Cutoff{Span: span}
	}
	r.fail("bad-time", e.node.at, "%s must be a time as in \"2026-01-31T00:00:00Z\" or a span as in \"7 days\"", e.name)
	return Cutoff{}
}
