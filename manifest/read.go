package manifest

import (
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/version"
)

// reader turns a document into a manifest and collects what is wrong on the way.
type reader struct {
	*document
	problems Problems
	warnings Problems
	chaotic  bool // what is read now is about chaos profiles
}

// fail records an error at a place. The reader goes on, so that one run shows everything.
func (r *reader) fail(code string, at span, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, r.problem(LevelError, code, at, format, args...))
		r.problems[len(r.problems)-1].Chaos = r.chaotic
	}
}

// warn records a warning and returns it, for its Help to be set.
func (r *reader) warn(code string, at span, format string, args ...any) *Problem {
	if len(r.warnings) >= maxProblems {
		return &Problem{}
	}
	r.warnings = append(r.warnings, r.problem(LevelWarning, code, at, format, args...))
	last := &r.warnings[len(r.warnings)-1]
	last.Chaos = r.chaotic
	return last
}

// fields are the known keys of a table, by their canonical spelling.
type fields map[string]*entry

// fields sorts the keys of a table by the spelling that known lists. A key in two spellings is an error, an unknown
// one a warning. where names the table in messages, "" the top of the file.
func (r *reader) fields(n *node, where string, known ...string) fields {
	f := fields{}
	for _, e := range n.entries {
		name, ok := spelling(e.name, known)
		switch {
		case !ok:
			r.unknown(e, where, known)
		case f[name] != nil:
			r.fail("duplicate-key", e.key, "%s and %s are one key; remove one", quote(f[name].name), quote(e.name))
		default:
			f[name] = e
		}
	}
	return f
}

// spelling returns the canonical spelling of a key.
func spelling(name string, known []string) (string, bool) {
	if slices.Contains(known, name) {
		return name, true
	}
	i := slices.IndexFunc(known, func(k string) bool { return Fold(k) == Fold(name) })
	if i < 0 {
		return "", false
	}
	return known[i], true
}

func (r *reader) unknown(e *entry, where string, known []string) {
	if len(r.warnings) >= maxProblems {
		return
	}
	hint := didYouMean(e.name, known)
	if where == "" {
		r.warn("unknown-key", e.key, "%s is not a known table%s", quote(e.name), hint)
		return
	}
	r.warn("unknown-key", e.key, "%s is not a known key of %s%s", quote(e.name), where, hint)
}

// is reports whether an entry is there and of a kind; another kind is an error.
func (r *reader) is(e *entry, k kind) bool {
	if e == nil {
		return false
	}
	if e.node.kind != k {
		r.fail("wrong-type", e.node.at, "%s must be %s, not %s", quote(e.name), k, e.node.kind)
		return false
	}
	return true
}

func (r *reader) table(e *entry) *node {
	if !r.is(e, tableKind) {
		return nil
	}
	return e.node
}

// text reads a string that is not empty, "" where there is none.
func (r *reader) text(e *entry) string {
	if !r.is(e, stringKind) {
		return ""
	}
	s := e.node.value.(string)
	if strings.TrimSpace(s) == "" {
		r.fail("empty-value", e.node.at, "%s is empty", quote(e.name))
		return ""
	}
	return s
}

// choice reads one of some words.
func (r *reader) choice(e *entry, words ...string) string {
	s := r.text(e)
	if s == "" || slices.Contains(words, s) {
		return s
	}
	r.fail("bad-value", e.node.at, "%s = %s must be one of %s%s", e.name, quote(s), strings.Join(words, ", "), didYouMean(s, words))
	return ""
}

func (r *reader) flag(e *entry) *bool {
	if !r.is(e, boolKind) {
		return nil
	}
	b := e.node.value.(bool)
	return &b
}

func (r *reader) on(e *entry) bool {
	b := r.flag(e)
	return b != nil && *b
}

// integer reads an integer between two bounds, nil where there is none.
func (r *reader) integer(e *entry, low, high int64) *int64 {
	if !r.is(e, integerKind) {
		return nil
	}
	i := e.node.value.(int64)
	if i < low || i > high {
		if high == math.MaxInt64 {
			r.fail("out-of-range", e.node.at, "%s = %d must be at least %d", e.name, i, low)
		} else {
			r.fail("out-of-range", e.node.at, "%s = %d must be between %d and %d", e.name, i, low, high)
		}
		return nil
	}
	return &i
}

