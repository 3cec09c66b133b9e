package main

import (
	"fmt"
	"strings"
)

// fishScript has one line for each word, and two functions: which command is being written, and what gal.lock has.
func fishScript(m completionModel) string {
	var b strings.Builder
	b.WriteString(scriptHead("fish") + fishHead)
	for _, c := range m.commands[1:] {
		fmt.Fprintf(&b, "            case %s\n                set cmd %s\n", strings.Join(c.spelled(), " "), shellQuote(c.path))
	}
	for _, c := range m.commands {
		patterns := valued(c.path, m.flagsOf(c))
		for i, p := range patterns {
			patterns[i] = strings.Replace(p, "*' ", "'* ", 1)
		}
		if len(patterns) > 0 {
			fmt.Fprintf(&b, "            case %s\n                set skip 1\n", strings.Join(patterns, " "))
		}
	}
	b.WriteString(fishTail)
	for _, c := range m.commands {
		fishCommand(&b, m, c)
	}
	return b.String()
}

const fishHead = `function __gal_pkg_locked
    set -l dir $PWD
    while test -n "$dir"
        if test -f "$dir/gal.lock"
            sed -n 's/^name = "\([a-z0-9/_-]*\)"$/\1/p' "$dir/gal.lock" | sort -u
            return
        end
        set dir (string replace -r '/[^/]*$' '' -- "$dir")
    end
end
function __gal_pkg_at
    set -l cmd ''
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$cmd $word"
`

const fishTail = `        end
    end
    test "$cmd" = "$argv[1]"
end
complete -c gal-pkg -f
`

// fishCommand writes the lines of a command: what may stand behind it, and its flags.
func fishCommand(b *strings.Builder, m completionModel, c completedCommand) {
	at := "complete -c gal-pkg -n " + shellQuote(`__gal_pkg_at "`+c.path+`"`)
	for _, s := range c.subs {
		fmt.Fprintf(b, "%s -a %s -d %s\n", at, s.word, shellQuote(s.help))
	}
	switch {
	case len(c.args) > 0:
		fmt.Fprintf(b, "%s -a %s\n", at, shellQuote(strings.Join(c.args, " ")))
	case c.kind == "locked":
		fmt.Fprintf(b, "%s -a '(__gal_pkg_locked)'\n", at)
	case c.kind == "file":
		fmt.Fprintf(b, "%s -F\n", at)
	}
	if c.path == "" {
		at = "complete -c gal-pkg"
	}
	for _, f := range m.flagsOf(c) {
		line := at + " -l " + strings.TrimPrefix(f.word, "--")
		if f.short != "" {
			line += " -s " + strings.TrimPrefix(f.short, "-")
		}
		switch f.takes {
		case "words":
			line += " -x -a " + shellQuote(strings.Join(f.words, " "))
		case "file":
			line += " -r -F"
		case "other":
			line += " -x"
		}
		fmt.Fprintf(b, "%s -d %s\n", line, shellQuote(f.help))
	}
}
