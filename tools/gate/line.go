package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/sign"
)

// spare is how long a line must still be good when it is judged, so that it is when it is merged.
const spare = time.Hour

// line judges one line at its place: after those before it in the proposal.
func (j *judge) line(l *index.Line) {
	file := index.SubjectPath(l.Event, l.Subject)
	if l.V != index.LineVersion {
		j.fail("G04", file, fmt.Sprintf("the line has version %d; this registry takes %d", l.V, index.LineVersion), "update the registry's tools")
		return
	}
	if l.Until.Before(j.rules.Now.Add(spare)) {
		j.fail("G07", file, fmt.Sprintf("the line is good until %s, which is less than an hour away or past", l.Until.Format(time.RFC3339)), "publish again")
	}
	isNew, err := j.isNew(l)
	if err != nil {
		j.fail("G04", file, err.Error(), "")
		return
	}
	if isNew {
		j.name(l, file)
		j.similar(l, file)
	}
	j.key(l, file)
	j.past(l, file)
	if p, ok := l.Body.(*index.Publish); ok {
		j.publish(l, p, file)
	}
	_, _, err = j.rules.Ledger.Append(l, j.rules.Now)
	if err != nil {
		j.refused(l, file, err)
	}
	if err == nil || j.signed(l) {
		j.report.Signed = append(j.report.Signed, l)
		j.takenBack(l, file)
	}
	j.policy(l, file, isNew)
}

// takenBack leaves to a person what its author has taken back: whoever has read the line can propose it again.
func (j *judge) takenBack(l *index.Line, file string) {
	if j.rules.TakenBack == nil {
		return
	}
	why, err := j.rules.TakenBack(l)
	switch {
	case err != nil:
		j.fail("G65", file, err.Error(), "")
	case why != "":
		j.find(Finding{ID: "G65", Verdict: Human, Path: file, Message: why})
	}
}

// signed reports whether a line that does not count was signed with a key of its publisher all the same.
func (j *judge) signed(l *index.Line) bool {
	p, err := j.rules.Ledger.Publisher(l.By)
	if err != nil || p.ID != l.By {
		return false
	}
	key := p.Key(l.Sig.Key)
	return key != nil && !key.IsRevoked() && sign.Verify(key.Public, l.Claim(j.rules.Ledger.Registry()), l.Sig.Value) == nil
}

// isNew reports whether the line would be the first of its package or publisher.
func (j *judge) isNew(l *index.Line) (bool, error) {
	if l.Event.OfPublisher() {
		p, err := j.rules.Ledger.Publisher(l.Subject)
		return err == nil && !p.Exists(), err
	}
	p, err := j.rules.Ledger.Package(l.Subject)
	return err == nil && !p.Exists(), err
}

// checkOf maps the reasons for which a line does not count to the checks of the gate.
var checkOf = map[string]string{
	index.DeadSubject: "G11", index.DeadReplayed: "G07", index.DeadExpired: "G07", index.DeadClosed: "G13",
	index.DeadUnknown: "G50", index.DeadRevoked: "G50", index.DeadNotOwner: "G50", index.DeadRoot: "G50", index.DeadKeyless: "G50",
	index.DeadThreshold: "G51", index.DeadTaken: "G20", index.DeadMissing: "G50",
}

func (j *judge) refused(l *index.Line, file string, err error) {
	var dead *index.Ineffective
	if !errors.As(err, &dead) {
		fix := "sign with the key that the registry knows"
		if fault.IsCode(err, "keyless-untrusted") {
			fix = "gal-pkg publish --sign FILE      # with a key: this registry names no certificate authority that speaks for identities"
		}
		j.fail("G50", file, err.Error(), fix)
		return
	}
	id, fix := checkOf[dead.Code], ""
	switch dead.Code {
	case index.DeadRoot:
		fix = "sign it anew under the root of now: gal-registry root show DIR"
	case index.DeadReplayed:
		fix = "what it builds on has changed since; run the command again"
	case index.DeadTaken:
		if fix = "raise the version"; l.Event.OfPublisher() {
			id, fix = "G50", "gal-pkg keys list shows which keys there are, and have been"
		}
	case index.DeadNotOwner:
		fix = "ask an owner to publish, or to make you one"
	}
	j.fail(id, file, fmt.Sprintf("%s of %s: %s", l.Event, l.Subject, dead.Reason), fix)
}