// probability reads a number from 0 to 1.
func (r *reader) probability(e *entry) *float64 {
	if e == nil {
		return nil
	}
	var p float64
	switch v := e.node.value.(type) {
	case int64:
		p = float64(v)
	case float64:
		p = v
	default:
		r.fail("wrong-type", e.node.at, "%s must be a number between 0 and 1, not %s", quote(e.name), e.node.kind)
		return nil
	}
	if !(p >= 0 && p <= 1) {
		r.fail("chaos-range", e.node.at, "%s = %s must be between 0 and 1", e.name, r.raw(e.node.at))
		return nil
	}
	return &p
}

// raw is a value as it is written, short enough for a message.
func (r *reader) raw(at span) string {
	return string(r.document.text[at.start:min(at.end, at.start+40)])
}

// texts reads an array of strings that are not empty and not there twice, with the place of each.
func (r *reader) texts(e *entry) ([]string, []span) {
	if !r.is(e, arrayKind) {
		return nil, nil
	}
	list, places := make([]string, 0, len(e.node.list)), make([]span, 0, len(e.node.list))
	seen := map[string]bool{}
	for _, n := range e.node.list {
		s, ok := n.value.(string)
		switch {
		case !ok:
			r.fail("wrong-type", n.at, "%s must be an array of strings, and holds %s", quote(e.name), n.kind)
		case strings.TrimSpace(s) == "":
			r.fail("empty-value", n.at, "%s holds an empty string", quote(e.name))
		case seen[s]:
			r.warn("repeated-value", n.at, "%s holds %s twice", quote(e.name), quote(s))
		default:
			seen[s] = true
			list, places = append(list, s), append(places, n.at)
		}
	}
	return list, places
}

// requirement reads a version requirement.
func (r *reader) requirement(e *entry) version.Requirement {
	if !r.is(e, stringKind) {
		return version.Requirement{}
	}
	req, err := version.ParseRequirement(e.node.value.(string))
	if err != nil {
		r.fail("bad-requirement", e.node.at, "%v", err)
	}
	return req
}

// url reads a web address.
func (r *reader) url(e *entry) string {
	s := r.text(e)
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		r.fail("bad-url", e.node.at, "%s must be a web address that begins with https://", e.name)
	case u.User != nil:
		r.fail("bad-url", e.node.at, "%s holds credentials; everybody can read them here", e.name)
	case u.Scheme == "http":
		r.warn("plain-http", e.node.at, "%s is not protected in transit; write https://", e.name)
	}
	return s
}

// path reads a relative path with forward slashes. Where inside is set it must not leave the package's folder.
func (r *reader) path(e *entry, inside bool) string {
	s := r.text(e)
	if s == "" {
		return ""
	}
	if reason := pathReason(s, inside); reason != "" {
		r.fail("bad-path", e.node.at, "%s = %s %s", e.name, quote(s), reason)
		return ""
	}
	return s
}

func pathReason(s string, inside bool) string {
	drive := len(s) > 1 && s[1] == ':'
	switch {
	case len(s) > 4096:
		return "is longer than 4096 bytes"
	case strings.ContainsRune(s, '\\'):
		return "holds a backslash; write forward slashes"
	case strings.HasPrefix(s, "/"), drive:
		return "must be relative to the folder of this file"
	case inside && slices.Contains(strings.Split(s, "/"), ".."):
		return "leaves the folder of the package"
	}
	for _, c := range s {
		if c < 0x20 || c == 0x7f {
			return "holds a control character"
		}
	}
	return ""
}

// instant reads a moment, a date or a string of either, as midnight UTC where no time is given.
func (r *reader) instant(e *entry) (time.Time, bool) {
	if e == nil {
		return time.Time{}, false
	}
	switch v := e.node.value.(type) {
	case time.Time:
		if e.node.kind == timeKind {
			return v.UTC(), true
		}
		if e.node.kind == dateKind {
			return time.Date(v.Year(), v.Month(), v.Day(), 0, 0, 0, 0, time.UTC), true
		}
	case string:
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UTC(), true
			}
		}
	}
	return time.Time{}, false
}
