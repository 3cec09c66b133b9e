package project

import (
	"slices"
	"strings"
)

// maxLicenseDepth bounds the parentheses of a licence expression.
const maxLicenseDepth = 32

// licensed reports whether a licence is one of some that are allowed: an SPDX expression is where it can be fulfilled with
// allowed ones alone. Of `A OR B` one is enough, of `A AND B` both are needed, and `A WITH E` is allowed where it is listed
// or A is, for an exception only permits more. Identifiers are compared as a whole and in any case: `GPL-2.0-or-later` is
// another one than `GPL-2.0-only`. What is no expression is allowed where it is listed as it is written; no licence never is.
func licensed(text string, allowed []string) bool {
	listed := func(name string) bool {
		return slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(strings.TrimSpace(a), name) })
	}
	if text = strings.TrimSpace(text); text == "" {
		return false
	}
	spaced := strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text)
	e := licenseExpression{words: strings.Fields(spaced), listed: listed}
	ok := e.or(0)
	return listed(text) || ok && !e.broken && len(e.words) == 0
}

// licenseExpression is what is left of an expression to be read.
type licenseExpression struct {
	words  []string
	listed func(name string) bool
	broken bool
}

// next takes a word off where it is the one that is expected.
func (e *licenseExpression) next(word string) bool {
	if len(e.words) == 0 || !strings.EqualFold(e.words[0], word) {
		return false
	}
	e.words = e.words[1:]
	return true
}

func (e *licenseExpression) or(depth int) bool {
	ok := e.and(depth)
	for e.next("OR") {
		right := e.and(depth)
		ok = ok || right
	}
	return ok
}

func (e *licenseExpression) and(depth int) bool {
	ok := e.with(depth)
	for e.next("AND") {
		right := e.with(depth)
		ok = ok && right
	}
	return ok
}

func (e *licenseExpression) with(depth int) bool {
	if depth > maxLicenseDepth {
		e.broken = true
		return false
	}
	if e.next("(") {
		ok := e.or(depth + 1)
		e.broken = e.broken || !e.next(")")
		return ok
	}
	name := e.identifier()
	if !e.next("WITH") {
		return e.listed(name)
	}
	exception := e.identifier()
	return e.listed(name+" WITH "+exception) || e.listed(name)
}

// identifier takes the name of a licence or an exception off.
func (e *licenseExpression) identifier() string {
	if len(e.words) == 0 || slices.ContainsFunc([]string{"(", ")", "AND", "OR", "WITH"}, func(w string) bool { return strings.EqualFold(w, e.words[0]) }) {
		e.broken = true
		return ""
	}
	name := e.words[0]
	e.words = e.words[1:]
	return name
}
