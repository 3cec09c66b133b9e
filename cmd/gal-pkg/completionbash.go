package main

import (
	"fmt"
	"strings"
)

// posixLocked is a function of bash and zsh that prints the names in the nearest gal.lock, and nothing that a shell could
// take for more than a name: compgen expands the words that it is given.
const posixLocked = `_gal_pkg_locked() {
  local dir=$PWD
  while :; do
    if [ -f "$dir/gal.lock" ]; then
      sed -n 's/^name = "\([a-z0-9/_-]*\)"$/\1/p' "$dir/gal.lock" | sort -u
      return
    fi
    [ -n "$dir" ] || return
    dir=${dir%/*}
  done
}
`

// posixCommand writes the cases that follow a command line word by word: cmd is the command so far. After a flag that takes
// a value, skip is set.
func posixCommand(m completionModel) string {
	var b strings.Builder
	for _, c := range m.commands[1:] {
		fmt.Fprintf(&b, "      %s) cmd=%s ;;\n", strings.Join(c.spelled(), "|"), shellQuote(c.path))
	}
	for _, c := range m.commands {
		if patterns := valued(c.path, m.flagsOf(c)); len(patterns) > 0 {
			fmt.Fprintf(&b, "      %s) skip=1 ;;\n", strings.Join(patterns, "|"))
		}
	}
	return b.String()
}

// bashScript completes with words alone; bash shows no descriptions.
func bashScript(m completionModel) string {
	var b strings.Builder
	b.WriteString(scriptHead("bash") + posixLocked + `_gal_pkg() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= skip=0 i words= flags=
  COMPREPLY=()
  # bash takes = for a word of its own
  if [ "$cur" = = ]; then cur=
  elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [ $skip = 1 ]; then
      skip=0
      [ "${COMP_WORDS[i]}" != = ] || skip=1
      continue
    fi
    case "$cmd ${COMP_WORDS[i]}" in
`)
	b.WriteString(posixCommand(m) + "    esac\n  done\n")
	b.WriteString("  case \"$cmd $prev\" in\n")
	for _, c := range m.commands {
		for _, f := range m.flagsOf(c) {
			for _, s := range f.spellings() {
				bashValue(&b, pattern(c.path, s), f)
			}
		}
	}
	b.WriteString("  esac\n  case \"$cmd\" in\n")
	for _, c := range m.commands {
		bashCommand(&b, c)
	}
	b.WriteString("  esac\n  case \"$cur\" in\n    -*) words=\"$flags " + strings.Join(flagWords(m.global), " ") + "\" ;;\n  esac\n")
	b.WriteString("  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n")
	b.WriteString("complete -o bashdefault -o default -F _gal_pkg gal-pkg\n")
	return b.String()
}

// bashValue completes the value of a flag.
func bashValue(b *strings.Builder, pattern string, f completedFlag) {
	switch f.takes {
	case "words":
		fmt.Fprintf(b, "    %s) COMPREPLY=($(compgen -W %s -- \"$cur\")); return ;;\n", pattern, shellQuote(strings.Join(f.words, " ")))
	case "file", "other":
		fmt.Fprintf(b, "    %s) return ;;\n", pattern) // the shell's own completion, of files
	}
}

// bashCommand sets the words that may stand behind a command.
func bashCommand(b *strings.Builder, c completedCommand) {
	var words []string
	for _, s := range c.subs {
		words = append(words, s.word)
	}
	words = append(words, c.args...)
	text := strings.Join(words, " ")
	if c.kind == "locked" {
		text = "$(_gal_pkg_locked)"
	}
	fmt.Fprintf(b, "    %s) words=\"%s\" flags=%s ;;\n", shellQuote(c.path), text, shellQuote(strings.Join(flagWords(c.flags), " ")))
}

func flagWords(flags []completedFlag) (words []string) {
	for _, f := range flags {
		words = append(words, f.word)
	}
	return words
}
