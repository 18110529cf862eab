package manual

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// fish writes the script for fish.
func fish(w io.Writer, app *kong.Application) error {
	var b bytes.Buffer
	b.WriteString(`# Completion of topics for fish.
function __topics_at
  set -l at ''
  for word in (commandline -opc)[2..-1]
    switch "$at/$word"
`)
	for _, c := range commands(app) {
		if c.path != "" {
			fmt.Fprintf(&b, "      case %s\n        set at %s\n", c.path, c.path)
		}
	}
	b.WriteString(`    end
  end
  test "$at" = "$argv[1]"
end
complete -c topics -f
`)
	for _, c := range commands(app) {
		at := fmt.Sprintf("complete -c topics -n '__topics_at %q'", c.path)
		for _, child := range c.children() {
			fmt.Fprintf(&b, "%s -a %s -d %s\n", at, child.Name, fishText(firstSentence(child.Help)))
		}
		for _, f := range c.flags() {
			fmt.Fprintf(&b, "%s -l %s", at, f.Name)
			if f.Short != 0 {
				fmt.Fprintf(&b, " -s %c", f.Short)
			}
			fmt.Fprintf(&b, "%s -d %s\n", fishValues(f), fishText(firstSentence(f.Help)))
		}
		switch {
		case c.takesTopics():
			fmt.Fprintf(&b, "%s -a '(topics ls -q 2>/dev/null)'\n", at)
		case c.Leaf() && len(c.Positional) > 0:
			fmt.Fprintf(&b, "%s -F\n", at)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// fishValues returns the options that complete a flag's value.
func fishValues(f *kong.Flag) string {
	words, kind := completes(f.Value)
	switch {
	case f.IsBool():
		return ""
	case words != nil:
		return " -x -a " + fishText(strings.Join(words, " "))
	case kind == files:
		return " -r -F"
	case kind == topics:
		return " -x -a '(topics ls -q 2>/dev/null)'"
	}
	return " -x"
}

func fishText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
