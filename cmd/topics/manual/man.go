package manual

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
)

// ManCmd writes the manual pages.
type ManCmd struct {
	Dir      string `placeholder:"DIR" help:"Write a page for each command into this directory (default: print the page of the program)." xor:"form"`
	Markdown bool   `help:"Print docs/commands.md instead." xor:"form"`
}

// Help is printed below the flags.
func (ManCmd) Help() string {
	return "Examples:\n  topics man\n  topics man --dir man1"
}

// Run writes to standard output, or files.
func (c *ManCmd) Run(parser *kong.Kong) error {
	app := parser.Model
	if c.Markdown {
		return Markdown(os.Stdout, app)
	}
	if c.Dir == "" {
		return page(os.Stdout, app, &commands(app)[0])
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	for _, each := range commands(app) {
		var b bytes.Buffer
		if err := page(&b, app, &each); err != nil {
			return err
		}
		name := strings.ReplaceAll(each.name(), " ", "-") + ".1"
		if err := os.WriteFile(filepath.Join(c.Dir, name), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// page writes the manual page of a command, in the macros of man(7).
func page(w io.Writer, app *kong.Application, c *command) error {
	var b bytes.Buffer
	title := strings.ReplaceAll(c.name(), " ", "-")
	help := c.Help
	if c.path == "" {
		help, _, _ = strings.Cut(app.Help, "\n")
	}
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"topics\" \"topics manual\"\n", strings.ToUpper(roff(title)))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(title), roff(strings.TrimSuffix(help, ".")))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n%s\n", roff(c.name()), roff(arguments(c)))
	if text := details(c.Node); text != "" || c.path == "" {
		if c.path == "" {
			text = app.Help
		}
		fmt.Fprintf(&b, ".SH DESCRIPTION\n%s", roffText(text))
	}
	if children := c.children(); children != nil {
		b.WriteString(".SH COMMANDS\n")
		for _, child := range children {
			fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", roff(title+"-"+child.Name), roff(child.Help))
		}
	}
	if c.Positional != nil {
		b.WriteString(".SH ARGUMENTS\n")
		for _, p := range c.Positional {
			fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", roff(strings.Trim(p.Summary(), "[]<>")), roff(p.Help))
		}
	}
	if flags := c.flags(); flags != nil {
		b.WriteString(".SH OPTIONS\n")
		for _, f := range flags {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(flagText(f)), roff(f.Help))
		}
	}
	if lines := Examples(c.Node); lines != nil {
		b.WriteString(".SH EXAMPLES\n.nf\n")
		for _, line := range lines {
			fmt.Fprintln(&b, roff(line))
		}
		b.WriteString(".fi\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// roff escapes what would be a request or an escape.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

// roffText writes paragraphs, and lines that are indented as they are.
func roffText(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case line == "":
			b.WriteString(".PP\n")
		case strings.HasPrefix(line, "  "):
			fmt.Fprintf(&b, ".nf\n\\&%s\n.fi\n", roff(line))
		default:
			fmt.Fprintln(&b, roff(line))
		}
	}
	return b.String()
}

// arguments returns what follows a command.
func arguments(c *command) string {
	var words []string
	if c.flags() != nil {
		words = append(words, "[flags]")
	}
	if !c.Leaf() {
		words = append(words, "<command>")
	}
	for _, p := range c.Positional {
		words = append(words, p.Summary())
	}
	return strings.Join(words, " ")
}

// flagText returns a flag as it is typed.
func flagText(f *kong.Flag) string {
	text := "--" + f.Name
	if f.Short != 0 {
		text = "-" + string(f.Short) + ", " + text
	}
	if f.IsBool() {
		return text
	}
	return text + "=" + f.FormatPlaceHolder()
}
