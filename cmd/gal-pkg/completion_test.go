package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/geeknik/gal-pkg/internal/needs"
)

// completions are command lines, of which the last word is being written, and what must be offered for it.
var completions = []struct {
	line string
	want string // some of the words; with ! none of them
	not  string
}{
	{"", "add remove install search help", "rm sync"},
	{"se", "search", "add"},
	{"config ", "get set unset list", "add"},
	{"config g", "get", "set"},
	{"config get ", "jobs signing.key auth.token", ""},
	{"remove ", "mailbox company/wire", "evil touch"},
	{"rm mail", "mailbox", "company/wire"},
	{"update --recursive m", "mailbox", "company/wire"},
	{"-C . why ", "mailbox company/wire", "add"},
	{"--registry add why ", "mailbox", "--dev"}, // add is the name of a registry
	{"tree --ch", "--charset", "--dev"},
	{"tree --charset ", "auto utf8 ascii", "mailbox"},
	{"search --format ", "text json", ""},
	{"--format j", "json", "text"},
	{"install --link-mode ", "auto symlink hardlink copy", ""},
	{"install --link-mode h", "hardlink", "copy"},
	{"init --edition ", "2024", ""},
	{"search --", "--limit --keyword --offline", "--charset"},
	{"completion ", "bash zsh fish", ""},
	{"help ex", "exit-codes", "add"},
	{"registry rm ", "", "mailbox add"},
}

// shellDir is a folder in a project, whose lock has a name that no package can have.
func shellDir(t *testing.T) string {
	dir := t.TempDir()
	lock := "version = 1\n\n[[packages]]\nname = \"mailbox\"\nversion = \"1.0.0\"\n\n[[packages]]\nname = \"company/wire\"\n\n" +
		"[[packages]]\nname = \"$(touch evil)\"\n\n[[packages]]\nname = \"`touch evil`\"\n"
	if err := os.WriteFile(filepath.Join(dir, "gal.lock"), []byte(lock), 0o644); err != nil {
		t.Fatal(err)
	}
	sub := filepath.Join(dir, "src")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	return sub
}

func script(t *testing.T, shell func(completionModel) string) string {
	var c cli
	parser, err := kong.New(&c, kong.Name("gal-pkg"), kong.Vars{"version": programVersion})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "_gal-pkg")
	if err := os.WriteFile(file, []byte(shell(modelOf(parser.Model))), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// checkOffers runs a shell for each command line. ask makes the shell's own text of it, which prints one offer a line.
func checkOffers(t *testing.T, program string, args []string, ask func(line string) string) {
	dir := shellDir(t)
	for _, row := range completions {
		c := exec.Command(program, append(slices.Clone(args), ask(row.line))...)
		c.Dir = dir
		var errs bytes.Buffer
		c.Stderr = &errs
		out, err := c.Output()
		if err != nil || errs.Len() > 0 {
			t.Fatalf("%q: %v\n%s", row.line, err, errs.String())
		}
		var offers []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
			offers = append(offers, strings.TrimSpace(word))
		}
		for _, word := range strings.Fields(row.want) {
			if !slices.Contains(offers, word) {
				t.Errorf("%q offers no %s: %q", row.line, word, offers)
			}
		}
		for _, word := range strings.Fields(row.not) {
			if slices.ContainsFunc(offers, func(o string) bool { return o == word }) {
				t.Errorf("%q offers %s: %q", row.line, word, offers)
			}
		}
	}
	if found, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "*", "evil")); len(found) > 0 {
		t.Error("a name in gal.lock was run")
	}
}

func TestBashCompletion(t *testing.T) {
	bash := needs.Program(t, "bash", "bash")
	file := script(t, bashScript)
	checkOffers(t, bash, []string{"--norc", "-c"}, func(line string) string {
		words := append([]string{"gal-pkg"}, strings.Split(line, " ")...)
		return fmt.Sprintf("source %s; COMP_WORDS=(%s \"\"); COMP_CWORD=%d; COMP_WORDS=(\"${COMP_WORDS[@]:0:%d}\"); _gal_pkg; printf '%%s\\n' \"${COMPREPLY[@]}\"",
			file, strings.TrimSpace(strings.Join(words, " ")), len(words)-1, len(words))
	})
}

// bash takes the equals sign for a word of its own.
func TestBashCompletionOfValues(t *testing.T) {
	bash := needs.Program(t, "bash", "bash")
	ask := "source " + script(t, bashScript) + `; COMP_WORDS=(gal-pkg search --format = j); COMP_CWORD=4; _gal_pkg; printf '%s\n' "${COMPREPLY[@]}"`
	out, err := exec.Command(bash, "--norc", "-c", ask).CombinedOutput()
	if err != nil || string(out) != "json\n" {
		t.Errorf("%v: %q", err, out)
	}
}

func TestFishCompletion(t *testing.T) {
	fish := needs.Program(t, "fish", "fish")
	file := script(t, fishScript)
	checkOffers(t, fish, []string{"--no-config", "-c"}, func(line string) string {
		return fmt.Sprintf("source %s; complete -C 'gal-pkg %s'", file, line)
	})
}

// zsh completes only where somebody types: its own completion functions are replaced by ones that print.
func TestZshCompletion(t *testing.T) {
	zsh := needs.Program(t, "zsh", "zsh")
	file := script(t, zshScript)
	checkOffers(t, zsh, []string{"-f", "-c"}, func(line string) string {
		words := append([]string{"gal-pkg"}, strings.Split(line, " ")...)
		return fmt.Sprintf(`compdef() { : }; compset() { : }; _files() { : }
compadd() { shift; print -l -- "$@" }
_describe() { local w; for w in "${(@P)2}"; do print -r -- "${${w//\\:/}%%%%:*}"; done }
source %s
words=(%s); words=("${(@)words}" ''); words=("${(@)words[1,%d]}"); CURRENT=%d
_gal_pkg | while read -r offer; do [[ $offer == ${words[CURRENT]}* ]] && print -r -- $offer; done; true`,
			file, strings.TrimSpace(strings.Join(words, " ")), len(words), len(words))
	})
}
