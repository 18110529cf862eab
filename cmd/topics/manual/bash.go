package manual

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// bash writes the script for bash. It needs no package of completions.
func bash(w io.Writer, app *kong.Application) error {
	var b bytes.Buffer
	b.WriteString(`# Completion of topics for bash.
_topics() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} at= commands= flags= kind= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at/${COMP_WORDS[i]}" in
`)
	walk(&b, app)
	b.WriteString("    esac\n  done\n  case \"$at:$previous\" in\n")
	for _, c := range commands(app) {
		for _, f := range c.flags() {
			if !f.IsBool() {
				fmt.Fprintf(&b, "    %s) COMPREPLY=(%s); return ;;\n", flagPatterns(c.path, f), bashValues(f.Value))
			}
		}
	}
	b.WriteString("  esac\n  case \"$at\" in\n")
	for _, c := range commands(app) {
		fmt.Fprintf(&b, "    %q) %s ;;\n", c.path, bashCommand(&c))
	}
	b.WriteString(`  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ -n $commands ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$current"))
  elif [[ $kind == topic ]]; then
    COMPREPLY=($(compgen -W "$(topics ls -q 2>/dev/null)" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _topics topics
`)
	_, err := w.Write(b.Bytes())
	return err
}

// flagPatterns returns the patterns of a case for a command and a flag.
func flagPatterns(path string, f *kong.Flag) string {
	all := path + ":--" + f.Name
	if f.Short != 0 {
		all += "|" + path + ":-" + string(f.Short)
	}
	return all
}

// bashValues returns the words of an array that complete a flag's value.
func bashValues(v *kong.Value) string {
	words, kind := completes(v)
	switch {
	case words != nil:
		return fmt.Sprintf(`$(compgen -W "%s" -- "$current")`, strings.Join(words, " "))
	case kind == files:
		return `$(compgen -f -- "$current")`
	case kind == topics:
		return `$(compgen -W "$(topics ls -q 2>/dev/null)" -- "$current")`
	}
	return ""
}

// bashCommand returns the assignments for what may follow a command.
func bashCommand(c *command) string {
	var flags, names []string
	for _, f := range c.flags() {
		flags = append(flags, "--"+f.Name)
	}
	if c.path != "" {
		flags = append(flags, "--help")
	}
	for _, child := range c.children() {
		names = append(names, child.Name)
	}
	text := fmt.Sprintf("flags=%q", strings.Join(flags, " "))
	if names != nil {
		text += fmt.Sprintf(" commands=%q", strings.Join(names, " "))
	}
	if c.takesTopics() {
		text += " kind=topic"
	}
	return text
}
