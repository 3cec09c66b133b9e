// Package doctor looks at what gal-pkg depends on on one machine: the hosts of registries and what they are able to do, the
// user's files and their rights, the cache, and the project. It says what is right, what may become trouble and what is
// wrong, each with the command that mends it. It changes nothing, but that the next install looks anew at a project of
// which something is missing.
package doctor

import (
	"cmp"
	"fmt"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK   Level = "ok"
	Warn Level = "warn" // works now, and is worth a look
	Fail Level = "fail" // does not work
)

// Finding is one thing that was looked at.
type Finding struct {
	Area  string `json:"area"` // what it is about: "registry company", "cache"
	Level Level  `json:"level"`
	What  string `json:"what"` // a sentence
	Fix   string `json:"fix"`  // a command or what to do; "" where nothing is to be done
}

// Report collects findings, in the order in which things were looked at.
type Report struct {
	Findings []Finding

	opened []*remote.Registry // that were looked at and answer
}

// Count returns how many findings there are of a level.
func (r *Report) Count(level Level) (n int) {
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// Failed adds an error that kept somebody from looking.
func (r *Report) Failed(area string, err error) { r.area(area).failed(err, "") }

// Warned adds what somebody has said already without a way to mend it.
func (r *Report) Warned(area, what string) { r.area(area).warn("", "%s", what) }

// area adds findings about one thing.
type area struct {
	name   string
	report *Report
}

func (r *Report) area(name string) area { return area{name, r} }

func (a area) add(level Level, fix, format string, args ...any) {
	a.report.Findings = append(a.report.Findings, Finding{a.name, level, fmt.Sprintf(format, args...), fix})
}

func (a area) ok(format string, args ...any)        { a.add(OK, "", format, args...) }
func (a area) warn(fix, format string, args ...any) { a.add(Warn, fix, format, args...) }
func (a area) fail(fix, format string, args ...any) { a.add(Fail, fix, format, args...) }

// failed adds an error. What helps is what the error says itself, else fix.
func (a area) failed(err error, fix string) {
	f := fault.Of(err)
	if f == nil {
		a.fail(fix, "%v", err)
		return
	}
	if len(f.Help) > 0 {
		fix = f.Help[0]
	}
	a.fail(cmp.Or(fix, "gal-pkg help errors/"+f.Code), "%s", f.Error())
}
