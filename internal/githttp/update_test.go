package githttp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// FuzzCommands: whatever is reported names a proper ref, and no body makes more reports than it has room for.
func FuzzCommands(f *testing.F) {
	id := strings.Repeat("a", 40)
	line := id + " " + strings.Repeat("0", 40) + " refs/heads/x\x00report-status"
	f.Add([]byte(fmt.Sprintf("%04x%s0000PACK", len(line)+4, line)))
	f.Add([]byte("0035shallow " + id + "\n0000"))
	f.Add([]byte("ffff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		found := commands(body)
		if len(found) > len(body)/80 {
			t.Errorf("%d commands in %d bytes", len(found), len(body))
		}
		for _, u := range found {
			if err := gitrepo.CheckRefName(u.Ref); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCommands(t *testing.T) {
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	packet := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	body := packet("shallow "+a) + packet(a+" "+b+" refs/heads/x\x00caps and more\n") + packet(b+" "+a+" refs/heads/../y\n") +
		packet(a+" "+strings.Repeat("0", 40)+" refs/heads/z") + "0000" + packet(a+" "+b+" refs/heads/behind")
	got := commands([]byte(body))
	if len(got) != 2 || got[0].Ref != "refs/heads/x" || got[0].New.String() != b || got[1].Ref != "refs/heads/z" || !got[1].New.IsZero() {
		t.Errorf("%+v", got)
	}
}
