package site_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/tools/gate"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// TestReject: a no closes the proposal, and stands where its author looks: under the line, and under the archive.
func TestReject(t *testing.T) {
	r := sitetest.New(t)
	ada := sitetest.Author(t, "ada")
	draft := sitetest.Draft(t, "mailbox", "1.0.0", "")
	branch := r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, draft))
	before := r.Main()
	for _, reason := range []string{"", " ", "two\nlines", "\x1b[31m", strings.Repeat("x", 501)} {
		if _, err := r.Reject(t.Context(), sitetest.Now, branch, reason); !fault.IsCode(err, "bad-reason") {
			t.Errorf("reason %q: %v", reason, err)
		}
	}
	for _, other := range []string{"main", "publish/mailbox/0123456789abcdef"} {
		if _, err := r.Reject(t.Context(), sitetest.Now, other, "no"); !fault.IsCode(err, "no-proposal") {
			t.Errorf("%s: %v", other, err)
		}
	}
	if o, err := r.Reject(t.Context(), sitetest.Now, branch, "not now"); err != nil || o.Report.Verdict != gate.Fail || len(o.Report.Lines) != 2 {
		t.Fatalf("%+v, %v", o, err)
	}
	if open, err := r.Proposals(); err != nil || len(open) > 0 || r.Main() != before {
		t.Errorf("%v, %v", open, err)
	}
	for _, name := range []string{branch, index.ProposalBranch("mailbox", draft.Publish.Checksum)} {
		subject, hex, _ := index.ParseProposalBranch(name)
		data, err := os.ReadFile(r.Path(site.PublicDir, filepath.FromSlash(index.GatePath(subject, hex))))
		var o site.Outcome
		if err != nil || json.Unmarshal(data, &o) != nil || o.Branch != name || o.Report.Findings[0].Message != "a person of the registry says no: not now" {
			t.Errorf("%s: %s, %v", name, data, err)
		}
	}
	// What was closed can be proposed again, and what is merged cannot be turned down.
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, draft))
	r.Merge("pass")
}

// TestWithdraw: only who has signed a proposal takes it back, and a commit that says so changes nothing else.
func TestWithdraw(t *testing.T) {
	r := sitetest.New(t)
	ada, eve := sitetest.Author(t, "ada"), sitetest.Author(t, "eve")
	branch := r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	commitOf := func(branch string) string {
		o, err := r.Judge(t.Context(), sitetest.Now, branch)
		if err != nil {
			t.Fatal(err)
		}
		return o.Commit
	}
	say := func(name, message string, by string) {
		t.Helper()
		author := ada
		if by == "eve" {
			author = eve
		}
		author.ID = "ada" // a name is no signature
		r.PushSaying(message, name, author, r.Main(), nil)
	}
	say("publish/mailbox/00000000000000e1", "mailbox: withdraw\n\nWithdraws: "+commitOf(branch)+"\n", "eve")
	say("publish/mailbox/00000000000000e2", "mailbox: withdraw\n\nWithdraws: "+strings.Repeat("0", 40)+"\n", "ada")
	outcomes, err := r.Site.Merge(t.Context(), sitetest.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, o := range outcomes {
		told = append(told, o.Branch+" "+string(o.Report.Verdict))
	}
	if want := []string{"publish/mailbox/00000000000000e1 fail", "publish/mailbox/00000000000000e2 fail", branch + " pass"}; !slices.Equal(told, slices.Sorted(slices.Values(want))) {
		t.Errorf("%v", told)
	}
	// Her own, in the run that would have merged it.
	next := r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	say("publish/mailbox/ffffffffffffffff", "mailbox: withdraw\n\nReason: no tests\nWithdraws: "+commitOf(next)+"\n", "ada")
	outcomes, err = r.Site.Merge(t.Context(), sitetest.Now, nil)
	if err != nil || len(outcomes) != 1 || outcomes[0].Branch != next || outcomes[0].Report.Findings[0].Message != "its author has taken it back: no tests" {
		t.Errorf("%+v, %v", outcomes, err)
	}
	if open, err := r.Proposals(); err != nil || len(open) > 0 {
		t.Errorf("%v, %v", open, err)
	}
}
