package main

import (
	"fmt"
	"strings"
)

// zshScript completes with descriptions.
func zshScript(m completionModel) string {
	var b strings.Builder
	b.WriteString("#compdef gal-pkg\n" + scriptHead("zsh") + posixLocked + `_gal_pkg() {
  local cur=${words[CURRENT]} prev=${words[CURRENT-1]} cmd= skip=0 word
  local -a list flags
  for word in "${(@)words[2,CURRENT-1]}"; do
    if [ $skip = 1 ]; then skip=0; continue; fi
    case "$cmd $word" in
`)
	b.WriteString(posixCommand(m) + "    esac\n  done\n")
	b.WriteString("  if [[ $cur == --*=* ]]; then prev=${cur%%=*}; compset -P '*='; fi\n")
	b.WriteString("  case \"$cmd $prev\" in\n")
	for _, c := range m.commands {
		for _, f := range m.flagsOf(c) {
			for _, s := range f.spellings() {
				zshValue(&b, pattern(c.path, s), f)
			}
		}
	}
	b.WriteString("  esac\n  case \"$cmd\" in\n")
	for _, c := range m.commands {
		zshCommand(&b, c)
	}
	b.WriteString("  esac\n  if [[ $cur == -* ]]; then\n    flags+=(" + described(flagNames(m.global)) + ")\n    _describe flag flags\n    return\n  fi\n")
	b.WriteString("  if (( $#list )); then _describe value list; else _files; fi\n}\n")
	b.WriteString("if [ \"$funcstack[1]\" = _gal-pkg ]; then _gal_pkg \"$@\"; else compdef _gal_pkg gal-pkg; fi\n")
	return b.String()
}

func zshValue(b *strings.Builder, pattern string, f completedFlag) {
	switch f.takes {
	case "words":
		fmt.Fprintf(b, "    %s) compadd -- %s; return ;;\n", pattern, strings.Join(f.words, " "))
	case "file":
		fmt.Fprintf(b, "    %s) _files; return ;;\n", pattern)
	case "other":
		fmt.Fprintf(b, "    %s) return ;;\n", pattern)
	}
}

func zshCommand(b *strings.Builder, c completedCommand) {
	words := c.subs
	for _, w := range c.args {
		words = append(words, completedWord{word: w})
	}
	list := described(words)
	if c.kind == "locked" {
		list = "${(f)\"$(_gal_pkg_locked)\"}"
	}
	fmt.Fprintf(b, "    %s) list=(%s) flags=(%s) ;;\n", shellQuote(c.path), list, described(flagNames(c.flags)))
}

func flagNames(flags []completedFlag) (words []completedWord) {
	for _, f := range flags {
		words = append(words, f.completedWord)
	}
	return words
}

// described writes words as _describe takes them.
func described(words []completedWord) string {
	list := make([]string, len(words))
	for i, w := range words {
		text := strings.ReplaceAll(w.word, ":", `\:`)
		if w.help != "" {
			text += ":" + w.help
		}
		list[i] = shellQuote(text)
	}
	return strings.Join(list, " ")
}