// name holds that a new name is free: packages, scopes, publishers and groups share one namespace.
func (j *judge) name(l *index.Line, file string) {
	scope, _, scoped := strings.Cut(l.Subject, "/")
	if slices.ContainsFunc(j.rules.Reserved, func(r string) bool { return manifest.Fold(r) == manifest.Fold(l.Subject) }) {
		j.fail("G13", file, fmt.Sprintf("the name %q is reserved", l.Subject), "choose another name")
	}
	switch {
	case scoped && !j.rules.Access.MayUseScope(l.By, scope):
		j.fail("G11", file, fmt.Sprintf("the scope %q is that of another publisher or group", scope), fmt.Sprintf("use your own: %s/%s", l.By, l.Subject[len(scope)+1:]))
	case scoped:
	default:
		j.namespace(l, file)
	}
}

// namespace holds that a name without a scope is no one else's in another role.
func (j *judge) namespace(l *index.Line, file string) {
	if members, ok := j.rules.Access.Groups[l.Subject]; ok && !slices.Contains(members, l.By) {
		j.fail("G11", file, fmt.Sprintf("%q is a group of this registry", l.Subject), "choose another name")
	}
	if l.Event.OfPublisher() {
		p, err := j.rules.Ledger.Package(l.Subject)
		if err == nil && p.Exists() && !slices.Contains(p.Owners, l.By) {
			j.fail("G11", file, fmt.Sprintf("%q is a package that others own", l.Subject), "choose another id")
		}
		return
	}
	p, err := j.rules.Ledger.Publisher(l.Subject)
	if err == nil && p.Exists() && p.ID != l.By {
		j.fail("G11", file, fmt.Sprintf("%q is another publisher's id", l.Subject), "choose another name")
	}
}

// key holds that a key belongs to one publisher for ever.
func (j *judge) key(l *index.Line, file string) {
	hint := ""
	switch b := l.Body.(type) {
	case *index.Register:
		hint = hintOf(b.Key)
	case *index.AddKey:
		hint = hintOf(b.Key)
	}
	if hint == "" || j.rules.KeyOwner == nil {
		return
	}
	owner, err := j.rules.KeyOwner(hint)
	switch {
	case err != nil:
		j.fail("G50", file, err.Error(), "")
	case owner != "" && owner != l.Subject:
		j.fail("G50", file, fmt.Sprintf("key %s belongs to publisher %s", hint, owner), "gal-pkg keygen --output FILE")
	}
}

// past leaves to a person what casts doubt on lines that count already: it takes versions from people who rely on them.
func (j *judge) past(l *index.Line, file string) {
	if b, ok := l.Body.(*index.RevokeKey); ok && b.CompromisedSince != nil {
		j.find(Finding{
			ID: "G56", Verdict: Human, Path: file,
			Message: fmt.Sprintf("what key %s signed from log index %d on becomes suspect", b.Key, *b.CompromisedSince),
		})
	}
}

// policy leaves to a person what the registry's policy does not let in by itself.
func (j *judge) policy(l *index.Line, file string, isNew bool) {
	class := "new-version"
	switch {
	case l.Event == index.EventRegister:
		class = "new-publisher"
	case l.Event == index.EventOwners || l.Event == index.EventTombstone || l.By == index.ByRoot:
		class = "new-owner"
	case isNew:
		class = "new-package"
	}
	if j.rules.Config.Policy.Waits(class) {
		j.find(Finding{ID: "G61", Verdict: Human, Path: file, Message: fmt.Sprintf("the registry's policy has a person look at a %s", strings.ReplaceAll(class, "-", " "))})
	}
}
