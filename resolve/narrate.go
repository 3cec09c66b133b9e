package resolve

import (
	"fmt"
	"strings"
)

// narrator writes sentences in the order of Dart's reporter: first what a conclusion needs, then the conclusion.
type narrator struct {
	s       *solver
	e       *NoSolution
	numbers int
}

// number lists the steps of the proof, causes first.
func (n *narrator) number(d *derivation) {
	if d.id > 0 {
		return
	}
	step := Step{Kind: "fact"}
	if d.left != nil {
		n.number(d.left)
		n.number(d.right)
		step = Step{Kind: "conclusion", Text: n.s.conclusion(d.terms), Because: []int{d.left.id, d.right.id}}
	} else {
		step.Text = n.s.tell(d.fact)
	}
	d.id = len(n.e.Steps) + 1
	step.ID = d.id
	n.e.Steps = append(n.e.Steps, step)
}

// narrate tells a conclusion and, before it, all that it needs.
func (n *narrator) narrate(d *derivation) {
	derived, other := d.left, d.right
	if derived.left == nil {
		derived, other = other, derived
	}
	switch {
	case derived.left == nil:
		n.say(d, "Because "+n.facts(d.left, d.right))
	case other.left == nil:
		n.narrateWithFact(d, derived, other)
	default:
		n.narrateTwo(d, derived, other)
	}
}

// narrateWithFact: one cause is a conclusion, the other a fact.
func (n *narrator) narrateWithFact(d, derived, other *derivation) {
	if derived.number > 0 {
		n.say(d, "Because "+n.s.tell(other.fact)+" and "+n.ref(derived))
		return
	}
	inner, extra := derived.left, derived.right
	if inner.left == nil {
		inner, extra = extra, inner
	}
	if derived.uses == 1 && inner.left != nil && extra.left == nil {
		if inner.number > 0 {
			n.say(d, "Because "+n.ref(inner)+", and "+n.facts(extra, other))
			return
		}
		n.narrate(inner)
		n.say(d, "And because "+n.facts(extra, other))
		return
	}
	n.narrate(derived)
	n.say(d, "And because "+n.s.tell(other.fact))
}

// narrateTwo: both causes are conclusions.
func (n *narrator) narrateTwo(d, a, b *derivation) {
	switch {
	case a.number > 0 && b.number > 0:
		n.say(d, "Because "+n.ref(a)+" and "+n.ref(b))
	case a.number > 0 || b.number > 0:
		if b.number > 0 {
			a, b = b, a
		}
		n.narrate(b)
		n.say(d, "And because "+n.ref(a))
	default:
		n.narrate(a)
		if b.number == 0 { // a may have told b
			n.mark(a)
			n.narrate(b)
			n.say(d, "And because "+n.ref(a))
			return
		}
		n.say(d, "And because "+n.ref(b))
	}
}

// say adds a sentence; a conclusion that is used again gets a number.
func (n *narrator) say(d *derivation, because string) {
	n.e.Sentences = append(n.e.Sentences, because+", "+n.s.conclusion(d.terms)+".")
	if d.uses > 1 {
		n.mark(d)
	}
}

// mark numbers the sentence that was said last, which is d's.
func (n *narrator) mark(d *derivation) {
	if d.number > 0 {
		return
	}
	n.numbers++
	d.number = n.numbers
	n.e.Sentences[len(n.e.Sentences)-1] += fmt.Sprintf(" (%d)", d.number)
}

func (n *narrator) ref(d *derivation) string {
	return fmt.Sprintf("%s (%d)", n.s.conclusion(d.terms), d.number)
}

// facts tells two facts. What one package depends on becomes one clause, in the order of the manifest.
func (n *narrator) facts(a, b *derivation) string {
	x, y := a.fact, b.fact
	if x.depends() && y.depends() && n.s.dependsOnVerb(x) == n.s.dependsOnVerb(y) {
		switch {
		case x.dep == y.dep && x.kind == factRequires:
			return n.s.tell(y) // it says what x says, and which feature
		case x.dep == y.dep && y.kind == factRequires:
			return n.s.tell(x)
		case len(x.dep.Where) > len(y.dep.Where) || len(x.dep.Where) == len(y.dep.Where) && x.dep.Where > y.dep.Where:
			x, y = y, x
		}
		return n.s.tell(x) + " and on " + strings.TrimPrefix(n.s.tell(y), n.s.dependsOnVerb(y))
	}
	first := n.s.tell(x)
	if x.kind == factNone {
		first += ","
	}
	return first + " and " + n.s.tell(y)
}
