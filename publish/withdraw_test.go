package publish_test

import (
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

func TestParseWithdrawal(t *testing.T) {
	commit := strings.Repeat("0a", 20)
	for _, tt := range []struct {
		message, reason string
		ok              bool
	}{
		{"mailbox: withdraw x\n\nReason: no tests\nWithdraws: " + commit + "\n", "no tests", true},
		{"x\n\nWithdraws: " + commit, "", true},
		{"x\n\nReason:  \t\nWithdraws: " + commit, "", true}, // as with Site.Reject, that is none
		{"x\n\nReason: \x1b[31m\nWithdraws: " + commit, "", true},
		{"x\n\nReason: " + strings.Repeat("x", 501) + "\nWithdraws: " + commit, "", true},
		{"mailbox: publish 1.0.0\n", "", false},
		{"Withdraws: " + commit[1:] + "\n", "", false},
		{"Withdraws: " + strings.ToUpper(commit) + "\n", "", false},
		{" Withdraws: " + commit + "\n", "", false},
	} {
		got, reason, ok := publish.ParseWithdrawal(tt.message)
		if ok != tt.ok || ok && (got != commit || reason != tt.reason) {
			t.Errorf("%q: %q, %q, %t", tt.message, got, reason, ok)
		}
	}
}

func TestCheckReason(t *testing.T) {
	for text, want := range map[string]bool{
		"no tests": true, strings.Repeat("x", 500): true, "": false, " ": false, "\u00a0": false, "two\nlines": false, "\x1b[31m": false, "\xff": false,
		strings.Repeat("x", 501): false,
	} {
		if err := publish.CheckReason(text); (err == nil) != want || err != nil && !fault.IsCode(err, "bad-reason") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestWithdraw: whoever asks twice before the registry answers has asked once, and a blank reason is none.
func TestWithdraw(t *testing.T) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	x := open(t, r)
	made, err := x.Propose(t.Context(), ada, sitetest.ID, []*index.Line{r.Register(ada)}, "ada: register")
	if err != nil {
		t.Fatal(err)
	}
	target := publish.Waiting{Branch: made.Branch, Commit: made.Commit}
	if _, err := x.Withdraw(t.Context(), ada, sitetest.ID, target, " "); !fault.IsCode(err, "bad-reason") {
		t.Errorf("%v", err)
	}
	first, err := x.Withdraw(t.Context(), ada, sitetest.ID, target, "")
	if err != nil || first.Commit == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	ada.Now = ada.Now.Add(time.Minute)
	if again, err := x.Withdraw(t.Context(), ada, sitetest.ID, target, ""); err != nil || again.Branch != first.Branch || again.Commit != "" {
		t.Errorf("%+v, %v", again, err)
	}
}
