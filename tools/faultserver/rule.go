package faultserver

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// rule is one parsed rule with its counters.
type rule struct {
	kind, arg   string
	pattern     string
	first, last int // 0 means all
	fault       fault
	seen        map[string]int
}

func parseRule(text string) (*rule, error) {
	bad := func(why string) (*rule, error) { return nil, fmt.Errorf("rule %q: %s", text, why) }
	words := strings.Fields(text)
	if len(words) != 2 && len(words) != 3 {
		return bad("it is KIND[:ARG] PATTERN [FIRST[-LAST]]")
	}
	r := &rule{pattern: words[1], seen: map[string]int{}}
	r.kind, r.arg, _ = strings.Cut(words[0], ":")
	f, ok := faults()[r.kind]
	if !ok {
		return bad("there is no kind " + r.kind)
	}
	r.fault = f
	if f.check != nil && !f.check(r.arg) {
		return bad("its argument cannot be used")
	}
	if _, err := path.Match(strings.TrimSuffix(r.pattern, "**"), ""); err != nil || !strings.HasPrefix(r.pattern, "/") {
		return bad("its pattern is none")
	}
	if len(words) == 3 && !r.count(words[2]) {
		return bad("its count is none")
	}
	return r, nil
}

func (r *rule) count(text string) bool {
	first, last, ranged := strings.Cut(text, "-")
	var err error
	if r.first, err = strconv.Atoi(first); err != nil || r.first < 1 {
		return false
	}
	if r.last = r.first; ranged {
		r.last, err = strconv.Atoi(last)
	}
	return err == nil && r.last >= r.first
}

// applies counts a request that the rule matches and reports whether its turn has come.
func (r *rule) applies(name string) bool {
	if !matches(r.pattern, name) {
		return false
	}
	r.seen[name]++
	n := r.seen[name]
	return r.first == 0 || n >= r.first && n <= r.last
}

func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "**"); ok {
		return strings.HasPrefix(name, prefix)
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

func isDuration(arg string) bool {
	d, err := time.ParseDuration(arg)
	return err == nil && d > 0
}

// isStatus takes a status and, behind a colon, what Retry-After says.
func isStatus(arg string) bool {
	code, _, _ := strings.Cut(arg, ":")
	n, err := strconv.Atoi(code)
	return err == nil && n >= 200 && n <= 599
}
