package index

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Recovery is what the registry's root keys gave to somebody: a package its owners, or a publisher a key. It is the one way
// past the keys of the owners themselves, so users are told until whoever was given it has signed something with it.
type Recovery struct {
	Publisher string   // who was given a key; "" where the package was given owners
	Owners    []string // who they are then
	At        time.Time
	Log       int64
	Reason    string
}

// Warning says it in a sentence, for users of packages: of one, or of several whose owner was given a key.
func (r Recovery) Warning(names ...string) string {
	packages, since := "`"+strings.Join(names[:min(len(names), maxNamed)], "`, `")+"`", "in the package"
	if len(names) > maxNamed {
		packages += fmt.Sprintf(" and %d more", len(names)-maxNamed)
	}
	if len(names) > 1 {
		since = "in them"
	}
	what := fmt.Sprintf("the registry's root keys gave %s to %s", packages, strings.Join(r.Owners, ", "))
	if r.Publisher != "" {
		what = fmt.Sprintf("the registry's root keys gave publisher %s, who owns %s, another key", r.Publisher, packages)
	}
	if r.Reason != "" {
		what += " (" + r.Reason + ")"
	}
	return what + " on " + r.At.UTC().Format(time.DateOnly) + ", and nothing was signed with it " + since + " since"
}

// maxNamed is how many packages a warning names.
const maxNamed = 3

// RecoveryWarnings says what was recovered of the packages and owners of some artifacts, each key once.
func RecoveryWarnings(artifacts []Artifact) []string {
	type event struct {
		publisher string
		log       int64
	}
	names := map[event][]string{}
	var order []Recovery
	for _, a := range artifacts {
		for _, r := range a.recoveries {
			e := event{r.Publisher, r.Log}
			if names[e] == nil {
				order = append(order, r)
			}
			if !slices.Contains(names[e], a.name) {
				names[e] = append(names[e], a.name)
			}
		}
	}
	var warnings []string
	for _, r := range order {
		warnings = append(warnings, r.Warning(names[event{r.Publisher, r.Log}]...))
	}
	return warnings
}

// recoveries are those of a package, and of the keys of its owners, that no line in the package's file has answered.
func (p *Package) recoveries(entries []Entry, publishers Publishers) []Recovery {
	var list []Recovery
	if p.recoverHead != p.genesis {
		at := slices.IndexFunc(entries, func(e Entry) bool { return e.Line.Event == EventRecover && e.Line.Digest() == p.recoverHead })
		r := Recovery{At: entries[at].At, Log: entries[at].Log}
		if b, ok := entries[at].Line.Body.(*Recover); ok {
			r.Owners, r.Reason = b.Owners, b.Reason
		}
		if !p.answered(r, entries, p.Owners, publishers) {
			list = append(list, r)
		}
	}
	for _, id := range p.Owners {
		owner := publishers(id)
		if owner.Exists() && owner.Recovered != nil && !p.answered(*owner.Recovered, entries, []string{id}, publishers) {
			list = append(list, *owner.Recovered)
		}
	}
	return list
}

// answered reports whether one of some publishers has signed a line since, which counts and is not suspect.
func (p *Package) answered(r Recovery, entries []Entry, by []string, publishers Publishers) bool {
	return slices.ContainsFunc(entries, func(e Entry) bool {
		if e.Log <= r.Log || !slices.Contains(by, e.Line.By) {
			return false
		}
		if slices.ContainsFunc(p.Dead, func(d Dead) bool { return d.Entry.Log == e.Log }) {
			return false
		}
		s, err := liveSigner(publishers(e.Line.By), e.Line.own(), e.Log)
		return err == nil && !s.suspect(e.Log)
	})
}
