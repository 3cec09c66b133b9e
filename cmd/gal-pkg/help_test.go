package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Every code that a user can meet is explained by `gal-pkg help errors/CODE`. Codes of gal-registry alone are not ours.
func TestEveryErrorCodeIsExplained(t *testing.T) {
	known, _ := explanations()
	pattern := regexp.MustCompile(`fault\.New\(\s*fault\.[A-Za-z]+,\s*"([a-z0-9-]+)"`)
	found := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{"gal-registry", "tools", "testdata"}, d.Name()) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range pattern.FindAllStringSubmatch(string(source), -1) {
			found++
			if !slices.Contains(known, match[1]) && !slices.Contains(notForUsers(), match[1]) {
				t.Errorf("%s: the error code %q is not in help/errors.txt", path, match[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 100 {
		t.Errorf("only %d error codes were found in the sources; is the pattern still right?", found)
	}
}

// notForUsers are codes that no command of this program can end with: those of writing logs and serving registries.
func notForUsers() []string {
	return []string{"bad-access", "bad-principal", "bad-role", "git-backend-missing", "git-ref-name", "key-missing", "log-index", "log-leaf"}
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
