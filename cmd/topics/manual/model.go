// Package manual writes what is made from the declaration of the command line:
// completion scripts, manual pages, and the page of commands.
package manual

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// command is a node of the command line that users see.
type command struct {
	*kong.Node
	path string // names from the program's on, each after a slash; empty for the program
}

// name returns the command as it is typed.
func (c *command) name() string { return "topics" + strings.ReplaceAll(c.path, "/", " ") }

// commands returns the program and its visible commands, parents first.
func commands(app *kong.Application) []command {
	all := []command{{app.Node, ""}}
	for i := 0; i < len(all); i++ {
		for _, child := range all[i].children() {
			all = append(all, command{child, all[i].path + "/" + child.Name})
		}
	}
	return all
}

// leaves returns the commands that do something themselves.
func leaves(app *kong.Application) []command {
	return slices.DeleteFunc(commands(app), func(c command) bool { return !c.Leaf() || c.path == "" })
}

// children returns the visible subcommands.
func (c *command) children() (all []*kong.Node) {
	for _, child := range c.Children {
		if !child.Hidden && child.Type == kong.CommandNode {
			all = append(all, child)
		}
	}
	return all
}

// flags returns the visible flags, without those of all commands.
func (c *command) flags() (all []*kong.Flag) {
	for _, f := range c.Flags {
		if !f.Hidden {
			all = append(all, f)
		}
	}
	if c.DefaultCmd != nil && c.path != "" {
		for _, f := range c.DefaultCmd.Flags {
			if !f.Hidden {
				all = append(all, f)
			}
		}
	}
	return all
}

// Kinds of values that shells complete.
const (
	files    = "file"
	topics   = "topic"
	anything = ""
)

// completes returns what a shell completes a value with: words, or a kind.
func completes(v *kong.Value) (words []string, kind string) {
	if v.Enum != "" {
		for word := range strings.SplitSeq(v.Enum, ",") {
			if word != "" {
				words = append(words, word)
			}
		}
		return words, anything
	}
	if kind := v.Tag.Get("completion"); kind != "" {
		return nil, kind
	}
	switch {
	case strings.HasPrefix(v.Tag.Type, "existing"), v.Tag.Type == "path", v.Tag.PlaceHolder == "DIR":
		return nil, files
	}
	return nil, anything
}

// takesTopics reports whether the arguments of a command are topics.
func (c *command) takesTopics() bool {
	return slices.ContainsFunc(c.Positional, func(p *kong.Positional) bool {
		_, kind := completes(p)
		return kind == topics
	})
}

// exampleMark precedes the examples in the help of a command.
const exampleMark = "Examples:\n"

// Examples returns the lines that a command's help says to run.
func Examples(n *kong.Node) (lines []string) {
	_, after, _ := strings.Cut(n.Detail, exampleMark)
	for line := range strings.Lines(after) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// details returns a command's further help without its examples.
func details(n *kong.Node) string {
	text, _, _ := strings.Cut(n.Detail, exampleMark)
	return strings.TrimSpace(text)
}
