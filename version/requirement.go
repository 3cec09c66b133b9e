package version

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxRequirementLength is the greatest length of a requirement, in bytes.
const MaxRequirementLength = 256

// maxComparators bounds the work of one match.
const maxComparators = 32

// Requirement is a set of versions, written in Cargo's grammar. The zero value matches nothing and is no
// requirement; [Any] matches every release. It is a pointer to what never changes: copying it costs nothing, and == holds
// only between copies of one.
type Requirement struct{ r *requirement }

type requirement struct {
	text        string
	comparators []comparator
	lo, hi      bound
}

// Any is the requirement "*".
var Any = MustParseRequirement("*")

type operator byte

const (
	caret operator = iota
	tilde
	exact
	wildcard
	greater
	greaterEqual
	less
	lessEqual
)

// comparator is one operator with a version whose last parts may be absent: parts counts those that are there.
type comparator struct {
	op    operator
	parts int
	v     Version // absent parts are zero
}

// bound is one end of the interval that holds every match of a requirement. A bound that is not set does not limit.
type bound struct {
	v         Version
	inclusive bool
	set       bool
}

// ParseRequirement reads a requirement. The error quotes the text and says what to write instead where it is the
// syntax of another tool.
func ParseRequirement(text string) (Requirement, error) {
	if len(text) > MaxRequirementLength {
		return Requirement{}, fmt.Errorf("requirement of %d bytes is longer than %d", len(text), MaxRequirementLength)
	}
	fail := func(err error) (Requirement, error) {
		return Requirement{}, fmt.Errorf("requirement %q: %w", text, err)
	}
	if err := refuseForeign(text); err != nil {
		return fail(err)
	}
	r := &requirement{text: strings.TrimSpace(text)}
	if r.text == "*" {
		return Requirement{r}, nil
	}
	parts := strings.Split(r.text, ",")
	if len(parts) > maxComparators {
		return fail(fmt.Errorf("has %d comparators, at most %d are allowed", len(parts), maxComparators))
	}
	for _, part := range parts {
		c, err := parseComparator(strings.TrimSpace(part))
		if err != nil {
			return fail(err)
		}
		r.comparators = append(r.comparators, c)
		r.narrow(c)
	}
	return Requirement{r}, nil
}

// MustParseRequirement is ParseRequirement for texts that are known to be right; it panics on others.
func MustParseRequirement(text string) Requirement {
	r, err := ParseRequirement(text)
	if err != nil {
		panic(err)
	}
	return r
}

// Exactly returns the requirement that only v fulfils.
func Exactly(v Version) Requirement {
	text, _, _ := strings.Cut(v.String(), "+")
	return MustParseRequirement("=" + text)
}

// Compatible returns the caret requirement from v upwards, written as v alone.
func Compatible(v Version) Requirement {
	text, _, _ := strings.Cut(v.String(), "+")
	return MustParseRequirement(text)
}

// refuseForeign names the syntax of other package managers, because "unexpected character" helps nobody.
func refuseForeign(text string) error {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return fmt.Errorf("is empty; write * for any version")
	case !strings.ContainsAny(trimmed, "0123456789*"):
		return fmt.Errorf("names no version; write numbers, as in 1.2, or * for any version")
	case strings.Contains(text, "||"):
		return fmt.Errorf("alternatives (||) do not exist; write one range, as in >=1.0, <3.0")
	case strings.Contains(text, "!="):
		return fmt.Errorf("!= does not exist; write the ranges around it, as in >=1.0, <1.4")
	case strings.Contains(text, "=="):
		return fmt.Errorf("== does not exist; write a single =")
	case strings.Contains(text, " - "):
		low, high, _ := strings.Cut(trimmed, " - ")
		return fmt.Errorf("hyphen ranges do not exist; write >=%s, <=%s", strings.TrimSpace(low), strings.TrimSpace(high))
	case strings.Contains(text, "~>"):
		return fmt.Errorf("~> does not exist; write ~")
	}
	return nil
}

func parseComparator(text string) (comparator, error) {
	op, rest := splitOperator(text)
	rest = strings.TrimSpace(rest)
	switch {
	case rest == "":
		return comparator{}, fmt.Errorf("a version is missing after %q", text)
	case rest[0] == 'v' || rest[0] == 'V':
		return comparator{}, fmt.Errorf("versions have no v in front; write %s", rest[1:])
	case strings.ContainsAny(rest, " \t"):
		return comparator{}, fmt.Errorf("comparators are joined by commas; write %s", strings.Join(strings.Fields(text), ", "))
	}
	return parsePartial(op, rest)
}

func splitOperator(text string) (operator, string) {
	for _, o := range []struct {
		text string
		op   operator
	}{{">=", greaterEqual}, {"<=", lessEqual}, {">", greater}, {"<", less}, {"=", exact}, {"^", caret}, {"~", tilde}} {
		if rest, ok := strings.CutPrefix(text, o.text); ok {
			return o.op, rest
		}
	}
	return caret, text
}

