package manual

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const markdownHead = `# Commands

<!-- Written by "go generate ./cmd/topics"; edit the declarations of the commands instead. -->

One program is the server and its tools. ` + "`topics COMMAND --help`" + ` prints what is here. Output for people goes to standard output, and with
` + "`--json`" + ` it is JSON, a line for each thing; errors go to standard error, with what to do next. The exit code is 0, 1 for an error, and 2 for a wrong command
line or configuration. Colours and bars are for terminals, and ` + "`NO_COLOR`" + ` turns colours off.

Commands that connect to a server find it by the first of these: ` + "`--url`, `--context`, `TOPICS_URL`, `TOPICS_CONTEXT`" + `, the context that
` + "`topics context use`" + ` chose, ` + "`TOPICS_HOST` and `TOPICS_PORT`" + `, and port 4000 of this machine. The key is ` + "`--key`" + `, that of the context, or
` + "`TOPICS_KEY`" + `. If no server answers within a second, they say so; ` + "`--wait 60s`" + ` waits for it.
`

// connecting are the flags that the head of the page explains.
var connecting = map[string]bool{"url": true, "context": true, "key": true, "wait": true}

// Markdown writes docs/commands.md.
func Markdown(w io.Writer, app *kong.Application) error {
	var b bytes.Buffer
	b.WriteString(markdownHead)
	group := ""
	for _, top := range app.Children {
		if top.Hidden {
			continue
		}
		if top.Group != nil && top.Group.Title != group {
			group = top.Group.Title
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		for _, c := range leaves(app) {
			if c.path == "/"+top.Name || strings.HasPrefix(c.path, "/"+top.Name+"/") {
				section(&b, &c)
			}
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// section writes what a command is for, its examples, arguments and flags.
func section(b *bytes.Buffer, c *command) {
	fmt.Fprintf(b, "\n### `%s`\n\n%s", c.name(), c.Help)
	if text := details(c.Node); text != "" {
		fmt.Fprintf(b, "\n\n%s", markdownText(text))
	}
	if lines := Examples(c.Node); lines != nil {
		fmt.Fprintf(b, "\n\n    %s", strings.Join(lines, "\n    "))
	}
	b.WriteString("\n")
	if c.path == "/serve" || c.path == "/config" {
		b.WriteString("\nThe flags are the variables of [configuration](configuration.md): `--data-dir` is `TOPICS_DATA_DIR`.\n")
	}
	rows := 0
	row := func(name, help string) {
		if rows++; rows == 1 {
			b.WriteString("\n| | |\n|---|---|\n")
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.ReplaceAll(help, "|", "\\|"))
	}
	for _, p := range c.Positional {
		row(p.Summary(), p.Help)
	}
	connects := slices.ContainsFunc(c.flags(), func(f *kong.Flag) bool { return f.Name == "wait" })
	for _, f := range c.flags() {
		switch {
		case connects && connecting[f.Name]:
		case f.Group != nil && (c.path == "/serve" || c.path == "/config"):
		default:
			row(strings.ReplaceAll(flagText(f), "|", "\\|"), f.Help)
		}
	}
	if connects {
		b.WriteString("\nIt connects to a server: `--url`, `--context`, `--key`, `--wait`.\n")
	}
}

// markdownText indents as code what is indented.
func markdownText(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "  ") {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}
