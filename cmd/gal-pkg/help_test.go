package main

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// notForUsers are codes that no command of this program can end with: those of writing logs and serving registries, and of why
// a line of the index does not count, which others tell in their own words.
func notForUsers() []string {
	return []string{
		"bad-access", "bad-principal", "bad-role", "git-backend-missing", "git-ref-name", "key-missing", "log-index", "log-leaf",
		"below-threshold", "closed", "expired", "keyless", "no-root", "nothing-there", "other-subject", "replayed", "revoked-key", "taken",
	}
}

func TestExplanationsAreThere(t *testing.T) {
	codes, text := explanations()
	for i, code := range codes {
		if i > 0 && codes[i-1] == code {
			t.Errorf("%q is explained twice", code)
		}
		if strings.TrimSpace(text[code]) == "" {
			t.Errorf("%q has no explanation", code)
		}
	}
}

// The help of every command says what it does and how it is used.
func TestEveryCommandHasExamples(t *testing.T) {
	var c cli
	parser, err := kong.New(&c, kong.Vars{"version": programVersion})
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(true)
	if len(leaves) < 25 {
		t.Errorf("only %d commands", len(leaves))
	}
	for _, leaf := range leaves {
		if leaf.Help == "" || !strings.Contains(leaf.Detail, "\nEXAMPLES\n  ") {
			t.Errorf("%s: no help text, or no EXAMPLES in it", leaf.FullPath())
		}
	}
}

func TestTopicsFit(t *testing.T) {
	files, err := fs.Glob(topics, "help/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := topics.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if len([]rune(line)) > 128 || strings.ContainsAny(line, "\t\r") || strings.HasSuffix(line, " ") {
				t.Errorf("%s:%d: longer than 128, or with a tab or trailing space", file, i+1)
			}
		}
	}
}