func parsePartial(op operator, text string) (comparator, error) {
	core, pre, hasPre := strings.Cut(text, "-")
	// Build metadata is allowed and ignored, as in Cargo.
	if hasPre {
		pre, _, _ = strings.Cut(pre, "+")
	} else {
		core, _, _ = strings.Cut(core, "+")
	}
	fields := strings.Split(core, ".")
	if len(fields) > 3 {
		return comparator{}, fmt.Errorf("%q has more than three numbers", text)
	}
	c := comparator{op: op}
	star := false
	var numbers [3]uint64
	for i, field := range fields {
		switch {
		case field == "x" || field == "X":
			return comparator{}, fmt.Errorf("the wildcard is *, not %s; write %s", field, strings.ReplaceAll(core, field, "*"))
		case field == "*":
			star = true
			continue
		case star:
			return comparator{}, fmt.Errorf("%q has a number after a wildcard", text)
		}
		n, err := parseNumber(field)
		if err != nil {
			return comparator{}, fmt.Errorf("%q: %w", text, err)
		}
		numbers[i] = n
		c.parts++
	}
	if star {
		if c.parts == 0 || op != caret || strings.HasPrefix(text, "^") {
			return comparator{}, fmt.Errorf("a wildcard stands alone or after a number, as in * or 1.*")
		}
		c.op = wildcard
	}
	if hasPre && c.parts < 3 {
		return comparator{}, fmt.Errorf("%q: a pre-release needs all three numbers before it", text)
	}
	full := fmt.Sprintf("%d.%d.%d", numbers[0], numbers[1], numbers[2])
	if hasPre {
		full += "-" + pre
	}
	v, err := Parse(full)
	if err != nil {
		return comparator{}, err
	}
	c.v = v
	return c, nil
}

func parseNumber(text string) (uint64, error) {
	if text == "" {
		return 0, fmt.Errorf("a number is missing")
	}
	if len(text) > 1 && text[0] == '0' {
		return 0, fmt.Errorf("number %s has a leading zero", text)
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, fmt.Errorf("%q is not a number", text)
		}
	}
	return strconv.ParseUint(text, 10, 64)
}

// String returns the requirement as it was written, "" for the zero Requirement.
func (r Requirement) String() string {
	if r.r == nil {
		return ""
	}
	return r.r.text
}

// IsZero reports whether r is the zero Requirement, which no text parses to.
func (r Requirement) IsZero() bool { return r.r == nil }

// IsAny reports whether r is "*".
func (r Requirement) IsAny() bool { return r.String() == "*" }

// MarshalText writes the requirement as it was written.
func (r Requirement) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is [ParseRequirement].
func (r *Requirement) UnmarshalText(text []byte) error {
	parsed, err := ParseRequirement(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// comparators are none for "*" and for the zero Requirement.
func (r Requirement) comparators() []comparator {
	if r.r == nil {
		return nil
	}
	return r.r.comparators
}

// ExactVersion returns the one version that r allows where r is a single full `=` comparator.
func (r Requirement) ExactVersion() (Version, bool) {
	if all := r.comparators(); len(all) == 1 && all[0].op == exact && all[0].parts == 3 {
		return all[0].v, true
	}
	return Version{}, false
}

// HasUpperBound reports whether some version is too new for r.
func (r Requirement) HasUpperBound() bool { return r.r != nil && r.r.hi.set }

// NamesPre reports whether a comparator of r names a pre-release; only then can r match one.
func (r Requirement) NamesPre() bool {
	for _, c := range r.comparators() {
		if c.v.pre != "" {
			return true
		}
	}
	return false
}

// Matches reports whether v fulfils every comparator of r, by Cargo's rules; build metadata does not count.
func (r Requirement) Matches(v Version) bool {
	if r.r == nil {
		return false
	}
	for _, c := range r.r.comparators {
		if !c.matches(v) {
			return false
		}
	}
	return v.pre == "" || r.asksForPre(v)
}

// asksForPre is the rule that keeps pre-releases out of builds that did not ask for them.
func (r Requirement) asksForPre(v Version) bool {
	for _, c := range r.comparators() {
		if c.v.pre != "" && c.v.major == v.major && c.v.minor == v.minor && c.v.patch == v.patch {
			return true
		}
	}
	return false
}

// Below reports whether every version that r can match is greater than v.
//
// Together with [Requirement.Above] it lets a caller cut a sorted list by two binary searches: what is neither below
// nor above matches if it is a release, and must be asked with Matches if it is a pre-release.
func (r Requirement) Below(v Version) bool {
	if r.r == nil || !r.r.lo.set {
		return false
	}
	c := v.Compare(r.r.lo.v)
	return c < 0 || c == 0 && !r.r.lo.inclusive
}

// Above reports whether every version that r can match is less than v. See [Requirement.Below].
func (r Requirement) Above(v Version) bool {
	if r.r == nil || !r.r.hi.set {
		return false
	}
	c := v.Compare(r.r.hi.v)
	return c > 0 || c == 0 && !r.r.hi.inclusive
}
