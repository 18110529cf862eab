package manual

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// zsh writes the script for zsh, which is read as a file _topics of fpath, or
// sourced.
func zsh(w io.Writer, app *kong.Application) error {
	var b bytes.Buffer
	b.WriteString(`#compdef topics
# Completion of topics for zsh.
_topics() {
  local at= kind= i
  local -a commands flags
  for ((i = 2; i < CURRENT; i++)); do
    case "$at/${words[i]}" in
`)
	walk(&b, app)
	b.WriteString("    esac\n  done\n  case \"$at:${words[CURRENT-1]}\" in\n")
	for _, c := range commands(app) {
		for _, f := range c.flags() {
			if !f.IsBool() {
				fmt.Fprintf(&b, "    %s) %s; return ;;\n", flagPatterns(c.path, f), zshValues(f.Value))
			}
		}
	}
	b.WriteString("  esac\n  case \"$at\" in\n")
	for _, c := range commands(app) {
		fmt.Fprintf(&b, "    %q)\n", c.path)
		var flags, names []string
		for _, f := range c.flags() {
			flags = append(flags, zshWord("--"+f.Name, f.Help))
		}
		if c.path != "" {
			flags = append(flags, zshWord("--help", "Show the help."))
		}
		for _, child := range c.children() {
			names = append(names, zshWord(child.Name, child.Help))
		}
		fmt.Fprintf(&b, "      flags=(%s)\n", strings.Join(flags, " "))
		if names != nil {
			fmt.Fprintf(&b, "      commands=(%s)\n", strings.Join(names, " "))
		}
		if c.takesTopics() {
			b.WriteString("      kind=topic\n")
		}
		b.WriteString("      ;;\n")
	}
	b.WriteString(`  esac
  if [[ ${words[CURRENT]} == -* ]]; then
    _describe -o flag flags
  elif (( ${#commands} )); then
    _describe command commands
  elif [[ $kind == topic ]]; then
    compadd -- ${(f)"$(topics ls -q 2>/dev/null)"}
  else
    _files
  fi
}
if [[ ${funcstack[1]} == _topics ]]; then
  _topics "$@"
else
  compdef _topics topics
fi
`)
	_, err := w.Write(b.Bytes())
	return err
}

// zshWord returns a word with its description, as _describe takes it.
func zshWord(word, help string) string {
	text := strings.ReplaceAll(word, ":", `\:`) + ":" + firstSentence(help)
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// zshValues returns the command that completes a flag's value.
func zshValues(v *kong.Value) string {
	words, kind := completes(v)
	switch {
	case words != nil:
		return "compadd -- " + strings.Join(words, " ")
	case kind == files:
		return "_files"
	case kind == topics:
		return `compadd -- ${(f)"$(topics ls -q 2>/dev/null)"}`
	}
	return "_message value"
}

// firstSentence returns the beginning of a help text, without its final stop.
func firstSentence(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	first, _, _ = strings.Cut(first, " (default")
	return strings.TrimSuffix(first, ".")
}
