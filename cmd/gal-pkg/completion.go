package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/geeknik/gal-pkg/internal/settings"
	"github.com/geeknik/gal-pkg/manifest"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return `Prints a script with which a shell completes commands, flags, their values, and names of packages out of gal.lock. It is made
from the commands of this very program: print it anew after an update. The script never runs gal-pkg.

EXAMPLES
  gal-pkg completion bash > ~/.local/share/bash-completion/completions/gal-pkg
  gal-pkg completion zsh > ~/.zfunc/_gal-pkg       # with fpath+=(~/.zfunc) before compinit
  gal-pkg completion fish > ~/.config/fish/completions/gal-pkg.fish`
}

// completionResult is the document of completion.
type completionResult struct {
	Shell  string `json:"shell"`
	Script string `json:"script"`
}

func (c *completionCmd) Run(a *app) error {
	m := modelOf(a.kong.Model)
	script := map[string]func(completionModel) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.Shell](m)
	return a.Result("completion", completionResult{c.Shell, script}, func(w io.Writer) { io.WriteString(w, script) })
}

// completionModel is what a shell must know of the command line.
type completionModel struct {
	commands []completedCommand // the program itself first, with the path ""
	global   []completedFlag
}

type completedCommand struct {
	path  string   // "config get"
	names []string // its last word and the aliases of that
	subs  []completedWord
	flags []completedFlag // its own, besides the global ones
	args  []string        // what may stand behind it; nil for anything
	kind  string          // locked or file: other things that may stand behind it
}

// completedWord is a word with what it means.
type completedWord struct{ word, help string }

type completedFlag struct {
	completedWord // with the dashes
	short         string
	takes         string   // what its value is: "" for a flag without one, "words", "file" or "other"
	words         []string // the values that there are
}

// spellings are the flag's words, the long one first.
func (f completedFlag) spellings() []string {
	if f.short == "" {
		return []string{f.word}
	}
	return []string{f.word, f.short}
}

func modelOf(app *kong.Application) completionModel {
	m := completionModel{global: completedFlags(app.Flags)}
	var walk func(n *kong.Node, path string)
	walk = func(n *kong.Node, path string) {
		c := completedCommand{path: path, names: append([]string{n.Name}, n.Aliases...), flags: completedFlags(n.Flags)}
		if path == "" {
			c.flags = nil
		}
		for _, p := range n.Positional {
			c.args, c.kind = argumentsOf(path, p)
		}
		at := len(m.commands)
		m.commands = append(m.commands, c)
		for _, child := range n.Children {
			if child.Type == kong.CommandNode && !child.Hidden {
				m.commands[at].subs = append(m.commands[at].subs, completedWord{child.Name, child.Help})
				walk(child, strings.TrimPrefix(path+" "+child.Name, " "))
			}
		}
	}
	walk(app.Node, "")
	return m
}

// spelled lists the ways to write a command behind the one that it belongs to, quoted for a shell.
func (c completedCommand) spelled() (list []string) {
	before := c.path[:max(strings.LastIndexByte(c.path, ' '), 0)]
	for _, name := range c.names {
		list = append(list, shellQuote(before+" "+name))
	}
	return list
}

// argumentsOf says what stands behind a command.
func argumentsOf(path string, p *kong.Value) (words []string, kind string) {
	switch {
	case p.Enum != "":
		return strings.Split(p.Enum, ","), ""
	case slices.Contains([]string{"remove", "update", "why", "outdated"}, path):
		return nil, "locked"
	case strings.HasPrefix(path, "config "):
		return settings.Keys(), ""
	case path == "help":
		return topicNames(), ""
	}
	return nil, "file"
}

func completedFlags(flags []*kong.Flag) (list []completedFlag) {
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		c := completedFlag{completedWord: completedWord{"--" + f.Name, f.Help}}
		if f.Short != 0 {
			c.short = "-" + string(f.Short)
		}
		upper := strings.ToUpper(f.PlaceHolder)
		switch {
		case f.IsBool() || f.IsCounter():
		case len(wordsOf(f)) > 0:
			c.takes, c.words = "words", wordsOf(f)
		case strings.Contains(upper, "FILE") || strings.Contains(upper, "DIR") || strings.Contains(upper, "PATH"):
			c.takes = "file"
		default:
			c.takes = "other"
		}
		list = append(list, c)
	}
	return list
}

// wordsOf lists the values that a flag can have, nil where they are not few.
func wordsOf(f *kong.Flag) []string {
	switch {
	case f.Enum != "":
		return strings.Split(f.Enum, ",")
	case f.Name == "link-mode":
		return settings.Words("store.link-mode")
	case f.Name == "edition":
		return manifest.Editions()
	}
	return nil
}

// flagsOf are the flags that are valid from a command on: for the program itself the global ones.
func (m completionModel) flagsOf(c completedCommand) []completedFlag {
	if c.path == "" {
		return m.global
	}
	return c.flags
}

// valued lists the spellings of flags that take a value, for `case` patterns of a shell; path is "" for the global ones.
func valued(path string, flags []completedFlag) (patterns []string) {
	for _, f := range flags {
		if f.takes != "" {
			for _, s := range f.spellings() {
				patterns = append(patterns, pattern(path, s))
			}
		}
	}
	return patterns
}

// pattern matches a flag behind a command; the global ones stand behind any.
func pattern(path, flag string) string {
	if path == "" {
		return "*' " + flag + "'"
	}
	return "'" + path + " " + flag + "'"
}

// shellQuote makes one word of a text for any of the shells; in fish a backslash counts within quotes, too.
func shellQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, "", "'", `'\''`, "\n", " ").Replace(text) + "'"
}

// scriptHead begins every script.
func scriptHead(shell string) string {
	return fmt.Sprintf("# %s completion for gal-pkg %s, made by: gal-pkg completion %s\n", shell, programVersion, shell)
}
