package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/manifest"
)

// similar holds that the name of a new package is not easily taken for one that is there. Names of the same owner do not
// deceive anybody, and one in a scope is told apart by the scope.
func (j *judge) similar(l *index.Line, file string) {
	if l.Event.OfPublisher() || j.rules.Names == nil || strings.Contains(l.Subject, "/") {
		return
	}
	names, err := j.rules.Names()
	if err != nil {
		j.fail("G12", file, err.Error(), "")
		return
	}
	var near []string
	for _, name := range names {
		if strings.ContainsAny(name, "/~") || !resembles(l.Subject, name) || manifest.Fold(name) == manifest.Fold(l.Subject) {
			continue
		}
		p, err := j.rules.Ledger.Package(name)
		if err == nil && p.Exists() && !slices.Contains(p.Owners, l.By) {
			near = append(near, p.Name)
		}
	}
	if len(near) == 0 {
		return
	}
	slices.Sort(near)
	j.find(Finding{
		ID: "G12", Verdict: Human, Path: file, Fix: "choose a name that nobody takes for another, or wait for a person",
		Message: fmt.Sprintf("the name %q is easily taken for %s", l.Subject, strings.Join(near[:min(3, len(near))], ", ")),
	})
}

// resembles reports whether one name is easily taken for another: they look alike, they are one slip of the keyboard
// apart, or one is the other with a word that says nothing.
func resembles(a, b string) bool {
	a, b = manifest.Fold(a), manifest.Fold(b)
	return skeleton(a) == skeleton(b) || min(len(a), len(b)) >= shortest && oneSlip(a, b) || bare(a) == bare(b)
}

// shortest is the length from which on names that are one slip apart are more likely meant to be the same.
const shortest = 5

// skeleton makes names equal that look equal in the usual fonts.
func skeleton(name string) string {
	return strings.NewReplacer("-", "", "0", "o", "1", "l", "i", "l", "rn", "m", "vv", "w", "cl", "d").Replace(name)
}

// bare takes away what is put before or behind the name of something to mean the same for this language, or from another.
func bare(name string) string {
	for _, affix := range []string{"gal", "lib", "rs", "go", "js", "py"} {
		name = strings.TrimPrefix(strings.TrimSuffix(name, "-"+affix), affix+"-")
	}
	return name
}

// oneSlip reports whether one insertion, deletion, substitution or swap of neighbours turns a into b.
func oneSlip(a, b string) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	swapped := len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
	return max(len(a), len(b)) <= 1 || swapped
}
