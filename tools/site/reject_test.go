package site_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
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
	for _, path := range []string{gatePath(branch), index.GateContentPath("ada", draft.Publish.Checksum)} {
		o := answerAt(t, r, path)
		if o == nil || o.Branch != branch || o.Report.Findings[0].Message != "a person of the registry says no: not now" {
			t.Errorf("%s: %+v", path, o)
		}
	}
	// What was closed can be proposed again, and what is merged cannot be turned down.
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, draft))
	r.Merge("pass")
}

func gatePath(branch string) string {
	subject, hex, _ := index.ParseProposalBranch(branch)
	return index.GatePath(subject, hex)
}

// answerAt is what the registry says at a path of its static tree, nil for nothing.
func answerAt(t *testing.T, r *sitetest.Registry, path string) *site.Outcome {
	t.Helper()
	data, err := os.ReadFile(r.Path(site.PublicDir, filepath.FromSlash(path)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	o := new(site.Outcome)
	if err == nil {
		err = json.Unmarshal(data, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestAnswersOfOthers: whoever may push cannot put a no where others look for what the registry says of theirs.
func TestAnswersOfOthers(t *testing.T) {
	r := sitetest.New(t)
	ada, eve := sitetest.Author(t, "ada"), sitetest.Author(t, "eve")
	r.Propose(eve, r.Main(), r.Register(eve))
	first := r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", ""))
	hers := r.Propose(ada, r.Main(), r.Register(ada), first)
	r.Merge("pass")
	draft := sitetest.Draft(t, "mailbox", "1.1.0", "")
	next := r.Publish(ada, draft) // signed, and on its way in a file
	asAda := eve
	asAda.ID = "ada"
	nobody := publish.Author{ID: "nobody"}
	other := sitetest.Draft(t, "other", "1.0.0", "")
	named := sitetest.Draft(t, "mailbox", "1.1.0", "")
	named.Publish.Checksum = first.Digest()
	signed := sitetest.Line(t)
	for story, propose := range map[string]func() string{
		"the digest of her line as a checksum": func() string {
			return r.Propose(eve, r.Main(), signed(eve.Publish(sitetest.ID, r.Package("mailbox"), named)))
		},
		"her name under another key": func() string {
			return r.Propose(eve, r.Main(), signed(asAda.Publish(sitetest.ID, r.Package("mailbox"), draft)))
		},
		"her line beside one of eve's": func() string {
			return r.Propose(nobody, r.Main(), next, signed(eve.Publish(sitetest.ID, nil, other)))
		},
		"her line beside one in her name": func() string {
			return r.Propose(nobody, r.Main(), next, signed(asAda.Publish(sitetest.ID, nil, other)))
		},
		"her line, taken back": func() string {
			branch := r.Propose(eve, r.Main(), next)
			o, err := r.Judge(t.Context(), sitetest.Now, branch)
			if err != nil {
				t.Fatal(err)
			}
			r.PushSaying("x\n\nReason: it is malware\nWithdraws: "+o.Commit+"\n", "publish/mailbox/ffffffffffffffff", eve, r.Main(), nil)
			return branch
		},
	} {
		t.Run(story, func(t *testing.T) {
			branch := propose()
			r.Merge("fail")
			if o := answerAt(t, r, gatePath(branch)); o == nil || o.Report.Verdict != gate.Fail {
				t.Errorf("eve hears %+v", o)
			}
			if o := answerAt(t, r, gatePath(hers)); o == nil || o.Merged == "" || o.Branch != hers {
				t.Errorf("ada hears of what was merged: %+v", o)
			}
			for _, digest := range []index.Digest{draft.Publish.Checksum, first.Digest()} {
				if o := answerAt(t, r, index.GateContentPath("ada", digest)); o != nil {
					t.Errorf("ada hears of her archive: %+v", o.Report)
				}
			}
		})
	}
	// What the gate has against her own proposal she hears.
	again := sitetest.Draft(t, "mailbox", "1.0.0", "keywords = [\"x\"]")
	r.Propose(ada, r.Main(), r.Publish(ada, again))
	r.Merge("fail")
	if o := answerAt(t, r, index.GateContentPath("ada", again.Publish.Checksum)); o == nil || o.Report.Findings[0].ID != "G20" {
		t.Errorf("%+v", o)
	}
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
	line := r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", ""))
	next := r.Propose(ada, r.Main(), line)
	say("publish/mailbox/ffffffffffffffff", "mailbox: withdraw\n\nReason: no tests\nWithdraws: "+commitOf(next)+"\n", "ada")
	outcomes, err = r.Site.Merge(t.Context(), sitetest.Now, nil)
	if err != nil || len(outcomes) != 1 || outcomes[0].Branch != next || outcomes[0].Report.Findings[0].Message != "its author has taken it back: no tests" {
		t.Errorf("%+v, %v", outcomes, err)
	}
	if open, err := r.Proposals(); err != nil || len(open) > 0 {
		t.Errorf("%v, %v", open, err)
	}
	// Whoever has a copy of her line can propose it: a person hears that she has taken it back.
	copied := r.Propose(publish.Author{ID: "nobody"}, r.Main(), line)
	outcomes, err = r.Site.Merge(t.Context(), sitetest.Now, nil)
	if err != nil || len(outcomes) != 1 || outcomes[0].Report.Verdict != gate.Human ||
		outcomes[0].Report.Findings[0].Message != "its author has taken it back: no tests" {
		t.Errorf("%+v, %v", outcomes, err)
	}
	if outcomes, err = r.Site.Merge(t.Context(), sitetest.Now, []string{copied}); err != nil || outcomes[0].Merged == "" {
		t.Errorf("%+v, %v", outcomes, err)
	}
}
