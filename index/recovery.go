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

// Warning says it in a sentence, for users of a package.
func (r Recovery) Warning(name string) string {
	what := fmt.Sprintf("the registry's root keys gave `%s` to %s", name, strings.Join(r.Owners, ", "))
	if r.Publisher != "" {
		what = fmt.Sprintf("the registry's root keys gave publisher %s, who owns `%s`, another key", r.Publisher, name)
	}
	if r.Reason != "" {
		what += " (" + r.Reason + ")"
	}
	return what + " on " + r.At.UTC().Format(time.DateOnly) + ", and nothing was signed with it in the package since"
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
