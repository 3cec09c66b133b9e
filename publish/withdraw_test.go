package publish_test

import (
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/publish"
)

func TestParseWithdrawal(t *testing.T) {
	commit := strings.Repeat("0a", 20)
	for _, tt := range []struct {
		message, reason string
		ok              bool
	}{
		{"mailbox: withdraw x\n\nReason: no tests\nWithdraws: " + commit + "\n", "no tests", true},
		{"x\n\nWithdraws: " + commit, "", true},
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
