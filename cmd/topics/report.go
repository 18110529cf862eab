package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/e6e95bb8/topics/api/spelling"
	"github.com/e6e95bb8/topics/cmd/topics/remote"
	"github.com/e6e95bb8/topics/cmd/topics/terminal"
)

// report prints an error, with what to do next if that is known, and returns its
// exit code.
func report(err error) int {
	if err == nil {
		return 0
	}
	code := 1
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		code = coded.ExitCode()
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	printError(err, advice(err))
	return code
}

// advice returns what to do next about an error, or "" if nothing is known.
func advice(err error) string {
	if errors.Is(err, errAddressInUse) {
		return "Another process has the port, perhaps a server that runs already. --port or TOPICS_PORT takes another one, 0 any that is free."
	}
	return remote.Advice(err)
}

// misused prints what is wrong with a command line and where its help is.
func misused(err error) int {
	command := "topics"
	var parse *kong.ParseError
	if errors.As(err, &parse) {
		if node := parse.Context.Selected(); node != nil && len(parse.Context.Args) > 0 && parse.Context.Args[0] == firstWord(node) {
			command += " " + words(node)
		}
	}
	advice := "Try " + command + " --help."
	if near := meant(err, parse); near != "" {
		advice = "Did you mean topics " + near + "? " + advice
	}
	printError(fmt.Errorf("topics: %s", plainly(err)), advice)
	return usageError
}

// without matches what the parser says of a flag at the end of the line that lacks its value.
var without = regexp.MustCompile(`^(\S+): expected .*value but got "EOL" \(<EOL>\)$`)

// plainly returns what is wrong with a command line in words that do not come from a
// parser. To an unknown letter, no other one is near.
func plainly(err error) string {
	text := without.ReplaceAllString(err.Error(), "$1 needs a value")
	return strings.TrimSuffix(text, `, did you mean "-h"?`)
}

// meant returns the command that a misspelt one was probably meant to be.
func meant(err error, parse *kong.ParseError) string {
	if parse == nil || len(parse.Context.Args) == 0 || !strings.HasPrefix(err.Error(), "unexpected argument") {
		return ""
	}
	var names []string
	for _, n := range parse.Context.Model.Children {
		if !n.Hidden {
			names = append(names, n.Name)
		}
	}
	near, _ := spelling.Nearest(parse.Context.Args[0], names)
	return near
}

// words returns the names of a command.
func words(n *kong.Node) string {
	if n.Parent == nil || n.Parent.Parent == nil {
		return n.Name
	}
	return words(n.Parent) + " " + n.Name
}

func firstWord(n *kong.Node) string {
	first, _, _ := strings.Cut(words(n), " ")
	return first
}

// printError prints an error and advice, which may be empty.
func printError(err error, advice string) {
	colours := terminal.ColoursFor(os.Stderr)
	fmt.Fprintln(os.Stderr, colours.Bad(err.Error()))
	if advice != "" {
		fmt.Fprintln(os.Stderr, advice)
	}
}
